"""Asks every neighbour how it is and what holds images back; one that is silent stops no other check."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from uuid import uuid4

from alembic.config import Config
from alembic.script import ScriptDirectory

from quel.adapters.gemini import GeminiEngine, ModelState
from quel.adapters.postgres.schema.revision import read_revision
from quel.adapters.redis.databases import check_databases
from quel.adapters.redis.heartbeats import HEARTBEAT_S, seen_on_broker
from quel.adapters.redis.quota import quota_use
from quel.adapters.redis.server_state import ServerState, read_server_state
from quel.adapters.redis.sweep_heartbeat import SweepHeartbeat
from quel.adapters.storage import SupabaseStorage
from quel.core.errors import (
    Misconfigured,
    QuelError,
    QuestionTooLong,
    ReferenceUnavailable,
    RowLocked,
    ServiceUnavailable,
    SettingsError,
)
from quel.core.models import ModelStatus, model_for
from quel.core.operations import doctor
from quel.core.operations.doctor import Finding, note, ok, trouble
from quel.operations.comfy_doctor import examine_comfy
from quel.operations.services import OperatorServices
from quel.operations.side_by_side import DEADLINE_S, within_deadline
from quel.routing import names_gemini
from quel.services import make_storage
from quel.settings import REQUIRED

_TIMEOUT_S = 5.0  # of one request: within the deadline of all
_AWAY = "Does it run, and is its address right?"
_GEMINI_KEY = "GEMINI_API_KEY"


def examine(services: OperatorServices, *, probe: bool = True, provider: bool = True) -> Iterator[Finding]:
    """Every check in order, the settings first. Raises nothing that a neighbour does, waits for none long.

    With `probe` one small object is put into the bucket and removed again; no image is made. `provider` False
    is for a process that has no key of the provider's. Raises SettingsError where settings name a path that
    does not exist.
    """
    _check_paths(services)
    checks: tuple[tuple[str, Callable[[OperatorServices], Iterator[Finding]]], ...] = (
        (doctor.SETTINGS, _settings if provider else _settings_without_provider),
        ("Defaults", _defaults),
        ("PostgreSQL", _postgres),
        ("Redis", _redis),
        ("Redis of the broker", _broker),
        ("Storage", _storage),
        ("Storage bucket", _bucket_settings),
        ("Gemini", _gemini),
        ("Provider quota", _quota),
        ("ComfyUI", examine_comfy),
        ("Pauses", _pauses),
        ("Workers", _workers),
        ("Ingest", _lists),
        ("Waiting", _waiting),
        ("Webhooks", _webhooks),
        ("Sweep", _sweep),
        ("Jobs left alone", _left_alone),
    )
    left_out = {*(() if probe else (_storage,)), *(() if provider else (_gemini,))}
    asked = {check: _asking(check, services, ask) for check, ask in checks if ask not in left_out}
    for check, findings in within_deadline(asked):
        if findings is None:
            yield trouble(check, f"It gave no answer within {DEADLINE_S:.0f} s. {_AWAY}")
        else:
            yield from findings


def _asking(
    check: str, services: OperatorServices, ask: Callable[[OperatorServices], Iterator[Finding]]
) -> Callable[[], list[Finding]]:
    return lambda: list(_guarded(check, services, ask))


def _check_paths(services: OperatorServices) -> None:
    """Raises SettingsError; what is wrong with engines and workflows is a finding of its own."""
    try:
        _ = services.rules
    except SettingsError:
        if not _problem_of_engines(services):
            raise


def _problem_of_engines(services: OperatorServices) -> bool:
    try:
        _ = services.engine_settings
    except SettingsError:
        return True
    return False


def _guarded(
    check: str, services: OperatorServices, ask: Callable[[OperatorServices], Iterator[Finding]]
) -> Iterator[Finding]:
    try:
        yield from ask(services)
    except SettingsError as error:
        yield trouble(check, str(error))
    except (QuestionTooLong, RowLocked) as error:
        yield trouble(check, str(error))
    except QuelError as error:
        yield trouble(check, str(error) if isinstance(error, Misconfigured) else f"{error} {_AWAY}")


def _settings(services: OperatorServices) -> Iterator[Finding]:
    required = [name for name in REQUIRED if name != _GEMINI_KEY or names_gemini(services.settings)]
    services.settings.require(*required)
    yield ok(doctor.SETTINGS, "every one that is required is there")


def _settings_without_provider(services: OperatorServices) -> Iterator[Finding]:
    services.settings.require(*(name for name in REQUIRED if name != _GEMINI_KEY))
    yield ok(doctor.SETTINGS, "every one that this process needs is there")


def _defaults(services: OperatorServices) -> Iterator[Finding]:
    yield from doctor.note_defaults(services.settings.costly_defaults)
    if services.settings.http_legacy == "open":
        yield note("QUEL_HTTP_LEGACY", "The old server's endpoints of quel serve are open to everybody.")


def _postgres(services: OperatorServices) -> Iterator[Finding]:
    state = read_revision(services.database)
    yield doctor.judge_postgres(state.server_version)
    yield doctor.judge_migrations(state.revision, _newest_migration())


def _newest_migration() -> str:
    if not Path("alembic.ini").exists():
        raise SettingsError("alembic.ini is not in this folder: run quel from the repository's root.")
    return ScriptDirectory.from_config(Config("alembic.ini")).get_current_head() or "none"


def _redis(services: OperatorServices) -> Iterator[Finding]:
    check_databases({"REDIS_URL": services.settings.redis})
    with _hint_of_tls(services.settings.redis):
        state = read_server_state(services.settings.redis)
    yield doctor.judge_redis_version("Redis", state.product, state.version)
    yield from doctor.judge_redis_memory("Redis", state.eviction_policy, state.appendonly)
    yield _room("Redis", "REDIS_URL", state, services.settings.blob_budget_bytes)


def _room(check: str, variable: str, state: ServerState, blob_budget_bytes: int) -> Finding:
    """`blob_budget_bytes` is 0 for a server that holds messages alone."""
    used, most = state.used_memory_bytes, state.max_memory_bytes
    return doctor.judge_redis_room(check, variable, most, used, blob_budget_bytes)


@contextmanager
def _hint_of_tls(url: str) -> Iterator[None]:
    """A server without TLS that is spoken to in TLS is silent, like one that is away."""
    try:
        yield
    except ServiceUnavailable as error:
        if not url.startswith("rediss:"):
            raise
        raise ServiceUnavailable(
            f"{error} It is asked for TLS (REDIS_USE_TLS, or rediss:// in a URL)."
        ) from None


def _broker(services: OperatorServices) -> Iterator[Finding]:
    check = "Redis of the broker"
    check_databases({"QUEL_BROKER_REDIS_URL": services.settings.broker_redis})
    with _hint_of_tls(services.settings.broker_redis):
        broker = read_server_state(services.settings.broker_redis)
    lists = read_server_state(services.settings.redis)
    same_server = broker.run_id == lists.run_id
    if same_server and broker.database == lists.database:
        yield note(
            check, "It shares its database with the raw lists; QUEL_BROKER_REDIS_URL gives it its own."
        )
    else:
        yield ok(check, f"database {broker.database} of {'the same' if same_server else 'its own'} server")
    if not same_server:
        yield doctor.judge_redis_version(check, broker.product, broker.version)
        yield from doctor.judge_redis_memory(check, broker.eviction_policy, broker.appendonly)
        yield _room(check, "QUEL_BROKER_REDIS_URL", broker, 0)


def _storage(services: OperatorServices) -> Iterator[Finding]:
    key, probe = f"generated-images/doctor/{uuid4().hex}.webp", uuid4().bytes
    with _bucket(services) as storage:
        storage.write_result(key, probe)
        try:
            read_back = storage.read_reference(key)
            public = _read_publicly(storage, key)
        finally:
            storage.delete_results([key])
    if read_back == probe:
        yield ok("Storage", f"an object was put into {services.settings.supabase_bucket}, read and deleted")
    else:
        yield trouble("Storage", "What was read is not what was put: check SUPABASE_STORAGE_BASE_URL.")
    if public not in (None, probe):
        yield trouble(
            "Storage public address",
            "The bucket is public, but not at SUPABASE_STORAGE_BASE_URL (where that is empty, SUPABASE_URL"
            " makes it): each reference costs a second request. Set it right, or leave it empty.",
        )


def _bucket(services: OperatorServices) -> AbstractContextManager[SupabaseStorage]:
    return closing(make_storage(services.settings, connections=1, timeout_s=_TIMEOUT_S))


def _read_publicly(storage: SupabaseStorage, key: str) -> bytes | None:
    """The probe by its public address, b"" where it is not there; None where the bucket is not public."""
    try:
        if not storage.bucket_settings().public:
            return None
    except ServiceUnavailable:  # said by the check of the bucket itself
        return None
    try:
        return storage.read_publicly(key)
    except ReferenceUnavailable:
        return b""


def _bucket_settings(services: OperatorServices) -> Iterator[Finding]:
    try:
        with _bucket(services) as storage:
            settings = storage.bucket_settings()
    except Misconfigured as error:
        if error.fault != "storage_address":
            raise
        yield note(
            "Storage bucket", "The gateway does not tell the bucket's own settings: look at them there."
        )
        return
    yield from doctor.judge_bucket(services.settings.supabase_bucket, settings)


def _gemini(services: OperatorServices) -> Iterator[Finding]:
    settings = services.settings
    if not names_gemini(settings):
        return
    settings.require(_GEMINI_KEY)
    engine = GeminiEngine(
        api_key=settings.gemini_api_key,
        model=settings.gemini_model,
        base_url=settings.gemini_base_url,
        api_version=settings.gemini_api_version,
        timeout_s=_TIMEOUT_S,
        concurrency=1,
    )
    answer = engine.check_model()
    engine.close()
    tell = ok if answer.ok else note if answer.state is ModelState.UNTOLD else trouble
    yield tell("Gemini", answer.message)
    status = model_for(settings.gemini_model).status
    if status is not ModelStatus.CURRENT:
        yield note("Gemini model", f"{settings.gemini_model} is {status} in quel's table of models.")


def _quota(services: OperatorServices) -> Iterator[Finding]:
    if not names_gemini(services.settings):
        return
    yield doctor.judge_quota(services.quota.state(), services.quota.blocked_for_s())
    settings = services.settings
    limits = (settings.gemini_rpm, settings.gemini_rpd, settings.gemini_concurrency)
    used = doctor.judge_quota_use(quota_use(services.redis), *limits) if any(limits) else None
    if used is not None:
        yield used


def _workers(services: OperatorServices) -> Iterator[Finding]:
    yield doctor.judge_workers(seen_on_broker(services.broker_redis), HEARTBEAT_S)


def _lists(services: OperatorServices) -> Iterator[Finding]:
    found = services.queue_backlog.read()
    silent_s = {name: max(0.0, time.time() - seen_at) for name, seen_at in found.ingest_seen_at.items()}
    yield from doctor.judge_lists(found.raw, silent_s)
    yield from doctor.judge_queues(found.messages)


def _waiting(services: OperatorServices) -> Iterator[Finding]:
    found = services.job_backlog.read()
    yield from doctor.judge_waiting(found.jobs, found.images)


def _webhooks(services: OperatorServices) -> Iterator[Finding]:
    settings, found = services.settings, services.job_backlog.read().webhooks
    if not settings.webhooks.is_set:
        yield from doctor.judge_left_webhooks(found.waiting)
    else:
        yield doctor.judge_webhooks(found.waiting, found.oldest_s, has_secret=bool(settings.webhook_secret))


def _pauses(services: OperatorServices) -> Iterator[Finding]:
    yield from doctor.judge_pauses(services.pause.notes())


def _sweep(services: OperatorServices) -> Iterator[Finding]:
    last_at = SweepHeartbeat(services.redis).last_at()
    yield doctor.judge_sweep(None if last_at is None else time.time() - last_at)


def _left_alone(services: OperatorServices) -> Iterator[Finding]:
    lost = services.lost_jobs.jobs()
    yield doctor.judge_left_alone(Counter(job.kind for job in lost), services.settings.adopt_within_s)
