"""The neighbours as the stages see them: what each promises, never how.

Adapters implement these; `quel.wiring` puts them together. Nothing here raises a library's own exception.
"""

from typing import Protocol

from quel.core.aspect import AspectRatio
from quel.core.outcome import GenerateRequest, Outcome, PictureBytes


class Engine(Protocol):
    """Makes images. The one seam another engine comes in by."""

    def generate(self, request: GenerateRequest) -> Outcome:
        """One call to the provider within its deadline; never raises for anything the provider does."""


class ObjectStorage(Protocol):
    """The bucket with references and results."""

    def read_reference(self, path: str) -> bytes:
        """The object's bytes, `path` as it stands in quel_attach.

        Raises ReferenceUnavailable (with a sentence) when it cannot be had for good, NeighbourDown when a
        later try may succeed.
        """

    def write_result(self, path: str, data: bytes) -> None:
        """Puts a WebP at `path`, replacing what is there.

        Raises StorageRefused for good, NeighbourDown for now.
        """

    def delete_results(self, paths: list[str]) -> None:
        """Removes objects quel wrote; missing ones are no error. Raises NeighbourDown."""


class Imaging(Protocol):
    """Decodes, draws and encodes pictures."""

    def normalise(self, data: bytes) -> PictureBytes:
        """A reference as the provider takes it: upright, RGB, still, at its own size or the pixel limit's.

        Raises ReferenceUnavailable for what is no readable picture or exceeds the limits.
        """

    def grid(self, pictures: list[PictureBytes], aspect_ratio: AspectRatio) -> PictureBytes:
        """Normalised pictures fitted and centred in ⌈√n⌉ columns, at the grid size of the aspect ratio."""

    def to_webp(self, data: bytes) -> bytes:
        """A provider's answer as WebP, quality 90. Raises UnreadablePicture."""
