"""The customer's own words: what of the text is theirs, and quoted so that it cannot end its quotation."""

import re
from collections.abc import Collection, Iterable

from quel.core.job import DEFAULT_PROMPT, StageRequest
from quel.core.prompting.rules import ProductionPath

_SENTENCE_END = re.compile(r"[.!?\n]\s*|$")


def wishes_of(path: ProductionPath, stage: StageRequest) -> str:
    """The text as the customer wrote it; empty where it says nothing or only the default base prompt.

    A first sentence that only repeats angle and shot of the stage's items is not theirs: a front end puts
    "front, full body." before the text, also where a combination asks for another view.
    """
    text = stage.prompt.strip()
    if _same_words(text, DEFAULT_PROMPT):
        return ""
    ordered = [(item.angle, path.angles.find(item.angle)) for item in stage.items]
    ordered += [(item.shot, path.shots.find(item.shot)) for item in stage.items]
    repeated = {word.casefold().strip() for pair in ordered for word in pair if word and word.strip()}
    end = _SENTENCE_END.search(text)
    if end and _only_repeats(path, text[: end.start()], repeated):
        rest = text[end.end() :]
        return "" if _same_words(rest, DEFAULT_PROMPT) else rest
    return stage.prompt if text else ""


def _only_repeats(path: ProductionPath, sentence: str, repeated: Collection[str]) -> bool:
    parts = [part.strip().casefold() for part in sentence.split(",")]
    return all(any(word in repeated for word in _meanings(path, part)) for part in parts)


def _meanings(path: ProductionPath, part: str) -> Iterable[str]:
    return filter(None, (part, path.angles.find(part), path.shots.find(part)))


def _same_words(text: str, other: str) -> bool:
    return re.findall(r"\w+", text.casefold()) == re.findall(r"\w+", other.casefold())


def quoted(text: str) -> str:
    """The text, unchanged, between more guillemets than stand together in it anywhere."""
    longest = max(map(len, re.findall("«+|»+", text)), default=0) + 1
    return f"{'«' * longest}{text}{'»' * longest}"


def quotable(words: str) -> str:
    """A few words of the customer as they stand between “ and ”: on one line, with single quotes inside."""
    return re.sub('[“”„‟"]', "'", " ".join(words.split()))
