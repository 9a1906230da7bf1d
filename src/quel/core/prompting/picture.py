"""What the provider is shown: references sorted into categories, and the pictures made of them."""

from dataclasses import dataclass
from enum import StrEnum

from quel.core.job import Place

PictureId = int | Place
"""What tells the pictures of a job apart: an attachment's id, or where a picture stands in the input."""


@dataclass(frozen=True)
class Reference:
    """A reference that a path knows what to do with.

    `type` is the type that decided its category (None where it came without one); `where` is its JSON key.
    It is an attachment, has a `place` in the job's input, or an `address` in the bucket for want of those.
    """

    attach_id: int | None
    type: str | None
    category: str
    where: str
    place: Place = ()
    address: str = ""

    @property
    def picture(self) -> PictureId:
        """Which picture it is."""
        return (self.place or (self.address,)) if self.attach_id is None else self.attach_id

    @property
    def named(self) -> str:
        """The reference at the beginning of a sentence."""
        if self.attach_id is None:
            return f"The picture at {self.where}"
        return f"Reference {self.attach_id} ({self.where})"


class Drawing(StrEnum):
    """How one picture is made of several references."""

    GRID = "grid"  # each in a cell of its own
    MARKED = "marked"  # the second, a mask, laid over the first
    MASK = "mask"  # the first, a mask, at the size of the second


@dataclass(frozen=True)
class PictureSpec:
    """One picture as it will be sent: a single reference, or several in a `drawing`.

    `category` is the path's name for what it shows (grids that merge categories join names with " and ").
    """

    category: str
    references: tuple[Reference, ...]
    drawing: Drawing = Drawing.GRID

    @property
    def is_grid(self) -> bool:
        """Whether several references share this picture, each in a cell of its own."""
        return self.drawing is Drawing.GRID and len(self.references) > 1


@dataclass(frozen=True)
class SortedReferences:
    """The references of one stage after a path's mapping, in the order given.

    `left_out` holds one sentence for each reference that the path does not know, that exceeds a cap or
    the job's limit, or that has no readable attachId.
    """

    kept: tuple[Reference, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class Arrangement:
    """The pictures of one item in sending order, or the reason why nothing is left to send.

    `left_out` holds one sentence for each reference that the model has no room for.
    """

    pictures: tuple[PictureSpec, ...]
    problem: str | None = None
    left_out: tuple[str, ...] = ()
