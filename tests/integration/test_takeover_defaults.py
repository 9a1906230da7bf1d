"""Defaults that a takeover must not be surprised by, as commands and servers meet them."""

import json
import threading
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import redis

from quel.environment import read_settings
from quel.operations.doctor import examine
from quel.operations.services import OperatorServices
from tests.integration.quel_command import run_quel

CHOSEN = {"IMAGE_PER_PRICE": "5", "GEMINI_MODEL": "gemini-nano-banana-2.1"}


def started(process):
    """The fields of the line that a worker process logs when it starts."""
    lines = (line for line in process.log.read_text().splitlines() if '"process.started"' in line)
    return json.loads(next(lines))


def test_a_worker_says_at_its_start_which_price_and_model_are_defaults(pipeline):
    defaults = {"IMAGE_PER_PRICE": 5, "GEMINI_MODEL": "gemini-nano-banana-2.1"}
    assert started(pipeline.workers("finalize_job"))["costly_defaults"] == defaults
    assert started(pipeline.workers("finalize_job", **CHOSEN))["costly_defaults"] == {}


def test_the_doctor_notes_price_and_model_where_they_are_defaults_and_stays_well(pipeline):
    notes = run_quel(pipeline.environment(), "doctor")
    assert notes.returncode == 0, notes.stdout
    for variable in CHOSEN:
        assert any(line.startswith("note") and variable in line for line in notes.stdout.splitlines())
    chosen = run_quel(pipeline.environment(**CHOSEN), "doctor")
    assert chosen.returncode == 0
    assert not any(variable in chosen.stdout for variable in CHOSEN)


@contextmanager
def provider():
    """A provider that knows nothing, and the paths it was asked for."""
    asked = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


@pytest.mark.parametrize(("version", "path"), [("", "/v1beta/"), ("v1", "/v1/"), ("v1alpha", "/v1alpha/")])
def test_the_provider_is_asked_in_the_version_of_the_settings(pipeline, version, path):
    with provider() as (url, asked):
        settings = read_settings(pipeline.environment(GEMINI_BASE_URL=url, GEMINI_API_VERSION=version))
        with closing(OperatorServices(settings)) as services:
            next(finding for finding in examine(services) if finding.check == "Gemini")
    assert asked
    assert all(each.startswith(path) for each in asked)


@pytest.mark.parametrize(("timeout", "waits"), [("200ms", 0.2), ("30s", 1.0)])
def test_a_blocking_read_waits_as_the_settings_file_says_and_never_longer_than_a_second(
    pipeline, tmp_path, timeout, waits
):
    file = tmp_path / "quel.yaml"
    file.write_text(f"worker: {{redis: {{timeout: {timeout}}}}}")
    with redis.Redis.from_url(pipeline.redis_url) as client, client.monitor() as commands:
        pipeline.workers("fetch_job", QUEL_CONFIG=file)
        for said in commands.listen():
            words = said["command"].split()
            if words[0].upper() == "BLMOVE" and said["db"] == client.connection_pool.connection_kwargs["db"]:
                assert float(words[-1]) == waits
                return
