"""A sandbox that stays: found by its settings, made to fail on demand, and gone when it is told."""

import json
import os
import time

import pytest

from quel.sandbox.standing import find_standing, state_file
from tests.integration.quel_command import run_command, run_quel


@pytest.fixture
def own_place(tmp_path, monkeypatch):
    """A folder in which no other sandbox is written down; one that is left up is ended."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    yield tmp_path
    run_command({"TMPDIR": str(tmp_path)}, "sandbox", "down")


def test_where_none_is_up_each_verb_says_so(own_place):
    for verb in ("env", "fault quota"):
        answer = run_quel({}, "sandbox", *verb.split())
        assert (answer.returncode, "quel sandbox up" in answer.stderr) == (2, True)
    assert run_quel({}, "sandbox", "down").returncode == 1
    state_file().write_text('{"pid": 1')  # whoever wrote it was killed
    assert run_quel({}, "sandbox", "env").returncode == 2
    assert not state_file().exists()


def test_it_comes_up_works_fails_on_demand_and_leaves_nothing(own_place):
    up = run_command({"TMPDIR": str(own_place)}, "sandbox", "up", "--detach", "--jobs", "1", "--latency", "0")
    assert up.returncode == 0, up.stderr
    assert state_file().stat().st_mode & 0o077 == 0
    standing = find_standing()
    assert standing is not None
    settings = json.loads(run_quel({}, "sandbox", "env", "--json").stdout)
    assert "export DATABASE_URL=" in run_quel({}, "sandbox", "env").stdout
    watched = run_quel(settings, "watch", *map(str, standing.jobs), "--json")
    assert watched.returncode == 0, watched.stderr
    assert json.loads(watched.stdout.splitlines()[-1])["status"] == "completed"
    assert run_quel({}, "sandbox", "fault", "blocked").returncode == 0
    row = json.dumps({"job_type": "simple_general", "total_images": 1, "job_input_data": {"prompt": "x"}})
    member = str(standing.member)
    job = run_quel(settings, "submit", "-", "--member", member, "--json", stdin=row)
    failed = run_quel(settings, "watch", json.loads(job.stdout)["job_id"][:8])
    assert failed.returncode == 1, failed.stdout
    assert run_quel({}, "sandbox", "fault", "nonsense").returncode == 2
    again = run_quel({}, "sandbox", "up")
    assert (again.returncode, "up already" in again.stderr) == (2, True)
    assert run_quel({}, "sandbox", "down").returncode == 0
    assert not state_file().exists()
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            os.kill(standing.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    pytest.fail("The process that held it is still there.")
