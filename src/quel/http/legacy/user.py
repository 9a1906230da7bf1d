"""Whose order an old endpoint takes: the token says it, not the body."""

from uuid import UUID

from quel.core.errors import Forbidden
from quel.core.fetch_job import as_uuid
from quel.core.operations.api_tokens import Caller, Role


def user_of(caller: Caller, named: object) -> UUID | None:
    """The member of a client's token; for an operator, which is the product's back end, whom it names.

    Raises Forbidden for a client whose token names no member, or another one.
    """
    given = as_uuid(named) if isinstance(named, str) else None
    if caller.role is not Role.CLIENT:
        return given
    if caller.member_id is None or given not in (None, caller.member_id):
        raise Forbidden("This token orders for the member of its line alone (member=UUID).")
    return caller.member_id
