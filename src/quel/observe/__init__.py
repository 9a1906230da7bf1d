"""What an operator sees: every event and metric, declared once."""
