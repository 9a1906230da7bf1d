"""What a ComfyUI server's answers mean, in outcomes and sentences that tell nothing private.

An execution error carries the customer's prompt, the whole graph and the server's paths: of it only the
node's class, the error's class and one bounded, masked line leave this room.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from difflib import SequenceMatcher
from enum import StrEnum
from typing import Any

from quel.core.outcome import Broken, Outcome, QuotaScope, Refused, Transient, Wait

_LONGEST_LINE = 160
_LEAST_QUOTE = 10  # characters that stand in a prompt as they do in a message: a quotation
_PATH = re.compile(r"(?:[A-Za-z]:)?(?:[\\/]+[\w.@+~-]+){2,}[\\/]?")
_OF_PROXIES = (408, 425)  # and 502, 504, 520 to 530: the server behind may have the prompt
_NAME = re.compile(r"[^\w .+:-]")


class Stand(StrEnum):
    """Where a prompt stands at its server. SILENT: the server could not tell."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    ABSENT = "absent"
    SILENT = "silent"


@dataclass(frozen=True)
class File:
    """A picture at a server."""

    filename: str
    subfolder: str
    type: str


@dataclass(frozen=True)
class Standing:
    """A prompt's stand; of an ended one also its pictures by node, its last event and how long it ran."""

    stand: Stand
    files: Mapping[str, tuple[File, ...]]
    event: str = ""
    detail: Mapping[str, Any] | None = None
    seconds: float = 0.0

    @classmethod
    def of(cls, stand: Stand) -> "Standing":
        """One of which nothing more is known."""
        return cls(stand, {})


@dataclass(frozen=True)
class Accepted:
    """The server has the prompt and will run it."""


@dataclass(frozen=True)
class Unknown:
    """Whether the server has the prompt cannot be told from its answer."""


@dataclass(frozen=True)
class Unfit:
    """This server lacks what the workflow needs; another may have it."""

    reason: str


@dataclass(frozen=True)
class InputLost:
    """A picture that was uploaded is not there any more."""


SubmitAnswer = Accepted | Unknown | Unfit | InputLost | Outcome


def judge_submit(
    status: int, body: bytes, retry_after: str | None, *, prompt_id: str, output: str
) -> SubmitAnswer:
    """Reads the answer to POST /prompt, sent as `prompt_id`. `output` is the graph's only output node."""
    answer = _object(body)
    match status:
        case 200:
            if answer is None or "prompt_id" not in answer:
                return NOT_COMFYUI
            errors = _node_errors(answer)
            touched = output in errors or any(output in _listed(error) for error in errors.values())
            if touched:
                return _judge_errors(errors)
            return Accepted() if answer["prompt_id"] == prompt_id else TOO_OLD
        case 400:
            return _judge_refusal(answer)
        case 401 | 403:
            return KEY_REFUSED
        case 413:
            return Refused("request_too_large", "The ComfyUI server takes no request of that size.")
        case 429 | 503:
            return Wait(QuotaScope.UNKNOWN, seconds_of(retry_after))
        case 500:
            return Transient("server_error", "The ComfyUI server broke over the request.")
        case _ if status > 500 or status in _OF_PROXIES:
            return Unknown()
        case _:
            return NOT_COMFYUI


KEY_REFUSED = Refused(
    "key_refused", "The ComfyUI server refused quel's credential; an operator must renew it.", account=True
)
TOO_OLD = Unfit("The server gives prompts ids of its own: quel needs ComfyUI 0.3.57 or later.")
NOT_COMFYUI = Refused("not_comfyui", "What answers in the place of a ComfyUI server is none.", account=True)


def _judge_refusal(answer: dict[str, Any] | None) -> SubmitAnswer:
    if answer is None:
        return NOT_COMFYUI
    error = answer.get("error")
    kind = str(error.get("type", "")) if isinstance(error, dict) else ""
    extra = error.get("extra_info") if isinstance(error, dict) else None
    if kind == "missing_node_type":
        name = extra.get("class_type") if isinstance(extra, dict) else None
        return Unfit(f'The server has no node "{_name(name)}".')
    errors = _node_errors(answer)
    if errors:
        return _judge_errors(errors)
    return _invalid(f"it says {_name(kind) or 'no more than that'}")


def _judge_errors(errors: Mapping[str, Mapping[str, Any]]) -> SubmitAnswer:
    first: SubmitAnswer | None = None
    for error in errors.values():
        node = _name(error.get("class_type"))
        for one in listed(error.get("errors")):
            said = _judge_error(node, one if isinstance(one, dict) else {})
            if isinstance(said, Unfit | InputLost):
                return said
            first = first or said
    return first or _invalid("it names no reason")


