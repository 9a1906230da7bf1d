"""Orders a turn-around over HTTP, and says what one would cost and whether its payer has it."""

from dataclasses import dataclass
from uuid import UUID

from quel.core.credits import PayerKind
from quel.core.errors import NotFound, Unpayable
from quel.core.kinds.multiview import ROUND
from quel.core.operations.submit_job import NewJob
from quel.core.operations.submit_multiview import (
    MultiviewOrder,
    MultiviewRefused,
    RefusalCode,
    multiview_row,
)
from quel.operations.payer import check_payer, free_credits
from quel.operations.preview import preview_row
from quel.operations.services import OperatorServices
from quel.operations.submit_job import SubmittedJob, submit_job


@dataclass(frozen=True)
class MultiviewCredits:
    """What `angles` views cost, the front among them, which is free; what member and organization can spend.

    `organization` is None where none is to pay. `most` are the angles that what is there is enough for.
    """

    price: int
    angles: int
    required: int
    personal: int
    organization: int | None
    most: int

    @property
    def available(self) -> int:
        """What the payer can spend."""
        return self.personal if self.organization is None else self.organization


def submit_multiview(services: OperatorServices, order: MultiviewOrder, org_id: UUID | None) -> SubmittedJob:
    """Writes and pushes the job. `org_id`, where it is given, pays.

    Raises MultiviewRefused, SettingsError, ServiceUnavailable, StorageRefused, DatabaseError.
    """
    job = NewJob(order.row, order.user_id, org_id)
    found = preview_row(services, job.row)
    if found.problems:
        raise MultiviewRefused(RefusalCode.INVALID_REQUEST, " ".join(found.problems))
    try:
        check_payer(services, job, found.credits, only_org=org_id is not None)
        return submit_job(services, job, order.pictures)
    except Unpayable as error:
        raise MultiviewRefused(RefusalCode.INSUFFICIENT_CREDITS, str(error)) from None
    except NotFound as error:
        raise MultiviewRefused(RefusalCode.UNAUTHORIZED, str(error)) from None


def multiview_credits(
    services: OperatorServices, user_id: UUID, org_id: UUID | None, angles: int
) -> MultiviewCredits:
    """What so many views cost, and what there is for them, by the rules of `submit_multiview`.

    Raises NotFound for a member without a row, SettingsError, ServiceUnavailable, DatabaseError.
    """
    organization, members = services.submit_job.accounts(org_id, [user_id])
    if user_id not in members:
        raise NotFound(f"There is no member {user_id}.")
    personal = free_credits(services, PayerKind.MEMBER, user_id, members[user_id])
    of_organization = None
    if org_id is not None:
        balance = organization.credits if organization is not None and organization.is_active else 0
        of_organization = free_credits(services, PayerKind.ORGANIZATION, org_id, balance)
    there = personal if of_organization is None else of_organization
    one_view = multiview_row({"sourceAttachId": 1, "angles": [90], "userId": str(user_id)}, 1)
    price = preview_row(services, one_view).credits
    return MultiviewCredits(
        price=price,
        angles=angles,
        required=price * (angles - 1),
        personal=personal,
        organization=of_organization,
        most=min(ROUND, 1 + there // price) if price else ROUND,
    )
