"""The Makefile makes the environment the lock names, by an old pip or a new, whatever an index has.

A small project of its own, with quel's Makefile: its lock names old releases and no pip, its index is a
folder that has older and newer ones beside them. Needs no network.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import distributions
from pathlib import Path

import pip
import pytest

ROOT = Path(__file__).parents[2]
RELEASES = ("0.9", "1.0", "2.0")
LOCKED = "1.0"
PACKAGES = {
    "top": ["Requires-Dist: middle[more]>=1"],
    "middle": ["Provides-Extra: more", "Requires-Dist: bottom>=1; extra == 'more'"],
    "bottom": [],
}
PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
BACKEND = """
import os, shutil

def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    return shutil.copy("project-1.0-py3-none-any.whl", wheel_directory).rpartition(os.sep)[2]
"""


def write_wheel(folder: Path, name: str, version: str, *metadata: str) -> Path:
    """A wheel without a module."""
    info = f"{name}-{version}.dist-info"
    files = {
        "METADATA": "\n".join(
            ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *metadata, ""]
        ),
        "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "".join(f"{info}/{file},,\n" for file in ("METADATA", "WHEEL", "RECORD")),
    }
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for file, text in files.items():
            wheel.writestr(f"{info}/{file}", text)
    return path


class Project:
    """A folder with quel's Makefile, a lock of `locked`, and an index of all packages in all releases."""

    def __init__(self, folder: Path, locked: list[str]) -> None:
        self.folder = folder
        self.index = folder / "index"
        self.index.mkdir()
        for name, metadata in PACKAGES.items():
            for version in RELEASES:
                write_wheel(self.index, name, version, *metadata)
        shutil.copy(ROOT / "Makefile", folder)
        (folder / "requirements-dev.lock").write_text("".join(map(self._pin, locked)))
        (folder / "pyproject.toml").write_text(PYPROJECT)
        (folder / "backend.py").write_text(BACKEND)
        write_wheel(folder, "project", "1.0", "Requires-Dist: top")

    def _pin(self, name: str) -> str:
        wheel = self.index / f"{name}-{LOCKED}-py3-none-any.whl"
        return f"{name}=={LOCKED} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"

    def make(self, pip_folder: Path | None = None) -> subprocess.CompletedProcess[str]:
        """`make .venv/.ready` from the index alone, by the pip in `pip_folder` or the one Python brings."""
        foreign = re.compile("PIP_|PYTHON|.*MAKE")
        kept = {name: value for name, value in os.environ.items() if not foreign.match(name)}
        chosen = {"PYTHONPATH": str(pip_folder)} if pip_folder else {}
        only = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.index)}
        return subprocess.run(
            ["make", "-C", str(self.folder), f"PYTHON={sys.executable}", ".venv/.ready"],
            env=kept | only | chosen,
            capture_output=True,
            text=True,
            check=False,
        )

    def installed(self) -> dict[str, str]:
        """The releases in the environment."""
        (packages,) = (self.folder / ".venv").glob("lib/python*/site-packages")
        return {
            each.name: each.version for each in distributions(path=[str(packages)]) if each.name in PACKAGES
        }


def test_the_lock_is_installed_beside_older_and_newer_releases(tmp_path):
    project = Project(tmp_path, ["top", "middle", "bottom"])
    made = project.make()
    assert made.returncode == 0, made.stderr
    assert project.installed() == dict.fromkeys(PACKAGES, LOCKED)


def test_a_lock_that_lacks_a_package_makes_no_environment(tmp_path, pip_of_the_lock):
    project = Project(tmp_path, ["top", "bottom"])
    made = project.make(pip_of_the_lock)
    assert made.returncode != 0
    assert "top 1.0 requires middle, which is not installed." in made.stdout
    assert not (tmp_path / ".venv/.ready").exists()


@pytest.fixture
def pip_of_the_lock(tmp_path):
    folder = tmp_path / "newer"
    folder.mkdir()
    (folder / "pip").symlink_to(Path(pip.__file__).parent)
    return folder
