"""What the wheel that goes into the image carries: all of quel that production runs, and nothing else.

A wheel is built with what is installed here and opened; no network, nothing left in the repository.
"""

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

from deploy import ROOT

_DEVELOPMENT = Path("quel/sandbox")
_ROOMS = ("quel.cli", "quel.actors")
_IMPORT = """
import sys
sys.path.insert(0, sys.argv[1])
import quel
assert quel.__file__.startswith(sys.argv[1]), quel.__file__
import {room}
"""


def build(folder: Path) -> Path:
    """The wheel of this tree, written into `folder`. Raises CalledProcessError with hatchling's own words."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    [wheel] = folder.glob("quel-*.whl")
    return wheel


def unpack(wheel: Path, folder: Path) -> Path:
    """`folder` with the wheel's files in it, as an installation has them."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def file_problems(unpacked: Path) -> Iterator[str]:
    """A sentence for every file that an unpacked wheel lacks or should not have."""
    carried = set(_files(unpacked))
    wanted = {file for file in _files(ROOT / "src", "quel/**/*") if not file.is_relative_to(_DEVELOPMENT)}
    for file in sorted(wanted - carried):
        yield f"The wheel lacks {file}."
    for file in sorted(carried - wanted):
        if not file.parts[0].endswith(".dist-info"):
            yield f"The wheel carries {file}, which production does not run."


def import_problems(unpacked: Path) -> Iterator[str]:
    """A sentence for every room of production that cannot be imported from an unpacked wheel alone."""
    for room in _ROOMS:
        run = run_alone(unpacked, _IMPORT.format(room=room))
        if run.returncode != 0:
            yield f"{room} cannot be imported from the wheel: {run.stderr.splitlines()[-1]}"


def run_alone(unpacked: Path, script: str) -> subprocess.CompletedProcess[str]:
    """A script that gets the folder as its argument, with nothing else of the caller's in its environment."""
    command = [sys.executable, "-I", "-c", script, str(unpacked)]
    return subprocess.run(command, cwd=unpacked, env={}, capture_output=True, text=True, check=False)


def _files(folder: Path, pattern: str = "**/*") -> Iterator[Path]:
    for file in folder.glob(pattern):
        if file.is_file() and file.suffix != ".pyc":
            yield file.relative_to(folder)
