"""The tables as models, and how a database is brought to them."""
