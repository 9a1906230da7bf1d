"""The production paths: one file each in this folder, found by looking into it.

Adding a path is adding a file that defines `PATH`; nothing else names the paths.
"""

import importlib
import pkgutil
import sys
from collections.abc import Mapping
from types import MappingProxyType, ModuleType

from quel.core.prompting.rules import ProductionPath

__all__ = ["PATHS", "ProductionPath", "discover"]


def discover(package: ModuleType) -> Mapping[str, ProductionPath]:
    """The paths of a package by name: `PATH` of every module in it, in order of name.

    Raises TypeError, naming the module, where one defines no PATH.
    """
    found = {}
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        path = getattr(module, "PATH", None)
        if not isinstance(path, ProductionPath):
            raise TypeError(f"{module.__name__} defines no PATH of type ProductionPath.")
        found[path.name] = path
    return MappingProxyType(found)


PATHS = discover(sys.modules[__name__])
