"""A workflow's file, read and checked: a graph in API format whose slots are named in its nodes' titles.

What is wrong is a SettingsError that names the file and the node: it ends the start, before any image.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from quel.core.errors import SettingsError

Nodes = Mapping[str, Mapping[str, Any]]

MASK_ROLE = "mask"
"""The role of the picture that `quel:mask` gets."""


class SlotKind(StrEnum):
    """What quel puts into a slot."""

    PROMPT = "prompt"
    NEGATIVE = "negative"
    SEED = "seed"
    STEPS = "steps"
    CFG = "cfg"
    WIDTH = "width"
    HEIGHT = "height"
    SIZE = "size"  # stands for both on a node that has both
    PICTURE = "picture"
    MASK = "mask"  # of an in-painting, as a picture with transparency
    OUTPUT = "output"


_INPUTS: dict[SlotKind, tuple[str, ...]] = {
    SlotKind.PROMPT: ("text", "prompt", "value"),
    SlotKind.NEGATIVE: ("text", "prompt", "value"),
    SlotKind.SEED: ("seed", "noise_seed", "value"),
    SlotKind.STEPS: ("steps", "value"),
    SlotKind.CFG: ("cfg", "value"),
    SlotKind.WIDTH: ("width", "value"),
    SlotKind.HEIGHT: ("height", "value"),
    SlotKind.PICTURE: ("image",),
    SlotKind.MASK: ("image",),
    SlotKind.OUTPUT: ("filename_prefix",),
}


@dataclass(frozen=True)
class Slot:
    """An input of a node that quel fills; `role` is a picture's: category, place from 1, or MASK_ROLE."""

    kind: SlotKind
    node: str
    input: str
    role: str = ""


@dataclass(frozen=True)
class Graph:
    """One file: its nodes and slots. `digest` is of its content."""

    file: str
    nodes: Nodes
    slots: tuple[Slot, ...]
    digest: str

    def of(self, kind: SlotKind) -> tuple[Slot, ...]:
        """The slots of a kind."""
        return tuple(slot for slot in self.slots if slot.kind is kind)

    @property
    def output(self) -> str:
        """The node whose pictures are the image."""
        return self.of(SlotKind.OUTPUT)[0].node


def read_graph(file: str, content: bytes, *, roles: Collection[str], slots: Mapping[str, str]) -> Graph:
    """The graph of a file's content. Raises SettingsError.

    `roles` are the categories that paths know; `slots` are an operator's own ("prompt": "6.text").
    """
    nodes = _nodes(file, content)
    for node, number, value in _links(nodes):
        if value not in nodes:
            raise SettingsError(
                f'{file}: the input "{number}" of node {_named(node, nodes)} is linked to node {value},'
                " which is not in the file."
            )
    _refuse_cycles(file, nodes)
    found = tuple(_slots(file, nodes, slots, frozenset(roles)))
    _check_slots(file, found)
    return Graph(file, nodes, found, hashlib.sha256(content).hexdigest())


def link_of(value: object) -> str | None:
    """The node that an input's value is linked to; None for a value of its own."""
    if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str | int):
        return str(value[0])
    return None


def _nodes(file: str, content: bytes) -> Nodes:
    try:
        graph = json.loads(content)
    except ValueError:
        raise SettingsError(f"{file} is no JSON.") from None
    if isinstance(graph, dict) and isinstance(graph.get("nodes"), list):
        raise SettingsError(
            f"{file} is a workflow as the browser saves it, which no server runs: in ComfyUI choose"
            ' "Export (API)" and name that file.'
        )
    if not isinstance(graph, dict) or not graph:
        raise SettingsError(f"{file} is no workflow in API format: it must be an object of nodes.")
    for node, body in graph.items():
        is_node = isinstance(body, dict) and isinstance(body.get("class_type"), str)
        if not is_node or not isinstance(body.get("inputs"), dict):
            raise SettingsError(f"{file}: node {node} has no class_type, or no inputs.")
    return graph


