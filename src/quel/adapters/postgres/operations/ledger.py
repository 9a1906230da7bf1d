"""Reads the ledger of one account in pages by keyset, the latest line first."""

from typing import Any
from uuid import UUID

from sqlalchemy import text

from quel.adapters.postgres.database import Database
from quel.core.operations.ledger import LedgerLine, LedgerPlace

_PAGE = """
SELECT c.id, c.created_at, c.transaction_type AS kind, c.amount, c.balance_after, c.description,
       c.attach_idx AS attach_id, c.production_idx AS production_id, c.used_by_member_id AS member_id,
       c.api_provider AS provider
FROM public.quel_credits c WHERE {account} {beyond}
ORDER BY c.created_at DESC, c.id DESC LIMIT :most
"""
_OF_ORG = "c.org_id = :account"
_OF_MEMBER = "c.user_id = :account AND c.org_id IS NULL"
_BEYOND = "AND (c.created_at, c.id) < (CAST(:at AS timestamptz), CAST(:id AS uuid))"


class LedgerRows:
    """Reads lines of the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(
        self, account: UUID, *, is_organization: bool, most: int, after: LedgerPlace | None
    ) -> list[LedgerLine]:
        """At most so many lines of an organization's or a member's own account, before `after` in time."""
        statement = text(
            _PAGE.format(account=_OF_ORG if is_organization else _OF_MEMBER, beyond=_BEYOND if after else "")
        )
        values: dict[str, Any] = {"account": account, "most": most}
        if after is not None:
            values |= {"at": after.created_at, "id": after.line_id}
        rows = self._database.run(lambda connection: connection.execute(statement, values).all())
        return [LedgerLine(**row._mapping) for row in rows]
