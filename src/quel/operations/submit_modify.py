"""Writes an in-painting, production and job at once, and pushes its id: what a front end orders over HTTP.

Whatever is wrong with it is found before anything is written; a push that is lost is made up by the sweep.
"""

from dataclasses import dataclass
from uuid import UUID, uuid4

from quel.core.errors import InvalidInput, NotFound, ReferenceUnavailable, ServiceUnavailable
from quel.core.operations.submit_job import read_job
from quel.core.operations.submit_modify import ModifyOrder, NotEnoughCredits
from quel.core.request.inline import picture_in
from quel.operations.action_log import recorded
from quel.operations.preview import preview_row
from quel.operations.services import OperatorServices


@dataclass(frozen=True)
class SubmittedModify:
    """What was written; `unpushed` says why it may not be on the list, if so: then the sweep starts it."""

    job_id: UUID
    production_id: UUID
    total_images: int
    unpushed: str | None = None


def submit_modify(services: OperatorServices, order: ModifyOrder) -> SubmittedModify:
    """Writes the order of `order.user_id`, who pays for what is delivered.

    Raises InvalidInput for a mask that is no picture or too large and for whatever else its plan cannot do,
    NotFound for a member without a row, NotEnoughCredits; SettingsError, ServiceUnavailable, DatabaseError.
    """
    cost = _check(services, order)
    funds = services.submit_modify.funds(order.user_id)
    if funds is None:
        raise NotFound(f"There is no member {order.user_id}.")
    if funds.available < cost:
        raise NotEnoughCredits(cost, funds.available)
    job_id = uuid4()
    with recorded(services, "submit", [job_id], must=False):
        production_id = services.submit_modify.write(job_id, order)
    return SubmittedModify(job_id, production_id, order.quantity, _push(services, job_id))


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


def _push(services: OperatorServices, job_id: UUID) -> str | None:
    try:
        services.push(job_id)
    except ServiceUnavailable as error:
        return f"{error} Job {job_id} is written but may not be pushed; the sweep starts it later."
    return None
