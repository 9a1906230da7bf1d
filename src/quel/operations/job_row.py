"""A job's row as the front end polls it, and whether a caller may see a job at all."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from quel.core.errors import NotFound
from quel.core.operations.job_row import without_pictures
from quel.operations.services import OperatorServices


def job_row(services: OperatorServices, job_id: UUID, org_id: UUID | None) -> Mapping[str, Any]:
    """The row's columns by name, its input without the bytes of pictures.

    Raises NotFound, also where `org_id` is given and has not ordered it; ServiceUnavailable, DatabaseError.
    """
    row = services.job_row.read(job_id, org_id)
    if row is None:
        raise NotFound("Job not found")
    return {**row, "job_input_data": without_pictures(row["job_input_data"])}


def check_own(services: OperatorServices, job_ids: Sequence[UUID], org_id: UUID | None) -> None:
    """Raises NotFound for a job that `org_id` has not ordered; None may see every job."""
    if org_id is None:
        return
    own = services.job_row.of_org([*job_ids], org_id)
    others = [str(job_id) for job_id in job_ids if job_id not in own]
    if others:
        raise NotFound(f"There is no job {', '.join(others)}.")
