"""What a job would make, before anything is fetched or spent: from a row as JSON, or from a stored one."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from quel.core.errors import NotFound
from quel.core.fetch_job import JobFacts, Refuse, decide
from quel.core.models import model_for
from quel.core.operations.preview import Preview, Subject, preview, subject_of_job, subject_of_row

if TYPE_CHECKING:
    from quel.operations.services import OperatorServices
    from quel.services import Rules


def preview_row(services: "OperatorServices", row: Mapping[str, Any]) -> Preview:
    """The plan of a job's row as JSON; no neighbour is asked. Raises InvalidInput, SettingsError."""
    return _preview(subject_of_row(row), services.rules)


def preview_job(services: "OperatorServices", job_id: UUID) -> Preview:
    """The plan of a job that has a row; that its payer could not pay now is one of the problems.

    Raises NotFound, SettingsError, ServiceUnavailable, DatabaseError.
    """
    facts = services.fetch_job.load(job_id)
    if facts is None:
        raise NotFound(f"There is no job {job_id}.")
    found = _preview(subject_of_job(facts), services.rules)
    objection = _unpayable(facts, services.rules)
    return replace(found, problems=(*found.problems, objection)) if objection else found


def _preview(subject: Subject, rules: "Rules") -> Preview:
    return preview(
        subject, rules.intake, model_for(rules.model), fail_on_missing=rules.fail_on_missing_reference
    )


def _unpayable(facts: JobFacts, rules: "Rules") -> str | None:
    decision = decide(facts, rules.intake)
    if isinstance(decision, Refuse) and decision.code in ("no_payer", "no_credit"):
        return decision.reason
    return None
