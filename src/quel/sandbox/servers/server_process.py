"""One embedded server: started, stopped, killed and started again on the same port with the same data.

What PostgreSQL and Redis have in common; what differs is in postgres_process and redis_process.
"""

import shutil
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from quel.sandbox.end_with_parent import end_with_parent
from quel.sandbox.errors import SandboxError
from quel.sandbox.servers.account import Account
from quel.sandbox.servers.ports import free_port

START_DEADLINE_S = 60.0
STOP_DEADLINE_S = 10.0
POLL_S = 0.005
LOG_TAIL_CHARACTERS = 2000
PORTS_TRIED = 5
PORT_IS_TAKEN = "Address already in use"


@dataclass(frozen=True)
class Seat:
    """Where a server runs: its directory, its port on loopback, its password, and the user it runs as."""

    directory: Path
    port: int
    password: str
    account: Account | None


class ServerProcess(ABC):
    """A server that comes back where it was. Used by one thread."""

    name: str

    def __init__(self, seat: Seat) -> None:
        self.seat = seat
        self.log = seat.directory / f"{self.name}.log"
        self.data = seat.directory / self.name
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id while the server runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @abstractmethod
    def start(self) -> None:
        """Starts the server and returns once it answers. Raises SandboxError with the end of its log."""

    def start_first(self) -> None:
        """Starts it for the first time: on another port where somebody has taken this one meanwhile."""
        for _ in range(PORTS_TRIED - 1):
            try:
                self.start()
            except SandboxError:
                if PORT_IS_TAKEN not in self.log_tail():
                    raise
                self.seat = replace(self.seat, port=free_port())
            else:
                return
        self.start()

    @abstractmethod
    def stop(self) -> None:
        """Asks the server to write down what it has and end."""

    def dispose(self) -> None:
        """Ends the server for good, in whatever state it is; its data is about to be deleted."""
        self.kill()

    def kill(self) -> None:
        """SIGKILL, as an out-of-memory killer or a power cut would."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def lose_data(self) -> None:
        """Deletes everything the stopped server has written."""
        shutil.rmtree(self.data, ignore_errors=True)

    def launch(self, *command: str | Path) -> None:
        """Runs the server's program, its output going to the log."""
        self._process = self.run(subprocess.Popen, *command, preexec_fn=end_with_parent(signal.SIGQUIT))

    def run(self, runner: Callable[..., Any], *command: str | Path, **options: Any) -> Any:
        """Runs a program as the server's user, in its directory, with a bare environment."""
        account = self.seat.account
        with self.log.open("ab") as log:
            return runner(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.seat.directory,
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", "HOME": str(self.seat.directory)},
                **(account.popen_options() if account else {}),
                **options,
            )

    def wait_until(self, ready: Callable[[], bool]) -> None:
        """Waits until `ready()`. Raises SandboxError when the server ends first or takes too long."""
        deadline = time.monotonic() + START_DEADLINE_S
        while not ready():
            if self.pid is None or time.monotonic() > deadline:
                raise SandboxError(f"{self.name} did not start. The end of its log:\n{self.log_tail()}")
            time.sleep(POLL_S)

    def wait_for_end(self) -> None:
        """Waits for a server that was asked to end, and kills it when it does not."""
        if self._process:
            try:
                self._process.wait(STOP_DEADLINE_S)
            except subprocess.TimeoutExpired:
                self.kill()

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal, if the server still runs."""
        if self._process:
            self._process.send_signal(number)

    def log_tail(self) -> str:
        """The last lines the server wrote."""
        return self.log.read_text(errors="replace")[-LOG_TAIL_CHARACTERS:]
