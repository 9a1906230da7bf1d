"""`quel doctor` where all is well, and where each thing in turn is not."""

import json
import time

import pytest

from quel.adapters.redis.pause import Pause
from quel.adapters.redis.sweep_heartbeat import SweepHeartbeat
from quel.core.operator_fault import OperatorFault
from quel.sandbox.faults import gateway_page
from tests.integration.quel_command import run_command, run_quel
from tests.integration.redis_of_its_own import running_redis, url_of

UNREACHABLE = "127.0.0.1:1"


def examine(pipeline, **settings):
    """The doctor's exit code, its findings as {check: (state, message)}, and all it printed."""
    answer = run_quel(pipeline.environment(**settings), "doctor", "--json")
    assert answer.stdout, answer.stderr
    findings = {f["check"]: (f["state"], f["message"]) for f in json.loads(answer.stdout)}
    return answer.returncode, findings, answer.stdout + answer.stderr


def troubles(findings):
    return {check for check, (state, _) in findings.items() if state == "trouble"}


def test_all_is_well_in_the_test_world(pipeline):
    code, findings, _ = examine(pipeline)
    assert (code, troubles(findings)) == (0, set())
    for check in ("Settings", "PostgreSQL", "Migrations", "Redis", "Redis eviction", "Storage", "Gemini"):
        assert findings[check][0] == "ok"
    assert findings["Provider quota"] == ("ok", "open")


def test_prints_a_line_a_check_and_no_secret(pipeline):
    environment = pipeline.environment()
    answer = run_command(environment, "doctor")
    assert answer.returncode == 0, answer.stderr
    assert any(line.startswith("ok") and "Storage: " in line for line in answer.stdout.splitlines())
    assert environment["SUPABASE_SERVICE_KEY"] not in answer.stdout
    assert environment["GEMINI_API_KEY"] not in answer.stdout
    assert environment["DATABASE_URL"] not in answer.stdout


def test_webhooks_that_wait_since_they_were_switched_off_are_told(pipeline):
    assert "Webhooks" not in examine(pipeline)[1]
    pipeline.studio.rows(
        "INSERT INTO quel.webhook (job_id, type, body) VALUES (gen_random_uuid(), 'job.failed', '{}')"
    )
    code, findings, _ = examine(pipeline)
    assert (code, findings["Webhooks"][0]) == (0, "note")
    assert "1 wait, and none is sent: neither QUEL_WEBHOOK_URL" in findings["Webhooks"][1]


def test_leaves_nothing_in_the_bucket(pipeline):
    before = len(pipeline.world.storage.objects())
    examine(pipeline)
    assert len(pipeline.world.storage.objects()) == before


@pytest.mark.parametrize(
    "setting", ["DATABASE_URL", "SUPABASE_URL", "SUPABASE_SERVICE_KEY", "GEMINI_API_KEY"]
)
def test_a_missing_setting_is_named_and_everything_else_is_still_examined(pipeline, setting):
    code, findings, _ = examine(pipeline, **{setting: ""})
    assert code == 2
    assert setting in findings["Settings"][1]
    assert findings["Redis"][0] == "ok"


@pytest.mark.parametrize(
    ("settings", "check"),
    [
        ({"DATABASE_URL": f"postgresql://quel:secret-word@{UNREACHABLE}/x"}, "PostgreSQL"),
        ({"REDIS_URL": f"redis://:secret-word@{UNREACHABLE}/0"}, "Redis"),
        ({"QUEL_BROKER_REDIS_URL": f"redis://:secret-word@{UNREACHABLE}/1"}, "Redis of the broker"),
        ({"SUPABASE_URL": f"http://{UNREACHABLE}"}, "Storage"),
        ({"GEMINI_BASE_URL": f"http://{UNREACHABLE}"}, "Gemini"),
        ({"SUPABASE_SERVICE_KEY": "secret-word"}, "Storage"),
        ({"SUPABASE_BUCKET": "no-such-bucket"}, "Storage"),
        ({"GEMINI_API_KEY": "secret-word"}, "Gemini"),
        ({"GEMINI_MODEL": "gemini-that-was"}, "Gemini"),
    ],
)
def test_what_does_not_answer_or_refuses_is_in_trouble(pipeline, settings, check):
    code, findings, printed = examine(pipeline, **settings)
    assert code == 1
    assert check in troubles(findings)
    assert "secret-word" not in printed


