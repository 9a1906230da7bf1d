"""Whether a server can run a workflow, by what it says of the classes that the workflow uses."""

from collections.abc import Iterator, Mapping
from typing import Any

from quel.core.aspect import GRID_SIZES_PX
from quel.core.comfy.graph import Graph, SlotKind, link_of
from quel.core.comfy.workflow import Workflow

Classes = Mapping[str, Mapping[str, Any]]
"""What /object_info says of each class; empty for one that the server has not got."""

_TEXT, _WHOLE = frozenset({"STRING"}), frozenset({"INT"})
_SLOT_TYPES: dict[SlotKind, frozenset[str]] = {
    SlotKind.PROMPT: _TEXT,
    SlotKind.NEGATIVE: _TEXT,
    SlotKind.OUTPUT: _TEXT,
    SlotKind.SEED: _WHOLE,
    SlotKind.STEPS: _WHOLE,
    SlotKind.CFG: frozenset({"FLOAT"}),
    SlotKind.WIDTH: _WHOLE,
    SlotKind.HEIGHT: _WHOLE,
}


def classes_of(workflow: Workflow) -> frozenset[str]:
    """The classes of nodes that the workflow uses."""
    return frozenset(str(body["class_type"]) for graph in workflow.variants for body in graph.nodes.values())


def check(workflow: Workflow, classes: Classes) -> tuple[str, ...]:
    """What stands in the way, a sentence each: class, input, file or choice, size, slot."""
    problems = (problem for graph in workflow.variants for problem in _check(workflow, graph, classes))
    return tuple(dict.fromkeys(problems))


def paid_classes(workflow: Workflow, classes: Classes) -> tuple[str, ...]:
    """The classes that call somebody's paid service."""
    return tuple(sorted(name for name in classes_of(workflow) if classes.get(name, {}).get("api_node")))


def _check(workflow: Workflow, graph: Graph, classes: Classes) -> Iterator[str]:
    for node, body in graph.nodes.items():
        kind = str(body["class_type"])
        told = classes.get(kind)
        if not told:
            yield f'{graph.file}: the server has no node "{kind}" (node {node}).'
            continue
        filled = {slot.input for slot in graph.slots if slot.node == node}
        for name, value in body["inputs"].items():
            if name not in filled:
                yield from _literal(graph, node, kind, name, value, told)
        for name, spec in ((told.get("input") or {}).get("required") or {}).items():
            if name not in body["inputs"] and not _is_dynamic(spec):
                yield f'{graph.file}: "{kind}" (node {node}) wants the input "{name}", which is not there.'
    yield from _slots(workflow, graph, classes)


def _literal(
    graph: Graph, node: str, kind: str, name: str, value: object, told: Mapping[str, Any]
) -> Iterator[str]:
    spec = _spec(told, name)
    if spec is None or link_of(value) is not None:
        return
    if isinstance(value, dict):  # a list of its own, which would be taken for a link
        value = value.get("__value__")
    choices = None if _options(spec).get("image_upload") else _choices(spec)
    missing = [one for one in (value if isinstance(value, list) else [value]) if one not in (choices or ())]
    if choices is not None and missing:
        yield f'{graph.file}: the server lacks "{missing[0]}", which "{kind}" (node {node}) names as {name}.'
    elif (bound := _out_of_bounds(spec, value)) is not None:
        yield f'{graph.file}: {name} of "{kind}" (node {node}) is {value}, and {bound}.'


def _slots(workflow: Workflow, graph: Graph, classes: Classes) -> Iterator[str]:
    for slot in graph.slots:
        told = classes.get(str(graph.nodes[slot.node]["class_type"])) or {}
        spec = _spec(told, slot.input)
        if not told:
            continue
        where = f"{graph.file}: the slot quel:{slot.kind} (node {slot.node})"
        wanted = _SLOT_TYPES.get(slot.kind)
        if spec is None:
            yield f'{where} is the input "{slot.input}", which the server does not know.'
        elif wanted and isinstance(spec[0], str) and spec[0] not in wanted:
            yield f"{where} takes {spec[0]}, not {' or '.join(sorted(wanted))}."
        elif slot.kind in (SlotKind.WIDTH, SlotKind.HEIGHT):
            yield from _sizes(workflow, slot.kind, where, spec)
        if slot.kind is SlotKind.OUTPUT and not told.get("output_node"):
            yield f"{where} is no node that puts pictures out."


def _sizes(workflow: Workflow, kind: SlotKind, where: str, spec: list[Any]) -> Iterator[str]:
    for ratio in GRID_SIZES_PX:
        size = workflow.size_px(ratio)[kind is SlotKind.HEIGHT]
        if (bound := _out_of_bounds(spec, size)) is not None:
            yield f"{where} would be {size} for {ratio}, and {bound}: set megapixels or size_step."
            return


def _spec(told: Mapping[str, Any], name: str) -> list[Any] | None:
    inputs = told.get("input") or {}
    for part in ("required", "optional"):
        spec = (inputs.get(part) or {}).get(name)
        if isinstance(spec, list) and spec:
            return spec
    return None


def _is_dynamic(spec: object) -> bool:
    """Whether an input stands for others that a graph names instead ("images.image0")."""
    kind = spec[0] if isinstance(spec, list) and spec else ""
    return isinstance(kind, str) and kind.startswith("COMFY_")


def _choices(spec: list[Any]) -> list[Any] | None:
    """What an input may be, in either of the two spellings; None where it may be anything."""
    if isinstance(spec[0], list):
        return spec[0]
    options = _options(spec).get("options")
    return options if spec[0] == "COMBO" and isinstance(options, list) else None


def _out_of_bounds(spec: list[Any], value: object) -> str | None:
    options = _options(spec)
    if spec[0] not in ("INT", "FLOAT") or not isinstance(value, int | float):
        return None
    least, most, step = options.get("min"), options.get("max"), options.get("step")
    if least is not None and value < least:
        return f"the least is {least}"
    if most is not None and value > most:
        return f"the most is {most}"
    if spec[0] == "INT" and isinstance(step, int) and step > 1 and (value - (least or 0)) % step:
        return f"it goes in steps of {step}"
    return None


def _options(spec: list[Any]) -> Mapping[str, Any]:
    return spec[1] if len(spec) > 1 and isinstance(spec[1], dict) else {}
