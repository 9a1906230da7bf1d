"""Counts what prompts are made of: words, negations, and the share of the customer's own words.

A word is a run of letters or digits; a negation is one of NEGATIONS outside the customer's words. Labels
count like any other text. docs/write_prompts.py puts the figures of its situations into docs/prompts.md.
"""

import re
from collections.abc import Sequence
from statistics import mean, median

NEGATIONS = re.compile(r"(?i)\b(?:no|not|never|nothing|none|nobody|neither|nor|without|cannot)\b|n['’]t\b")


def words(text: str) -> int:
    """How many words a text has, in any script."""
    return len(re.findall(r"\w+", text))


def table(prompts: Sequence[tuple[str, str]]) -> str:
    """Markdown: figures of (prompt, wishes) pairs; wishes are empty where the customer wrote none.

    Negations are counted outside the customer's words.
    """
    counts = [words(prompt) for prompt, _ in prompts]
    refusals = [len(NEGATIONS.findall(prompt.replace(wishes, ""))) for prompt, wishes in prompts]
    shares = [100 * words(wishes) / words(prompt) for prompt, wishes in prompts if wishes]
    before = [100 * words(prompt.split(wishes)[0]) / words(prompt) for prompt, wishes in prompts if wishes]
    return "\n".join(
        (
            f"| words: fewest, median, most | {min(counts)}, {median(counts):.0f}, {max(counts)} |",
            f"| negations: mean, most | {mean(refusals):.1f}, {max(refusals)} |",
            f"| customer's words: least, median share | {min(shares):.1f} %, {median(shares):.1f} % |",
            f"| … and how much stands before them, median | {median(before):.0f} % |",
        )
    )
