"""How a take ended: its picture fetched and looked at, or what went wrong."""

from dataclasses import dataclass

from quel.adapters.comfy.client import Answer, NoAnswer
from quel.adapters.comfy.take import Take
from quel.adapters.comfy.uploads import forget_uploads
from quel.adapters.imaging import check_readable, is_uniform
from quel.core.comfy.answers import File, Stand, Standing, judge_failure
from quel.core.comfy.graph import SlotKind
from quel.core.errors import UnreadablePicture
from quel.core.outcome import Broken, Made, Outcome, PictureBytes, Postponed, Transient

_TRIES = 3
_SOON_S, _LATER_S = 1.0, 5.0
_ONCE_MORE = 2
_OK, _NOT_FOUND = 200, (400, 404)
_TOO_LARGE = Broken("no_picture", "The picture that the workflow made is larger than any that is wanted.")


@dataclass(frozen=True)
class Lost:
    """The server has neither the prompt nor its file."""


def conclude(take: Take, standing: Standing) -> Outcome | Lost:
    """What a take comes to that neither waits nor runs."""
    match standing.stand:
        case Stand.ABSENT:
            return _from_file(take)
        case Stand.COMPLETED:
            outputs = dict.fromkeys(graph.output for graph in take.workflow.variants)
            files = [file for node in outputs for file in standing.files.get(node, ())]
            if not files:
                gone = Broken("no_picture", "The workflow ended without a picture.")
                return take.ended(gone, spent_usd=cost_usd(take, standing.seconds))
            return _fetch(take, files[0], standing.seconds)
        case _:
            return _failed(take, standing)


def cost_usd(take: Take, seconds: float) -> float:
    """What an execution of so many seconds costs; nothing for one that the server had in its cache."""
    workflow = take.workflow
    return seconds / 3600 * workflow.usd_per_hour + workflow.usd_per_image if seconds > 0 else 0.0


def _failed(take: Take, standing: Standing) -> Outcome:
    told = judge_failure(
        standing,
        secrets=(take.request.text, take.request.prompt, take.request.negative_prompt),
        refusals=take.workflow.refusals,
        attempts=take.call.attempts,
    )
    if getattr(told, "code", "") == "out_of_memory":
        take.client.free()
    if _is_of_a_picture(take, standing) and take.call.attempts < _ONCE_MORE:
        forget_uploads(take)
        told = Transient("input_lost", take.told("could not load a picture it was given"))
    return take.ended(told, spent_usd=cost_usd(take, standing.seconds))


def _is_of_a_picture(take: Take, standing: Standing) -> bool:
    node = (standing.detail or {}).get("node_id")
    slots = [slot for graph in take.workflow.variants for slot in graph.of(SlotKind.PICTURE)]
    return standing.event == "execution_error" and any(slot.node == str(node) for slot in slots)


def _fetch(take: Take, file: File, seconds: float) -> Outcome:
    for _ in range(_TRIES):
        answer = take.client.view(file)
        if isinstance(answer, Answer) and answer.status == _OK:
            return _judged(take, answer.body, cost_usd(take, seconds))
        if isinstance(answer, Answer) and answer.status in _NOT_FOUND:
            gone = "The workflow ended, and its picture is not at the server."
            return take.ended(Broken("no_picture", gone), spent_usd=cost_usd(take, seconds))
        if isinstance(answer, NoAnswer) and answer.is_too_large:
            return take.ended(_TOO_LARGE, spent_usd=cost_usd(take, seconds))
        take.engine.sleep(_SOON_S)
    take.servers.silent(take.server)
    return Postponed("server_silent", take.told("does not hand out its picture"), _LATER_S)


def _from_file(take: Take) -> Outcome | Lost:
    """The server has forgotten the prompt; its file outlives a restart."""
    name = f"{take.submission.prompt_id}_00001_.png"
    answer = take.client.view(File(name, take.folder, "output"))
    if isinstance(answer, Answer) and answer.status == _OK:
        return _judged(take, answer.body, take.workflow.usd_per_image)
    if isinstance(answer, Answer) and answer.status in _NOT_FOUND:
        return Lost()
    if isinstance(answer, NoAnswer) and answer.is_too_large:
        return take.ended(_TOO_LARGE)
    return Postponed("server_silent", take.told("does not answer"), _LATER_S)


def _judged(take: Take, data: bytes, spent_usd: float) -> Outcome:
    bench = take.engine.bench
    try:
        mime_type, is_blank = check_readable(data, bench), is_uniform(data, bench)
    except UnreadablePicture as error:
        return take.ended(Broken("no_picture", str(error)), spent_usd=spent_usd)
    if is_blank:
        return take.ended(Broken("blank_picture", "The picture is of one colour."), spent_usd=spent_usd)
    take.client.forget(take.submission.prompt_id)  # the file is there if the bytes are lost on the way
    return Made(PictureBytes(data, mime_type), spent_usd + take.submission.spent_usd)
