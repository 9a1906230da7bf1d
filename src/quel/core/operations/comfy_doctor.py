"""What the doctor makes of ComfyUI servers and of the workflows that are to run on them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from quel.core.operations.doctor import Finding, note, ok, trouble

OLDEST = (0, 3, 57)
"""Older servers interrupt whatever runs, whoever's it is, when they are asked to interrupt one prompt."""

COMFORTABLE = (0, 26)
"""From here on a prompt is cancelled by one call."""


@dataclass(frozen=True)
class ServerFacts:
    """What a server said of itself; `problem` is why it said nothing."""

    name: str
    problem: str = ""
    version: str = ""
    milliseconds: float = 0.0
    waiting: int = 0
    free_vram_gb: float | None = None
    arguments: Sequence[str] = ()
    out: str = ""


def judge_server(facts: ServerFacts) -> Iterator[Finding]:
    """Whether it answers, is new enough, and gets on."""
    check = f"ComfyUI server {facts.name}"
    if facts.problem:
        yield trouble(check, facts.problem)
        return
    numbers = tuple(int(part) for part in re.findall(r"\d+", facts.version)[:3])
    if numbers < OLDEST:
        least = ".".join(map(str, OLDEST))
        yield trouble(check, f"Its version is {facts.version or 'unknown'}; quel needs {least} or later.")
        return
    kind, _, why = facts.out.partition(": ")
    if kind == "hung":
        yield trouble(check, f"It was taken out: {why}. Restart it; quel tries it again within 5 minutes.")
        return
    vram = "" if facts.free_vram_gb is None else f", {facts.free_vram_gb:.1f} GB of VRAM free"
    yield ok(
        check,
        f"version {facts.version}, answers in {facts.milliseconds:.0f} ms, {facts.waiting} prompts{vram}",
    )
    if kind == "resting":
        yield note(check, f"It is left alone for a while: {why}.")
    if numbers < COMFORTABLE:
        yield note(check, "From 0.26 on a prompt is cancelled in one step; this one is older.")
    if "--date-based-output" in facts.arguments:
        yield note(check, "With --date-based-output a picture is not found again after the server restarts.")


def judge_workflow(
    name: str, problems: Mapping[str, Sequence[str]], paid: Sequence[str]
) -> Iterator[Finding]:
    """A workflow at each server that answered; one that fits none of them makes no image."""
    fits_one = any(not found for found in problems.values())
    for server, found in problems.items():
        check = f"ComfyUI workflow {name} at {server}"
        if not found:
            yield ok(check, "it has everything the workflow needs")
        elif fits_one:
            yield note(check, f"{' '.join(found)} Its images are made by the other servers.")
        else:
            yield trouble(check, " ".join(found))
    if paid:
        yield note(f"ComfyUI workflow {name}", f"It calls paid services by {', '.join(paid)}.")
