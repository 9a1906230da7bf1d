"""What the doctor makes of the facts: each check's verdict, and what to do where it is not well."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from quel.core.bucket_settings import BucketSettings
from quel.core.kind import MADE_HERE, Kind
from quel.core.operations.backlog import Backlog
from quel.core.operator_fault import operator_fault
from quel.core.quota import QuotaUse
from quel.core.redis_room import RESERVE_BYTES, memory_problem

SETTINGS = "Settings"
"""The check that asks whether every setting is there that has no default."""

OLDEST_POSTGRES = 15
OLDEST_REDIS = (6, 2)
LIST_SILENT_AFTER_S = 60.0
"""A bridge gives a sign of life every few seconds, also while its list is empty."""
WEBHOOK_LATE_AFTER_S = 3_600.0
"""By then a webhook has been tried five times."""
SWEEP_SILENT_AFTER_S = 180.0
"""The sweep runs every minute; after three of them somebody should look."""

LARGEST_1K_BYTES, LARGEST_4K_BYTES = 2_000_000, 12_000_000
"""Of a WebP at quality 90: pure noise takes 0.66 bytes a pixel (measured), a photograph a tenth of that."""

_COSTS = {
    "IMAGE_PER_PRICE": "an image costs {} credits",
    "GEMINI_MODEL": "images are bought from {}",
}


class State(StrEnum):
    """Whether something is well. A note is worth knowing, no trouble, and leaves the exit code alone."""

    OK = "ok"
    NOTE = "note"
    TROUBLE = "trouble"


@dataclass(frozen=True)
class Finding:
    """One line of the doctor: what was looked at, how it is, and what it says or what to do."""

    check: str
    state: State
    message: str


def ok(check: str, message: str) -> Finding:
    """Well."""
    return Finding(check, State.OK, message)


def note(check: str, message: str) -> Finding:
    """Worth knowing."""
    return Finding(check, State.NOTE, message)


def trouble(check: str, message: str) -> Finding:
    """Not well."""
    return Finding(check, State.TROUBLE, message)


def note_defaults(defaults: Mapping[str, object]) -> Iterator[Finding]:
    """What decides over money and was left to its default; whoever pays should have chosen it."""
    for variable, value in defaults.items():
        yield note(variable, f"It is not set, so the default holds: {_COSTS[variable].format(value)}.")


def judge_postgres(version: str) -> Finding:
    """PostgreSQL 15 or later (SPEC 1.1)."""
    major = _numbers(version)[0]
    if major < OLDEST_POSTGRES:
        return trouble("PostgreSQL", f"It is version {version}: quel needs {OLDEST_POSTGRES} or later.")
    return ok("PostgreSQL", f"version {version}")


def judge_migrations(at: str | None, head: str) -> Finding:
    """Whether the schema is what this code expects."""
    if at == head:
        return ok("Migrations", f"at head ({head})")
    where = f"The schema is at {at}" if at else "No migration has run"
    return trouble("Migrations", f"{where}, head is {head}: run `alembic upgrade head`.")


def judge_redis_version(check: str, product: str, version: str) -> Finding:
    """Redis 6.2 or later, or a Valkey that speaks it (SPEC 1.1)."""
    if _numbers(version)[:2] < OLDEST_REDIS:
        return trouble(check, f"It is {product}: quel needs Redis 6.2 or later, or Valkey.")
    return ok(check, product)


def judge_redis_memory(check: str, policy: str | None, appendonly: bool | None) -> Iterator[Finding]:
    """What eviction policy and persistence mean for queued work: noeviction, and AOF (see docs)."""
    if policy is None:
        yield note(f"{check} eviction", "The server does not tell its policy: make sure it is noeviction.")
    elif policy == "noeviction":
        yield ok(f"{check} eviction", "noeviction")
    else:
        lost = (
            "pictures that were paid for are evicted, and bought again"
            if policy.startswith("volatile-")
            else "messages are evicted as well, and work is lost"
        )
        yield trouble(f"{check} eviction", f"The policy is {policy}: set noeviction, or {lost}.")
    if appendonly is None:
        yield note(f"{check} AOF", "The server does not tell whether its append-only file is on.")
    elif appendonly:
        yield ok(f"{check} AOF", "on")
    else:
        yield note(
            f"{check} AOF",
            "off: what is queued is lost when Redis restarts, and the sweep brings it back from the rows,"
            " within minutes. In production turn it on.",
        )


def judge_redis_room(
    check: str, variable: str, max_memory_bytes: int | None, used_bytes: int | None, blob_budget_bytes: int
) -> Finding:
    """Whether `maxmemory` holds the pictures' budget, if they are kept there, and the reserve."""
    check = f"{check} memory"
    problem = memory_problem(max_memory_bytes, blob_budget_bytes=blob_budget_bytes, variable=variable)
    if problem is not None:
        return trouble(check, problem)
    if max_memory_bytes is None:
        return note(check, "The server does not tell its maxmemory.")
    if max_memory_bytes == 0:
        return ok(check, "maxmemory is not set")
    left = max_memory_bytes - (used_bytes or 0)
    if left < RESERVE_BYTES:
        return trouble(
            check,
            f"Only {left // 2**20} MiB of maxmemory are left: soon no call begins. Raise maxmemory, or find"
            " what fills the server.",
        )
    return ok(check, f"{left // 2**20} MiB of maxmemory are left")


