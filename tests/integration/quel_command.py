"""Runs `quel …`, in this process (a tenth of a second) or as a command of its own (one to two seconds)."""

import io
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from quel.cli import main
from quel.environment import settings
from quel.sandbox.processes import REPOSITORY

QUEL = Path(sys.executable).with_name("quel")


@dataclass(frozen=True)
class Answer:
    """What a verb said and how it ended."""

    returncode: int
    stdout: str
    stderr: str


def run_quel(
    environment: Mapping[str, str], *arguments: str, stdin: str = "", folder: Path = REPOSITORY
) -> Answer:
    """The verb run in this process; whatever it raises beyond its exit code fails the test."""
    out, err = io.StringIO(), io.StringIO()
    settings.cache_clear()
    with (
        patch.dict(os.environ, environment),
        patch.object(sys, "argv", ["quel", *arguments]),
        patch.object(sys, "stdin", io.StringIO(stdin)),
        redirect_stdout(out),
        redirect_stderr(err),
        chdir(folder),
    ):
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
    settings.cache_clear()
    return Answer(code, out.getvalue(), err.getvalue())


def run_command(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """The verb run as an operator does."""
    return subprocess.run(
        [QUEL, *arguments], env=os.environ | dict(environment), cwd=REPOSITORY, capture_output=True, text=True
    )
