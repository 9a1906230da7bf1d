"""Asks every neighbour how it is, for `quel doctor`; one that does not answer stops no other check."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from quel.core.errors import QuelError, ServiceUnavailable, SettingsError
from quel.core.operations import doctor
from quel.core.operations.doctor import Finding, note, ok, trouble

if TYPE_CHECKING:
    from quel.services import Services

_GEMINI_TIMEOUT_S = 15.0


def examine(world: "Services") -> Iterator[Finding]:
    """Every check in order. Raises nothing that a neighbour does."""
    checks: tuple[tuple[str, Callable[[Services], Iterator[Finding]]], ...] = (
        ("Defaults", _defaults),
        ("PostgreSQL", _postgres),
        ("Redis", _redis),
        ("Redis of the broker", _broker),
        ("Storage", _storage),
        ("Gemini", _gemini),
        ("Provider quota", _quota),
        ("Pauses", _pauses),
        ("Sweep", _sweep),
        ("Jobs left alone", _left_alone),
    )
    for check, ask in checks:
        yield from _guarded(check, world, ask)


def _guarded(
    check: str, world: "Services", ask: "Callable[[Services], Iterator[Finding]]"
) -> Iterator[Finding]:
    try:
        yield from ask(world)
    except SettingsError as error:
        yield trouble(check, str(error))
    except QuelError as error:
        yield trouble(check, f"{error} Does it run, and is its address right?")


def _defaults(world: "Services") -> Iterator[Finding]:
    yield from doctor.note_defaults(world.settings.costly_defaults)


def _postgres(world: "Services") -> Iterator[Finding]:
    from quel.adapters.postgres.schema.revision import read_revision

    state = read_revision(world.database)
    yield doctor.judge_postgres(state.server_version)
    yield doctor.judge_migrations(state.revision, _newest_migration())


def _newest_migration() -> str:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    if not Path("alembic.ini").exists():
        raise SettingsError("alembic.ini is not in this folder: run quel from the repository's root.")
    return ScriptDirectory.from_config(Config("alembic.ini")).get_current_head() or "none"


def _redis(world: "Services") -> Iterator[Finding]:
    from quel.adapters.redis.databases import check_databases
    from quel.adapters.redis.server_state import read_server_state

    check_databases({"REDIS_URL": world.settings.redis})
    with _hint_of_tls(world.settings.redis):
        state = read_server_state(world.settings.redis)
    yield doctor.judge_redis_version("Redis", state.product, state.version)
    yield from doctor.judge_redis_memory("Redis", state.eviction_policy, state.appendonly)


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


def _broker(world: "Services") -> Iterator[Finding]:
    from quel.adapters.redis.databases import check_databases
    from quel.adapters.redis.server_state import read_server_state

    check = "Redis of the broker"
    check_databases({"QUEL_BROKER_REDIS_URL": world.settings.broker_redis})
    with _hint_of_tls(world.settings.broker_redis):
        broker = read_server_state(world.settings.broker_redis)
    lists = read_server_state(world.settings.redis)
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


def _storage(world: "Services") -> Iterator[Finding]:
    key, probe = f"generated-images/doctor/{uuid4().hex}.webp", uuid4().bytes
    world.storage.write_result(key, probe)
    try:
        read_back = world.storage.read_reference(key)
    finally:
        world.storage.delete_results([key])
    if read_back == probe:
        yield ok("Storage", f"an object was put into {world.settings.supabase_bucket}, read and deleted")
    else:
        yield trouble("Storage", "What was read is not what was put: check SUPABASE_STORAGE_BASE_URL.")


def _gemini(world: "Services") -> Iterator[Finding]:
    from quel.adapters.gemini import GeminiEngine, ModelState
    from quel.core.models import ModelStatus, model_for

    settings = world.settings
    settings.require("GEMINI_API_KEY")
    engine = GeminiEngine(
        api_key=settings.gemini_api_key,
        model=settings.gemini_model,
        base_url=settings.gemini_base_url,
        api_version=settings.gemini_api_version,
        timeout_s=_GEMINI_TIMEOUT_S,
        concurrency=1,
    )
    answer = engine.check_model()
    engine.close()
    tell = ok if answer.ok else note if answer.state is ModelState.UNTOLD else trouble
    yield tell("Gemini", answer.message)
    status = model_for(settings.gemini_model).status
    if status is not ModelStatus.CURRENT:
        yield note("Gemini model", f"{settings.gemini_model} is {status} in quel's table of models.")


def _quota(world: "Services") -> Iterator[Finding]:
    yield doctor.judge_gate(world.quota.state(), world.quota.closed_for_s())


def _pauses(world: "Services") -> Iterator[Finding]:
    yield from doctor.judge_pauses(world.pause.notes())


def _sweep(world: "Services") -> Iterator[Finding]:
    from quel.adapters.redis.sweep_heartbeat import SweepHeartbeat

    last_at = SweepHeartbeat(world.redis).last_at()
    yield doctor.judge_sweep(None if last_at is None else time.time() - last_at)


def _left_alone(world: "Services") -> Iterator[Finding]:
    from quel.cli.connections import lost_rows

    lost = lost_rows(world.database, world.settings).jobs()
    yield doctor.judge_left_alone(Counter(job.kind for job in lost), world.settings.adopt_within_s)
