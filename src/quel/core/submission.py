"""What was handed to a server for one image, written down before it is sent so that it is found again."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import Any, Self
from uuid import UUID, uuid5

from quel.core.engines import Maker
from quel.core.outcome import GenerateRequest

_NAMESPACE = UUID("9d6a1f0e-8a55-5f0c-9d3d-0d6f8f1c7b21")


@dataclass(frozen=True)
class Submission:
    """A take of an image at a server: `prompt_id` is its name there, in the queue and of the file.

    `of` is the request's digest, `at_s` in seconds since 1970. `accepted`: the server has said that it has
    it; `losses` counts how often such a one was forgotten. `ended` says that it was judged and brought no
    picture: the next take has another id. `spent_usd` is what earlier takes cost.
    """

    server: str
    prompt_id: str
    workflow: str
    of: str
    take: int
    at_s: float
    losses: int = 0
    accepted: bool = False
    ended: bool = False
    spent_usd: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """As the image's row keeps it."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: object) -> Self | None:
        """What `to_json` wrote; None for what is none."""
        if not isinstance(value, dict):
            return None
        try:
            return cls(**value)
        except TypeError:
            return None  # of another release

    def lost(self) -> Self:
        """The same take, forgotten by the server that had accepted it."""
        return replace(self, losses=self.losses + 1)


def submission_of(
    job_id: UUID,
    image_no: int,
    request: GenerateRequest,
    *,
    maker: Maker,
    digest: str,
    server: str,
    at_s: float,
    earlier: Submission | None,
) -> tuple[Submission, bool]:
    """The take that is due, and whether it was handed to a server before: the same for whoever asks."""
    of = _digest(request, maker, digest)
    if earlier is not None and not earlier.ended and earlier.of == of:
        return earlier, True
    take = 0 if earlier is None else earlier.take + 1
    prompt_id = str(uuid5(_NAMESPACE, f"{job_id}/{image_no}/{take}"))
    fresh = Submission(server, prompt_id, maker.workflow, of, take, at_s)
    return replace(fresh, losses=earlier.losses, spent_usd=earlier.spent_usd) if earlier else fresh, False


def _digest(request: GenerateRequest, maker: Maker, digest: str) -> str:
    told = [
        request.prompt,
        request.negative_prompt,
        request.seed,
        str(request.aspect_ratio),
        str(maker),
        digest,
    ]
    shown = [hashlib.sha256(picture.data).hexdigest() for picture in request.pictures]
    return hashlib.sha256(json.dumps([told, shown, request.roles]).encode()).hexdigest()[:32]
