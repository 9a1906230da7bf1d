"""The stages: each loads rows, asks the core what to do, has one effect, and says what to message next."""
