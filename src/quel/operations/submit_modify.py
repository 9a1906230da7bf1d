"""Writes an in-painting, production and job at once, and pushes its id: what a front end orders over HTTP.

Whatever is wrong with it is found before anything is written; a push that is lost is made up by the sweep.
"""

from dataclasses import dataclass
from uuid import UUID, uuid4

from quel.core.errors import InvalidInput, ReferenceUnavailable
from quel.core.operations.submit_job import NewJob, read_job
from quel.core.operations.submit_modify import ModifyOrder
from quel.core.request.inline import picture_in
from quel.operations.action_log import recorded
from quel.operations.payer import check_payer
from quel.operations.preview import preview_row
from quel.operations.services import OperatorServices
from quel.operations.submit_job import push_new


@dataclass(frozen=True)
class SubmittedModify:
    """What was written; `unpushed` says why it may not be on the list, if so: then the sweep starts it."""

    job_id: UUID
    production_id: UUID
    total_images: int
    unpushed: str | None = None


def submit_modify(
    services: OperatorServices, order: ModifyOrder, org_id: UUID | None = None
) -> SubmittedModify:
    """Writes the order of `order.user_id`. What is delivered `org_id` pays, where it is given, else the user.

    Raises InvalidInput for a mask that is no picture or too large and for whatever else its plan cannot do,
    NotFound for a payer without a row, Unpayable; SettingsError, ServiceUnavailable, DatabaseError.
    """
    cost = _check(services, order)
    check_payer(services, NewJob(order.row, order.user_id, org_id), cost, only_org=org_id is not None)
    job_id = uuid4()
    with recorded(services, "submit", [job_id], must=False):
        production_id = services.submit_modify.write(job_id, order, org_id)
    return SubmittedModify(job_id, production_id, order.quantity, push_new(services, job_id))


def _check(services: OperatorServices, order: ModifyOrder) -> int:
    """What the order costs when all of it is delivered. Raises InvalidInput."""
    found = preview_row(services, read_job(order.row).row)
    if found.problems:
        raise InvalidInput(" ".join(found.problems))
    try:
        limit = services.rules.max_reference_bytes
        services.imaging.normalise_mask(picture_in(order.input_data, ("maskDataUrl",), at_most_bytes=limit))
    except ReferenceUnavailable as error:
        raise InvalidInput(f"maskDataUrl cannot be used: {error}") from None
    return found.credits
