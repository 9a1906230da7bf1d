"""What a payer has, and what of it is promised to images that are not delivered yet.

Held credits are a sum over rows, not a counter, so that nothing can leave them behind: an image holds its
price from the claim of its job until it is stored, has failed or is cancelled.
"""

from uuid import UUID

from sqlalchemy import Connection, bindparam, func, select, text
from sqlmodel import col

from quel.adapters.postgres.image_state import is_open
from quel.adapters.postgres.schema.product_tables import Member, Organization
from quel.core.credits import PayerKind

PRICE = "CASE WHEN {image}.is_free THEN 0 ELSE {job}.price END"
"""What an image costs its customer, as an expression."""

BALANCE = """
CASE {kind} WHEN 'organization' THEN (SELECT coalesce(org_credit, 0) FROM public.quel_organization
                                      WHERE org_id = {payer})
            ELSE (SELECT coalesce(quel_member_credit, 0) FROM public.quel_member
                  WHERE quel_member_id = {payer}) END
"""
"""A payer's balance as an expression, null where the account is gone."""

# A payer that somebody holds must not hold a worker: the message comes back.
_SOON = text("SET LOCAL lock_timeout = '1s'")

# No lock of a key: inserts of the payer's jobs go on.
_LOCK_BALANCE = {
    PayerKind.ORGANIZATION: select(func.coalesce(col(Organization.org_credit), 0))
    .where(col(Organization.org_id) == bindparam("payer_id"), col(Organization.org_status) == "active")
    .with_for_update(key_share=True),
    PayerKind.MEMBER: select(func.coalesce(col(Member.quel_member_credit), 0))
    .where(col(Member.quel_member_id) == bindparam("payer_id"))
    .with_for_update(key_share=True),
}

_HELD = text(f"""
SELECT coalesce(sum({PRICE.format(image="i", job="q")}), 0)
FROM quel.image i
JOIN quel.job q ON q.job_id = i.job_id
JOIN public.quel_production_jobs j ON j.job_id = i.job_id
WHERE q.payer_kind = :payer_kind AND q.payer_id = :payer_id AND q.job_id <> :but_for
  AND {is_open("i")} AND j.job_status = 'processing'
""")  # noqa: S608 - constants of ours


def lock_balance(connection: Connection, kind: PayerKind, payer_id: UUID) -> int | None:
    """The balance of an account that stays locked for the transaction.

    None where it has no row, or is an organization that is not active. Raises as a lock that is not granted
    within a second does.
    """
    connection.execute(_SOON)
    balance = connection.scalar(_LOCK_BALANCE[kind], {"payer_id": payer_id})
    return None if balance is None else int(balance)


def read_held(connection: Connection, kind: PayerKind, payer_id: UUID, *, but_for: UUID) -> int:
    """The credits that the payer's open jobs, but for one, may still cost."""
    values = {"payer_kind": kind, "payer_id": payer_id, "but_for": but_for}
    return int(connection.scalar(_HELD, values) or 0)
