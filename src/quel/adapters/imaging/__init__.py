"""Decodes, draws and encodes pictures with Pillow; the only room that knows it."""

from quel.adapters.imaging.pillow_imaging import PillowImaging
from quel.adapters.imaging.readable import check_readable
from quel.adapters.imaging.uniform import is_uniform
from quel.adapters.imaging.workbench import Workbench

__all__ = ["PillowImaging", "Workbench", "check_readable", "is_uniform"]
