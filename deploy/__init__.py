"""How quel is brought onto machines, and the checks of it: `python -m deploy.check`."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
"""The repository."""
