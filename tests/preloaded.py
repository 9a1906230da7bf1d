"""Starts `dramatiq …` from a process that has imported everything already: a tenth of the usual cost.

Hundreds of tests and deaths need hundreds of workers. What runs after the fork is Dramatiq's own command, its
master and its worker process, in a session and an environment of its own. What an environment decides as quel
is imported (metrics over processes, traces) it does not decide here: such workers start anew.
"""

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
from pathlib import Path
from typing import IO, Self, TypedDict

from PIL import Image

from quel.sandbox.processes import REPOSITORY, QuelProcess


class Order(TypedDict):
    """A `dramatiq` to start."""

    environment: dict[str, str]
    log: str
    arguments: list[str]


class Preloaded:
    """The process that forks. Safe for many threads."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.preloaded"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.communicate()

    def start(self, environment: Mapping[str, str], log: Path, arguments: Sequence[str]) -> "Worker":
        """`dramatiq` with these arguments."""
        order = Order(environment=os.environ | environment, log=str(log), arguments=list(arguments))
        return Worker(self, int(self._ask(order)))

    def _ask(self, order: Mapping[str, object]) -> str:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            print(json.dumps(order), file=self._process.stdin, flush=True)
            return self._process.stdout.readline()

    def exit_code(self, pid: int) -> int | None:
        """None while it runs, the negative number of the signal it died of."""
        code: int | None = json.loads(self._ask({"exit_code_of": pid}))
        return code


class Worker:
    """One `dramatiq`: a master and its worker process."""

    def __init__(self, parent: Preloaded, pid: int) -> None:
        self._parent, self.pid = parent, pid

    def wait(self, timeout_s: float) -> int | None:
        """The exit code of the master, None when it still runs after that time."""
        until = time.monotonic() + timeout_s
        while (code := self._parent.exit_code(self.pid)) is None and time.monotonic() < until:
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
    """The same as a process of its own, forked from what is there."""

    def __init__(
        self, parent: Preloaded, arguments: Sequence[str], environment: Mapping[str, str], log: Path
    ) -> None:
        super().__init__(["dramatiq", *arguments], environment, log)
        self._parent, self._arguments = parent, arguments
        self._worker: Worker | None = None

    def start(self) -> Self:
        """Starts it; its output is appended to `log`."""
        self.log.touch()
        self._worker = self._parent.start(self.environment, self.log, self._arguments)
        return self

    @property
    def pid(self) -> int:
        """The process id of the master. Raises RuntimeError before `start`."""
        if self._worker is None:
            raise RuntimeError("The process has not been started.")
        return self._worker.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._parent.exit_code(self.pid) if self._worker else None

    def kill(self) -> None:
        """SIGKILL to the command and all its children."""
        if self._worker is not None:
            self._worker.kill()

    def _wait(self, timeout_s: float) -> int:
        if self._worker is None:
            raise RuntimeError("The process has not been started.")
        if (code := self._worker.wait(timeout_s)) is None:
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
        sys.argv = ["dramatiq", *order["arguments"]]
        from dramatiq.cli import main

        code = main() or 0
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    for module in (
        "dramatiq.cli",
        "dramatiq.brokers.redis",
        "google.genai.types",
        "periodiq",
        "quel.services",
        "quel.observe.logs",
    ):
        importlib.import_module(module)
    Image.init()
    _serve(sys.stdin)
