"""Writes docs/prompts.md: a prompt of each situation of each path, as the code builds it.

Run `python docs/write_prompts.py` after changing what a path says; a test fails while the page is old.
"""

from pathlib import Path

from count_prompts import table
from prompt_situations import SITUATIONS, Situation

from quel.core.aspect import AspectRatio
from quel.core.job import DEFAULT_PROMPT, ItemRequest, RequestedReference, StageRequest
from quel.core.paths import PATHS
from quel.core.prompting.labels import write_labels
from quel.core.prompting.length import FEWEST, MOST
from quel.core.prompting.prompt import write_prompt
from quel.core.prompting.references import arrange, sort_references
from quel.core.series import Told, beside_the_lead

PAGE = Path(__file__).with_name("prompts.md")
COUNTED = [situation for situation in SITUATIONS if not situation.follows]  # the release before had no series

BEFORE = """| words: fewest, median, most | 158, 286, 392 |
| negations: mean, most | 12.4, 16 |
| customer's words: least, median share | 2.7 %, 3.7 % |
| … and how much stands before them, median | 38 % |"""
"""The same table over the same orders, of the prompts of the release before, whose code is gone."""

INTRODUCTION = """# Prompts

What Gemini is told, with one example a situation. Each picture is sent right after its label, and the brief
comes last; there is no system instruction. A brief is what one gives a photographer: a first sentence that
names the picture and the ordered view, the customer's own words right after it, where it happens, what stays,
what is free, and one closing sentence. An angle or shot that nobody ordered is not spoken of as an order; the
default base prompt is no wish; a first sentence that only repeats angle and shot is left out of the wishes.

Where a job or a stage says `consistent: true`, its images are one series: the first that is kept is the last
picture of all others, for set, light and grade, and none of them is told of a light or backdrop of its own.

The sentences stand in `src/quel/core/paths/`, one file a path, and in `src/quel/core/prompting/`;
[add-a-path.md](add-a-path.md) explains how they are chosen, and
[prompts-second-reading.md](prompts-second-reading.md) tells what a second reader found. To see the prompts of
a real job, run `quel plan FILE` or `quel plan JOB`.

This page is written by `python docs/write_prompts.py`.

## Figures

Counted by `docs/count_prompts.py` over the {number} situations below, without the series. "Before" are the
prompts of the release before, a list of rules, for the same orders; it refused one of them, a close-up of
shoes alone.

| | before | now |
|---|---|---|
{figures}

Words are runs of letters or digits, labels included; negations are those outside the customer's words.
A prompt takes twenty words for each of the customer's, between {fewest} and {most}: where words run
short, hints of variation go first, then the craft. So the share is below 5 % only where somebody wrote
hardly five words.
"""


def sent(situation: Situation) -> tuple[tuple[str, ...], str]:
    """The labels and the brief of a situation, through the same functions as a job's."""
    path = PATHS[situation.path]
    asked = tuple(RequestedReference(100 + n, type_, f"[{n}]") for n, type_ in enumerate(situation.types))
    references = sort_references(path, asked).kept
    pictures = arrange(path, references, situation.shot, max_pictures=situation.max_pictures).pictures
    item = ItemRequest(situation.angle, situation.shot, situation.takes, situation.fx)
    stage = StageRequest(
        situation.wishes, AspectRatio(3, 4), asked, (item,), situation.negative, situation.pre_edited,
        series=0 if situation.follows else None,
    )  # fmt: skip
    brief = write_prompt(path, pictures, stage, item, number=situation.take - 1, of=situation.takes)
    told = Told(brief, write_labels(path, pictures))
    if situation.follows:
        told = beside_the_lead(told.prompt, told.labels, shown=len(pictures))
    return told.labels, told.prompt


def page() -> str:
    """The whole page as Markdown."""
    parts = [INTRODUCTION.format(number=len(COUNTED), figures=_figures(), fewest=FEWEST, most=MOST)]
    for path in dict.fromkeys(situation.path for situation in SITUATIONS):
        parts.append(f"## {path.capitalize()}\n")
        parts += [_section(situation) for situation in SITUATIONS if situation.path == path]
    return "\n".join(parts)


def _figures() -> str:
    now = table([("\n\n".join(("\n".join(labels), brief)), wishes) for labels, brief, wishes in _counted()])
    rows = zip(BEFORE.splitlines(), now.splitlines(), strict=True)
    return "\n".join(before + after.split("|", 2)[2].rjust(0) for before, after in rows)


def _counted() -> list[tuple[tuple[str, ...], str, str]]:
    wishes = ["" if s.wishes == DEFAULT_PROMPT else s.wishes for s in COUNTED]
    return [(*sent(situation), own) for situation, own in zip(COUNTED, wishes, strict=True)]


def _section(situation: Situation) -> str:
    labels, brief = sent(situation)
    lines = (
        f"### {situation.title}",
        "",
        f"References: {', '.join(situation.types) or 'none'}. Ordered: {situation.ordered}.",
        "",
        "```text",
        *(f"{label} [picture]" for label in labels),
        *([""] if labels else []),
        brief,
        "```",
        "",
    )
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
