"""An audit that somebody asked for and workers make: what is to be compared, and how far it has come."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from quel.core.operations.audit import Difference

MOST_TOLD = 1_000
"""Differences that are kept of an audit; beyond it they are counted."""

MOST_STARTS = 3
"""How often an audit is begun before it is given up: one that ends its process would end every worker."""


@dataclass(frozen=True)
class AuditOrder:
    """`since_s`: only jobs planned within it, None for all; `objects`: Storage is compared as well."""

    since_s: float | None = None
    objects: bool = True


@dataclass(frozen=True)
class AuditRun:
    """An audit as it stands. `looked_at` counts what was looked through, by what it is.

    `found` is None until it has ended; `error` says why it was given up.
    """

    id: UUID
    order: AuditOrder
    actor: str
    looked_at: Mapping[str, int] = field(default_factory=dict)
    found: int | None = None
    differences: Sequence[Difference] = ()
    error: str | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
