"""Moves images by the table of transitions that the statements in PostgreSQL are made from."""

from collections.abc import Callable

from quel.adapters.postgres.image_state import Lease, Transition
from quel.core.pipeline import ImageState
from quel.sandbox.memory.clock import Clock
from quel.sandbox.memory.tables import PipelineImage

_CONSTANTS: dict[str, object] = {"NULL": None, "0": 0}


def move(
    image: PipelineImage, transition: Transition, clock: Clock, *, lease: str | None = None, **sets: object
) -> bool:
    """Moves an image if it is in a state it may be taken from; whether it was.

    `sets` are the values of the columns that the transition writes beside those that all write. `lease` is
    the mover's own. Raises TypeError where `sets` are other columns: then this world lags behind the table.
    """
    if set(sets) != set(transition.sets):
        raise TypeError(f'"{transition.name}" sets {sorted(transition.sets)}, not {sorted(sets)}.')
    if image.state not in transition.sources or not _may_leave(image, transition, clock, lease):
        return False
    assigned = transition.assignments().items()
    values: dict[str, object] = {"state": transition.target, "updated_at": clock.now}
    values |= {column: _CONSTANTS[value] for column, value in assigned if value in _CONSTANTS} | sets
    for column, value in values.items():
        setattr(image, column, value)
    return True


def _may_leave(image: PipelineImage, transition: Transition, clock: Clock, lease: str | None) -> bool:
    if image.state is not ImageState.GENERATING or transition.lease is None:
        return True
    conditions: dict[Lease, Callable[[], bool]] = {
        Lease.HELD: lambda: image.lease_owner == lease,
        Lease.LAPSED: lambda: image.lease_until is not None and image.lease_until < clock.now,
    }
    return conditions[transition.lease]()
