"""Dramatiq's middleware, one concern a file; `broker.py` lists them in order, with why."""
