"""Decodes, draws and encodes pictures with Pillow; the only room that knows it."""

from quel.adapters.imaging.pillow_imaging import PillowImaging
from quel.adapters.imaging.readable import check_readable

__all__ = ["PillowImaging", "check_readable"]
