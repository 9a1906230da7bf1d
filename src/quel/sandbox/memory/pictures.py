"""A provider that answers as it is told to, and a codec that only marks what it was given."""

from collections import deque
from collections.abc import Callable, Collection, Sequence

from quel.core.aspect import AspectRatio
from quel.core.call import Call
from quel.core.errors import ReferenceUnavailable, TakeUnchecked, UnreadablePicture
from quel.core.outcome import GenerateRequest, Made, Outcome, PictureBytes
from quel.core.provenance import DigitalSourceType
from quel.core.takes import Signs

COST_USD = 0.039
NO_PICTURE = b"no picture"
"""Bytes that no codec of this world can read."""

Answer = Outcome | Callable[[GenerateRequest], Outcome]


class Engine:
    """Answers the next calls as planned, every other with a picture; a planned function is called instead.

    A function may do what happens elsewhere while a call is under way.
    """

    def __init__(self) -> None:
        self._planned: deque[Answer] = deque()
        self.requests: list[GenerateRequest] = []
        self.calls: list[Call] = []

    def answer(self, *answers: Answer) -> None:
        """What the next calls come to, one each."""
        self._planned.extend(answers)

    def generate(self, request: GenerateRequest, call: Call) -> Outcome:
        """One call to the provider."""
        self.requests.append(request)
        self.calls.append(call)
        planned = self._planned.popleft() if self._planned else made()
        return planned(request) if callable(planned) else planned


def made(data: bytes = b"picture", cost_usd: float = COST_USD) -> Made:
    """An answer with a picture, or with bytes that should be one."""
    return Made(PictureBytes(data, "image/png"), cost_usd)


class TakeChecker:
    """Sees in the next takes what was planned, and nothing wrong in any other."""

    def __init__(self) -> None:
        self._planned: deque[Signs | TakeUnchecked] = deque()
        self.looked: list[tuple[bytes, int, Sequence[bytes], AspectRatio]] = []
        """The answers it was shown: each with the number of its references, its siblings and its ratio."""

    def see(self, *planned: Signs | TakeUnchecked) -> None:
        """What the next looks come to, one each."""
        self._planned.extend(planned)

    def look(
        self,
        answer: PictureBytes,
        references: Sequence[tuple[str, PictureBytes]],
        siblings: Callable[[bytes], Sequence[bytes]],
        aspect_ratio: AspectRatio,
    ) -> Signs:
        """What an answer shows. Raises TakeUnchecked where that was planned."""
        self.looked.append((answer.data, len(references), siblings(answer.data), aspect_ratio))
        planned = self._planned.popleft() if self._planned else Signs({})
        if isinstance(planned, TakeUnchecked):
            raise planned
        return planned


class Imaging:
    """Wraps the bytes it is given in the name of what was done to them."""

    def __init__(self) -> None:
        self.source_types: list[DigitalSourceType | None] = []

    def normalise(self, data: bytes) -> PictureBytes:
        """A reference as the provider takes it. Raises ReferenceUnavailable for NO_PICTURE."""
        if data == NO_PICTURE:
            raise ReferenceUnavailable("It is no picture that can be read.")
        return PictureBytes(data, "image/jpeg")

    def grid(self, pictures: Collection[PictureBytes], aspect_ratio: AspectRatio) -> PictureBytes:
        """The pictures' bytes side by side."""
        cells = b",".join(picture.data for picture in pictures)
        return PictureBytes(b"grid %s of %s" % (str(aspect_ratio).encode(), cells), "image/jpeg")

    def normalise_mask(self, data: bytes) -> PictureBytes:
        """A mask as a PNG. Raises ReferenceUnavailable for NO_PICTURE."""
        if data == NO_PICTURE:
            raise ReferenceUnavailable("The mask is no picture that can be read.")
        return PictureBytes(data, "image/png")

    def mark(self, original: PictureBytes, mask: PictureBytes) -> PictureBytes:
        """Both pictures' bytes, one above the other."""
        return PictureBytes(mask.data + b" over " + original.data, "image/jpeg")

    def scale_mask(self, mask: PictureBytes, original: PictureBytes) -> PictureBytes:
        """The mask's bytes, and whose size they have."""
        return PictureBytes(mask.data + b" as large as " + original.data, "image/png")

    def to_webp(self, data: bytes, source_type: DigitalSourceType | None) -> bytes:
        """A provider's answer as WebP. Raises UnreadablePicture for NO_PICTURE."""
        if data == NO_PICTURE:
            raise UnreadablePicture("The provider's answer is no picture that can be read.")
        self.source_types.append(source_type)
        return b"webp of " + data
