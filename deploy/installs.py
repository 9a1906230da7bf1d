"""What pip is told in a Dockerfile or a shell script, and where it could take something that no lock names.

An environment must not depend on what the index serves that day: locks are complete, so pip gets every
package from one by hash and resolves nothing, builds with what is installed, and is asked at the end whether
all fits.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_PIP = re.compile(
    r"(?P<pip>[\w./-]*(?:pip[\d.]*|python[\d.]* -m pip))\s+(?:-\S+\s+)*(?P<verb>[a-z]+)\b(?P<rest>[^&|;\n]*)"
)


@dataclass(frozen=True)
class Run:
    """One run of pip: whose (`pip`, as it is called), what for, and its further words."""

    pip: str
    verb: str
    words: tuple[str, ...]

    @property
    def named(self) -> tuple[str, ...]:
        """The requirement files it installs."""
        ahead = zip(self.words, self.words[1:], strict=False)
        return tuple(file for option, file in ahead if option in ("-r", "--requirement"))


def runs(text: str) -> list[Run]:
    """Every run of pip in order; lines that end in a backslash go on."""
    text = re.sub(r"#.*|\\\n", " ", text)
    return [Run(found["pip"], found["verb"], tuple(found["rest"].split())) for found in _PIP.finditer(text)]


def problems(text: str) -> Iterator[str]:
    """A sentence for every run of pip whose outcome depends on the index's day."""
    unchecked: dict[str, Run] = {}
    for run in runs(text):
        if run.verb == "check":
            unchecked.pop(run.pip, None)
        elif run.verb in ("install", "wheel"):
            yield from _loose_ends(run)
            if run.verb == "install":
                unchecked[run.pip] = run
    for run in unchecked.values():
        yield f"After its last install {run.pip} must check that everything fits: {run.pip} check."


def _loose_ends(run: Run) -> Iterator[str]:
    called = " ".join((run.pip, run.verb, *run.words))
    if "--no-deps" not in run.words:
        yield f"pip must resolve nothing, the lock is complete: --no-deps is missing from `{called}`."
    if run.named and "--require-hashes" not in run.words:
        yield f"pip must take what the lock names by hash: --require-hashes is missing from `{called}`."
    builds = run.verb == "wheel" or {"-e", "."} & set(run.words)
    if builds and "--no-build-isolation" not in run.words:
        yield f"pip must build with what is installed: --no-build-isolation is missing from `{called}`."
    if not run.named and not builds and not any(word.endswith(".whl") for word in run.words):
        yield f"pip must install from a lock or what was built here: `{called}` asks the index by name."
