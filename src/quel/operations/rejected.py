"""What ingest rejected: junk, and ids of no job; looked at, pushed again, or dropped."""

from dataclasses import dataclass

from quel.core.operations.rejected import Rejected
from quel.operations.action_log import recorded
from quel.operations.services import OperatorServices


@dataclass(frozen=True)
class Pushed:
    """How many of the entries `found` were job ids and are on the raw list `queue` again."""

    pushed: int
    found: int
    queue: str


def rejected_entries(services: OperatorServices) -> list[Rejected]:
    """All of them, the oldest first. Raises SettingsError, ServiceUnavailable."""
    return services.rejected.entries()


def push_rejected(services: OperatorServices) -> Pushed:
    """Pushes those that are job ids on the first raw list. Raises as `rejected_entries`."""
    queue = services.settings.ingest_queues[0]
    found = services.rejected.entries()
    with recorded(services, "push rejected", target={"entries": len(found), "queue": queue}):
        pushed = sum(services.rejected.push_again(entry, queue) for entry in found)
    return Pushed(pushed, len(found), queue)


def drop_rejected(services: OperatorServices) -> int:
    """Forgets all of them; how many. Raises as `rejected_entries`."""
    found = services.rejected.entries()
    with recorded(services, "drop rejected", target={"entries": len(found)}):
        return sum(services.rejected.drop(entry) for entry in found)