def _links(nodes: Nodes) -> Iterator[tuple[str, str, str]]:
    for node, body in nodes.items():
        for name, value in body["inputs"].items():
            if (source := link_of(value)) is not None:
                yield node, name, source


def _refuse_cycles(file: str, nodes: Nodes) -> None:
    sources: dict[str, set[str]] = {node: set() for node in nodes}
    for node, _, source in _links(nodes):
        sources[node].add(source)
    settled: set[str] = set()
    while ready := [node for node in sources if node not in settled and sources[node] <= settled]:
        settled.update(ready)
    for node in sources:
        if node not in settled:
            raise SettingsError(f"{file}: node {_named(node, nodes)} is part of a circle of links.")


def _slots(file: str, nodes: Nodes, own: Mapping[str, str], roles: frozenset[str]) -> Iterator[Slot]:
    for node, body in nodes.items():
        for word in str((body.get("_meta") or {}).get("title", "")).split():
            if word.startswith("quel:"):
                name, _, input_name = word.removeprefix("quel:").partition("=")
                yield from _slot(file, nodes, node, name, input_name, roles)
    for name, place in own.items():
        node, _, input_name = place.partition(".")
        if node not in nodes:
            raise SettingsError(f'{file}: the slot "{name}" is set to node {node}, which is not in the file.')
        yield from _slot(file, nodes, node, name, input_name, roles)


def _slot(
    file: str, nodes: Nodes, node: str, name: str, input_name: str, roles: frozenset[str]
) -> Iterator[Slot]:
    kind_name, _, role = name.partition(":")
    try:
        kind = SlotKind(kind_name)
    except ValueError:
        known = ", ".join(kind.value for kind in SlotKind)
        raise SettingsError(
            f'{file}: node {_named(node, nodes)} names the slot "quel:{name}", which is none of {known}.'
        ) from None
    if kind is SlotKind.PICTURE and not (role in roles or (role.isdecimal() and int(role) > 0)):
        raise SettingsError(
            f'{file}: node {_named(node, nodes)} takes a picture of the role "{role}", which no path knows:'
            f" the roles are {', '.join(sorted(roles))}, or a place from 1."
        )
    if kind is SlotKind.MASK:
        role = MASK_ROLE
    kinds = (SlotKind.WIDTH, SlotKind.HEIGHT) if kind is SlotKind.SIZE else (kind,)
    for one in kinds:
        yield Slot(one, node, _input(file, nodes, node, one, input_name), role)


def _input(file: str, nodes: Nodes, node: str, kind: SlotKind, named: str) -> str:
    inputs = nodes[node]["inputs"]
    names = (named,) if named else _INPUTS[kind]
    for name in names:
        if name in inputs:
            return name
    raise SettingsError(
        f"{file}: node {_named(node, nodes)} has no input {' or '.join(names)} for quel:{kind}; name it as"
        f" quel:{kind}=<input>."
    )


def _check_slots(file: str, slots: tuple[Slot, ...]) -> None:
    outputs = {slot.node for slot in slots if slot.kind is SlotKind.OUTPUT}
    if len(outputs) != 1:
        count = "no node" if not outputs else "more than one node"
        raise SettingsError(
            f'{file}: {count} is titled "quel:output"; exactly one must be, the one that saves the image.'
        )
    if not any(slot.kind is SlotKind.PROMPT for slot in slots):
        raise SettingsError(f'{file}: no node is titled "quel:prompt", so it could not be told what to make.')
    roles = [slot.role for slot in slots if slot.kind is SlotKind.PICTURE]
    for role in roles:
        if roles.count(role) > 1:
            raise SettingsError(f'{file}: two nodes are titled "quel:picture:{role}".')
    if sum(slot.kind is SlotKind.MASK for slot in slots) > 1:
        raise SettingsError(f'{file}: two nodes are titled "quel:mask".')


def _named(node: str, nodes: Nodes) -> str:
    return f"{node} ({nodes[node]['class_type']})"
