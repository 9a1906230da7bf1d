"""The neighbours outside quel as the stages see them, and what measures pictures and time."""

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from quel.core.aspect import AspectRatio
from quel.core.call import Call
from quel.core.deliver_webhook import Answer, Delivery
from quel.core.outcome import GenerateRequest, Outcome, PictureBytes
from quel.core.provenance import DigitalSourceType
from quel.core.takes import Signs


class Clock(Protocol):
    """Time as it passes for whoever waits."""

    def monotonic_s(self) -> float:
        """Seconds since some moment; never fewer than before."""

    def sleep(self, seconds: float) -> None:
        """Returns when so much time has passed."""


class Engine(Protocol):
    """Makes images. The one seam another engine comes in by."""

    def generate(self, request: GenerateRequest, call: Call) -> Outcome:
        """One call to the provider within its deadline; never raises for anything the provider does."""


class ObjectStorage(Protocol):
    """The bucket with references and results."""

    def read_reference(self, path: str) -> bytes:
        """The object's bytes, `path` as it stands in quel_attach.

        Raises ReferenceUnavailable (with a sentence) when it cannot be had for good, ServiceUnavailable when
        a later try may succeed.
        """

    def public_key(self, address: str) -> str | None:
        """The key of the object that has this public address, which `read_reference` takes as a path.

        None for every other address: nothing is ever fetched from there.
        """

    def write_result(self, path: str, data: bytes) -> None:
        """Puts a WebP at `path`, replacing what is there.

        Raises StorageRefused for good, ServiceUnavailable for now.
        """

    def stored_size_bytes(self, path: str) -> int | None:
        """The size of a result that is stored, None where there is none. Raises ServiceUnavailable."""

    def write_upload(self, path: str, data: bytes, mime_type: str) -> None:
        """Puts a picture a person uploads at `path`. Raises StorageRefused, ServiceUnavailable."""

    def sizes_bytes(self, folder: str) -> dict[str, int]:
        """The objects directly in a folder with their sizes. Raises ServiceUnavailable."""

    def delete_results(self, paths: list[str]) -> None:
        """Removes objects quel wrote; missing ones are no error. Raises ServiceUnavailable."""


class Imaging(Protocol):
    """Decodes, draws and encodes pictures."""

    def normalise(self, data: bytes) -> PictureBytes:
        """A reference as the provider takes it: upright, RGB, still, at its own size or the pixel limit's.

        Raises ReferenceUnavailable for what is no readable picture or exceeds the limits.
        """

    def grid(self, pictures: Collection[PictureBytes], aspect_ratio: AspectRatio) -> PictureBytes:
        """Normalised pictures fitted and centred in ⌈√n⌉ columns, at the grid size of the aspect ratio.

        They are taken one at a time.
        """

    def normalise_mask(self, data: bytes) -> PictureBytes:
        """A mask as a PNG with transparency: upright, sRGB, at its own size or the pixel limit's.

        Raises ReferenceUnavailable as `normalise` does.
        """

    def mark(self, original: PictureBytes, mask: PictureBytes) -> PictureBytes:
        """A normalised picture with a normalised mask laid over it, scaled to its size."""

    def scale_mask(self, mask: PictureBytes, original: PictureBytes) -> PictureBytes:
        """A normalised mask at the size of a normalised picture, its transparency kept."""

    def to_webp(self, data: bytes, source_type: DigitalSourceType | None) -> bytes:
        """A provider's answer as WebP, quality 90, with sRGB's profile and its source type, if it has one.

        Raises UnreadablePicture.
        """


class TakeChecker(Protocol):
    """Looks at generated pictures."""

    def look(
        self,
        answer: PictureBytes,
        references: Sequence[tuple[str, PictureBytes]],
        siblings: Callable[[bytes], Sequence[bytes]],
        aspect_ratio: AspectRatio,
    ) -> Signs:
        """What an answer shows, beside the pictures it was made from (by key) and its siblings.

        `siblings` is given the take's own thumbnail for those of the others.

        Raises TakeUnchecked where that cannot be told.
        """


class WebhookSender(Protocol):
    """Sends webhooks to their receivers."""

    def send(self, delivery: Delivery) -> Answer:
        """One try, signed and within its time; never raises for anything the receiver does."""
