"""An hour in the life of quel within seconds, so that every metric has something to tell."""

from typing import Any, TypedDict
from uuid import UUID

from quel.sandbox.gemini import faults
from quel.sandbox.gemini.bad_takes import BadTake
from quel.sandbox.gemini.client import Gemini
from quel.sandbox.studio import Studio

NOT_PROVOKED = (
    "quel_dead_letters_total",
    "quel_images_dropped_total",
    "quel_images_rerouted_total",
    "quel_ingest_rescued_total",
    "quel_jobs_recovered_total",
    "quel_storage_needs_operator_total",
    "quel_takes_unchecked_total",
    "quel_troubles_total",
    "quel_webhooks_given_up_total",
)
"""Counters of mishaps that do not happen here; a counter without a count has no series."""

OF_COMFYUI = 'quota="servers"'
"""Part of what asks for servers of ComfyUI, of which there are none here."""


class Settings(TypedDict):
    """Variables beside the world's own."""

    QUEL_GEMINI_RPM: str
    QUEL_FORWARD_QUEUE: str
    QUEL_WEBHOOK_URL: str
    QUEL_WEBHOOK_SECRET: str


SETTINGS = Settings(
    QUEL_GEMINI_RPM="60",
    QUEL_FORWARD_QUEUE="jobs:go",
    QUEL_WEBHOOK_URL="https://127.0.0.1/",
    QUEL_WEBHOOK_SECRET="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
)
"""What the processes are started with beside the world's own settings: webhooks go to where none may go."""


def live(studio: Studio, gemini: Gemini) -> None:
    """Jobs that end well, are refused, fail, lose a reference, are another program's; junk; at last a quota
    that is used up.
    """
    member = studio.member(1_000)
    studio.redis.lpush("jobs:queue", "not a job")
    gone = {"attachId": 999_999, "type": "model"}
    here = {"attachId": studio.photograph("astronaut.png"), "type": "model"}

    def job(*references: dict[str, Any], total_images: int = 2, path: str = "fashion") -> UUID:
        asked = {"prompt": "a harbour", "uploadedAttachIds": list(references)}
        return studio.job("simple_general", asked, total_images=total_images, member=member, path=path)

    jobs = [job(here, path=path) for path in ("fashion", "beauty", "eats", "cinema", "cartoon")]
    jobs += [job(here, gone), job(total_images=10_000)]
    studio.push(job(path="multiview"), *jobs)
    studio.wait(jobs, timeout_s=60)
    for fault in (faults.server_error(503), faults.bad_take(BadTake.BLANK), faults.permission_denied()):
        gemini.fail_next(fault)
    failing = [job(), job()]
    studio.push(*failing)
    studio.wait(failing, timeout_s=120)
    gemini.fail_next(faults.quota_minute("40s"))
    studio.push(job())
