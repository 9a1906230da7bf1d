"""The demonstration: real jobs of every path and type, run by real processes, checked to the credit."""
