"""ComfyUI's routes as quel uses them: what is 200 and what 400 or 500, what looks alike, what is missing."""

import json
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from email.parser import BytesParser
from email.policy import HTTP
from http import HTTPStatus
from typing import Any

from quel.sandbox.comfy.classes import CLASSES, Graph, ancestors, problems
from quel.sandbox.comfy.execution import Execution
from quel.sandbox.http_server import Reply, Request
from quel.sandbox.simulator import Simulator

BROKEN = Reply(500, b"500 Internal Server Error\n\nServer got itself in trouble", "text/plain")
EMPTY = Reply(200, b"", "text/plain")
MISSING = Reply(404, b"404: Not Found", "text/plain")


@dataclass(frozen=True)
class ComfyOptions:
    """How a server behaves when nothing is wrong.

    `latency_s` is an execution's; `version` before 0.6.0 has no /api/jobs, before 0.26.0 no cancel; `token`
    is what a proxy in front asks for; `missing` are files and classes that the server lacks.
    """

    latency_s: float = 0.0
    version: str = "0.33.0"
    token: str = ""
    missing: tuple[str, ...] = ()


class ComfySimulator(Simulator):
    """One server. The options are those of ComfyOptions."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self._initial = options
        self._options = ComfyOptions()
        self.execution = Execution(self.faults)
        self.controls |= {
            "configure": self.configure,
            "restart": self.execution.restart,
            "runs": lambda: self.execution.runs,
            "files": lambda: [list(key) for key in self.execution.files],
            "drop_files": self.execution.files.clear,
            "submit_foreign": self._submit_foreign,
            "take_back": self.execution.take_back,
            "history": lambda: list(self.execution.history),
            "put_input": self._put_input,
            "settle": self._settle,
            "queue": lambda: _queue(self.execution),
        }
        self.configure(**options)

    def configure(self, **options: Any) -> None:
        """Changes the options named."""
        if "missing" in options:
            options["missing"] = tuple(options["missing"])
        self._options = replace(self._options, **options)
        self.execution.latency_s = self._options.latency_s

    def reset(self) -> None:
        """As at the start."""
        super().reset()
        self.execution.restart()
        self.execution.files.clear()
        self.execution.runs.clear()
        self.configure(**(asdict(ComfyOptions()) | self._initial))

    def serve(self, request: Request) -> Reply:
        """One request. What it asks for is done before its answer goes wrong."""
        path = request.path.removeprefix("/api") if request.path.startswith("/api/") else request.path
        operation = path.split("/")[1] if path.count("/") else ""
        if operation == "prompt" and request.method == "GET":
            operation = "load"
        call = self.record(method=request.method, path=path, operation=operation, status=0, body={})
        if operation == "interrupt":
            call["body"] = json.loads(request.body or b"{}")
        fault = self.faults.next_fault(path, operation)
        if self._options.token and request.headers.get("authorization") != f"Bearer {self._options.token}":
            reply = Reply(401, b"<html>401</html>", "text/html")
        elif fault is not None and fault.replaces_answer:
            reply = Reply()
        else:
            reply = self._route(request, path)
        reply = fault.bend(reply) if fault else reply
        call["status"] = reply.status
        return reply

    def _route(self, request: Request, path: str) -> Reply:
        for pattern, method, since, handler in self._routes():
            found = re.fullmatch(pattern, path)
            if found and request.method == method and _at_least(self._options.version, since):
                try:
                    return handler(request, *found.groups())
                except (
                    ValueError,
                    KeyError,
                    TypeError,
                    AttributeError,
                ):  # as the server does: our fault, and 500
                    return BROKEN
        return MISSING

    def _routes(self) -> list[tuple[str, str, str, Callable[..., Reply]]]:
        execution = self.execution
        return [
            ("/prompt", "POST", "0", self._submit),
            ("/prompt", "GET", "0", lambda _: Reply.of_json(_load(execution))),
            ("/queue", "GET", "0", lambda _: Reply.of_json(_queue(execution))),
            ("/queue", "POST", "0", self._change_queue),
            ("/history", "POST", "0", self._change_history),
            ("/history/([^/]+)", "GET", "0", self._history),
            ("/interrupt", "POST", "0", self._interrupt),
            ("/jobs/([^/]+)", "GET", "0.6.0", self._job),
            ("/jobs/([^/]+)/cancel", "POST", "0.26.0", self._cancel),
            ("/upload/image", "POST", "0", self._upload),
            ("/view", "GET", "0", self._view),
            ("/object_info/([^/]+)", "GET", "0", self._object_info),
            ("/system_stats", "GET", "0", lambda _: Reply.of_json(self._system())),
            ("/free", "POST", "0", lambda _: EMPTY),
        ]

    def _submit(self, request: Request) -> Reply:
        asked = request.json()
        graph, prompt_id = asked["prompt"], asked.get("prompt_id", str(uuid.uuid4()))
        if not isinstance(prompt_id, str) or str(uuid.UUID(prompt_id)) != prompt_id:
            return _refused("invalid_prompt_id", {})
        for node, body in graph.items():
            kind = body["class_type"]
            if kind not in CLASSES or kind in self._options.missing:
                return _refused("missing_node_type", {}, class_type=kind, node_title=node)
        outputs = [node for node, body in graph.items() if CLASSES[body["class_type"]]["output_node"]]
        wanted = asked.get("partial_execution_targets")
        outputs = [node for node in outputs if wanted is None or node in wanted]
        if not outputs:
            return _refused("prompt_no_outputs", {})
        errors = {node: self._errors_of(graph, node) for node in outputs}
        good = [node for node in outputs if not errors[node]]
        node_errors = {node: error for found in errors.values() for node, error in found.items()}
        if not good:
            return _refused("prompt_outputs_failed_validation", node_errors)
        extra_data = {"client_id": asked.get("client_id")}
        number = self.execution.add(prompt_id, graph, good, extra_data)
        return Reply.of_json({"prompt_id": prompt_id, "number": number, "node_errors": node_errors})

    def _errors_of(self, graph: Graph, output: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for node in [n for n in graph if n in set(_reachable(graph, output))]:
            errors = problems(graph, node, missing=self._options.missing, has_file=self._has_input)
            if errors:
                kind = graph[node]["class_type"]
                found[node] = {"errors": errors, "dependent_outputs": [output], "class_type": kind}
        return found

    def _has_input(self, value: str) -> bool:
        subfolder, _, name = value.rpartition("/")
        return ("input", subfolder, name) in self.execution.files

    def _submit_foreign(self, seconds: float) -> str:
        """Somebody else's prompt, which takes about so long."""
        prompt_id = str(uuid.uuid4())
        graph = {"1": {"class_type": "SaveImage", "inputs": {"filename_prefix": f"theirs-{prompt_id}"}}}
        self.execution.add(prompt_id, graph, ["1"], {"client_id": "somebody"}, latency_s=seconds)
        return prompt_id

    def _put_input(self, subfolder: str, name: str, data: str) -> None:
        """Somebody else's file."""
        self.execution.files["input", subfolder, name] = data.encode()

    def _settle(self) -> None:
        """Returns when nothing waits or runs any more."""
        while self.execution.pending or self.execution.running:
            time.sleep(0.01)

    def _change_queue(self, request: Request) -> Reply:
        asked = request.json()
        if asked.get("clear"):
            with self.execution.lock:
                self.execution.pending.clear()
        for prompt_id in asked.get("delete", ()):
            self.execution.delete(prompt_id)
        return EMPTY

    def _change_history(self, request: Request) -> Reply:
        for prompt_id in request.json().get("delete", ()):
            self.execution.history.pop(prompt_id, None)
        return EMPTY

    def _history(self, _: Request, prompt_id: str) -> Reply:
        entry = self.execution.history.get(prompt_id)
        return Reply.of_json({prompt_id: entry} if entry else {})

    def _interrupt(self, request: Request) -> Reply:
        asked = json.loads(request.body or b"{}")
        self.execution.interrupt(asked.get("prompt_id"))
        return EMPTY

    def _job(self, _: Request, prompt_id: str) -> Reply:
        status = self._status(prompt_id)
        if status is None:
            return Reply.of_json({"error": "Job not found"}, 404)
        return Reply.of_json({"id": prompt_id, "status": status})

    def _status(self, prompt_id: str) -> str | None:
        with self.execution.lock:
            if any(item.prompt_id == prompt_id for item in self.execution.pending):
                return "pending"
            if self.execution.running is not None and self.execution.running.prompt_id == prompt_id:
                return "in_progress"
            entry = self.execution.history.get(prompt_id)
        if entry is None:
            return None
        last = entry["status"]["messages"][-1][0]
        ends = {"execution_success": "completed", "execution_interrupted": "cancelled"}
        return ends.get(last, "failed")

    def _cancel(self, _: Request, prompt_id: str) -> Reply:
        return Reply.of_json({"cancelled": self.execution.take_back(prompt_id)})

    def _upload(self, request: Request) -> Reply:
        fields = _multipart(request)
        name, data = fields["image"]
        if "image" not in fields or not name or ".." in name:
            return Reply(400)
        subfolder = fields.get("subfolder", ("", b""))[1].decode()
        stem, dot, suffix = name.rpartition(".")
        chosen, number = name, 0
        while self.execution.files.get(("input", subfolder, chosen), data) != data:
            number += 1
            chosen = f"{stem} ({number}){dot}{suffix}"
        self.execution.files["input", subfolder, chosen] = data
        return Reply.of_json({"name": chosen, "subfolder": subfolder, "type": "input"})

    def _view(self, request: Request) -> Reply:
        query = request.query
        if ".." in query["filename"]:
            return Reply(400)
        key = (query.get("type", "output"), query.get("subfolder", ""), query["filename"])
        data = self.execution.files.get(key)
        return MISSING if data is None else Reply(200, data, "image/png")

    def _object_info(self, _: Request, name: str) -> Reply:
        if name not in CLASSES or name in self._options.missing:
            return Reply.of_json({})
        info = json.loads(json.dumps(CLASSES[name]))
        for spec in info["input"]["required"].values():
            if isinstance(spec[0], list):
                spec[0] = [choice for choice in spec[0] if choice not in self._options.missing]
            elif spec[0] == "COMBO":
                spec[1]["options"] = [c for c in spec[1]["options"] if c not in self._options.missing]
        return Reply.of_json({name: info})

    def _system(self) -> dict[str, Any]:
        device = {"name": "sandbox", "type": "cuda", "vram_total": 24 << 30, "vram_free": 20 << 30}
        system = {"comfyui_version": self._options.version, "argv": ["main.py"], "ram_free": 8 << 30}
        return {"system": system, "devices": [device]}


