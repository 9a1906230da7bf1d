"""What was booked on an organization's or a member's own account."""

from uuid import UUID

from quel.core.operations.ledger import LedgerPage, read_cursor, write_cursor
from quel.operations.services import OperatorServices


def ledger(
    services: OperatorServices,
    account: UUID,
    *,
    is_organization: bool,
    most: int,
    cursor: str | None = None,
) -> LedgerPage:
    """A page of at most `most` lines, the latest first, from where `cursor` left off.

    Raises InvalidInput for a cursor of another account, ServiceUnavailable, DatabaseError, QuestionTooLong.
    """
    after = None if cursor is None else read_cursor(cursor, account)
    found = services.ledger.page(account, is_organization=is_organization, most=most + 1, after=after)
    shown = tuple(found[:most])
    return LedgerPage(shown, write_cursor(account, shown[-1]) if len(found) > most else None)
