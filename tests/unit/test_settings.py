"""The settings of SPEC 1.1 and the file of SPEC 1.6: defaults, precedence, and errors that name the key."""

import pytest

from quel.core.errors import SettingsError
from quel.core.kinds import ALL_PATHS
from quel.core.open_paths import EveryPath, OnlyPaths, PathLimit
from quel.environment import read_settings
from quel.rules import make_rules
from quel.settings import VARIABLES

CONTRACT = [
    "DATABASE_URL",
    "REDIS_URL",
    "REDIS_HOST",
    "REDIS_PORT",
    "REDIS_USERNAME",
    "REDIS_PASSWORD",
    "REDIS_USE_TLS",
    "SUPABASE_URL",
    "SUPABASE_SERVICE_KEY",
    "SUPABASE_STORAGE_BASE_URL",
    "SUPABASE_BUCKET",
    "GEMINI_API_KEY",
    "GEMINI_MODEL",
    "GEMINI_BASE_URL",
    "GEMINI_API_VERSION",
    "IMAGE_PER_PRICE",
    "QUEL_INGEST_QUEUES",
    "QUEL_FOREIGN_LISTS",
    "QUEL_FORWARD_QUEUE",
    "QUEL_ADOPT_WITHIN_S",
    "QUEL_GEMINI_RPM",
    "QUEL_GEMINI_RPD",
    "QUEL_GEMINI_CONCURRENCY",
    "QUEL_GEMINI_TIMEOUT_S",
    "QUEL_GEMINI_MAX_ATTEMPTS",
    "QUEL_STUCK_AFTER_S",
    "QUEL_MAX_RECOVERIES",
    "QUEL_DEFAULT_PATH",
    "QUEL_UNKNOWN_PATH",
    "QUEL_MISSING_REFERENCE",
    "QUEL_MAX_IMAGES_PER_JOB",
    "QUEL_MAX_REFERENCE_BYTES",
    "QUEL_MAX_REFERENCE_PIXELS",
    "QUEL_DECODING_BUDGET_BYTES",
    "QUEL_BROKER_REDIS_URL",
    "QUEL_HTTP_PORT",
]


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "quel.yaml"
        path.write_text(text)
        return {"QUEL_CONFIG": str(path)}

    return write


def test_every_variable_of_the_contract_is_read():
    assert set(CONTRACT) <= set(VARIABLES)


def test_the_defaults_are_those_of_the_contract():
    settings = read_settings(dict.fromkeys(VARIABLES, ""))
    assert settings.redis == "redis://localhost:6379/0"
    assert settings.broker_redis == "redis://localhost:6379/1"
    assert settings.ingest_queues == ("jobs:queue", "quel_jobs_queue")
    assert (settings.foreign_lists, settings.forward_queue) == (("jobs:video",), "")
    assert settings.adopt_within_s == 86_400
    assert (settings.gemini_model, settings.image_per_price) == ("gemini-nano-banana-2.1", 5)
    assert (settings.gemini_timeout_s, settings.gemini_max_attempts) == (120, 10)
    assert (settings.stuck_after_s, settings.max_recoveries) == (600, 3)
    assert (settings.default_path, settings.unknown_path, settings.missing_reference) == (
        "fashion",
        "use_default",
        "skip",
    )
    assert settings.gemini_rpm is settings.gemini_rpd is settings.gemini_concurrency is None


def test_the_storage_base_url_is_derived_where_it_is_empty():
    settings = read_settings({"SUPABASE_URL": "https://x.example/", "SUPABASE_BUCKET": "b"})
    assert settings.storage_base_url == "https://x.example/storage/v1/object/public/b/"


def test_redis_is_made_of_its_parts_with_tls_and_a_quoted_password():
    parts = {"REDIS_HOST": "r", "REDIS_PORT": "1", "REDIS_USERNAME": "u", "REDIS_PASSWORD": "p/@"}
    assert read_settings(parts | {"REDIS_USE_TLS": "true"}).redis == "rediss://u:p%2F%40@r:1/0"


def test_the_file_adds_its_list_and_the_environment_replaces_all_lists(file):
    named = file("worker: {redis: {queue_name: mine, timeout: 500ms}}")
    settings = read_settings(named)
    assert settings.ingest_queues == ("jobs:queue", "quel_jobs_queue", "mine")
    assert settings.ingest_block_s == 0.5
    assert read_settings(named | {"QUEL_INGEST_QUEUES": "a, b"}).ingest_queues == ("a", "b")


