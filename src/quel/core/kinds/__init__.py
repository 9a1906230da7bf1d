"""Every path by name: the five that are data alone, and one file for each kind of job with a path of its own.

Adding a kind is adding a file that defines `KIND` and naming it here and in `core.kind.MADE_HERE`.
"""

from collections.abc import Mapping
from types import MappingProxyType, ModuleType
from uuid import UUID

from quel.core import credits, object_path
from quel.core.image_kind import ImageKind
from quel.core.job import JobRequest, Problem
from quel.core.kind import Kind
from quel.core.kinds import landing, modify, multiview
from quel.core.paths import PATHS
from quel.core.prompting.rules import ProductionPath
from quel.core.request import parse_request

_MODULES: Mapping[Kind, ModuleType] = {
    Kind.MULTIVIEW: multiview,
    Kind.LANDING: landing,
    Kind.MODIFY: modify,
}

KINDS: Mapping[Kind, ImageKind] = MappingProxyType({kind: module.KIND for kind, module in _MODULES.items()})
"""The kinds that have a path of their own, whose name is the kind's."""

OWN_PATHS = tuple(sorted(kind.path.name for kind in KINDS.values()))
"""Their paths: a row of such a kind runs there whatever path it names."""

BY_PATH: Mapping[str, ImageKind] = MappingProxyType(
    {name: ImageKind(path) for name, path in PATHS.items()}
    | {kind.path.name: kind for kind in KINDS.values()}
)
"""Every path that quel makes images of."""

ALL_PATHS: Mapping[str, ProductionPath] = MappingProxyType(
    {name: kind.path for name, kind in BY_PATH.items()}
)


def read_input(
    kind: Kind, job_type: object, data: object, *, total_images: int
) -> JobRequest | tuple[Problem, ...]:
    """The request of a job of a kind, or why it cannot be run (see parse_request)."""
    own = KINDS.get(kind)
    return parse_request(job_type, data, total_images=total_images, read=own.read if own else None)


def result_path(
    path: str, owner: str, job_id: UUID, image_no: int, degrees: int | None = None, *, run: int = 0
) -> str:
    """Where an image of a path lives in the bucket; `owner` is what object_path.result_owner gave."""
    known = BY_PATH.get(path)  # rows may be of a path that is no more
    name = known.object_name if known else object_path.OBJECT_NAME
    return object_path.result_path(owner, None, job_id, image_no, run, degrees=degrees, name=name)


def ledger_description(path: str, image_no: int) -> str:
    """What the ledger row says of an image of a path."""
    known = BY_PATH.get(path)
    return credits.ledger_description(image_no, path, known.description if known else credits.DESCRIPTION)
