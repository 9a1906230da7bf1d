"""An audit that somebody asked for and workers make: what is to be compared, and how far it has come."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from quel.core.operations.audit import Difference

MOST_TOLD = 1_000
"""Differences that are kept of an audit; beyond it they are counted."""


@dataclass(frozen=True)
class AuditOrder:
    """`since_s`: only jobs planned within it, None for all; `objects`: Storage is compared as well."""

    since_s: float | None = None
    objects: bool = True


@dataclass(frozen=True)
class AuditRun:
    """An audit as it stands, ordered as in AuditOrder. `looked_at` counts what was looked through, by kind.

    `found` is how many differences there are, None until it has ended; `differences` are the first
    MOST_TOLD, where one audit is asked for. `error` says why it was given up.
    """

    id: UUID
    actor: str
    since_s: float | None
    objects: bool
    looked_at: Mapping[str, int]
    found: int | None
    differences: Sequence[Difference]
    error: str | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
