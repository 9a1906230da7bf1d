"""Orders a turn-around over HTTP, and says what one would cost and whether its payer has it."""

from dataclasses import dataclass
from uuid import UUID

from quel.core.errors import NotFound, Unpayable
from quel.core.kinds.multiview import ROUND
from quel.core.operations.submit_job import NewJob
from quel.core.operations.submit_multiview import (
    MultiviewOrder,
    MultiviewRefused,
    RefusalCode,
    multiview_row,
)
from quel.operations.preview import preview_row
from quel.operations.services import OperatorServices
from quel.operations.submit_job import SubmittedJob, check_payer, submit_job


@dataclass(frozen=True)
class MultiviewCredits:
    """What `angles` views cost, the front among them, which is free; what the member and organization have.

    `organization` is None where none pays. `most` are the angles that what is there is enough for.
    """

    price: int
    angles: int
    required: int
    personal: int
    organization: int | None
    most: int

    @property
    def available(self) -> int:
        """What the payer has."""
        return self.personal if self.organization is None else self.organization


def submit_multiview(services: OperatorServices, order: MultiviewOrder, org_id: UUID | None) -> SubmittedJob:
    """Writes and pushes the job. `org_id`, where it is given, pays.

    Raises MultiviewRefused, SettingsError, ServiceUnavailable, StorageRefused, DatabaseError.
    """
    job = NewJob(order.row, order.user_id, org_id)
    problems = preview_row(services, job.row).problems
    if problems:
        raise MultiviewRefused(RefusalCode.INVALID_REQUEST, " ".join(problems))
    try:
        check_payer(services, job, only_org=org_id is not None)
        return submit_job(services, job, order.pictures)
    except Unpayable as error:
        raise MultiviewRefused(RefusalCode.INSUFFICIENT_CREDITS, str(error)) from None
    except NotFound as error:
        raise MultiviewRefused(RefusalCode.UNAUTHORIZED, str(error)) from None


def multiview_credits(
    services: OperatorServices, user_id: UUID, org_id: UUID | None, angles: int
) -> MultiviewCredits:
    """What so many views cost.

    Raises NotFound for a member without a row, SettingsError, ServiceUnavailable, DatabaseError.
    """
    funds = services.submit_modify.funds(user_id)
    if funds is None:
        raise NotFound(f"There is no member {user_id}.")
    organization, _ = services.submit_job.accounts(org_id, []) if org_id else (None, {})
    pays = organization is not None and organization.status == "active"
    one_view = multiview_row({"sourceAttachId": 1, "angles": [90], "userId": str(user_id)}, 1)
    price = preview_row(services, one_view).credits
    there = organization.credits if organization is not None and pays else funds.available
    return MultiviewCredits(
        price=price,
        angles=angles,
        required=price * (angles - 1),
        personal=funds.available,
        organization=organization.credits if organization is not None and pays else None,
        most=min(ROUND, 1 + there // price) if price else ROUND,
    )
