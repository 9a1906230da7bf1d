"""Starts `dramatiq …`, `periodiq …` and `quel serve` from a process that has imported what they need.

That costs an eighth of the usual, and tests and deaths need hundreds of them. What runs after the fork is the
command's own entry point, in a session and an environment of its own. Which certificates are trusted is
decided before: where an environment names others, the process starts anew.

Processes that run tests side by side share one: importing takes it two seconds of a core.
"""

import gc
import importlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib.metadata import entry_points
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, Self

from PIL import Image

from quel.adapters.bounded_http import tls_context
from quel.sandbox.processes import REPOSITORY, QuelProcess

SHARED_AT = "QUEL_TESTS_PRELOADED"
"""The variable that names the folder of the one that is shared."""

_PATIENCE_S = 120.0
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


@contextmanager
def preloading() -> Iterator[str]:
    """Has one process, and one for the commands in `_OWN`, import what is shared; the folder to find them at.

    Those commands import the client of the metrics, which decides when it is imported whether it counts for a
    process or for all of a command.
    """
    with TemporaryDirectory(prefix="preloaded-") as folder:
        command = [sys.executable, "-m", "tests.preloaded", folder]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, cwd=REPOSITORY)
        try:
            yield folder
        finally:
            process.communicate()


class Parent:
    """One of the two processes that fork others, to one of those who share it. Safe for many threads."""

    def __init__(self, address: Path) -> None:
        self._address = address
        self._connection: socket.socket | None = None
        self._answers: IO[str] | None = None
        self._lock = threading.Lock()

    def end(self) -> None:
        """Kills what it has forked for this one; harmless where nothing was asked."""
        if self._connection is not None and self._answers is not None:
            self.ask({"end": True})
            self._answers.close()
            self._connection.close()

    def ask(self, order: Mapping[str, object]) -> str:
        """Says one order and waits for its answer."""
        with self._lock:
            if self._connection is None:
                self._connection = self._connect()
                self._answers = self._connection.makefile(encoding="utf-8")
            assert self._answers is not None
            self._connection.sendall(json.dumps(order).encode() + b"\n")
            return self._answers.readline()

    def exit_code(self, pid: int) -> int | None:
        """None while it runs, the negative number of the signal it died of."""
        code: int | None = json.loads(self.ask({"exit_code_of": pid}))
        return code

    def _connect(self) -> socket.socket:
        """As soon as it has imported everything. Raises OSError when that takes far too long."""
        until = time.monotonic() + _PATIENCE_S
        while True:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(str(self._address))
            except OSError:
                connection.close()
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)
            else:
                return connection


class Preloaded:
    """Starts commands from the processes that are shared where tests run side by side, else from its own."""

    def __init__(self) -> None:
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        folder = Path(os.environ.get(SHARED_AT) or self._stack.enter_context(preloading()))
        self._of_workers, self._of_others = Parent(folder / "workers"), Parent(folder / "others")
        self._stack.callback(self._of_workers.end)
        self._stack.callback(self._of_others.end)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start(self, environment: Mapping[str, str], log: Path, command: Sequence[str]) -> "Running":
        """The command, by the name of its script and its arguments."""
        order = {"environment": os.environ | environment, "log": str(log), "command": list(command)}
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


class Client:
    """One of those who share a process that forks, and what it has ordered.

    An order is a line of JSON: `environment`, `log` and `command` of a process to start, answered by its id;
    `exit_code_of` such an id; or `end`.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._orders = connection.makefile("rb")
        self._exit_codes: dict[int, int | None] = {}

    def obey(self) -> bool:
        """Does what the next line says; False when it was the last one."""
        line = self._orders.readline()
        order = json.loads(line) if line else {"end": True}
        if "end" in order:
            self.end()
        if line:
            self._answer(self._done(order))
        return "end" not in order

    def end(self) -> None:
        """Kills what it has ordered."""
        for pid in self._exit_codes:
            if self._exit_code(pid) is None:
                with suppress(ProcessLookupError):  # it has no group of its own yet
                    os.killpg(pid, signal.SIGKILL)
                os.kill(pid, signal.SIGKILL)
                self._exit_codes[pid] = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def close(self) -> None:
        """Lets go of the connection."""
        self._orders.close()
        self._connection.close()

    def fileno(self) -> int:
        """For select."""
        return self._connection.fileno()

    def _done(self, order: dict[str, Any]) -> int | None:
        if "exit_code_of" in order:
            return self._exit_code(order["exit_code_of"])
        return self._fork(order) if "command" in order else None

    def _answer(self, value: int | None) -> None:
        self._connection.sendall(json.dumps(value).encode() + b"\n")

    def _fork(self, order: dict[str, Any]) -> int:
        for module in _OWN.get(order["command"][0], ()):
            importlib.import_module(module)
        pid = os.fork()
        if pid == 0:
            _become(order)
        self._exit_codes[pid] = None
        return pid

    def _exit_code(self, pid: int) -> int | None:
        if self._exit_codes[pid] is None:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                self._exit_codes[pid] = os.waitstatus_to_exitcode(status)
        return self._exit_codes[pid]


def _serve(address: Path) -> None:
    """Obeys all who connect, until the standard input ends."""
    with selectors.DefaultSelector() as ready, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(address))
        listener.listen()
        ready.register(sys.stdin, selectors.EVENT_READ)
        ready.register(listener, selectors.EVENT_READ)
        while sys.stdin not in (heard := [key.fileobj for key, _ in ready.select()]):
            for each in heard:
                if each is listener:
                    ready.register(Client(listener.accept()[0]), selectors.EVENT_READ)
                elif isinstance(each, Client) and not each.obey():
                    ready.unregister(each)
                    each.close()
        for key in list(ready.get_map().values()):
            if isinstance(key.fileobj, Client):
                key.fileobj.end()


def _become(order: dict[str, Any]) -> None:
    code = 1
    try:
        os.setsid()
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))  # what the others who share it are connected by
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


def _main(folder: Path) -> None:
    for module in _SHARED:
        importlib.import_module(module)
    Image.init()
    tls_context()
    assert "prometheus_client" not in sys.modules  # it decides by the environment when it is first imported
    gc.freeze()  # whoever is forked shares these objects' memory for as long as nobody collects them
    others = os.fork()
    _serve(folder / ("workers" if others else "others"))
    if others:
        os.waitpid(others, 0)


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
