"""`python -m tests.fork_server FOLDER`: has imported what quel's commands need, and becomes them by a fork.

It listens on a socket in the folder, and so does a second one that it forks, for the commands in OTHERS. A
connection is one order, a line of JSON that is answered in JSON: `environment`, `log` and `command` of a
process to start, answered by its id, or `exit_code_of` such an id. Both end with their standard input, and
what they have forked with them.
"""

import gc
import importlib
import json
import os
import select
import signal
import socketserver
import sys
import traceback
from contextlib import suppress
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from PIL import Image

from quel.adapters.bounded_http import tls_context

_FOR_ALL = (
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
OTHERS = {"quel": ("quel.cli", "quel.http.serving")}
"""What only some commands need, imported with the first of them.

They import the client of the metrics, which decides then whether it counts for a process or for all of a
command.
"""


class _Order(socketserver.StreamRequestHandler):
    """One order."""

    server: "_ForkServer"

    def handle(self) -> None:
        """Does it and answers."""
        order = json.loads(self.rfile.readline())
        asked = order.get("exit_code_of")
        answer = self.server.fork(order) if asked is None else self.server.exit_code(asked)
        self.wfile.write(json.dumps(answer).encode())


class _ForkServer(socketserver.UnixStreamServer):
    """One order at a time: a process with threads must not fork."""

    request_queue_size = 64

    def __init__(self, address: Path) -> None:
        super().__init__(str(address), _Order)
        self._exit_codes: dict[int, int | None] = {}

    def service_actions(self) -> None:
        """Ends where the standard input has."""
        if select.select([sys.stdin], [], [], 0)[0]:
            sys.exit()

    def fork(self, order: dict[str, Any]) -> int:
        """The id of the process that has become the command."""
        for module in OTHERS.get(order["command"][0], ()):
            importlib.import_module(module)
        pid = os.fork()
        if pid == 0:
            _become(order)
        self._exit_codes[pid] = None
        return pid

    def exit_code(self, pid: int) -> int | None:
        """None while it runs, the negative number of the signal it died of."""
        if self._exit_codes[pid] is None:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                self._exit_codes[pid] = os.waitstatus_to_exitcode(status)
        return self._exit_codes[pid]

    def server_close(self) -> None:
        """Kills what it has forked, too."""
        super().server_close()
        for pid in self._exit_codes:
            if self.exit_code(pid) is None:
                with suppress(ProcessLookupError):  # it has no group of its own yet
                    os.killpg(pid, signal.SIGKILL)
                os.kill(pid, signal.SIGKILL)


def _become(order: dict[str, Any]) -> None:
    code = 1
    try:
        os.setsid()
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))  # the connection of whoever ordered it
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
    for module in _FOR_ALL:
        importlib.import_module(module)
    Image.init()
    tls_context()
    assert "prometheus_client" not in sys.modules  # it decides by the environment when it is first imported
    gc.freeze()  # whoever is forked shares these objects' memory for as long as nobody collects them
    of_others = os.fork()
    try:
        with _ForkServer(folder / ("workers" if of_others else "others")) as server:
            server.serve_forever()
    finally:
        if of_others:
            os.waitpid(of_others, 0)


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