@pytest.mark.parametrize(
    ("bucket", "settings", "check", "state", "named"),
    [
        ({"allowed_mime_types": ["image/png"]}, {}, "Storage bucket", "trouble", "image/webp"),
        ({"file_size_limit": 1_000_000}, {}, "Storage bucket", "trouble", "1 MB"),
        ({"public": False}, {}, "Storage bucket", "ok", "private"),
        ({}, {"SUPABASE_STORAGE_BASE_URL": "/files/"}, "Storage public address", "trouble", "BASE_URL"),
        ({}, {"SUPABASE_BUCKET": "no-such-bucket"}, "Storage bucket", "trouble", "no such bucket"),
        ({}, {"SUPABASE_URL": "/elsewhere"}, "Storage", "trouble", "not Storage's"),
        ({}, {"SUPABASE_SERVICE_KEY": "wrong"}, "Storage bucket", "trouble", "SUPABASE_SERVICE_KEY"),
    ],
)
def test_the_bucket_tells_what_is_wrong_with_it(pipeline, bucket, settings, check, state, named):
    storage = pipeline.world.storage
    storage.set_bucket(**bucket)
    settings = {name: value if value[0] != "/" else storage.url + value for name, value in settings.items()}
    try:
        code, findings, _ = examine(pipeline, **settings)
    finally:
        storage.set_bucket(public=True, file_size_limit=None, allowed_mime_types=None)
    assert (findings[check][0], code) == (state, int(state == "trouble"))
    assert named in findings[check][1]


def test_a_model_the_provider_does_not_know_is_named(pipeline):
    _, findings, _ = examine(pipeline, GEMINI_MODEL="gemini-that-was")
    assert "gemini-that-was" in findings["Gemini"][1]


def test_a_schema_that_is_behind_names_the_command(pipeline, empty_database_url):
    code, findings, _ = examine(pipeline, DATABASE_URL=empty_database_url)
    assert code == 1
    assert "alembic upgrade head" in findings["Migrations"][1]


def test_a_closed_quota_and_a_pause_are_notes(pipeline):
    until_ms = round(time.time() * 1000) + 60_000
    pipeline.studio.redis.hset("quel:quota:gate", mapping={"until": until_ms, "reason": "minute"})
    Pause(pipeline.studio.redis, None).pause("eats", "photographs are being moved")
    code, findings, _ = examine(pipeline)
    assert code == 0
    assert findings["Provider quota"][0] == "note"
    assert findings["Pauses"][0] == "note"
    assert "photographs are being moved" in findings["Pauses"][1]


def test_a_sweep_that_has_fallen_silent_is_trouble(pipeline):
    SweepHeartbeat(pipeline.studio.redis).beat()
    assert examine(pipeline)[1]["Sweep"][0] == "ok"
    pipeline.studio.redis.set("quel:sweep:heartbeat", f"{time.time() - 3600:.0f}")
    code, findings, _ = examine(pipeline)
    assert (code, findings["Sweep"][0]) == (1, "trouble")


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"IMAGE_PER_PRICE": "five"}, "IMAGE_PER_PRICE"),
        ({"QUEL_DEFAULT_PATH": "sports"}, "QUEL_DEFAULT_PATH"),
        ({"QUEL_CONFIG": "/no/such/file"}, "QUEL_CONFIG"),
        ({"DATABASE_URL": "postgresql://quel:secret-word@host:no-port/x"}, "DATABASE_URL"),
        ({"REDIS_URL": "redis://:secret-word@host:no-port/x"}, "REDIS_URL"),
        ({"QUEL_BROKER_REDIS_URL": "redis://:secret-word@host:no-port/x"}, "QUEL_BROKER_REDIS_URL"),
    ],
)
def test_a_setting_that_cannot_be_read_is_wrong_usage(pipeline, settings, named):
    answer = run_quel(pipeline.environment(**settings), "doctor")
    assert answer.returncode == 2
    assert named in answer.stderr
    assert "secret-word" not in answer.stderr + answer.stdout


def test_a_redis_too_small_for_the_budget_is_trouble_that_says_what_to_set(pipeline):
    with running_redis("maxmemory 100mb", "databases 2") as server:
        code, findings, _ = examine(
            pipeline, REDIS_URL=url_of(server), QUEL_BROKER_REDIS_URL=url_of(server, 1)
        )
        assert (code, findings["Redis memory"][0]) == (1, "trouble")
        assert "QUEL_BLOB_BUDGET_BYTES" in findings["Redis memory"][1]
        fitting = {"QUEL_BLOB_BUDGET_BYTES": "20000000", "REDIS_URL": url_of(server)}
        assert examine(pipeline, **fitting)[1]["Redis memory"][0] == "ok"


def test_a_gateway_that_routes_images_alone_is_a_note(pipeline):
    pipeline.world.gemini.fail_next(gateway_page(404), operation="describe")
    code, findings, _ = examine(pipeline)
    assert (code, findings["Gemini"][0]) == (0, "note")


@pytest.mark.parametrize("fault", OperatorFault)
def test_what_an_operator_must_mend_at_the_provider_is_trouble_with_its_cause(pipeline, fault):
    pipeline.studio.redis.hset(
        "quel:quota:gate", mapping={"until": "1", "reason": fault.value, "probing": "1"}
    )
    code, findings, _ = examine(pipeline)
    assert (code, troubles(findings)) == (1, {"Provider quota"})
    assert findings["Provider quota"][1].startswith(fault.sentence)
