"""What the provider is shown: references sorted into categories, and the pictures made of them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reference:
    """A reference that a path knows what to do with.

    `type` is the type that decided its category (None where it came without one); `where` is its JSON key.
    """

    attach_id: int
    type: str | None
    category: str
    where: str


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
