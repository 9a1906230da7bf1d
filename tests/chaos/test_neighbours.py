"""A neighbour fails in the middle of a job: nothing is lost, nothing is bought or charged twice."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from pathlib import Path

import psycopg2
import pytest
import redis

from quel.sandbox import World, faults
from quel.sandbox.faults import Fault
from quel.sandbox.processes import scheduler, workers
from quel.sandbox.storage import faults as storage_faults
from tests.chaos.case import Case
from tests.preloaded import Preloaded

TROUBLE_S = 4.0
NewCase = Callable[..., Case]


@pytest.fixture
def new_case(tmp_path: Path) -> Iterator[NewCase]:
    with ExitStack() as stack:
        preloaded = stack.enter_context(Preloaded())

        def make(world: World, credits: int = 1_000) -> Case:
            return stack.enter_context(closing(Case(world, preloaded, tmp_path, credits=credits)))

        yield make


def in_progress(case: Case) -> bool:
    """Whether the provider has been called for this customer."""
    return case.provider_calls() > 0


def check_completed(case: Case, *, calls: int) -> None:
    findings = case.audit()
    assert not findings.sentences(), case.log()[-4_000:]
    assert not findings.stray_objects
    assert [row["job_status"] for row in case.job_rows()] == ["completed"] * len(case.jobs)
    assert all(row["failed_images"] == 0 for row in case.job_rows())
    assert case.provider_calls() <= calls


@contextmanager
def read_only(case: Case) -> Iterator[None]:
    """PostgreSQL as a standby or a full disk shows itself."""
    name = case.database_url.rsplit("/", 1)[1]
    end_sessions = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'quel'"
    case.studio.rows(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    case.studio.rows(end_sessions)
    yield
    case.studio.rows(
        f"SET transaction_read_only = off; ALTER DATABASE {name} RESET default_transaction_read_only"
    )
    case.studio.rows(end_sessions)


@contextmanager
def no_connection_left(case: Case) -> Iterator[None]:
    """PostgreSQL at its limit, for whoever comes now."""
    with ExitStack() as held:
        with suppress(psycopg2.OperationalError):
            while True:
                held.enter_context(closing(psycopg2.connect(case.database_url)))
        yield


@contextmanager
def payer_locked(case: Case) -> Iterator[None]:
    """Somebody else's transaction holds the payer's row."""
    with closing(psycopg2.connect(case.database_url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT * FROM quel_member FOR UPDATE")
        yield


@contextmanager
def redis_full(case: Case) -> Iterator[None]:
    """Redis takes no write, as with `noeviction` at its limit."""
    case.studio.redis.config_set("maxmemory-policy", "noeviction")
    case.studio.redis.config_set("maxmemory", 1_000_000)
    yield
    case.studio.redis.config_set("maxmemory", 0)


@contextmanager
def redis_away(case: Case) -> Iterator[None]:
    case.world.servers.stop_redis()
    yield
    case.world.servers.start_redis()


@contextmanager
def redis_killed_and_empty(case: Case) -> Iterator[None]:
    case.world.servers.restart_redis(keep_data=False)
    yield


@contextmanager
def postgres_away(case: Case) -> Iterator[None]:
    case.world.servers.kill_postgres()
    yield
    case.world.servers.start_postgres()


@pytest.mark.parametrize(
    "trouble", [read_only, payer_locked, redis_full, redis_away, postgres_away], ids=lambda t: t.__name__
)
def test_a_job_outlasts_a_server_in_trouble(
    trouble: Callable[..., AbstractContextManager[None]], own_world: World, new_case: NewCase
) -> None:
    case = new_case(own_world)
    own_world.gemini.fail_next(faults.slow(1.0), times=2, containing=case.marker)
    case.order()
    with case.workers():
        case.wait_until(lambda: in_progress(case), 30)
        with trouble(case):
            time.sleep(TROUBLE_S)
        case.heal()
    check_completed(case, calls=2)


def test_a_job_outlasts_a_lock_that_is_held_longer_than_any_statement_waits(
    own_world: World, new_case: NewCase
) -> None:
    case = new_case(own_world)
    case.order()
    with case.workers():
        with payer_locked(case):
            case.wait_until(lambda: "row_locked" in case.log(), 30)
            assert "row_locked" in case.log(), case.log()[-3000:]
        case.heal()
    check_completed(case, calls=2)


def test_a_job_outlasts_the_loss_of_all_that_redis_holds(own_world: World, new_case: NewCase) -> None:
    case = new_case(own_world)
    own_world.gemini.fail_next(faults.slow(1.0), times=2, containing=case.marker)
    case.order()
    with case.workers():
        case.wait_until(lambda: in_progress(case), 30)
        with redis_killed_and_empty(case):
            case.heal()
    check_completed(case, calls=4)


def test_workers_that_start_when_postgresql_takes_no_connection_begin_later(
    own_world: World, new_case: NewCase
) -> None:
    case = new_case(own_world)
    case.order()
    with no_connection_left(case), case.workers():
        time.sleep(TROUBLE_S)
    assert not in_progress(case)
    case.heal()
    check_completed(case, calls=2)


@pytest.mark.parametrize(
    "fault",
    [
        storage_faults.forbidden(),
        storage_faults.internal_error(),
        storage_faults.database_timeout(),
        storage_faults.locked(),
        faults.gateway_page(401),
        faults.gateway_page(502),
        faults.cut_before_answer(),
        faults.cut_during_answer(),
    ],
    ids=lambda fault: fault.name,
)
def test_an_image_that_was_paid_for_outlasts_storage_in_trouble(
    fault: Fault, world: World, new_case: NewCase
) -> None:
    case = new_case(world)
    world.storage.fail_next(fault, times=3, containing=str(case.member), operation="upload")
    case.order()
    case.heal()
    check_completed(case, calls=2)


def test_an_object_too_large_for_the_bucket_is_kept_until_the_limit_is_raised(
    world: World, new_case: NewCase
) -> None:
    case = new_case(world)
    fault = storage_faults.too_large()
    world.storage.fail_next(fault, containing=str(case.member), operation="upload")
    case.order()
    case.heal()
    check_completed(case, calls=2)


def test_an_answer_that_dribbles_is_hung_up_on_and_asked_for_again(world: World, new_case: NewCase) -> None:
    case = new_case(world)
    case.environment["QUEL_GEMINI_TIMEOUT_S"] = "3"
    world.gemini.fail_next(faults.dribble(0.5), containing=case.marker)
    case.order()
    case.heal()
    check_completed(case, calls=3)


def test_a_worker_told_to_stop_during_a_call_ends_it_keeps_the_picture_and_ends_well(
    world: World, new_case: NewCase, tmp_path: Path
) -> None:
    case = new_case(world)
    world.gemini.fail_next(faults.slow(3.0), times=2, containing=case.marker)
    case.order()
    with workers(case.environment, tmp_path / "stopped.log", threads=4) as stopped:
        case.wait_until(lambda: case.provider_calls() == 2, 30)
        assert stopped.terminate() == 0
    states = [row["state"] for row in case.studio.rows("SELECT state FROM quel.image")]
    assert set(states) <= {"made", "stored"}
    case.heal()
    check_completed(case, calls=2)


def test_a_job_goes_on_within_two_minutes_after_its_worker_was_killed_in_a_call(
    world: World, new_case: NewCase, tmp_path: Path
) -> None:
    case = new_case(world)
    del case.environment["QUEL_STUCK_AFTER_S"]
    world.gemini.fail_next(faults.slow(30.0), times=2, containing=case.marker)
    case.order()
    with workers(case.environment, tmp_path / "killed.log", threads=4):
        case.wait_until(lambda: case.provider_calls() == 2, 30)
    world.gemini.clear_faults()
    with workers(case.environment, tmp_path / "next.log"), scheduler(case.environment, tmp_path / "tick.log"):
        case.studio.wait(case.jobs, timeout_s=120)
    check_completed(case, calls=4)


def test_a_restart_alone_finishes_every_job_after_everything_was_killed_and_redis_lost(
    own_world: World, new_case: NewCase, tmp_path: Path
) -> None:
    case = new_case(own_world)
    del case.environment["QUEL_STUCK_AFTER_S"]
    for _ in range(3):
        case.order()
    case.run_until(lambda: case.all_images_are("made"), "fetch_job", "prepare_inputs", "generate_image")
    for _ in range(3):
        case.order()
    case.run_until(lambda: len(case.studio.rows("SELECT 1 FROM quel.image")) == 12, "fetch_job")
    for _ in range(3):
        case.order()
    case.studio.redis.flushall()
    with (
        workers(case.environment, tmp_path / "after.log"),
        scheduler(case.environment, tmp_path / "tick.log"),
    ):
        case.studio.wait(case.jobs, timeout_s=240)
    check_completed(case, calls=18 + 6)


def test_forty_jobs_at_once_spend_a_balance_to_the_unit(world: World, new_case: NewCase) -> None:
    case = new_case(world, credits=0)
    org = case.studio.organization(case.member, 203)
    case.starting_credits[org] = 203
    for _ in range(40):
        case.order(org=org, pushed=False)
    case.studio.push(*case.jobs)
    with case.workers():
        case.heal()
    assert not case.audit().sentences()
    assert sum(row["completed_images"] for row in case.job_rows()) == 40
    (row,) = case.studio.rows("SELECT org_credit FROM quel_organization")
    assert row["org_credit"] == 3
    reasons = [row["error_message"] for row in case.job_rows() if row["failed_images"]]
    assert reasons
    assert all("credits" in reason for reason in reasons)


def test_neither_secrets_nor_prompts_stand_in_logs_messages_or_dead_letters(
    own_world: World, new_case: NewCase
) -> None:
    case = new_case(own_world)
    secrets = {own_world.storage.service_key, own_world.gemini.api_key, case.marker}
    secrets.add(case.database_url.split(":")[2].split("@")[0])
    case.environment["QUEL_GEMINI_TIMEOUT_S"] = "2"
    for fault in (faults.hang(), faults.cut_during_answer(), faults.gateway_page(502)):
        own_world.gemini.fail_next(fault, containing=case.marker)
    own_world.storage.fail_next(storage_faults.internal_error(), times=6, operation="upload")
    case.studio.push(case.order(pushed=False))
    broker = redis.Redis.from_url(case.environment["QUEL_BROKER_REDIS_URL"])
    with closing(broker), case.workers() as running:
        case.wait_until(lambda: in_progress(case), 30)
        with read_only(case):
            for _ in range(8):
                case.sweep()  # it has no retries: what fails is a dead letter at once
                seen = _everything_in(broker) + case.log().encode()
                assert not [secret for secret in secrets if secret.encode() in seen]
                time.sleep(0.5)
        case.heal()
        assert b"retries" in seen
        seen = _everything_in(broker) + case.log().encode()
        assert not [secret for secret in secrets if secret.encode() in seen]
        assert running.wait(0) is None
    check_completed(case, calls=2 + 4)


def _everything_in(database: redis.Redis) -> bytes:
    """Every key and value of a Redis database."""
    parts: list[bytes | str] = []
    for key in database.keys("*"):
        parts.append(key)
        kind = database.type(key)
        if kind == b"string":
            parts.append(database.get(key) or b"")
        elif kind == b"list":
            parts += database.lrange(key, 0, -1)
        elif kind == b"hash":
            parts += [part for item in database.hgetall(key).items() for part in item]
        elif kind == b"set":
            parts += database.smembers(key)
        elif kind == b"zset":
            parts += [member for member, _ in database.zscan_iter(key)]
        elif kind != b"none":  # gone since it was listed
            raise AssertionError(f"Nobody has read {key!r}, which is a {kind!r}.")
    encoded = database.get_encoder().encode
    return b"\n".join(encoded(part) for part in parts)


def test_a_sweep_that_meets_no_postgresql_says_so_in_a_sentence(own_world: World, new_case: NewCase) -> None:
    case = new_case(own_world)
    with case.workers():
        time.sleep(1)
        with postgres_away(case):
            case.wait_until(lambda: "neighbour_down" in case.log(), 30)
        log = case.log()
    assert "PostgreSQL" in log
    assert "neighbour_down" in log
    assert "Traceback" not in log