def judge_bucket(name: str, settings: BucketSettings) -> Iterator[Finding]:
    """Whether the bucket takes what quel puts in, and how its objects are read."""
    found = [*_judge_type(name, settings), *_judge_size(settings.file_size_limit_bytes)]
    seen = "public" if settings.public else "private: references are read with the service key"
    yield from found or [ok(_BUCKET, f"{name} is {seen}, and takes image/webp")]


_BUCKET = "Storage bucket"


def _judge_type(name: str, settings: BucketSettings) -> Iterator[Finding]:
    if not settings.takes("image/webp"):
        allowed = ", ".join(settings.allowed_mime_types or ())
        yield trouble(
            _BUCKET,
            f"{name} takes no image/webp, only {allowed}: add it to the bucket's allowed MIME types. Pictures"
            " that are made wait meanwhile, none is lost.",
        )


def _judge_size(limit_bytes: int | None) -> Iterator[Finding]:
    if limit_bytes is not None and limit_bytes < LARGEST_4K_BYTES:
        tell = trouble if limit_bytes < LARGEST_1K_BYTES else note
        yield tell(
            _BUCKET,
            f"The bucket's file size limit is {limit_bytes / 1e6:g} MB: a WebP of 1K takes up to"
            f" {LARGEST_1K_BYTES / 1e6:g} MB, one of 4K up to {LARGEST_4K_BYTES / 1e6:g} MB. Raise it.",
        )


def judge_quota(breaker: Mapping[str, str], blocked_for_s: float) -> Finding:
    """The circuit breaker and the day's quota as they stand, as `Quota.state` tells them."""
    check = "Provider quota"
    fault = operator_fault(breaker.get("reason"))
    if fault is not None:
        return trouble(
            check, f"{fault.sentence} Images wait, none is lost; within a minute of the mend they go on."
        )
    if blocked_for_s > 0:
        why = breaker.get("reason", "no reason noted")
        return note(check, f"closed for {blocked_for_s:.0f} s more ({why}); images wait, none is lost")
    if breaker.get("cap"):
        return note(check, f"open, finding its pace again at {breaker['cap']} calls a minute")
    return ok(check, "open")


def judge_quota_use(use: QuotaUse, rpm: int | None, rpd: int | None, at_once: int | None) -> Finding | None:
    """How much of the quota is used; None where there is none."""
    parts = [f"{use.minute:,} of {rpm:,} calls a minute"] if rpm else []
    parts += [f"{use.today or 0:,} of {rpd:,} today"] if rpd else []
    parts += [f"{use.at_once:,} of {at_once:,} at once"] if at_once else []
    return ok("Quota used", ", ".join(parts)) if parts else None


def judge_workers(seen_s: Sequence[float], heartbeat_s: float) -> Finding:
    """The programs that have spoken to the broker of late; a worker does so every second."""
    live = sum(silent_s <= heartbeat_s for silent_s in seen_s)
    if live == 0:
        return note("Workers", "None spoke to the broker in the last minute: start `dramatiq quel.actors`.")
    return ok("Workers", f"{live} {'process' if live == 1 else 'processes'} spoke to the broker a moment ago")


def judge_lists(lengths: Mapping[str, int], silent_s: Mapping[str, float]) -> Iterator[Finding]:
    """The raw lists: how many ids lie on each, and whether a bridge watches it, `silent_s` ago."""
    for name, length in lengths.items():
        silent = silent_s.get(name)
        if silent is not None and silent <= LIST_SILENT_AFTER_S:
            yield ok("Ingest", f"{name}: {length:,} ids, watched {silent:.0f} s ago")
        elif length:
            since = "in a day" if silent is None else f"for {silent:.0f} s"
            yield trouble(
                "Ingest",
                f"{name}: {length:,} ids, and nobody has watched it {since}: start a worker for fetch_job.",
            )
        else:
            yield note("Ingest", f"{name}: empty, and nobody watches it; a worker for fetch_job does.")


