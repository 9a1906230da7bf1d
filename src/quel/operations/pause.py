"""The operator's brake on new images, of one path or of all, and what it is set to."""

from dataclasses import dataclass

from quel.operations.action_log import recorded
from quel.operations.services import OperatorServices

_EVERYTHING = "*"


@dataclass(frozen=True)
class PausedPath:
    """A path at which no image may begin, None for all of them: since when (ISO 8601), and why (or "")."""

    path: str | None
    since: str
    why: str


def pause(services: OperatorServices, path: str | None, why: str) -> list[PausedPath]:
    """Lets no image of a path begin, or none at all; everything that is paused then.

    Raises SettingsError, ServiceUnavailable.
    """
    with recorded(services, "pause", must=False, target={"path": path or _EVERYTHING, "why": why}):
        services.pause.pause(path, why)
    return paused_paths(services)


def resume(services: OperatorServices, path: str | None) -> list[PausedPath]:
    """Lifts the pause of a path, or every pause; everything that is still paused. Raises as `pause`."""
    with recorded(services, "resume", must=False, target={"path": path or _EVERYTHING}):
        services.pause.resume(path)
    return paused_paths(services)


def paused_paths(services: OperatorServices) -> list[PausedPath]:
    """Everything that is paused, by name. Raises as `pause`."""
    return [
        PausedPath(None if path == _EVERYTHING else path, note["since"], note["why"])
        for path, note in sorted(services.pause.notes().items())
    ]
