"""A throwaway PostgreSQL: what it has committed outlives SIGKILL of the server, but not of the machine.

fsync is off, yet every commit is handed to the kernel before it is acknowledged (synchronous_commit stays
on): a killed server recovers all of it, which chaos tests count on.
"""

import re
import signal
import subprocess
import time
from pathlib import Path

from quel.sandbox.errors import SandboxError
from quel.sandbox.servers.server_process import START_DEADLINE_S, Seat, ServerProcess

MAX_CONNECTIONS = 200
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": str(MAX_CONNECTIONS),
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "dynamic_shared_memory_type": "mmap",  # in the data directory, so a killed server leaves none behind
    "timezone": "UTC",
    "log_timezone": "UTC",
}
STILL_IN_USE = "still in use"
SCRAM_ITERATIONS_SINCE = 16


class PostgresProcess(ServerProcess):
    """PostgreSQL with one superuser, `postgres`."""

    name = "postgres"

    def __init__(self, seat: Seat, bindir: Path) -> None:
        super().__init__(seat)
        self._bindir = bindir

    def start(self) -> None:
        """Makes the cluster if there is none, then starts it, after the last one's children are gone.

        The children of a killed server end by themselves, moments after it; until then a new one refuses.
        """
        if not (self.data / "PG_VERSION").exists():
            self._make_cluster()
        deadline = time.monotonic() + START_DEADLINE_S
        while True:
            logged = self.log.stat().st_size
            try:
                self._start_once()
            except SandboxError:
                if STILL_IN_USE not in self.log.read_text(errors="replace")[logged:]:
                    raise
                if time.monotonic() > deadline:
                    raise
            else:
                return

    def stop(self) -> None:
        """A fast shutdown: sessions are ended, everything is written."""
        self.signal(signal.SIGINT)
        self.wait_for_end()

    def dispose(self) -> None:
        """An immediate shutdown, and the removal of the shared memory a killed server left behind."""
        self.signal(signal.SIGQUIT)
        self.wait_for_end()
        lock_file = self.data / "postmaster.pid"
        if lock_file.exists():
            shared_memory = lock_file.read_text().splitlines()[6:7]
            for identifier in (line.split()[-1] for line in shared_memory if line.split()):
                self.run(subprocess.run, "ipcrm", "-m", identifier, check=False)

    def _make_cluster(self) -> None:
        password_file = self.seat.directory / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(self.seat.password)
        if self.seat.account:
            self.seat.account.owns(password_file)
        command = [str(self._bindir / "initdb"), "-D", str(self.data), "--pwfile", str(password_file)]
        command += ["-U", "postgres", "-A", "password", "-E", "UTF8", "--locale=C", "--no-sync"]
        made = self.run(subprocess.run, *command, *self._cheap_passwords(), check=False)
        password_file.unlink()
        if made.returncode:
            raise SandboxError(f"initdb failed. The end of its log:\n{self.log_tail()}")

    def _cheap_passwords(self) -> tuple[str, ...]:
        """The one password is random: 4,096 rounds guard nothing, and make a connection of 2 ms one of 7."""
        program = [str(self._bindir / "initdb"), "--version"]
        told = subprocess.run(program, capture_output=True, text=True, check=True).stdout
        major = int(re.findall(r"\d+", told)[0])
        return ("--set", "scram_iterations=1") if major >= SCRAM_ITERATIONS_SINCE else ()

    def _start_once(self) -> None:
        settings = [argument for item in SETTINGS.items() for argument in ("-c", "=".join(item))]
        self.launch(self._bindir / "postgres", "-D", self.data, "-p", str(self.seat.port), *settings)
        self.wait_until(self._is_ready)

    def _is_ready(self) -> bool:
        """Line 1 of the lock file is the server's pid (an old file may lie there), line 8 its state."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return lines[:1] == [str(self.pid)] and [line.strip() for line in lines[7:8]] == ["ready"]
