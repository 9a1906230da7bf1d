"""One job as an operator looks at it: its images, what each waits for, what it was shown and cost."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from quel.core.operations.action_log import Action
from quel.core.operations.job_list import JobView
from quel.core.operator_fault import operator_fault
from quel.core.pipeline import ImageState

MOST_COUNTED = 1_000
"""How far is counted what goes before an image."""


@dataclass(frozen=True)
class ImageFacts:
    """An image's row, with what its plan says. `image` and `stage` count from 1.

    `before` counts the images whose turn comes sooner, up to MOST_COUNTED; `retry_in_s` is above 0 while a
    pause after a failing call lasts, `leased_s` while somebody holds it. `charged` are the credits that the
    ledger has for it. `pictures` were sent, None where none has been prepared. `in_line` says that another
    image of its series comes first.
    """

    image: int
    stage: int
    angle: str | None
    shot: str | None
    fx: str | None
    state: ImageState
    failed_calls: int
    retry_in_s: float
    leased_s: float
    moved_s: float
    before: int
    reason_code: str | None
    reason: str | None
    cost_usd: float
    charged: int
    attach_id: int | None
    attach_path: str | None
    pictures: int | None
    seed: int
    history: tuple[Mapping[str, Any], ...]
    prompt: str | None
    in_line: bool = False


@dataclass(frozen=True)
class JobContext:
    """What holds images back beside their own rows; `unknown` says why it could not be asked, if so.

    `paused` holds the words of each paused path, `*` for all of them; `blocked_reason` is the quota's.
    """

    paused: Mapping[str, Mapping[str, str]]
    disabled_paths: frozenset[str]
    blocked_for_s: float
    blocked_reason: str
    unknown: str | None = None


@dataclass(frozen=True)
class ShownImage:
    """An image with the sentence that says what it waits for, None for one that has ended."""

    facts: ImageFacts
    waits_for: str | None
    picture_url: str | None


@dataclass(frozen=True)
class ShownReference:
    """A reference of a stage (from 1): what the path made of it, or why it was left out."""

    stage: int
    attach_id: int | None
    type: str | None
    category: str | None
    left_out: bool


@dataclass(frozen=True)
class JobFacts:
    """The job's rows: who ordered and pays, what was warned of. `price` is None where quel has no plan."""

    view: JobView
    production_id: UUID | None
    member_id: UUID | None
    org_id: UUID | None
    payer_kind: str | None
    payer_id: UUID | None
    price: int | None
    warnings: tuple[str, ...]
    references: tuple[ShownReference, ...]
    images: tuple[ImageFacts, ...]
    actions: tuple[Action, ...]


@dataclass(frozen=True)
class JobPage:
    """Everything of one job. `waits_for` says it for a job that has no images yet."""

    job: JobFacts
    images: tuple[ShownImage, ...]
    waits_for: str | None
    charged: int
    cost_usd: float


def waits_for(image: ImageFacts, path: str, context: JobContext) -> str | None:
    """What an image waits for, as a sentence; None where it has ended."""
    match image.state:
        case ImageState.PLANNED:
            return "It waits for its references to be fetched and its prompt to be written."
        case ImageState.READY:
            return _before_the_call(image, path, context)
        case ImageState.GENERATING if image.leased_s > 0:
            return f"It is at the provider since {image.moved_s:.0f} s."
        case ImageState.GENERATING:
            return "The worker that called the provider is gone; the sweep lets another one take it."
        case ImageState.MADE if image.retry_in_s > 0:
            return f"It is made, and is tried to be stored again in {image.retry_in_s:.0f} s."
        case ImageState.MADE:
            return "It is made, and waits to be stored."
        case _:
            return None


def _before_the_call(image: ImageFacts, path: str, context: JobContext) -> str:
    if context.unknown is not None:
        return f"It waits for the provider; for what there, could not be asked: {context.unknown}"
    held = held_back(path, context)
    if held is not None:
        return held
    if image.retry_in_s > 0:
        calls = "1 failing call" if image.failed_calls == 1 else f"{image.failed_calls} failing calls"
        return f"After {calls} it is tried again in {image.retry_in_s:.0f} s."
    if image.in_line:
        return "It waits for the first image of its series to be kept."
    if image.before:
        many = f"{image.before:,}" if image.before < MOST_COUNTED else f"{MOST_COUNTED:,} or more"
        return f"It waits for its turn: {many} images go before it."
    return "It is the next to go: a worker of generate_image takes it."


def held_back(path: str, context: JobContext) -> str | None:
    """What lets no image of a path begin now, as a sentence."""
    for name in ("*", path):
        if name in context.paused:
            what = "Everything" if name == "*" else f"The path {path}"
            why = context.paused[name].get("why") or "no reason given"
            return f"{what} is paused since {context.paused[name].get('since', 'an unknown time')}: {why}."
    if path in context.disabled_paths:
        return f"The path {path} is switched off in the settings file: it waits until that is changed."
    fault = operator_fault(context.blocked_reason)
    if fault is not None:
        return f"The provider lets nobody in: {fault.sentence}"
    if context.blocked_for_s > 0:
        why = context.blocked_reason
        return f"The provider's quota is closed for {context.blocked_for_s:.0f} s more ({why})."
    return None


def job_waits_for(view: JobView, images: int, context: JobContext) -> str | None:
    """What a job waits for that has no images yet, or only to be closed; None where it has ended."""
    if view.is_closed:
        return None
    if view.is_cancelled:
        return "It is cancelled, and waits for a worker to close it."
    if images:
        return None
    if view.path in context.disabled_paths:
        return f"The path {view.path} is switched off in the settings file."
    return "No worker has taken it up yet: it is on a list, on its way, or found by the next sweep."
