"""How a verb comes to the neighbours: opened for it, and closed when it ends."""

from collections.abc import Iterator
from contextlib import contextmanager

from quel.operations.services import OperatorServices


@contextmanager
def open_services() -> Iterator[OperatorServices]:
    """The neighbours of one verb, as this environment's settings name them. Raises SettingsError."""
    from quel.settings import settings  # pydantic: `quel --help` need not wait for it

    services = OperatorServices(settings())
    try:
        yield services
    finally:
        services.close()
