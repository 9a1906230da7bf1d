"""One worker thread with queue and history in memory; files stay. An id that comes twice runs twice."""

import itertools
import json
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from quel.sandbox.comfy.classes import Graph, ancestors
from quel.sandbox.comfy.drawing import bend, draw
from quel.sandbox.comfy.faults import EXECUTE
from quel.sandbox.faults import Fault, FaultPlan

_TICK_S = 0.01
_MODES = {"output", "input", "temp"}


@dataclass
class Item:
    """A prompt that waits or runs; `beside` counts those of the same client that did when it came."""

    number: float
    prompt_id: str
    graph: Graph
    outputs: list[str]
    extra_data: dict[str, Any]
    latency_s: float | None = None
    interrupted: bool = False
    beside: int = 0

    def listed(self) -> list[Any]:
        """As /queue has it."""
        return [self.number, self.prompt_id, self.graph, self.extra_data, self.outputs]


@dataclass
class Execution:
    """The server's inside. `files` are by (type, subfolder, name)."""

    faults: FaultPlan
    latency_s: float = 0.0
    lock: threading.RLock = field(default_factory=threading.RLock)
    files: dict[tuple[str, str, str], bytes] = field(default_factory=dict)
    pending: list[Item] = field(default_factory=list)
    running: Item | None = None
    history: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: list[dict[str, Any]] = field(default_factory=list)
    is_dead: bool = False

    def __post_init__(self) -> None:
        self._numbers = itertools.count()
        self._cache: dict[str, bytes] = {}
        self._saved: dict[str, list[dict[str, str]]] = {}
        self._born = 0
        threading.Thread(target=self._work, daemon=True).start()

    def add(
        self,
        prompt_id: str,
        graph: Graph,
        outputs: list[str],
        extra_data: dict[str, Any],
        latency_s: float | None = None,
    ) -> float:
        """Queues a prompt, which takes `latency_s` where that is not None; its number."""
        with self.lock:
            item = Item(next(self._numbers), prompt_id, graph, outputs, extra_data, latency_s)
            there = [*self.pending, *([self.running] if self.running else [])]
            item.beside = sum(one.extra_data == extra_data for one in there)
            self.pending.append(item)
        return item.number

    def restart(self) -> None:
        """Forgets everything but files."""
        with self.lock:
            self._born += 1
            self.pending.clear()
            self.history.clear()
            self._cache.clear()
            self._saved.clear()
            self.running, self.is_dead = None, False

    def delete(self, prompt_id: str) -> bool:
        """Takes a prompt out of the queue."""
        with self.lock:
            before = len(self.pending)
            self.pending = [item for item in self.pending if item.prompt_id != prompt_id]
            return len(self.pending) < before

    def interrupt(self, prompt_id: str | None) -> bool:
        """Interrupts what runs, if it is the one named (None: whatever runs)."""
        with self.lock:
            if self.running is None or prompt_id not in (None, self.running.prompt_id):
                return False
            self.running.interrupted = True
            return True

    def take_back(self, prompt_id: str) -> bool:
        """Ends a prompt that waits or runs."""
        return self.delete(prompt_id) or self.interrupt(prompt_id)

    def _work(self) -> None:
        while True:
            time.sleep(_TICK_S)
            with self.lock:
                if self.is_dead or not self.pending:
                    continue
                item = self.running = self.pending.pop(0)
                born = self._born
            self._run(item, born)

    def _run(self, item: Item, born: int) -> None:
        fault = self.faults.next_fault(json.dumps(item.graph), EXECUTE)
        shape = fault.shape if fault else None
        began = time.time()
        with self.lock:
            run = {
                "prompt_id": item.prompt_id,
                "graph": item.graph,
                "began_at": began,
                "ended_at": None,
                "beside": item.beside,
                "fault": fault.name if fault else "",
            }
            self.runs.append(run)
        if shape == "dies":
            with self.lock:
                self.is_dead = True
            return  # it stays in the list of what runs, for ever
        saved, picture = self._outputs(item), b""
        if saved is None:
            cached = self._key(item) in self._cache
            latency_s = self.latency_s if item.latency_s is None else item.latency_s
            until = time.monotonic() + (0.0 if cached else latency_s)
            picture = self._picture(item, shape)  # drawing is a part of the time it takes
            ended = self._wait(item, until, born, deaf=shape == "deaf")
            if not ended or shape == "restarts":
                if ended:
                    self.restart()
                return
        run["ended_at"] = time.time()
        with self.lock:
            if born != self._born:
                return
            if item.interrupted:
                self._end(item, "error", {}, began, ["execution_interrupted", {"node_id": item.outputs[0]}])
            elif fault is not None and shape == "node_error":
                self._end(item, "error", {}, began, _error(item, fault))
            else:
                files = saved if saved is not None else self._save(item, shape, picture)
                self._end(item, "success", files, began, ["execution_success", {}], cached=saved is not None)
        if shape == "restarts_after":
            self.restart()

    def _wait(self, item: Item, until: float, born: int, *, deaf: bool) -> bool:
        """Whether the execution came to its end in this life of the server."""
        while time.monotonic() < until and (deaf or not item.interrupted):
            if born != self._born:
                return False
            time.sleep(_TICK_S)
        return born == self._born

    def _key(self, item: Item) -> str:
        """What the picture is made of: everything but where it is saved."""
        [output] = item.outputs[:1]
        parts = {node: item.graph[node] for node in ancestors(item.graph, output) if node != output}
        return json.dumps(parts, sort_keys=True)

    def _whole(self, item: Item) -> str:
        return json.dumps([item.graph, item.outputs], sort_keys=True)

    def _outputs(self, item: Item) -> dict[str, Any] | None:
        """The old names where an equal prompt was run before: nothing is executed, the file may be gone."""
        images = self._saved.get(self._whole(item))
        return None if images is None else {item.outputs[0]: {"images": images}}

    def _picture(self, item: Item, shape: str | None) -> bytes:
        if shape is not None:
            return bend(draw(item.graph), shape)
        key = self._key(item)
        return self._cache.get(key) or draw(item.graph)

    def _save(self, item: Item, shape: str | None, picture: bytes) -> dict[str, Any]:
        if shape == "no_output":
            return {item.outputs[0]: {}}
        if shape is None:
            self._cache[self._key(item)] = picture
        images = []
        for output in item.outputs:
            prefix = str(item.graph[output]["inputs"].get("filename_prefix", "ComfyUI"))
            subfolder, _, name = prefix.rpartition("/")
            for _ in range(2 if shape == "batch" else 1):
                counter = 1 + sum(k[1] == subfolder and k[2].startswith(f"{name}_") for k in self.files)
                filename = f"{name}_{counter:05}_.png"
                if shape != "no_file":
                    self.files["output", subfolder, filename] = picture
                images.append({"filename": filename, "subfolder": subfolder, "type": "output"})
        if shape is None:
            self._saved[self._whole(item)] = images
        return {item.outputs[0]: {"images": images}}

    def _end(
        self,
        item: Item,
        status: str,
        outputs: dict[str, Any],
        began: float,
        last: list[Any],
        *,
        cached: bool = False,
    ) -> None:
        now = time.time()
        messages = [
            ["execution_start", {"prompt_id": item.prompt_id, "timestamp": int(began * 1000)}],
            [
                "execution_cached",
                {"nodes": list(item.graph) if cached else [], "timestamp": int(began * 1000)},
            ],
            [last[0], {"prompt_id": item.prompt_id, "timestamp": int(now * 1000), **last[1]}],
        ]
        self.history[item.prompt_id] = {
            "prompt": item.listed(),
            "outputs": outputs,
            "status": {"status_str": status, "completed": status == "success", "messages": messages},
            "meta": {},
        }
        self.running = None


def _error(item: Item, fault: Fault) -> list[Any]:
    kind, node, message = fault.body.split("\n", 2)
    node = node or item.outputs[0]
    words = json.dumps(item.graph)
    prompt = next(
        (
            str(body["inputs"][name])
            for body in item.graph.values()
            for name in ("prompt", "text")
            if name in body["inputs"]
        ),
        "",
    )
    return [
        "execution_error",
        {
            "node_id": node,
            "node_type": item.graph.get(node, {}).get("class_type", "KSampler"),
            "executed": [],
            "exception_type": kind,
            "exception_message": message.replace("{prompt}", prompt),
            "traceback": [f'File "/home/studio/ComfyUI/execution.py", line 1, in execute\n{words}'],
            "current_inputs": {"prompt": [prompt]},
            "current_outputs": [],
        },
    ]
