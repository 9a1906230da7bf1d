"""An account's ledger as people read it, in pages."""

import base64
import json
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from quel.core.errors import InvalidInput


@dataclass(frozen=True)
class LedgerLine:
    """One line: what was booked, and what was left then; `amount` is below 0 for what was taken."""

    id: UUID
    created_at: datetime
    kind: str
    amount: int
    balance_after: int
    description: str | None
    attach_id: int | None
    production_id: UUID | None
    member_id: UUID | None
    provider: str | None


@dataclass(frozen=True)
class LedgerPlace:
    """Where a page begins: behind this line."""

    created_at: datetime
    line_id: UUID


@dataclass(frozen=True)
class LedgerPage:
    """Lines, the latest first, and the cursor of the page before them in time, None on the last one."""

    items: tuple[LedgerLine, ...]
    next: str | None


def write_cursor(account: UUID, line: LedgerLine) -> str:
    """The line's place as text; it holds for the same account alone."""
    parts = [str(account), line.created_at.isoformat(), str(line.id)]
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def read_cursor(cursor: str, account: UUID) -> LedgerPlace:
    """Raises InvalidInput for what is no cursor, or one of another account."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        of, at, line_id = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        place, owner = LedgerPlace(datetime.fromisoformat(at), UUID(line_id)), UUID(of)
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise InvalidInput("The cursor cannot be read: take it as the page before gave it.") from None
    if owner != account or place.created_at.tzinfo is None:
        raise InvalidInput("The cursor belongs to another account: begin at the first page.")
    return place
