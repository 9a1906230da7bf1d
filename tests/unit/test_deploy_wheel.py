"""The wheel that production installs: quel, whole, without the world of its demo and tests."""

import shutil
from pathlib import Path

import pytest
from deploy.wheel import build, file_problems, import_problems, run_alone, unpack

DEMO = """
import sys
sys.path.insert(0, sys.argv.pop())
from quel.cli import main
sys.argv = ["quel", "demo"]
main()
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack(build(tmp_path_factory.mktemp("wheel")), tmp_path_factory.mktemp("installed"))


@pytest.fixture
def unpacked(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "installed"))


def test_it_is_sound(built: Path) -> None:
    assert [*file_problems(built), *import_problems(built)] == []


def test_it_carries_no_sandbox_and_no_test_but_every_script_of_redis(built: Path) -> None:
    files = [file.relative_to(built) for file in built.rglob("*")]
    assert [file for file in files if any(part.startswith(("sandbox", "test")) for part in file.parts)] == []
    assert sum(file.suffix == ".lua" for file in files) >= 4
    assert Path("quel/adapters/redis/quota.lua") in files


@pytest.mark.parametrize(
    "extra", ["quel/sandbox/crash_points.py", "tests/conftest.py", "quel/notes.txt", "settings.py"]
)
def test_a_file_that_production_does_not_run_is_told(unpacked: Path, extra: str) -> None:
    (unpacked / extra).parent.mkdir(exist_ok=True)
    (unpacked / extra).touch()
    assert list(file_problems(unpacked)) == [f"The wheel carries {extra}, which production does not run."]


def test_a_file_that_is_missing_is_told(unpacked: Path) -> None:
    (unpacked / "quel/adapters/redis/quota.lua").unlink()
    assert list(file_problems(unpacked)) == ["The wheel lacks quel/adapters/redis/quota.lua."]


def test_a_room_that_cannot_be_imported_is_told(unpacked: Path) -> None:
    (unpacked / "quel/cli/__init__.py").write_text("import quel.sandbox\n")
    assert list(import_problems(unpacked)) == [
        "quel.cli cannot be imported from the wheel: ModuleNotFoundError: No module named 'quel.sandbox'"
    ]


def test_the_demo_of_an_installed_quel_says_what_it_needs(built: Path) -> None:
    answer = run_alone(built, DEMO)
    assert answer.returncode == 2
    assert answer.stdout == ""
    [sentence] = answer.stderr.splitlines()
    assert "sandbox is not part of this installation" in sentence
    assert "make demo" in sentence
