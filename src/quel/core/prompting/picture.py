"""What the provider is shown: references sorted into categories, and the pictures made of them."""

from dataclasses import dataclass

from quel.core.job import Place

PictureId = int | Place
"""What tells the pictures of a job apart: an attachment's id, or where a picture stands in the input."""


@dataclass(frozen=True)
class Reference:
    """A reference that a path knows what to do with.

    `type` is the type that decided its category (None where it came without one); `where` is its JSON key.
    It is an attachment, or has a `place` in the job's input.
    """

    attach_id: int | None
    type: str | None
    category: str
    where: str
    place: Place = ()

    @property
    def picture(self) -> PictureId:
        """Which picture it is."""
        return self.place if self.attach_id is None else self.attach_id

    @property
    def named(self) -> str:
        """The reference at the beginning of a sentence."""
        return f"The picture at {self.where}" if self.place else f"Reference {self.attach_id} ({self.where})"


@dataclass(frozen=True)
class PictureSpec:
    """One picture as it will be sent: a single reference, or a grid of several.

    `category` is the path's name for what it shows (grids that merge categories join names with " and ").
    """

    category: str
    references: tuple[Reference, ...]

    @property
    def is_grid(self) -> bool:
        """Whether several references share this picture."""
        return len(self.references) > 1


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
    """The pictures of one item in sending order, or the reason why nothing is left to send."""

    pictures: tuple[PictureSpec, ...]
    problem: str | None = None
