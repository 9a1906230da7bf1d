"""What the simulators share: a log of calls, a plan of faults, and a control plane beside their own routes.

The control plane is `POST /_sandbox/{verb}` with JSON both ways, so a simulator is told the same things in
the same way whether it runs in a thread or in a process of its own.
"""

import http.client
import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import urlsplit

from quel.sandbox.errors import SandboxError
from quel.sandbox.faults import Fault, FaultPlan, Rule
from quel.sandbox.http_server import LoopbackServer, Reply, Request
from quel.sandbox.servers.parent_watch import Child
from quel.sandbox.startable import Startable

CONTROL_PREFIX = "/_sandbox/"
CONTROL_TIMEOUT_S = 60.0


class Simulator(ABC):
    """The server's side. Subclasses serve their routes and add verbs to `controls`."""

    def __init__(self) -> None:
        self.faults = FaultPlan()
        self.lock = threading.Lock()
        self.log: list[dict[str, Any]] = []
        self.controls: dict[str, Callable[..., Any]] = {
            "add_fault": self._add_fault,
            "clear_faults": self.faults.clear,
            "calls": lambda since: self.log[since:],
            "reset": self.reset,
        }

    @abstractmethod
    def serve(self, request: Request) -> Reply:
        """The reply to one request of the provider's own protocol."""

    def reset(self) -> None:
        """Forgets calls and faults."""
        self.faults.clear()
        with self.lock:
            self.log.clear()

    def answer(self, request: Request) -> Reply:
        """The reply to any request, the control plane's included."""
        if not request.path.startswith(CONTROL_PREFIX):
            return self.serve(request)
        verb = self.controls.get(request.path.removeprefix(CONTROL_PREFIX))
        if verb is None:
            return Reply.of_json("There is no such verb.", HTTPStatus.NOT_FOUND)
        try:
            return Reply.of_json(verb(**json.loads(request.body)))
        except SandboxError as refused:
            return Reply.of_json(str(refused), HTTPStatus.BAD_REQUEST)

    def record(self, **call: Any) -> dict[str, Any]:
        """Adds a call to the log, numbered from 0; the caller may add to it later."""
        with self.lock:
            call["number"] = len(self.log)
            self.log.append(call)
        return call

    def _add_fault(self, fault: dict[str, Any], **rule: Any) -> None:
        self.faults.add(Rule(Fault.from_json(fault), **rule))


class Client(Startable):
    """The user's side: starts a simulator and tells it things. Safe for many threads and across forks."""

    def __init__(
        self, factory: Callable[..., Simulator], options: dict[str, Any], *, in_process: bool
    ) -> None:
        self._factory = factory
        self._options = options
        self._in_process = in_process
        self._server: LoopbackServer | None = None
        self._child: Child | None = None
        self.url = ""

    def launch(self) -> None:
        """Begins to start; `await_ready` ends it."""
        if self._in_process:
            self._server = LoopbackServer(self._factory(**self._options))
            self._server.start()
        else:
            factory = f"{self._factory.__module__}:{self._factory.__qualname__}"
            self._child = Child(
                "quel.sandbox.simulator_child", {"factory": factory, "options": self._options}
            )

    def await_ready(self) -> None:
        """Returns once the simulator answers at `url`."""
        if self._server:
            self.url = self._server.url
        elif self._child:
            self.url = self._child.hear()["url"]

    def start(self) -> Self:
        """Starts the simulator."""
        self.launch()
        self.await_ready()
        return self

    def stop(self) -> None:
        """Ends it, with every connection to it; harmless twice."""
        if self._server:
            self._server.close()
            self._server = None
        if self._child:
            self._child.stop()
            self._child = None

    @property
    def pid(self) -> int | None:
        """The simulator's process, None where it runs in this one."""
        return self._child.pid if self._child else None

    def fail_next(
        self, fault: Fault, times: int = 1, *, containing: str = "", operation: str | None = None
    ) -> None:
        """The next `times` calls (that match) get the fault; asked several times, faults queue up."""
        self._add_fault(fault, times=times, containing=containing, operation=operation)

    def fail_when(self, containing: str, fault: Fault, *, operation: str | None = None) -> None:
        """Every call whose prompt (Gemini) or object path (Storage) contains the text gets the fault."""
        self._add_fault(fault, containing=containing, operation=operation)

    def fail_randomly(
        self, fault: Fault, probability: float, *, seed: int = 0, operation: str | None = None
    ) -> None:
        """Each call gets the fault with this probability, the same calls for the same seed and order."""
        self._add_fault(fault, probability=probability, seed=seed, operation=operation)

    def clear_faults(self) -> None:
        """Everything goes well again."""
        self.control("clear_faults")

    def reset(self) -> None:
        """As at the start: no calls, no faults, the options it was started with."""
        self.control("reset")

    def control(self, verb: str, **arguments: Any) -> Any:
        """One word to the control plane. Raises SandboxError when it is refused."""
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(
            address.hostname or "", address.port, timeout=CONTROL_TIMEOUT_S
        )
        try:
            connection.request("POST", f"{CONTROL_PREFIX}{verb}", json.dumps(arguments))
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        if response.status != HTTPStatus.OK:
            raise SandboxError(f"{verb}: {body.decode(errors='replace')}")
        return json.loads(body)

    def _add_fault(self, fault: Fault, **rule: Any) -> None:
        self.control("add_fault", fault=fault.to_json(), **rule)
