"""Messages that failed for good, and which of them an operator means."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from quel.core.errors import InvalidInput, NotFound


@dataclass(frozen=True)
class DeadLetter:
    """A message that failed for good. `job_id` and `image_no` are its arguments as they stand in it.

    `traceback` is that of the try before the last, None where there was none; it names no secrets.
    """

    queue: str
    id: str
    actor: str
    job_id: str | None
    image_no: int | None
    retries: int
    died_at: datetime
    traceback: str | None
    message: bytes

    @property
    def error(self) -> str | None:
        """The last line of the traceback: what went wrong, in a sentence."""
        lines = (self.traceback or "").strip().splitlines()
        return lines[-1] if lines else None


def letters_named(letters: Sequence[DeadLetter], beginnings: Sequence[str]) -> list[DeadLetter]:
    """The letter whose id begins with each of `beginnings`.

    Raises NotFound where there is none, InvalidInput where there are several.
    """
    return [_only(letters, beginning) for beginning in beginnings]


def _only(letters: Sequence[DeadLetter], beginning: str) -> DeadLetter:
    matches = [letter for letter in letters if letter.id.startswith(beginning)]
    if not matches:
        raise NotFound(f'There is no dead letter "{beginning}".')
    if len(matches) > 1:
        raise InvalidInput(f'"{beginning}" is the beginning of several ids.')
    return matches[0]
