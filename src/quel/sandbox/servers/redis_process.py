"""A throwaway Redis (or Valkey) that keeps its data over a stop, and over SIGKILL only with its log on.

Without `appendonly` a killed server comes back empty, as an unprotected Redis does; with it, everything
that was answered is there again.
"""

import socket
from collections.abc import Sequence
from pathlib import Path

from quel.sandbox.servers.server_process import Seat, ServerProcess

DATABASES = 128
ANSWER_TIMEOUT_S = 5.0


class RedisProcess(ServerProcess):
    """One Redis server with a password and 128 databases; `directives` of redis.conf win over ours."""

    name = "redis"

    def __init__(self, seat: Seat, server: Path, *, appendonly: bool, directives: Sequence[str] = ()) -> None:
        super().__init__(seat)
        self._server = server
        self._appendonly = appendonly
        self._directives = directives
        self._config = seat.directory / "redis.conf"

    def start(self) -> None:
        """Starts it with whatever data is there, and returns when that is loaded."""
        self.data.mkdir(exist_ok=True)
        self._config.touch(mode=0o600)
        self._config.write_text(self._settings())
        if self.seat.account:
            for path in (self.data, self._config):
                self.seat.account.owns(path)
        self.launch(self._server, self._config)
        self.wait_until(lambda: send(self.seat.port, self.seat.password, "PING").endswith("+PONG\r\n"))
        (self.data / "dump.rdb").unlink(missing_ok=True)  # else a later kill would bring old data back

    def stop(self) -> None:
        """Writes everything down and ends."""
        send(self.seat.port, self.seat.password, "SHUTDOWN SAVE")
        self.wait_for_end()

    def _settings(self) -> str:
        lines = (
            "bind 127.0.0.1",
            f"port {self.seat.port}",
            f"requirepass {self.seat.password}",
            f"databases {DATABASES}",
            f'dir "{self.data}"',
            f"appendonly {'yes' if self._appendonly else 'no'}",
            "appendfsync everysec",
            'save ""',
            "maxmemory-policy noeviction",
            "maxclients 1000",
            *self._directives,
        )
        return "\n".join(lines) + "\n"


def send(port: int, password: str, *commands: str) -> str:
    """Says inline commands on a connection of their own; all the answers, or "" when nobody listens.

    The inline form of the Redis protocol keeps a client library out of the supervisor.
    """
    said = "".join(f"{command}\r\n" for command in (f"AUTH {password}", *commands, "QUIT"))
    try:
        with socket.create_connection(("127.0.0.1", port), ANSWER_TIMEOUT_S) as connection:
            connection.sendall(said.encode())
            return "".join(iter(lambda: connection.recv(65536).decode(), "")).removesuffix("+OK\r\n")
    except OSError:
        return ""
