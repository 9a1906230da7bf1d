"""Runs quel's own commands as real processes, with their output kept, and ends them as an operator would."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from quel.sandbox.end_with_parent import end_with_parent

REPOSITORY = Path(__file__).parents[3]
_READY_MARK = "ready for action"
_PATIENCE_S = 120.0
"""How long a start or an end is waited for: far longer than it takes, also on a busy machine."""


class QuelProcess:
    """One `dramatiq quel.actors …` or `periodiq quel.actors`, in a process group of its own."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.command = [str(Path(sys.executable).with_name(command[0])), *command[1:]]
        self.environment = dict(environment)
        self.log = log
        self._before: Callable[[], object] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None

    def ending_with_parent(self) -> Self:
        """Has it end when whoever starts it is killed; to be started from a thread that stays."""
        self._before = end_with_parent(signal.SIGTERM)
        return self

    def start(self) -> Self:
        """Starts the command; its output is appended to `log`."""
        self._output = self.log.open("ab")
        self._process = subprocess.Popen(
            self.command,
            env=os.environ | self.environment,
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=self._before,
        )
        return self

    @property
    def pid(self) -> int:
        """The process id of the command itself. Raises RuntimeError before `start`."""
        if self._process is None:
            raise RuntimeError("The process has not been started.")
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll() if self._process else None

    def await_ready(self, processes: int = 1, timeout_s: float = _PATIENCE_S) -> Self:
        """Waits until that many worker processes say that they are ready. Raises TimeoutError."""
        until = time.monotonic() + timeout_s
        while self.log.read_text(errors="replace").count(_READY_MARK) < processes:
            if self.exit_code is not None or time.monotonic() > until:
                tail = self.log.read_text(errors="replace")[-2_000:]
                raise TimeoutError(f"{self.command[0]} did not become ready:\n{tail}")
            time.sleep(0.02)
        return self

    def terminate(self, timeout_s: float = _PATIENCE_S) -> int:
        """SIGTERM to the command alone, as Kubernetes sends it; its exit code."""
        if self.exit_code is None:
            os.kill(self.pid, signal.SIGTERM)
        return self._wait(timeout_s)

    def kill(self) -> None:
        """SIGKILL to the command and all its children."""
        if self._process is not None:
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                self._process.poll()
            self._wait(_PATIENCE_S)

    def wait(self, timeout_s: float) -> int:
        """Waits for the command to end on its own; its exit code."""
        return self._wait(timeout_s)

    def _wait(self, timeout_s: float) -> int:
        if self._process is None:
            raise RuntimeError("The process has not been started.")
        code = self._process.wait(timeout_s)
        if self._output is not None:
            self._output.close()
        return code

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


def workers(
    environment: Mapping[str, str],
    log: Path,
    *,
    queues: Sequence[str] = (),
    processes: int = 1,
    threads: int = 8,
    module: str = "quel.actors",
) -> QuelProcess:
    """`dramatiq quel.actors`, all groups or those of `queues`; or another `module` that wraps it."""
    only = ["-Q", *queues] if queues else []
    command = ["dramatiq", module, "-p", str(processes), "-t", str(threads), *only]
    return QuelProcess(command, environment, log)


def scheduler(environment: Mapping[str, str], log: Path) -> QuelProcess:
    """`periodiq quel.actors`."""
    return QuelProcess(["periodiq", "quel.actors"], environment, log)


def migrate(environment: Mapping[str, str]) -> None:
    """`alembic upgrade head`. Raises CalledProcessError with its output."""
    alembic = str(Path(sys.executable).with_name("alembic"))
    subprocess.run(
        [alembic, "upgrade", "head"],
        env=os.environ | dict(environment),
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
    )
