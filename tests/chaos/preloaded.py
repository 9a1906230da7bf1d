"""Starts `dramatiq …` from a process that has imported everything already: a tenth of the usual cost.

Hundreds of deaths need hundreds of workers. What runs after the fork is Dramatiq's own command, with its
master and its worker process, in a session and an environment of its own.
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
from typing import IO, Self

from PIL import Image

from quel.sandbox.processes import REPOSITORY


class Preloaded:
    """The process that forks. Safe for many threads."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.preloaded"],
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
        order = {"environment": dict(environment), "log": str(log), "arguments": list(arguments)}
        return Worker(self, int(self._ask(order)))

    def _ask(self, order: dict[str, object]) -> str:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            print(json.dumps(order), file=self._process.stdin, flush=True)
            return self._process.stdout.readline()

    def has_ended(self, pid: int) -> bool:
        return self._ask({"ended": pid}).strip() == "true"


class Worker:
    """One `dramatiq`: a master and its worker process."""

    def __init__(self, parent: Preloaded, pid: int) -> None:
        self._parent, self.pid = parent, pid

    def wait_for_death(self, timeout_s: float) -> bool:
        """Whether the master has ended in time."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            if self._parent.has_ended(self.pid):
                return True
            time.sleep(0.1)
        return False

    def kill(self) -> None:
        """SIGKILL to all of it."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.wait_for_death(10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def _serve(orders: IO[str]) -> None:
    running: set[int] = set()
    for line in orders:
        order = json.loads(line)
        if "ended" in order:
            _reap(running)
            print(json.dumps(order["ended"] not in running), flush=True)
            continue
        pid = os.fork()
        if pid == 0:
            _become(order)
        running.add(pid)
        print(pid, flush=True)
    for pid in running:
        try:
            os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _reap(running: set[int]) -> None:
    while running:
        pid, _ = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        running.discard(pid)


def _become(order: dict[str, object]) -> None:
    code = 1
    try:
        os.setsid()
        log = os.open(str(order["log"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for file, number in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(file, number)
        os.environ.update(order["environment"])  # type: ignore[call-overload]  # it came as JSON
        sys.argv = ["dramatiq", *order["arguments"]]  # type: ignore[misc]  # so did these
        from dramatiq.cli import main

        code = main() or 0
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    for module in ("dramatiq.cli", "dramatiq.brokers.redis", "periodiq", "quel.wiring", "quel.observe.logs"):
        importlib.import_module(module)
    Image.init()
    _serve(sys.stdin)