def _reachable(graph: Graph, output: str) -> list[str]:
    try:
        return list(ancestors(graph, output))
    except KeyError:
        return list(graph)


def _refused(kind: str, node_errors: dict[str, Any], **extra: str) -> Reply:
    error = {"type": kind, "message": kind, "details": "", "extra_info": extra}
    return Reply.of_json({"error": error, "node_errors": node_errors}, HTTPStatus.BAD_REQUEST)


def _load(execution: Execution) -> dict[str, Any]:
    with execution.lock:
        remaining = len(execution.pending) + (execution.running is not None)
    return {"exec_info": {"queue_remaining": remaining}}


def _queue(execution: Execution) -> dict[str, Any]:
    with execution.lock:
        running = [execution.running.listed()] if execution.running else []
        return {"queue_running": running, "queue_pending": [item.listed() for item in execution.pending]}


def _at_least(version: str, since: str) -> bool:
    return [int(part) for part in version.split(".")] >= [int(part) for part in since.split(".")]


def _multipart(request: Request) -> dict[str, tuple[str, bytes]]:
    head = b"Content-Type: " + request.headers["content-type"].encode() + b"\r\n\r\n"
    message = BytesParser(policy=HTTP).parsebytes(head + request.body)
    return {
        str(part.get_param("name", header="content-disposition")): (
            part.get_filename() or "",
            bytes(part.get_payload(decode=True) or b""),
        )
        for part in message.iter_parts()
    }
