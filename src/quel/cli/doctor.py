"""`quel doctor`: a line a check on everything quel depends on, with what to do where it is not well."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from quel.cli.console import out
from quel.core.errors import QuelError, SettingsError
from quel.core.health import Finding, State, redis_memory

if TYPE_CHECKING:
    from quel.settings import Settings
    from quel.wiring import World

_MARKS = {State.OK: "[green]ok[/]", State.NOTE: "[yellow]note[/]", State.TROUBLE: "[red]trouble[/]"}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check settings, database, Redis, Storage and Gemini; exits 1 when something is not well."""
    from quel.settings import settings
    from quel.wiring import World

    world = World(settings())
    findings = list(_examine(settings(), world))
    world.close()
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings]))
    else:
        for finding in findings:
            out.print(f"{_MARKS[finding.state]:>8} {finding.check}: ", end="")
            out.print(finding.message, highlight=False, markup=False)
    if any(finding.state is State.TROUBLE for finding in findings):
        raise typer.Exit(1)


def _examine(settings: "Settings", world: "World") -> Iterator[Finding]:
    yield _settings(settings)
    yield from _guarded("PostgreSQL", lambda: _postgres(world))
    yield from _guarded("Redis", lambda: _redis(world))
    yield from _guarded("Redis of the broker", lambda: _broker(world))
    yield from _guarded("Storage", lambda: _storage(world))
    yield from _guarded("Gemini", lambda: _gemini(settings))
    yield from _guarded("Provider quota", lambda: _quota(world))
    yield from _guarded("Pauses", lambda: _pauses(world))
    yield Finding("Prefetch", State.OK, "is set to the number of threads by the workers themselves")


def _guarded(check: str, examine: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from examine()
    except SettingsError as error:
        yield Finding(check, State.TROUBLE, str(error))
    except QuelError as error:
        yield Finding(check, State.TROUBLE, f"{error} Check its address and whether it runs.")


def _settings(settings: "Settings") -> Finding:
    from quel.settings import REQUIRED

    try:
        settings.require(*REQUIRED)
    except SettingsError as error:
        return Finding("Settings", State.TROUBLE, str(error))
    return Finding("Settings", State.OK, f"model {settings.gemini_model}, {settings.image_per_price} credits")


def _postgres(world: "World") -> Iterator[Finding]:
    from quel.adapters.postgres.schema_state import read_schema_state

    began = time.monotonic()
    state = read_schema_state(world.database)
    took_ms = (time.monotonic() - began) * 1000
    yield Finding("PostgreSQL", State.OK, f"{state.server_version}, answered in {took_ms:.0f} ms")
    head = _newest_migration()
    if state.revision == head:
        yield Finding("Migrations", State.OK, f"at head ({head})")
    else:
        at = state.revision or "none"
        yield Finding("Migrations", State.TROUBLE, f"at {at}, head is {head}: run `alembic upgrade head`.")


def _newest_migration() -> str:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    if not Path("alembic.ini").exists():
        raise SettingsError("alembic.ini is not here: run quel from the repository's root.")
    return ScriptDirectory.from_config(Config("alembic.ini")).get_current_head() or "none"


def _redis(world: "World") -> Iterator[Finding]:
    from quel.adapters.redis.server_state import read_server_state

    state = read_server_state(world.settings.redis)
    yield Finding("Redis", State.OK, f"{state.version}, {state.used_memory_bytes / 1e6:.0f} MB in use")
    yield from redis_memory(state.eviction_policy, state.appendonly)


def _broker(world: "World") -> Iterator[Finding]:
    from quel.adapters.redis.server_state import read_server_state

    state = read_server_state(world.settings.broker_redis)
    yield Finding("Redis of the broker", State.OK, f"database {state.database}")


def _storage(world: "World") -> Iterator[Finding]:
    key = f"generated-images/doctor/{uuid4().hex}.webp"
    probe = uuid4().bytes
    world.storage.write_result(key, probe)
    read_back = world.storage.read_reference(key)
    world.storage.delete_results([key])
    if read_back == probe:
        yield Finding("Storage", State.OK, "an object was put, read and deleted")
    else:
        yield Finding("Storage", State.TROUBLE, "What was read is not what was put: check the base URLs.")


def _gemini(settings: "Settings") -> Iterator[Finding]:
    from quel.adapters.gemini.engine import GeminiEngine
    from quel.core.models import ModelStatus, model_for

    settings.require("GEMINI_API_KEY")
    engine = GeminiEngine(
        api_key=settings.gemini_api_key,
        model=settings.gemini_model,
        base_url=settings.gemini_base_url,
        api_version=settings.gemini_api_version,
        timeout_s=15,
        concurrency=1,
    )
    check = engine.check_model()
    engine.close()
    yield Finding("Gemini", State.OK if check.ok else State.TROUBLE, check.message)
    model = model_for(settings.gemini_model)
    if model.status is not ModelStatus.CURRENT:
        yield Finding(
            "Gemini model", State.NOTE, f"{settings.gemini_model} is {model.status} in the model table."
        )


def _quota(world: "World") -> Iterator[Finding]:
    gate, closed_for_s = world.quota.state(), world.quota.closed_for_s()
    if closed_for_s > 0:
        message = f"closed for {closed_for_s:.0f} s more ({gate.get('reason')}); images wait, none is lost"
        yield Finding("Provider quota", State.NOTE, message)
    elif gate:
        yield Finding(
            "Provider quota", State.NOTE, f"finding its pace again ({gate.get('cap', '?')} calls a minute)"
        )
    else:
        yield Finding("Provider quota", State.OK, "open")


def _pauses(world: "World") -> Iterator[Finding]:
    notes = world.pause.notes()
    if not notes:
        yield Finding("Pauses", State.OK, "nothing is paused")
    for path, note in notes.items():
        what = "everything" if path == "*" else path
        yield Finding(
            "Pauses",
            State.NOTE,
            f"{what} is paused since {note['since']}: {note['why'] or 'no reason given'}",
        )
