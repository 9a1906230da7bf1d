"""Who pays for an order, and what of the balance is free: one answer for every kind of order.

It is only a look: the claim of the job locks the balance and decides.
"""

from uuid import UUID

from quel.core.credits import NoPayer, PayerKind, choose_payer
from quel.core.errors import NotEnoughCredits, NotFound, Unpayable
from quel.core.fetch_job import as_uuid
from quel.core.operations.submit_job import NewJob
from quel.core.request import user_id_of
from quel.operations.services import OperatorServices


def check_payer(services: OperatorServices, job: NewJob, cost: int, *, only_org: bool) -> None:
    """Raises Unpayable where nobody pays for the job; with `only_org` none but its organization may.

    `cost` is in credits, when every image succeeds. Raises NotEnoughCredits where what is free is less,
    NotFound for a payer without a row; SettingsError, ServiceUnavailable, DatabaseError.
    """
    check_known(services, job)
    user_id = as_uuid(user_id_of(job.row["job_input_data"]))
    asked = [each for each in (job.member_id, user_id) if each is not None]
    organization, members = services.submit_job.accounts(job.org_id, asked)
    if only_org and (organization is None or not organization.is_active):
        raise Unpayable("The organization is not active, so it cannot pay for anything.", code="no_payer")
    payer = choose_payer(organization, job.member_id, user_id, members)
    if isinstance(payer, NoPayer):
        raise Unpayable(payer.reason, code="no_payer")
    free = free_credits(services, payer.kind, payer.account_id, payer.balance)
    if cost > free:
        raise NotEnoughCredits(cost, free)


def check_known(services: OperatorServices, job: NewJob) -> None:
    """Raises NotFound for a member or an organization without a row; ServiceUnavailable, DatabaseError."""
    unknown = services.submit_job.unknown_payers(job.member_id, job.org_id)
    if unknown:
        raise NotFound(f"There is no {' and no '.join(unknown)}.")


def free_credits(services: OperatorServices, kind: PayerKind, account_id: UUID, balance: int) -> int:
    """What of a balance is not held for images under way. Raises ServiceUnavailable, DatabaseError."""
    return max(0, balance - services.submit_job.held(kind, account_id))
