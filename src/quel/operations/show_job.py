"""Everything of one job: why an image waits, what was sent, what it cost, and who did something to it."""

from uuid import UUID

from quel.core.errors import NotFound, QuelError
from quel.core.operations.job_page import (
    ImageFacts,
    JobContext,
    JobPage,
    ShownImage,
    job_waits_for,
    waits_for,
)
from quel.operations.services import OperatorServices


def show_job(services: OperatorServices, job_id: UUID, *, prompts: bool = False) -> JobPage:
    """The job as it stands; `prompts` adds the prompts as they were sent.

    Redis is asked only where an image waits, and said to be silent where it is. Raises NotFound,
    SettingsError, ServiceUnavailable, DatabaseError.
    """
    facts = services.job_page.read(job_id, prompts=prompts)
    if facts is None:
        raise NotFound(f"There is no job {job_id}.")
    context = job_context(services) if not facts.view.is_closed else NOTHING_HOLDS
    path = facts.view.path
    return JobPage(
        job=facts,
        images=tuple(
            ShownImage(image, waits_for(image, path, context), _url(services, image))
            for image in facts.images
        ),
        waits_for=job_waits_for(facts.view, len(facts.images), context),
        charged=sum(image.charged for image in facts.images),
        cost_usd=round(sum(image.cost_usd for image in facts.images), 5),
    )


NOTHING_HOLDS = JobContext({}, frozenset(), 0.0, "")


def job_context(services: OperatorServices) -> JobContext:
    """What holds images back now: pauses, disabled paths, the provider's quota. Raises SettingsError."""
    disabled = frozenset(services.rules.intake.disabled_paths)
    try:
        paused = services.pause.notes()
        breaker = services.quota.state()
        blocked_s = services.quota.blocked_for_s()
    except QuelError as error:
        return JobContext({}, disabled, 0.0, "", str(error))
    return JobContext(paused, disabled, blocked_s, breaker.get("reason", ""))


def _url(services: OperatorServices, image: ImageFacts) -> str | None:
    base = services.settings.storage_base_url if services.settings.supabase_url else ""
    return f"{base}{image.attach_path}" if base and image.attach_path else None
