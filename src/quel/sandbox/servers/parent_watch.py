"""A child process that lives exactly as long as its parent, whatever ends the parent.

The parent holds a pipe to the child's standard input and says one JSON object a line over it; the child
answers one line for each. The pipe closes when the parent is gone, by exit or by SIGKILL alike. A process
the parent has forked may still hold the pipe open, so the child also looks at who its parent is.
"""

import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any, NoReturn

from quel.sandbox.errors import SandboxError

PARENT_CHECK_S = 1.0
STOP_DEADLINE_S = 25.0


class Child:
    """The parent's end: starts `python -m module`, asks it things, and ends it."""

    def __init__(self, module: str, options: dict[str, Any]) -> None:
        self._module = module
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", module, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C reaches the parent alone, which then closes the pipe
        )
        self._say(options)

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def hear(self) -> dict[str, Any]:
        """The child's next line. Raises SandboxError with the child's own reason, or when it has died."""
        assert self._process.stdout is not None  # noqa: S101 - Popen was given a pipe
        line = self._process.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {"error": f"{self._module} ended unexpectedly"}
        if "error" in answer:
            raise SandboxError(answer["error"])
        return answer

    def ask(self, **request: Any) -> dict[str, Any]:
        """Says one request and waits for its answer. Raises SandboxError as `hear` does."""
        with self._lock:
            self._say(request)
            return self.hear()

    def stop(self) -> None:
        """Closes the pipe and waits until the child has put its own children away; harmless twice."""
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None  # noqa: S101 - Popen was given pipes
            pipe.close()
        try:
            self._process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _say(self, request: dict[str, Any]) -> None:
        assert self._process.stdin is not None  # noqa: S101 - Popen was given a pipe
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError) as gone:
            raise SandboxError(f"{self._module} is no longer running") from gone


def parent_requests() -> Iterator[dict[str, Any]]:
    """The child's end: each request of the parent, ending when the parent is gone or SIGTERM comes.

    The first request holds the options the child was started with.
    """
    parent_pid = int(sys.argv[1])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _end)
    unread = b""
    while True:
        readable, _, _ = select.select([sys.stdin.fileno()], [], [], PARENT_CHECK_S)
        if not readable:
            if os.getppid() != parent_pid:
                return
            continue
        chunk = os.read(sys.stdin.fileno(), 65536)
        if not chunk:
            return
        *lines, unread = (unread + chunk).split(b"\n")
        yield from (json.loads(line) for line in lines)


def answer_parent(**answer: Any) -> None:
    """One line to the parent; ends the child when nobody is there to read it."""
    try:
        os.write(sys.stdout.fileno(), json.dumps(answer).encode() + b"\n")
    except BrokenPipeError:
        sys.exit(0)


def _end(*_: object) -> NoReturn:
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.SIG_IGN)  # what follows is the cleaning up: not to be interrupted
    sys.exit(0)
