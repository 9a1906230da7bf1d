"""Draws each picture the provider will be shown once, and keeps it under the digest of its content."""

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from uuid import UUID

from quel.core.aspect import AspectRatio
from quel.core.outcome import PictureBytes
from quel.core.ports.shared import PictureFile
from quel.core.prompting.picture import Drawing, PictureId, PictureSpec
from quel.core.services import Services


class InputPictures:
    """The pictures of one job. `references` holds normalised pictures by what they are."""

    def __init__(self, services: Services, job_id: UUID, references: PictureFile) -> None:
        self._services = services
        self._job_id = job_id
        self._references = references
        self._keys: dict[tuple[tuple[PictureId, ...], Drawing, AspectRatio | None], str] = {}

    @property
    def kept(self) -> tuple[str, ...]:
        """The keys of the pictures that were put so far."""
        return tuple(dict.fromkeys(self._keys.values()))

    def key(self, ask: PictureSpec, aspect_ratio: AspectRatio) -> str:
        """The key of a picture, drawn and kept when it is first asked for.

        Raises NoRoom, ServiceUnavailable.
        """
        members = tuple(reference.picture for reference in ask.references)
        what = (members, ask.drawing, aspect_ratio if ask.is_grid else None)
        if what not in self._keys:
            picture = self._draw(members, ask.drawing, aspect_ratio)
            digest = hashlib.sha256(picture.data).hexdigest()
            self._keys[what] = self._services.blobs.put_input(self._job_id, digest, picture)
        return self._keys[what]

    def _draw(
        self, members: tuple[PictureId, ...], drawing: Drawing, aspect_ratio: AspectRatio
    ) -> PictureBytes:
        if len(members) == 1:
            return self._references[members[0]]
        imaging = self._services.imaging
        if drawing is Drawing.GRID:
            return imaging.grid(_Members(self._references, members), aspect_ratio)
        join = imaging.mark if drawing is Drawing.MARKED else imaging.scale_mask
        return join(*(self._references[member] for member in members))


@dataclass(frozen=True)
class _Members(Collection[PictureBytes]):
    """The pictures of a grid, each read when it is its turn."""

    references: PictureFile
    members: tuple[PictureId, ...]

    def __len__(self) -> int:
        return len(self.members)

    def __iter__(self) -> Iterator[PictureBytes]:
        return (self.references[member] for member in self.members)

    def __contains__(self, picture: object) -> bool:
        return picture in tuple(self)
