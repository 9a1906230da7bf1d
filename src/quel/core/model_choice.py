"""Which engine a job's modelId asks for: the path's own, one that settings name for it, or none of quel's.

An id that quel has no engine for is never made by another one: its job is passed on, or refused.
"""

import re
from dataclasses import dataclass

from quel.core.engines import GEMINI, Route, Routing
from quel.core.job import EngineWish
from quel.core.models import ModelStatus, model_for
from quel.core.request.values import shown

_OWN_MODEL = re.compile(r"(?:multiview:|gemini:|(?:models/)?gemini)", re.IGNORECASE)
_PREFIX = re.compile(r"(?:multiview|gemini):", re.IGNORECASE)
_ALIVE = frozenset({ModelStatus.CURRENT, ModelStatus.DEPRECATED})


@dataclass(frozen=True)
class Chosen:
    """What makes the images. `model` is the job's own of Gemini's, empty for the configured one.

    `warning` says what stands for a model that is not to be had.
    """

    route: Route
    model: str = ""
    warning: str = ""


@dataclass(frozen=True)
class NoEngine:
    """Nothing of quel's makes images with that model: a sentence that names it."""

    reason: str


def choose_maker(wish: EngineWish | None, path: str, routing: Routing) -> Chosen | NoEngine:
    """What makes the images of a job on a path that wishes for a model, as it stands in the settings."""
    route = routing.route(path)
    asked = wish.model_id if wish else ""
    if not asked:
        return Chosen(route)
    mapped = routing.models.get(asked) or routing.models.get(asked.lower())
    if mapped is not None:
        return Chosen(mapped)
    if not _OWN_MODEL.match(asked):
        return NoEngine(f"modelId {shown(asked)} is a model that quel does not make images with.")
    name = _PREFIX.sub("", asked, count=1).strip().lower()
    model = model_for(name)
    if route.maker.engine == GEMINI and model.status in _ALIVE:
        return Chosen(route, model.id)
    capability = routing.capability(route.maker)
    made_by = capability.model if capability else str(route.maker)
    return Chosen(route, warning=f"modelId {shown(asked)} is not to be had: {made_by} makes the images.")
