"""Every metric quel counts, declared once: seconds and base units, by path and actor.

`path` is the production path, `unknown` where a job has none yet. `actor` is the step. What is counted here
starts at zero with each process; what stands in PostgreSQL and Redis `quel.observe.backlog_collector` tells.
"""

import os
from collections.abc import Iterator

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.multiprocess import MultiProcessCollector

from quel.observe.multiprocess import VARIABLE

JOBS_RECEIVED = Counter("quel_jobs_received_total", "Job ids taken off a raw list.", ["list"])
ENTRIES_REJECTED = Counter("quel_entries_rejected_total", "Entries that were no job.", ["reason"])
INGEST_RESCUED = Counter("quel_ingest_rescued_total", "Ids put back for a dead process.", ["list"])

JOBS = Counter("quel_jobs_total", "Jobs that ended.", ["path", "outcome"])
JOBS_REFUSED = Counter("quel_jobs_refused_total", "Jobs refused before any image.", ["path", "code"])
JOBS_FORWARDED = Counter("quel_jobs_forwarded_total", "Jobs of other kinds that were passed on.", ["kind"])
JOB_SECONDS = Histogram(
    "quel_job_duration_seconds",
    "From claiming a job to closing it.",
    ["path", "outcome"],
    buckets=(1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600),
)
JOBS_RECOVERED = Counter("quel_jobs_recovered_total", "Jobs the sweep had to move on.", ["cause"])

IMAGES = Counter(
    "quel_images_total", "Images stored, failed (for a reason) or cancelled.", ["path", "outcome", "reason"]
)
IMAGES_DROPPED = Counter("quel_images_dropped_total", "Pictures made that nobody wants any more.", ["path"])
IMAGE_RETRIES = Counter("quel_image_retries_total", "Images tried again at the provider.", ["path", "reason"])
IMAGES_REROUTED = Counter(
    "quel_images_rerouted_total", "Images that another engine makes: theirs is out.", ["from", "to", "reason"]
)
TAKES = Counter(
    "quel_takes_total", "Takes looked at: kept, warned of, rerolled, failed.", ["path", "verdict", "reason"]
)
TAKES_UNCHECKED = Counter(
    "quel_takes_unchecked_total", "Takes kept because looking at them failed or was slow.", ["path", "code"]
)
TAKE_SECONDS = Histogram(
    "quel_take_check_seconds",
    "CPU that looking at a take cost, decoding not counted.",
    buckets=(0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.06, 0.1, 0.25),
)
TAKE_SCORE = Histogram(
    "quel_take_score",
    "How much a take looked like a fault.",
    ["reason"],
    buckets=(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
)
REROLL_COST = Counter("quel_reroll_cost_dollars_total", "US dollars of takes that were not kept.", ["path"])
REFERENCES = Counter("quel_references_total", "References fetched or left out.", ["path", "outcome"])
CREDITS = Counter("quel_credits_taken_total", "Credits taken for delivered images.", ["path"])

PROVIDER_CALLS = Counter(
    "quel_provider_calls_total", "Answers of the provider.", ["path", "engine", "status", "code"]
)
PROVIDER_SECONDS = Histogram(
    "quel_provider_call_duration_seconds",
    "One provider call.",
    ["path", "engine", "status"],
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 7.5, 10, 15, 20, 30, 45, 60, 90, 120, 300),
)
PROVIDER_COST = Counter(
    "quel_provider_cost_dollars_total", "US dollars the provider asks.", ["path", "engine"]
)
QUOTA_WAITS = Counter(
    "quel_quota_waits_total", "Calls kept waiting by a quota or the provider.", ["engine", "quota"]
)

WEBHOOK_TRIES = Counter(
    "quel_webhook_tries_total", "Tries of webhooks: delivered, failed.", ["outcome", "reason"]
)
WEBHOOKS_GIVEN_UP = Counter("quel_webhooks_given_up_total", "Webhooks that are not tried again.", ["reason"])

ACTOR_SECONDS = Histogram(
    "quel_stage_duration_seconds",
    "One run of an actor, waiting for its own slot included.",
    ["actor", "path"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300),
)
ACTOR_RUNS = Counter(
    "quel_stage_runs_total", "Runs of an actor: done, retried, failed.", ["actor", "outcome"]
)
DEAD_LETTERS = Counter("quel_dead_letters_total", "Messages given up and kept for an operator.", ["actor"])
STORAGE_FAULTS = Counter(
    "quel_storage_needs_operator_total", "Refusals of Storage that only an operator can mend.", ["reason"]
)
TROUBLES = Counter("quel_troubles_total", "Warnings about a neighbour that passed or will.", ["event"])

HTTP_REQUESTS = Counter(
    "quel_http_requests_total", "Requests to the HTTP API that were answered.", ["method", "route", "status"]
)
HTTP_SECONDS = Histogram(
    "quel_http_request_duration_seconds",
    "From a request's headers to the end of its answer; streams are not counted.",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
HTTP_RATE_UNCHECKED = Counter(
    "quel_http_rate_unchecked_total", "Requests that went on although Redis could not tell the rate."
)

WORKER_THREADS = Gauge(
    "quel_worker_threads", "Worker threads: wanted, alive, busy.", ["state"], multiprocess_mode="livesum"
)
HEARTBEAT = Gauge(
    "quel_process_heartbeat_timestamp_seconds",
    "When the process last saw that its consumers move.",
    multiprocess_mode="liveall",
)
SCHEDULER_TICK = Gauge(
    "quel_scheduler_last_tick_timestamp_seconds",
    "When the scheduler last sent a tick.",
    ["actor"],
    multiprocess_mode="livemax",
)


def registry() -> CollectorRegistry:
    """What this process, or all processes of its command together, have counted."""
    if VARIABLE not in os.environ:
        return REGISTRY
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]  # prometheus_client leaves it so
    return together


def samples(name: str, of: CollectorRegistry) -> Iterator[tuple[dict[str, str], float]]:
    """The labels and value of each sample that is called `name`."""
    for family in of.collect():
        for sample in family.samples:
            if sample.name == name:
                yield sample.labels, sample.value
