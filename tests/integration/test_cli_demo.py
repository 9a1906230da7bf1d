"""`quel demo` from the outside: what it shows, what it proves, what it leaves alone."""

import json
import os
import signal
import socket
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from PIL import Image

from tests.integration.harness import PATIENCE_S, until
from tests.integration.quel_command import QUEL, run_command, run_quel

PATHS = {"fashion", "beauty", "eats", "cinema", "cartoon", "modify", "multiview", "landing"}
TYPES = {"single_batch", "pipeline_stage", "simple_general", "simple_portrait"}


@contextmanager
def ear():
    """A port on which somebody listens, and the list of connections that were tried."""
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                heard.append(connection)
                connection.close()

        thread = threading.Thread(target=listen)
        thread.start()
        yield server.getsockname()[1], heard
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def callers_environment(port):
    """What a caller may export: neighbours of their own, and what bends the clients."""
    address = f"127.0.0.1:{port}"
    return {
        "DATABASE_URL": f"postgresql://me:mine@{address}/mine",
        "REDIS_URL": f"redis://{address}/0",
        "QUEL_BROKER_REDIS_URL": f"redis://{address}/1",
        "SUPABASE_URL": f"http://{address}",
        "GEMINI_API_KEY": "mine",
        "GEMINI_BASE_URL": f"http://{address}",
        "PGHOSTADDR": "127.0.0.1",
        "PGPORT": str(port),
        "PGSSLMODE": "verify-full",
        "HTTP_PROXY": f"http://{address}",
        "IMAGE_PER_PRICE": "99",
        "QUEL_CONFIG": "/no/such/file",
    }


def processes_with(mark):
    """The commands of all processes whose environment holds `mark`."""
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark.encode() in environment.read_bytes():
                found.append(environment.with_name("cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue  # it ended meanwhile, or is another user's
    return found


@contextmanager
def running_demo(folder, mark, *options, **environment):
    """The demo under way, what it says in the file `said`, its processes known by `mark`."""
    with (folder / "said").open("w") as said:
        yield subprocess.Popen(
            [QUEL, "demo", *options],
            env=os.environ | dict([mark.split("=")]) | environment | {"TMPDIR": str(folder)},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
    assert until(lambda: not processes_with(mark), "every process has ended")
    assert "Traceback" not in (folder / "said").read_text()


def test_it_runs_every_path_and_type_proves_it_stays_as_asked_and_touches_nothing_of_the_callers(tmp_path):
    mark, said = f"QUEL_SANDBOX_MARK={uuid4().hex}", tmp_path / "said"
    with (
        ear() as (port, heard),
        running_demo(tmp_path, mark, "--keep", **callers_environment(port)) as running,
    ):
        until(lambda: "It stays until Ctrl-C" in said.read_text(), "the demo has run")
        settings = run_command({"TMPDIR": str(tmp_path)}, "sandbox", "env", "--json")
        listed = run_quel(json.loads(settings.stdout), "jobs", "--status", "completed", "--json")
        assert len(json.loads(listed.stdout)) == 12
        running.send_signal(signal.SIGINT)
        assert running.wait(PATIENCE_S) == 0
        assert heard == []
    assert list(tmp_path.glob("quel-*")) == []
    shown = said.read_text()
    assert all(name in shown for name in PATHS | TYPES)
    assert "The studio had 1000 credits and has 870" in shown
    assert "The member had 1000 credits and has 995" in shown
    pictures = sorted((tmp_path / "demo-output").glob("*.webp"))
    assert len(pictures) == 28
    assert [file.name for file in (tmp_path / "demo-output").glob("*-marked.png")] == [
        "10-modify-in-painting-marked.png"
    ]
    with Image.open(tmp_path / "demo-output" / "contact-sheet.png") as sheet:
        sheet.load()
        assert sheet.width > 1_000


def test_it_leaves_no_process_when_it_is_stopped(tmp_path):
    mark = f"QUEL_SANDBOX_MARK={uuid4().hex}"
    with running_demo(tmp_path, mark, GEMINI_API_KEY="mine") as running:
        until(lambda: "are pushed" in (tmp_path / "said").read_text(), "the jobs are pushed")
        assert any("dramatiq" in command for command in processes_with(mark))
        running.send_signal(signal.SIGINT)
        assert running.wait(PATIENCE_S) != 0
    assert "GEMINI_API_KEY is set but not used" in (tmp_path / "said").read_text()


def test_live_without_a_key_is_a_missing_setting(tmp_path):
    answer = run_quel({"GEMINI_API_KEY": ""}, "demo", "--live", folder=tmp_path)
    assert answer.returncode == 2
    assert "GEMINI_API_KEY" in answer.stderr
    assert list(tmp_path.iterdir()) == []


def test_live_and_sandbox_exclude_each_other(tmp_path):
    assert run_quel({}, "demo", "--live", "--sandbox", folder=tmp_path).returncode == 2
