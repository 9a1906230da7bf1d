"""Everything about one call that is not its content: whose it is, what was sent before, who is to be told."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from quel.core.submission import Submission


@dataclass(frozen=True)
class Call:
    """Given to an engine with the request.

    `place` is the server that the slot of `owner` was reserved at, `earlier` what the image's row says was
    handed to one, `attempts` its failing calls so far. `submitted` writes down what is about to be handed
    over and is False where the image is another worker's by now; `wanted` asks whether the picture is still
    wanted. Both may raise QuelError.
    """

    job_id: UUID
    image_no: int
    owner: str
    place: str
    earlier: Submission | None
    submitted: Callable[[Submission], bool]
    wanted: Callable[[], bool]
    attempts: int = 0
