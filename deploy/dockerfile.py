"""What the Dockerfile must hold for the image that the manifests run."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from deploy import ROOT, installs

_CONTEXT = ROOT / ".dockerignore"
_FINAL = {
    "The image must run as a user with a number, which Kubernetes can tell from root.": "\nUSER 10001",
    "The command must be in exec form, so that it is process 1.": '\nCMD ["dramatiq", "quel.actors"]',
    "The image must carry the migrations.": "COPY alembic ",
}
"""What the last stage must say, and why."""


def problems(text: str) -> Iterator[str]:
    """hadolint's findings in a Dockerfile and what it does not look for."""
    yield from _lint(text)
    _, final = text.rsplit("\nFROM ", 1)
    yield from (sentence for sentence, piece in _FINAL.items() if piece not in final)
    yield from installs.problems(text)
    if not any("requirements.lock" in run.named for run in installs.runs(_with_defaults(text))):
        yield "The image must install what requirements.lock names."
    if "[sandbox]" in text or "requirements-dev" in text:
        yield "The image must not carry the sandbox or tools of development."
    copied = list(_copied(text))
    if "requirements-traces.lock" not in copied:
        yield "LOCK=requirements-traces.lock must make an image that carries what traces need."
    admitted = re.findall(r"^!(\S+)$", _CONTEXT.read_text(), re.MULTILINE)
    yield from (
        f".dockerignore keeps {source} out of the build." for source in copied if source not in admitted
    )


def _lint(text: str) -> list[str]:
    hadolint = Path(sys.executable).with_name("hadolint")
    lint = subprocess.run(
        [hadolint, "--no-color", "-"], input=text, capture_output=True, text=True, check=False
    )
    return [line for line in (lint.stdout + lint.stderr).splitlines() if line]


def _with_defaults(text: str) -> str:
    """The text as a build without arguments reads it: every ARG replaced by its default, quotes removed."""
    for name, default in re.findall(r"^ARG (\w+)=(\S+)$", text, re.MULTILINE):
        text = text.replace(f'"${{{name}}}"', default).replace(f"${{{name}}}", default)
    return text


def _copied(text: str) -> Iterator[str]:
    """What the build takes from the repository."""
    for words in re.findall(r"^COPY (?!--from=)(.+)$", text, re.MULTILINE):
        *sources, _ = words.split()
        yield from sources
