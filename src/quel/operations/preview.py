"""What a job would make, before anything is fetched or spent: from a row as JSON, or from a stored one."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from quel.core.errors import NotFound
from quel.core.fetch_job import IntakePolicy, JobFacts, Refuse, decide
from quel.core.models import model_for
from quel.core.operations.preview import (
    Preview,
    Subject,
    preview,
    subject_of_job,
    subject_of_row,
    with_placeholders,
)
from quel.core.operations.submit_job import not_a_picture
from quel.operations.services import OperatorServices


def preview_row(services: OperatorServices, row: Mapping[str, Any]) -> Preview:
    """The plan of a job's row as JSON, as `submit_job` would have it run; no neighbour is asked.

    Raises InvalidInput, SettingsError.
    """
    named, files = with_placeholders(row)
    found = _preview(services, subject_of_row(named))
    objections = filter(None, map(not_a_picture, files.values()))
    return replace(found, picture_files=files, problems=(*found.problems, *objections))


def preview_job(services: OperatorServices, job_id: UUID) -> Preview:
    """The plan of a job that has a row; that its payer could not pay now is one of the problems.

    Raises NotFound, SettingsError, ServiceUnavailable, DatabaseError.
    """
    facts = services.fetch_job.load(job_id)
    if facts is None:
        raise NotFound(f"There is no job {job_id}.")
    found = _preview(services, subject_of_job(facts))
    objection = _unpayable(facts, services.rules.intake)
    return replace(found, problems=(*found.problems, objection)) if objection else found


def _preview(services: OperatorServices, subject: Subject) -> Preview:
    rules = services.rules
    return preview(
        subject, rules.intake, model_for(rules.model), fail_on_missing=rules.fail_on_missing_reference
    )


def _unpayable(facts: JobFacts, policy: IntakePolicy) -> str | None:
    decision = decide(facts, policy)
    if isinstance(decision, Refuse) and decision.code in ("no_payer", "no_credit"):
        return decision.reason
    return None
