"""The child process that owns PostgreSQL and Redis, and ends both when its parent is gone.

Run as `python -m quel.sandbox.servers.supervisor <parent pid>`. Says where the servers are once they answer,
then obeys `{"do": "start" | "stop" | "kill" | "lose_data", "server": "postgres" | "redis"}`, a line each.
"""

import secrets
import shutil
import tempfile
from pathlib import Path
from typing import Any

from quel.sandbox.errors import SandboxError
from quel.sandbox.servers.account import Account, server_account
from quel.sandbox.servers.binaries import find_postgres, find_redis, reachable_postgres, reachable_redis
from quel.sandbox.servers.parent_watch import answer_parent, parent_requests
from quel.sandbox.servers.ports import free_port
from quel.sandbox.servers.postgres_process import PostgresProcess
from quel.sandbox.servers.redis_process import RedisProcess
from quel.sandbox.servers.server_process import Seat, ServerProcess

ORDERS = ("start", "stop", "kill", "lose_data")


def main() -> None:
    """Serves until the parent is gone, and leaves neither a process nor a file behind."""
    requests = parent_requests()
    options = next(requests, None)
    if options is None:
        return
    directory = make_directory(server_account(), options["folder"])
    servers: dict[str, ServerProcess] = {}
    try:
        servers |= make_servers(directory, server_account(), appendonly=options["appendonly"])
        for server in servers.values():
            server.start_first()
        answer_parent(directory=str(directory), **{name: _where(server) for name, server in servers.items()})
        for request in requests:
            _obey(servers[request["server"]], request["do"])
    except SandboxError as error:
        answer_parent(error=str(error))
    finally:
        for server in servers.values():
            server.dispose()
        shutil.rmtree(directory, ignore_errors=True)


def _obey(server: ServerProcess, order: str) -> None:
    if order not in ORDERS:
        answer_parent(error=f"There is no order {order!r}; there are {', '.join(ORDERS)}.")
        return
    try:
        getattr(server, order)()
    except SandboxError as error:
        answer_parent(error=str(error))
    else:
        answer_parent(pid=server.pid)


def make_directory(account: Account | None, folder: str | None = None) -> Path:
    """A new directory that the servers' user reaches and owns, in `folder` or where temporary files lie."""
    directory = Path(tempfile.mkdtemp(prefix="quel-sandbox-", dir=folder))
    if account and not all(account.reaches(parent) for parent in directory.parents):
        directory.rmdir()
        directory = Path(tempfile.mkdtemp(prefix="quel-sandbox-", dir="/tmp"))
    if account:
        account.owns(directory)
    return directory


def make_servers(directory: Path, account: Account | None, *, appendonly: bool) -> dict[str, ServerProcess]:
    """Both servers, not started yet, each with a port that is free now."""
    copies = directory / "binaries"
    bindir = reachable_postgres(find_postgres(), account, copies)
    redis = reachable_redis(find_redis(), account, copies)

    def seat() -> Seat:
        return Seat(directory, free_port(), secrets.token_hex(8), account)

    return {
        "redis": RedisProcess(seat(), redis, appendonly=appendonly),
        "postgres": PostgresProcess(seat(), bindir),
    }


def _where(server: ServerProcess) -> dict[str, Any]:
    return {"port": server.seat.port, "password": server.seat.password, "pid": server.pid}


if __name__ == "__main__":
    main()
