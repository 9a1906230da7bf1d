"""Starts `dramatiq …`, `periodiq …` and `quel serve` from a process that has imported what they need.

That costs an eighth of the usual, and tests and deaths need hundreds of them. What runs after the fork is the
command's own entry point, in a session and an environment of its own. Which certificates are trusted is
decided before: where an environment names others, the process starts anew.
"""

import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import IO, Self, TypedDict

from PIL import Image

from quel.adapters.bounded_http import tls_context
from quel.sandbox.processes import REPOSITORY, QuelProcess

_SHARED = (
    "dramatiq.cli",
    "dramatiq.brokers.redis",
    "google.genai.types",
    "multiprocessing.sharedctypes",
    "periodiq",
    "psycopg2.extras",
    "quel.adapters.gemini.engine",
    "quel.adapters.imaging.takes.checker",
    "quel.adapters.postgres.operations.backlog",
    "quel.adapters.redis.databases",
    "quel.adapters.redis.messages",
    "quel.adapters.redis.queue_backlog",
    "quel.adapters.redis.server_state",
    "quel.adapters.redis.sweep_heartbeat",
    "quel.adapters.redis.tls_mismatch",
    "quel.adapters.storage.supabase",
    "quel.observe.health",
    "quel.observe.logs",
    "quel.observe.multiprocess",
    "quel.operations.audit_runs",
    "quel.operations.bulk",
    "quel.services",
    "quel.stages.deliver_webhook",
    "quel.stages.fetch_job",
    "quel.stages.finalize_job",
    "quel.stages.generate_image",
    "quel.stages.persist_output",
    "quel.stages.prepare_inputs",
    "quel.stages.sweep_stuck_jobs",
    "sqlalchemy.dialects.postgresql.psycopg2",
)
_OWN = {"quel": ("quel.cli", "quel.http.serving")}
"""What only some commands need; imported when the first of them is started."""


class Order(TypedDict):
    """A command to start: the name of its script and its arguments."""

    environment: dict[str, str]
    log: str
    command: list[str]


class Parent:
    """A process that forks others, started when it is first needed. Safe for many threads."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begins to import what is shared."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.preloaded"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
        )

    def end(self) -> None:
        """Ends it, and kills what it has forked; harmless where it was not started."""
        if self._process is not None:
            self._process.communicate()

    def ask(self, order: Mapping[str, object]) -> str:
        """Says one order and waits for its answer."""
        with self._lock:
            if self._process is None:
                self.start()
            assert self._process is not None
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            print(json.dumps(order), file=self._process.stdin, flush=True)
            return self._process.stdout.readline()

    def exit_code(self, pid: int) -> int | None:
        """None while it runs, the negative number of the signal it died of."""
        code: int | None = json.loads(self.ask({"exit_code_of": pid}))
        return code


class Preloaded:
    """Two parents, one of workers and schedulers and one of the commands in `_OWN`.

    Those import the client of the metrics, which decides when it is imported whether it counts for a process
    or for all of a command.
    """

    def __init__(self) -> None:
        self._of_workers, self._of_others = Parent(), Parent()

    def __enter__(self) -> Self:
        self._of_workers.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._of_workers.end()
        self._of_others.end()

    def start(self, environment: Mapping[str, str], log: Path, command: Sequence[str]) -> "Running":
        """The command, by the name of its script and its arguments."""
        order = Order(environment=os.environ | environment, log=str(log), command=list(command))
        parent = self._of_others if command[0] in _OWN else self._of_workers
        return Running(parent, int(parent.ask(order)))


class Running:
    """One command and its children."""

    def __init__(self, parent: Parent, pid: int) -> None:
        self._parent, self.pid = parent, pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs, the negative number of the signal it died of."""
        return self._parent.exit_code(self.pid)

    def wait(self, timeout_s: float) -> int | None:
        """The exit code of the command, None when it still runs after that time."""
        until = time.monotonic() + timeout_s
        while (code := self.exit_code) is None and time.monotonic() < until:
            time.sleep(0.1)
        return code

    def kill(self) -> None:
        """SIGKILL to all of it."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.wait(10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


class PreloadedProcess(QuelProcess):
    """The same process, forked from what is there."""

    def __init__(self, parent: Preloaded, wanted: QuelProcess) -> None:
        self._command = [Path(wanted.command[0]).name, *wanted.command[1:]]
        super().__init__(self._command, wanted.environment, wanted.log)
        self._parent = parent
        self._running: Running | None = None

    def start(self) -> Self:
        """Starts it; its output is appended to `log`."""
        self.log.touch()
        self._running = self._parent.start(self.environment, self.log, self._command)
        return self

    @property
    def pid(self) -> int:
        """The process id of the command itself. Raises RuntimeError before `start`."""
        if self._running is None:
            raise RuntimeError("The process has not been started.")
        return self._running.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._running.exit_code if self._running else None

    def kill(self) -> None:
        """SIGKILL to the command and all its children."""
        if self._running is not None:
            self._running.kill()

    def _wait(self, timeout_s: float) -> int:
        if self._running is None:
            raise RuntimeError("The process has not been started.")
        if (code := self._running.wait(timeout_s)) is None:
            raise subprocess.TimeoutExpired(self.command, timeout_s)
        return code


def _serve(orders: IO[str]) -> None:
    exit_codes: dict[int, int | None] = {}
    for line in orders:
        order = json.loads(line)
        if "exit_code_of" in order:
            _reap(exit_codes)
            print(json.dumps(exit_codes[order["exit_code_of"]]), flush=True)
            continue
        for module in _OWN.get(order["command"][0], ()):
            importlib.import_module(module)
        pid = os.fork()
        if pid == 0:
            _become(order)
        exit_codes[pid] = None
        print(pid, flush=True)
    for pid, code in exit_codes.items():
        if code is None:
            os.killpg(pid, signal.SIGKILL)


def _reap(exit_codes: dict[int, int | None]) -> None:
    while None in exit_codes.values():
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        exit_codes[pid] = os.waitstatus_to_exitcode(status)


def _become(order: Order) -> None:
    code = 1
    try:
        os.setsid()
        log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for file, number in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(file, number)
        os.environ.clear()
        os.environ.update(order["environment"])
        sys.argv = order["command"]
        [script] = entry_points(group="console_scripts", name=sys.argv[0])
        sys.exit(script.load()())
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    for module in _SHARED:
        importlib.import_module(module)
    Image.init()
    tls_context()
    assert "prometheus_client" not in sys.modules  # it decides by the environment when it is first imported
    gc.freeze()  # whoever is forked shares these objects' memory for as long as nobody collects them
    _serve(sys.stdin)
