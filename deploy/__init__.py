"""How quel is brought onto machines, and the checks of it: `python -m deploy.check`."""
