"""Messages that failed for good: looked at, sent again as new, or dropped."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from quel.core.errors import InvalidInput
from quel.core.fetch_job import as_uuid
from quel.core.operations.dead_letters import DeadLetter, letters_named
from quel.core.pipeline import Step
from quel.operations.action_log import recorded
from quel.operations.services import OperatorServices


@dataclass(frozen=True)
class Chosen:
    """Which letters are meant: those whose ids begin so, else those of a queue, else `everything`."""

    ids: Sequence[str] = ()
    queue: Step | None = None
    everything: bool = False


@dataclass(frozen=True)
class Moved:
    """How many letters were sent again or dropped, and how many somebody else had taken meanwhile."""

    done: int
    gone: int


def dead_letters(services: OperatorServices, chosen: Chosen) -> list[DeadLetter]:
    """The letters that are meant, the oldest first or in the order of their ids.

    Raises InvalidInput where nothing is named or an id is ambiguous, NotFound for an id that is none,
    SettingsError, ServiceUnavailable.
    """
    if not chosen.ids and chosen.queue is None and not chosen.everything:
        raise InvalidInput("Say which dead letters: their ids, a queue, or all.")
    letters = services.dead_letters.letters(chosen.queue)
    return letters_named(letters, chosen.ids) if chosen.ids else letters


def requeue_letters(services: OperatorServices, chosen: Chosen) -> Moved:
    """Sends the letters again, as new. Raises as `dead_letters`."""
    return _move(services, chosen, "requeue dead letters", services.dead_letters.requeue)


def drop_letters(services: OperatorServices, chosen: Chosen) -> Moved:
    """Forgets the letters. Raises as `dead_letters`."""
    return _move(services, chosen, "drop dead letters", services.dead_letters.drop)


def _move(services: OperatorServices, chosen: Chosen, verb: str, act: Callable[[DeadLetter], bool]) -> Moved:
    letters = dead_letters(services, chosen)
    jobs = {job_id for letter in letters if (job_id := as_uuid(letter.job_id)) is not None}
    with recorded(services, verb, sorted(jobs), target={"letters": len(letters)}):
        done = sum(act(letter) for letter in letters)
    return Moved(done, len(letters) - done)
