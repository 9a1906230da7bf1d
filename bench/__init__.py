"""Measures what quel promises about speed: `python -m bench`, or some measurements by name."""