def judge_waiting(jobs: Sequence[Backlog], images: Sequence[Backlog]) -> Iterator[Finding]:
    """What is open in the rows, with the age of the oldest."""
    for what, found in (("jobs", jobs), ("images", images)):
        parts = []
        for state in dict.fromkeys(each.state for each in found):
            of_state = [each for each in found if each.state == state]
            oldest = max(each.oldest_s for each in of_state)
            parts.append(f"{sum(each.count for each in of_state):,} {state} (the oldest {oldest:.0f} s)")
        yield ok("Waiting", f"{what}: {', '.join(parts) or 'none'}")


def judge_left_webhooks(waiting: int) -> Iterator[Finding]:
    """Whether some wait that were written before webhooks were switched off."""
    if waiting:
        yield note(
            "Webhooks",
            f"{waiting:,} wait, and none is sent: neither QUEL_WEBHOOK_URL nor QUEL_WEBHOOK_HOSTS is set any"
            " more. Set one again to have them sent.",
        )


def judge_webhooks(waiting: int, oldest_s: float, *, has_secret: bool) -> Finding:
    """Whether receivers are told of jobs that end; one that is away for an hour is somebody's to look at."""
    check = "Webhooks"
    if not has_secret:
        return note(check, "QUEL_WEBHOOK_SECRET is not set here: workers for deliver_webhook need it.")
    if oldest_s > WEBHOOK_LATE_AFTER_S:
        return note(
            check,
            f"{waiting:,} wait, the oldest for {oldest_s / 3600:.1f} h: `quel webhooks list --state waiting`"
            " shows what their receivers answer.",
        )
    return ok(check, f"{waiting:,} wait" if waiting else "none waits")


def judge_queues(messages: Mapping[tuple[str, str], int]) -> Iterator[Finding]:
    """The broker's queues, and the messages that failed for good."""
    waiting = {queue: n for (queue, kind), n in messages.items() if kind in ("waiting", "delayed") and n}
    total = ", ".join(f"{queue} {n:,}" for queue, n in waiting.items())
    yield ok("Queues", total or "empty")
    dead = sum(n for (_, kind), n in messages.items() if kind == "dead")
    if dead:
        yield note("Dead letters", f"{dead:,} messages failed for good: `quel dead list` shows them.")


def judge_pauses(notes: Mapping[str, Mapping[str, str]]) -> Iterator[Finding]:
    """The paths an operator has paused; `*` stands for all of them."""
    if not notes:
        yield ok("Pauses", "nothing is paused")
    for path, said in notes.items():
        what = "everything" if path == "*" else path
        why = said.get("why") or "no reason given"
        yield note("Pauses", f"{what} is paused since {said.get('since', 'an unknown time')}: {why}")


def judge_sweep(silent_s: float | None) -> Finding:
    """When the sweep last came through; it repairs what is lost, so its silence is not well."""
    check = "Sweep"
    if silent_s is None:
        return note(check, "None in a day: start `periodiq quel.actors` and a worker for sweep_stuck_jobs.")
    if silent_s > SWEEP_SILENT_AFTER_S:
        return trouble(
            check, f"The last was {silent_s:.0f} s ago: is `periodiq quel.actors` running, with workers?"
        )
    return ok(check, f"the last was {silent_s:.0f} s ago")


def judge_left_alone(lost: Mapping[Kind, int], adopt_within_s: float) -> Finding:
    """The open jobs that the sweep leaves alone, by kind: another program's, or quel's and too old."""
    check = "Jobs left alone"
    old = sum(number for kind, number in lost.items() if kind in MADE_HERE)
    others = [f"{number} {kind}" for kind, number in sorted(lost.items()) if kind not in MADE_HERE]
    parts = [f"{old} older than {adopt_within_s:.0f} s"] if old else []
    parts += [f"{', '.join(others)} of other kinds"] if others else []
    if not parts:
        return ok(check, "none")
    return note(check, f"{' and '.join(parts)}: `quel jobs --lost` lists them; `quel retry` runs an old one.")


def _numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of "18.6 (Debian 18.6-1)" or "7.2.4": (18, 6) or (7, 2, 4)."""
    parts = version.split(" ", 1)[0].split(".")
    return tuple(int("".join(c for c in part if c.isdigit()) or 0) for part in parts)
