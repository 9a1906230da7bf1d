"""A workflow as settings describe it, and the graph of one image: slots filled, the rest left out."""

import copy
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from quel.core.aspect import GRID_SIZES_PX, AspectRatio
from quel.core.comfy.graph import Graph, SlotKind, link_of

IsOptional = Callable[[str, str], bool]
"""Whether a class of nodes runs without an input: asked of (class_type, input)."""

BoundGraph = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Workflow:
    """One row of `workflows`. `variants` are tried in order; durations are in seconds.

    `timeout_s` runs from the start of the execution, `wait_s` bounds the wait behind other people's prompts.
    `refusals` are patterns of an error's text that mean that a safety node refused the content.
    """

    name: str
    variants: tuple[Graph, ...]
    servers: tuple[str, ...]
    timeout_s: float = 300.0
    wait_s: float = 120.0
    usd_per_hour: float = 0.0
    usd_per_image: float = 0.0
    megapixels: float = 1.0
    size_step: int = 16
    escape_weights: bool | None = None
    refusals: tuple[re.Pattern[str], ...] = ()

    @property
    def digest(self) -> str:
        """Of the content of all its files."""
        return "-".join(graph.digest[:16] for graph in self.variants)

    @property
    def max_pictures(self) -> int:
        """The pictures that its roomiest variant takes."""
        return max(len(graph.of(SlotKind.PICTURE)) for graph in self.variants)

    @property
    def open_places(self) -> int:
        """The pictures that the roomiest variant takes whatever they show."""
        return max(
            sum(slot.role.isdecimal() for slot in graph.of(SlotKind.PICTURE)) for graph in self.variants
        )

    @property
    def takes_negative(self) -> bool:
        """Whether every variant has a place for what to avoid."""
        return all(graph.of(SlotKind.NEGATIVE) for graph in self.variants)

    def size_px(self, ratio: AspectRatio) -> tuple[int, int]:
        """Width and height for an aspect ratio, each a multiple of `size_step`."""
        scale = math.sqrt(self.megapixels)
        width, height = (max(1, round(side * scale / self.size_step)) for side in GRID_SIZES_PX[ratio])
        return width * self.size_step, height * self.size_step


@dataclass(frozen=True)
class Filling:
    """What one image puts into the slots. `pictures` are (role, name on the server) in sending order."""

    prompt: str
    negative: str
    seed: int
    size_px: tuple[int, int]
    pictures: Sequence[tuple[str, str]]
    prefix: str


@dataclass(frozen=True)
class Bound:
    """The graph to send, its only output, and the picture behind each node that loads one."""

    graph: BoundGraph
    output: str
    pictures: dict[str, str]


@dataclass(frozen=True)
class Unfit:
    """Why no variant can make this image: a sentence."""

    reason: str


def bind(workflow: Workflow, filling: Filling, is_optional: IsOptional) -> Bound | Unfit:
    """The graph of the first variant that has a place for every picture, and runs without those not given."""
    reasons = []
    for variant in workflow.variants:
        bound = _bind(workflow, variant, filling, is_optional)
        if isinstance(bound, Bound):
            return bound
        reasons.append(bound.reason)
    return Unfit(f'The workflow "{workflow.name}" does not fit this image: {" ".join(reasons)}')


def _bind(workflow: Workflow, variant: Graph, filling: Filling, is_optional: IsOptional) -> Bound | Unfit:
    placed = _placed(variant, filling.pictures)
    if isinstance(placed, Unfit):
        return placed
    graph = copy.deepcopy({node: dict(body) for node, body in variant.nodes.items()})
    unused = [slot.node for slot in variant.of(SlotKind.PICTURE) if slot.node not in placed]
    if (reason := _leave_out(graph, unused, variant.output, is_optional)) is not None:
        return Unfit(f"{variant.file}: {reason}")
    for slot in variant.slots:
        if slot.kind is SlotKind.NEGATIVE and not filling.negative:
            continue  # what the file itself avoids stays
        if slot.node in graph:
            value = placed.get(slot.node) if slot.kind is SlotKind.PICTURE else None
            graph[slot.node]["inputs"][slot.input] = value or _value(workflow, variant, slot.kind, filling)
    kept = _leading_to(variant.output, graph)
    if not any(slot.node in kept for slot in variant.of(SlotKind.PROMPT)):
        return Unfit(f"{variant.file}: without the pictures that were not given, the prompt leads nowhere.")
    for node in set(graph) - kept:
        del graph[node]
    return Bound(graph, variant.output, {node: name for node, name in placed.items() if node in kept})


def _value(workflow: Workflow, variant: Graph, kind: SlotKind, filling: Filling) -> object:
    escapes = workflow.escape_weights
    if escapes is None:
        node = variant.of(SlotKind.PROMPT)[0].node
        escapes = str(variant.nodes[node]["class_type"]).startswith("CLIPTextEncode")
    values: dict[SlotKind, object] = {
        SlotKind.PROMPT: escaped(filling.prompt) if escapes else filling.prompt,
        SlotKind.NEGATIVE: escaped(filling.negative) if escapes else filling.negative,
        SlotKind.SEED: filling.seed,
        SlotKind.WIDTH: filling.size_px[0],
        SlotKind.HEIGHT: filling.size_px[1],
        SlotKind.OUTPUT: filling.prefix,
    }
    return values[kind]


def escaped(text: str) -> str:
    """Words that a CLIP or T5 encoder takes as words: no weights, no files of embeddings."""
    without_weights = text.replace("(", "\\(").replace(")", "\\)")
    return re.sub(r"(?i)embedding:", lambda found: found[0][:-1] + " :", without_weights)


def _placed(variant: Graph, pictures: Sequence[tuple[str, str]]) -> dict[str, str] | Unfit:
    """The picture of each node: by role first, what is left by place."""
    slots = variant.of(SlotKind.PICTURE)
    by_role = {slot.role: slot.node for slot in slots if not slot.role.isdecimal()}
    by_place = [slot.node for slot in sorted(slots, key=_place) if slot.role.isdecimal()]
    placed: dict[str, str] = {}
    rest = []
    for role, name in pictures:
        node = by_role.pop(role, None)
        if node is None:
            rest.append((role, name))
        else:
            placed[node] = name
    if len(rest) > len(by_place):
        return Unfit(f'{variant.file} has no place for a picture of "{rest[len(by_place)][0]}".')
    return placed | {node: name for node, (_, name) in zip(by_place, rest, strict=False)}


def _place(slot: Any) -> int:
    return int(slot.role) if slot.role.isdecimal() else 0


def _leave_out(graph: BoundGraph, unused: list[str], output: str, is_optional: IsOptional) -> str | None:
    """Takes nodes out, with those that cannot run without them; why not, where the image hangs on one."""
    while unused:
        gone = unused.pop()
        if gone == output:
            return "the image cannot be made without a picture that was not given."
        graph.pop(gone, None)
        for node, body in graph.items():
            for name in [key for key, value in body["inputs"].items() if link_of(value) == gone]:
                if is_optional(body["class_type"], name):
                    del body["inputs"][name]
                elif node not in unused:
                    unused.append(node)
    return None


def _leading_to(output: str, graph: BoundGraph) -> set[str]:
    kept, ahead = set(), [output]
    while ahead:
        node = ahead.pop()
        if node not in kept:
            kept.add(node)
            sources = (link_of(value) for value in graph[node]["inputs"].values())
            ahead += [source for source in sources if source is not None]
    return kept
