"""Starts `dramatiq …`, `periodiq …` and `quel serve` by a fork of what has imported all they need.

That costs an eighth of the usual, and tests and deaths need hundreds of them. What runs after the fork is the
command's own entry point, in a session and an environment of its own. Which certificates are trusted is
decided before: where an environment names others, the process starts anew.

Processes that run tests side by side share one fork server: importing takes it two seconds of a core.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from quel.sandbox.processes import REPOSITORY, QuelProcess
from tests.fork_server import OTHERS

SHARED_AT = "QUEL_TESTS_PRELOADED"
"""The variable that names the folder of the fork server that is shared."""

_PATIENCE_S = 120.0


@contextmanager
def preloading() -> Iterator[Path]:
    """A fork server that begins to import; the folder of its sockets."""
    with TemporaryDirectory(prefix="preloaded-") as folder:
        command = [sys.executable, "-m", "tests.fork_server", folder]
        process = subprocess.Popen(  # Ctrl-C reaches the tests alone, which then close the pipe
            command, stdin=subprocess.PIPE, cwd=REPOSITORY, start_new_session=True
        )
        try:
            yield Path(folder)
        finally:
            process.communicate()


class Preloaded:
    """Starts commands by the fork server that is shared where tests run side by side, else by its own."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._started: list[Running] = []

    def __enter__(self) -> Self:
        shared = os.environ.get(SHARED_AT)
        self._folder = Path(shared) if shared else self._stack.enter_context(preloading())
        return self

    def __exit__(self, *_: object) -> None:
        for running in self._started:
            if running.exit_code is None:
                running.kill()
        self._stack.close()

    def start(self, environment: Mapping[str, str], log: Path, command: Sequence[str]) -> "Running":
        """The command, by the name of its script and its arguments."""
        address = self._folder / ("others" if command[0] in OTHERS else "workers")
        order = {"environment": os.environ | environment, "log": str(log), "command": list(command)}
        pid = _ask(address, **order)
        assert pid is not None
        self._started.append(Running(address, pid))
        return self._started[-1]


class Running:
    """One command and its children."""

    def __init__(self, address: Path, pid: int) -> None:
        self._address, self.pid = address, pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs, the negative number of the signal it died of."""
        return _ask(self._address, exit_code_of=self.pid)

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


def _ask(address: Path, **order: object) -> int | None:
    """A fork server's answer. Raises OSError where it does not come up, or is gone."""
    with _connected(address) as connection, connection.makefile("rb") as answer:
        connection.sendall(json.dumps(order).encode() + b"\n")
        said: int | None = json.load(answer)
        return said


def _connected(address: Path) -> socket.socket:
    """As soon as it listens, which is when it has imported everything."""
    until = time.monotonic() + _PATIENCE_S
    while True:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(address))
        except OSError:
            connection.close()
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return connection