def _judge_error(node: str, error: Mapping[str, Any]) -> SubmitAnswer:
    kind, extra = str(error.get("type", "")), error.get("extra_info")
    input_name = _name(extra.get("input_name")) if isinstance(extra, dict) else ""
    if kind == "value_not_in_list":
        return Unfit(
            f'The server lacks the file or choice that "{node}" names as {input_name or "an input"}.'
        )
    if kind == "custom_validation_failed" and "Invalid image file" in str(error.get("details", "")):
        return InputLost()
    return _invalid(f'"{node}" says {_name(kind) or "nothing"}' + (f" of {input_name}" if input_name else ""))


def _invalid(why: str) -> Refused:
    return Refused("workflow_invalid", f"The ComfyUI server refuses the workflow: {why}.", account=True)


def judge_failure(
    standing: Standing, *, secrets: tuple[str, ...], refusals: tuple[re.Pattern[str], ...], attempts: int
) -> Outcome:
    """Reads how an execution ended that brought no picture. `secrets` are the texts that were sent."""
    if standing.event == "execution_interrupted":
        return Transient("interrupted", "The execution was interrupted at the ComfyUI server.")
    detail = standing.detail or {}
    kind, message = str(detail.get("exception_type", "")), str(detail.get("exception_message", ""))
    node = _name(detail.get("node_type")) or "A node"
    if "OutOfMemory" in kind:
        told = f'The ComfyUI server ran out of GPU memory in "{node}".'
        if attempts >= 2:
            return Refused("out_of_memory", told, account=True)
        return Transient("out_of_memory", told)
    if any(pattern.search(message) for pattern in refusals):
        return Refused("blocked_safety", "The workflow refused the content of the image.")
    return Broken(
        "node_failed", f'"{node}" failed: {_name(kind)}: {first_line(message, secrets)}'.rstrip(": ")
    )


def first_line(message: str, secrets: tuple[str, ...]) -> str:
    """A bounded line of a message, without paths and without whatever it quotes of what was sent."""
    line = next((line.strip() for line in message.splitlines() if line.strip()), "")[: 2 * _LONGEST_LINE]
    line = _PATH.sub("…", line)
    for secret in secrets:
        while secret and line:
            found = SequenceMatcher(None, line, secret, autojunk=False).find_longest_match()
            if found.size < min(_LEAST_QUOTE, len(secret)):
                break
            line = line[: found.a] + "…" + line[found.a + found.size :]
    return line[:_LONGEST_LINE]


def standing_of_history(entry: object) -> Standing:
    """An entry of /history; ABSENT for what is none."""
    if not isinstance(entry, dict):
        return Standing.of(Stand.ABSENT)
    stated = entry.get("status")
    status: dict[str, Any] = stated if isinstance(stated, dict) else {}
    messages = [m for m in listed(status.get("messages")) if isinstance(m, list) and len(m) == 2]
    event, detail = messages[-1] if messages else ("", {})
    is_good = status.get("status_str") == "success"
    return Standing(
        Stand.COMPLETED if is_good else Stand.FAILED,
        _files(entry.get("outputs")),
        str(event),
        detail if isinstance(detail, dict) else {},
        _ran_s(messages),
    )


def _ran_s(messages: list[Any]) -> float:
    moments = [m[1].get("timestamp") for m in messages if isinstance(m[1], dict)]
    known = [moment for moment in moments if isinstance(moment, int | float)]
    return max(0.0, (known[-1] - known[0]) / 1000) if known else 0.0


def _files(outputs: object) -> dict[str, tuple[File, ...]]:
    found: dict[str, tuple[File, ...]] = {}
    for node, output in outputs.items() if isinstance(outputs, dict) else ():
        images = output.get("images") if isinstance(output, dict) else None
        found[node] = tuple(
            File(str(i["filename"]), str(i.get("subfolder") or ""), str(i.get("type") or "output"))
            for i in listed(images)
            if isinstance(i, dict) and i.get("filename")
        )
    return found


def read_json(body: bytes) -> Any:
    """What a body says as JSON; None for what is none, however deep it is nested."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def listed(value: object) -> list[Any]:
    """A list as it is; an empty one for whatever stands in the place of one."""
    return value if isinstance(value, list) else []


def _object(body: bytes) -> dict[str, Any] | None:
    answer = read_json(body)
    return answer if isinstance(answer, dict) else None


def _node_errors(answer: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    errors = answer.get("node_errors")
    found = errors.items() if isinstance(errors, dict) else ()
    return {node: error for node, error in found if isinstance(error, dict)}


def _listed(error: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(map(str, listed(error.get("dependent_outputs"))))


def _name(value: object) -> str:
    return _NAME.sub("", str(value or ""))[:60]


def seconds_of(retry_after: str | None) -> timedelta | None:
    """The pause that a Retry-After header asks for, None where it names no seconds."""
    return timedelta(seconds=int(retry_after)) if retry_after and retry_after.strip().isdecimal() else None
