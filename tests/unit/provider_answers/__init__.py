"""Whole answers of generateContent, as people have seen them: a status, headers and a body in a file."""

from pathlib import Path

from quel.adapters.gemini.error_answer import HttpAnswer

_FOLDER = Path(__file__).parent

NAMES = tuple(sorted(path.stem.removeprefix("answer_") for path in _FOLDER.glob("answer_*.http")))


def answer_named(name: str) -> HttpAnswer:
    """The answer in the file `answer_<name>.http`."""
    head, _, body = (_FOLDER / f"answer_{name}.http").read_bytes().partition(b"\r\n\r\n")
    return HttpAnswer(int(head.split()[1]), body)


def body_of_429(name: str) -> bytes:
    """The body in the file `429_<name>.json`."""
    return (_FOLDER / f"429_{name}.json").read_bytes()
