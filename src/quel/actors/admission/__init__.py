"""Admission to the provider: who may call now, and the leases of those who do."""
