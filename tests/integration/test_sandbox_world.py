"""The whole world, as a demonstration or a test meets it."""

import os
import subprocess
import sys
from contextlib import closing

import httpx
import psycopg2
import pytest
import redis

from quel.sandbox import World
from quel.sandbox.errors import SandboxError
from tests.integration import plain_http

SETTINGS = {
    "DATABASE_URL",
    "REDIS_URL",
    "SUPABASE_URL",
    "SUPABASE_SERVICE_KEY",
    "GEMINI_API_KEY",
    "GEMINI_BASE_URL",
}


@pytest.mark.parametrize("in_process", [True, False])
def test_everything_the_environment_names_is_there(in_process):
    with World(in_process=in_process, appendonly=True, rpm=1, ready_made=True) as world:
        environment = world.environment()
        assert set(environment) == SETTINGS
        assert (world.gemini.pid is None) == (world.storage.pid is None) == in_process
        with closing(psycopg2.connect(environment["DATABASE_URL"])) as connection:
            assert connection.info.dbname not in ("postgres", "template1")
        with closing(redis.Redis.from_url(environment["REDIS_URL"])) as client:
            assert client.ping()
            assert client.connection_pool.connection_kwargs["db"] == 0
            assert client.config_get("appendonly")["appendonly"] == "yes"
        answers = [
            plain_http.post(
                f"{environment['GEMINI_BASE_URL']}/v1/models/gemini-nano-banana-2.1:generateContent",
                headers={"x-goog-api-key": environment["GEMINI_API_KEY"]},
                json={"contents": [{"parts": [{"text": "draw"}]}]},
            )
            for _ in range(2)
        ]
        assert [answer.status_code for answer in answers] == [200, 429]
        assert [call.outcome for call in world.gemini.calls()] == ["made", "rate_limited"]
        listed = plain_http.post(
            f"{environment['SUPABASE_URL']}/storage/v1/object/list/attachments",
            headers={"Authorization": f"Bearer {environment['SUPABASE_SERVICE_KEY']}"},
            json={"prefix": ""},
        )
        assert listed.json() == []
    for url in (environment["GEMINI_BASE_URL"], environment["SUPABASE_URL"]):
        with pytest.raises(httpx.ConnectError):
            plain_http.get(url)


def test_a_world_that_cannot_start_leaves_nothing_running(monkeypatch, tmp_path):
    monkeypatch.setenv("QUEL_SANDBOX_PG_BINDIR", str(tmp_path))
    world = World()
    with pytest.raises(SandboxError, match="QUEL_SANDBOX_PG_BINDIR"):
        world.start()
    assert world.gemini.pid is None
    assert world.storage.pid is None
    world.stop()


def test_the_workers_never_import_the_sandbox():
    script = """
import sys
import quel.core.ports, quel.settings, quel.adapters.storage.supabase, quel.actors
assert not [name for name in sys.modules if name.startswith("quel.sandbox")]
"""
    subprocess.run([sys.executable, "-c", script], check=True, env=dict(os.environ))
