"""Writes docs/prompts.md: a prompt of each situation of each path, as the code builds it.

Run `python docs/write_prompts.py` after changing what a path says; a test fails while the page is old.
"""

from dataclasses import dataclass
from pathlib import Path

from quel.core.aspect import AspectRatio
from quel.core.job import ItemRequest, RequestedReference, StageRequest
from quel.core.paths import PATHS
from quel.core.prompting.prompt import write_prompt
from quel.core.prompting.references import arrange, sort_references

PAGE = Path(__file__).with_name("prompts.md")

INTRODUCTION = """# Prompts

What Gemini is told, with one example a situation. The pictures go first, in the order the prompt numbers
them, then this text; there is no system instruction. The sentences stand in `src/quel/core/paths/`, one file
a path, and `src/quel/core/prompting/common_rules.py` for what every path says;
[add-a-path.md](add-a-path.md) explains how they are chosen. To see the prompts of a real job, run
`quel plan FILE` or `quel plan JOB`.

This page is written by `python docs/write_prompts.py`.
"""


@dataclass(frozen=True)
class Situation:
    """One image of a path: `types` are those of its references, in the order the customer picked them."""

    path: str
    title: str
    types: tuple[str, ...] = ()
    angle: str = "front"
    shot: str = "full"
    fx: str | None = None
    pre_edited: bool | None = None
    wishes: str = "best quality, masterpiece"
    negative: str = ""
    take: int = 1
    takes: int = 1
    max_pictures: int = 14


SITUATIONS = (
    Situation(
        "fashion",
        "A model in a place",
        ("model", "bg", "top", "pants", "bag"),
        wishes="여름 저녁, 필름 느낌",
    ),
    Situation("fashion", "A model without a place: the studio", ("model", "outer"), "side", "middle"),
    Situation("fashion", "From behind, tight", ("model", "top"), "back", "tight"),
    Situation(
        "fashion",
        "Formal portrait, second of four takes",
        ("model", "top"),
        "profile",
        take=2,
        takes=4,
    ),
    Situation("fashion", "Several products", ("top", "shoes", "bag")),
    Situation("fashion", "Exactly one product", ("shoes",)),
    Situation(
        "fashion",
        "More references than the model takes",
        ("model", "bg", "top", "pants", "bag"),
        max_pictures=3,
    ),
    Situation("fashion", "Text alone", wishes="A raincoat on a wet street at night"),
    Situation("beauty", "Model and product", ("model", "lipstick", "cream")),
    Situation("beauty", "Model alone", ("model",), shot="tight"),
    Situation("beauty", "Products alone", ("cream", "bottle", "compact", "brush"), negative="blurry"),
    Situation("beauty", "Text alone", wishes="A glass bottle of serum in morning light"),
    Situation(
        "eats",
        "From straight above, pre-edited",
        ("dish", "side", "garnish"),
        "top down",
        "full plate",
        pre_edited=True,
    ),
    Situation(
        "eats",
        "Faithful to the photograph",
        ("dish", "bg"),
        "45-degree",
        "hero-shot",
        pre_edited=False,
    ),
    Situation("eats", "Macro", ("dish",), "macro", "detail"),
    Situation("eats", "Text alone", wishes="Cold noodles in a brass bowl"),
    Situation(
        "cinema",
        "Two actors in a place",
        ("actor", "actor", "bg", "outer", "prop"),
        "side",
        "middle",
        wishes="A quarrel in the rain",
    ),
    Situation("cinema", "Things without people", ("prop",)),
    Situation("cinema", "Text alone", wishes="An empty ferry at dawn"),
    Situation("cartoon", "A character with a prop", ("character", "prop"), "3/4", "full", fx="speed lines"),
    Situation(
        "cartoon",
        "Two characters in a place",
        ("character", "face", "bg"),
        "low-angle",
        "bust",
        fx="aura",
    ),
    Situation("cartoon", "Text alone", wishes="A fox that repairs clocks"),
)


def page() -> str:
    """The whole page as Markdown."""
    parts = [INTRODUCTION]
    for path in dict.fromkeys(situation.path for situation in SITUATIONS):
        parts.append(f"## {path.capitalize()}\n")
        parts += [_section(situation) for situation in SITUATIONS if situation.path == path]
    return "\n".join(parts)


def _section(situation: Situation) -> str:
    given = ", ".join(situation.types) or "none"
    asked = [f"angle {situation.angle}", f"shot {situation.shot}"]
    asked += [f"fx {situation.fx}"] if situation.fx else []
    asked += [] if situation.pre_edited is None else [f"isPreEdited {str(situation.pre_edited).lower()}"]
    asked += [f"at most {situation.max_pictures} pictures"] if situation.max_pictures < 14 else []
    lines = (
        f"### {situation.title}",
        "",
        f"References: {given}. Asked for: {', '.join(asked)}.",
        "",
        "```text",
        prompt_of(situation),
        "```",
        "",
    )
    return "\n".join(lines)


def prompt_of(situation: Situation) -> str:
    """The prompt, through the same functions as a job's."""
    path = PATHS[situation.path]
    asked = tuple(RequestedReference(100 + n, type_, f"[{n}]") for n, type_ in enumerate(situation.types))
    references = sort_references(path, asked).kept
    arrangement = arrange(path, references, situation.shot, max_pictures=situation.max_pictures)
    item = ItemRequest(situation.angle, situation.shot, situation.takes, situation.fx)
    stage = StageRequest(
        situation.wishes, AspectRatio(3, 4), asked, (item,), situation.negative, situation.pre_edited
    )
    return write_prompt(
        path, arrangement.pictures, stage, item, number=situation.take - 1, of=situation.takes
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