def test_the_environment_wins_over_the_file(file):
    named = file("worker: {fallback: {default_path: eats, unknown_path_behavior: reject}}")
    assert (read_settings(named).default_path, read_settings(named).unknown_path) == ("eats", "reject")
    assert read_settings(named | {"QUEL_DEFAULT_PATH": "cinema"}).default_path == "cinema"


def test_foreign_lists_are_split_and_the_forward_queue_is_one_of_them():
    settings = read_settings({"QUEL_FOREIGN_LISTS": "a, b", "QUEL_FORWARD_QUEUE": "jobs:go"})
    assert settings.foreign_lists == ("a", "b")
    assert settings.others_lists == ("a", "b", "jobs:go")
    assert read_settings({"QUEL_FORWARD_QUEUE": "jobs:video"}).others_lists == ("jobs:video",)


@pytest.mark.parametrize("name", ["QUEL_FOREIGN_LISTS", "QUEL_FORWARD_QUEUE"])
def test_a_list_that_quel_takes_ids_from_is_nobody_elses(file, name):
    with pytest.raises(SettingsError, match=f"{name} and QUEL_INGEST_QUEUES both name the list jobs:queue"):
        read_settings({name: "jobs:queue"})
    with pytest.raises(SettingsError, match=f"{name} and QUEL_INGEST_QUEUES"):
        read_settings({name: "mine", "QUEL_INGEST_QUEUES": "jobs:queue, mine"})
    with pytest.raises(SettingsError, match=f"{name} and QUEL_INGEST_QUEUES"):
        read_settings(file("worker: {redis: {queue_name: mine}}") | {name: " mine "})
    with pytest.raises(SettingsError, match="QUEL_FOREIGN_LISTS and QUEL_INGEST_QUEUES"):
        read_settings({"QUEL_INGEST_QUEUES": "jobs:queue, jobs:video"})


def test_limits_of_paths_reach_the_rules(file):
    settings = read_settings(file("worker: {modules: {beauty: {max_workers: 3}, eats: {enabled: false}}}"))
    others = (PathLimit(path) for path in sorted(ALL_PATHS) if path not in ("beauty", "eats"))
    limits = (PathLimit("beauty", 3), *others)
    assert make_rules(settings).open_paths == OnlyPaths(limits)
    assert make_rules(read_settings({})).open_paths == EveryPath()


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("worker: {redis: {quue_name: x}}", "worker.redis.quue_name"),
        ("worker: {modules: {fashion: {max_workers: 0}}}", "worker.modules.fashion.max_workers"),
        ("worker: {redis: {timeout: soon}}", "worker.redis.timeout"),
        ("- a list", "quel.yaml"),
        ("{", "YAML"),
    ],
)
def test_a_wrong_key_of_the_file_is_named(file, text, key):
    with pytest.raises(SettingsError, match=key):
        read_settings(file(text))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("QUEL_GEMINI_RPM", "many"),
        ("QUEL_GEMINI_RPM", "0"),
        ("QUEL_STUCK_AFTER_S", "-1"),
        ("QUEL_ADOPT_WITHIN_S", "-1"),
        ("QUEL_ADOPT_WITHIN_S", "a day"),
        ("QUEL_ADOPT_WITHIN_S", "inf"),
        ("QUEL_UNKNOWN_PATH", "ignore"),
        ("QUEL_HTTP_PORT", "70000"),
        ("DATABASE_URL", "mysql://secret@x"),
        ("REDIS_URL", "localhost"),
        ("QUEL_CONFIG", "no-such-file.yaml"),
    ],
)
def test_a_wrong_value_is_an_error_that_names_the_variable_and_no_secret(name, value):
    with pytest.raises(SettingsError, match=name) as error:
        read_settings({name: value})
    assert "secret" not in str(error.value)


def test_a_missing_setting_is_named_and_secrets_are_never_shown():
    settings = read_settings({"GEMINI_API_KEY": "hush", "DATABASE_URL": "postgresql://u:hush@h/d"})
    with pytest.raises(SettingsError, match="SUPABASE_URL and SUPABASE_SERVICE_KEY"):
        settings.require("DATABASE_URL", "SUPABASE_URL", "SUPABASE_SERVICE_KEY")
    assert "hush" not in repr(settings)


def test_a_path_that_does_not_exist_is_named(file):
    with pytest.raises(SettingsError, match=r"QUEL_DEFAULT_PATH.*sculpture"):
        make_rules(read_settings({"QUEL_DEFAULT_PATH": "sculpture"}))
    with pytest.raises(SettingsError, match=r"worker.modules.*sculpture"):
        make_rules(read_settings(file("worker: {modules: {sculpture: {enabled: true}}}")))
