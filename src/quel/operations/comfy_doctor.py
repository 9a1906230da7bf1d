"""Asks every ComfyUI server how it is, and whether its workflows can run there; no image is made."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from quel.adapters.comfy.client import Answer, ComfyClient
from quel.core.comfy.check import check, classes_of, paid_classes
from quel.core.operations.comfy_doctor import ServerFacts, judge_server, judge_workflow
from quel.core.operations.doctor import Finding
from quel.operations.services import OperatorServices

_MOST_AT_ONCE = 8
_GB = 1 << 30
_OK, _REFUSED = 200, (401, 403)


def examine_comfy(services: OperatorServices) -> Iterator[Finding]:
    """A line a server, and a line a workflow and server. Raises SettingsError, ServiceUnavailable."""
    engines, servers = services.engine_settings, services.comfy_servers
    if not engines.servers:
        return
    with ThreadPoolExecutor(_MOST_AT_ONCE) as threads:
        found = dict(zip(servers.clients, threads.map(_facts, servers.clients.values()), strict=True))
    for name, facts in found.items():
        out = servers.out([name], "").get(name, ("", 0.0))[0]
        yield from judge_server(ServerFacts(**{**vars(facts), "out": out}))
    answering = {name for name, facts in found.items() if not facts.problem}
    for workflow in engines.workflows.values():
        problems: dict[str, tuple[str, ...]] = {}
        paid: tuple[str, ...] = ()
        for name in workflow.servers:
            if name in answering:
                told = {kind: servers.clients[name].node_class(kind) for kind in sorted(classes_of(workflow))}
                classes = {kind: known or {} for kind, known in told.items()}
                problems[name] = check(workflow, classes)
                paid = paid_classes(workflow, classes)
        yield from judge_workflow(workflow.name, problems, paid)


def _facts(client: ComfyClient) -> ServerFacts:
    began_at = time.monotonic()
    answer = client.system()
    milliseconds = (time.monotonic() - began_at) * 1000
    if not isinstance(answer, Answer):
        return ServerFacts(client.name, "It does not answer: does it run, and is its url right?")
    if answer.status in _REFUSED:
        return ServerFacts(client.name, f"It refuses quel's credential ({answer.status}): renew it.")
    told = answer.json()
    system = told.get("system") if isinstance(told, dict) else None
    if answer.status != _OK or not isinstance(system, dict):
        return ServerFacts(client.name, f"What answers there is no ComfyUI server ({answer.status}).")
    devices = told.get("devices") or [{}]
    free = devices[0].get("vram_free") if isinstance(devices[0], dict) else None
    return ServerFacts(
        name=client.name,
        version=str(system.get("comfyui_version") or ""),
        milliseconds=milliseconds,
        waiting=max(client.load() or 0, 0),
        free_vram_gb=free / _GB if isinstance(free, int) else None,
        arguments=tuple(map(str, system.get("argv") or ())),
    )
