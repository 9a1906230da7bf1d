"""Nothing that is installed for quel depends on what the index serves that day."""

import os
import subprocess

import pytest
from deploy import ROOT
from deploy.installs import problems, runs

CHECKED = "pip install --require-hashes --no-deps -r some.lock\npip check"


def commands_of_the_makefile() -> str:
    dry = ["make", "--dry-run", "--always-make", "--no-print-directory", "-C", str(ROOT), "lint", "bench"]
    environment = {name: value for name, value in os.environ.items() if "MAKE" not in name}
    return subprocess.run(dry, env=environment, capture_output=True, text=True, check=True).stdout


def test_the_makefile_installs_what_the_locks_name() -> None:
    commands = commands_of_the_makefile()
    assert list(problems(commands)) == []
    assert [run.named for run in runs(commands) if run.named] == [
        (".venv/pip.lock",),  # of requirements-dev.lock the part that names pip, and its two halves
        (".venv/half0.lock",),
        (".venv/half1.lock",),
        (".venv-bench/pip.lock",),
        (".venv-bench/half0.lock",),
        (".venv-bench/half1.lock",),
        ("bench/requirements.txt",),
    ]


def test_every_run_of_pip_is_seen() -> None:
    script = (
        "x/pip3 --quiet install \\\n  -r a -r b && python3.11 -m pip check; # pip install c\nuv pip wheel ."
    )
    assert [(run.pip, run.verb, run.named) for run in runs(script)] == [
        ("x/pip3", "install", ("a", "b")),
        ("python3.11 -m pip", "check", ()),
        ("pip", "wheel", ()),
    ]


@pytest.mark.parametrize(
    ("script", "told"),
    [
        (CHECKED.replace(" --no-deps", ""), "--no-deps is missing"),
        (CHECKED.replace(" --require-hashes", ""), "--require-hashes is missing"),
        (CHECKED.replace("pip check", ""), "must check that everything fits"),
        (f"pip check\n{CHECKED.splitlines()[0]}", "must check that everything fits"),
        (f"{CHECKED}\nother/pip install --no-deps a.whl", "other/pip check"),
        ("pip install --no-deps -e .\npip check", "--no-build-isolation is missing"),
        ("pip wheel --no-deps .", "--no-build-isolation is missing"),
        ("pip install --no-deps wheel\npip check", "asks the index by name"),
    ],
)
def test_a_run_of_pip_that_depends_on_the_day_is_told(script: str, told: str) -> None:
    assert any(told in problem for problem in problems(script)), list(problems(script))


def test_a_lock_a_wheel_and_a_build_of_ones_own_are_fine() -> None:
    script = (
        f"{CHECKED}\npip wheel --no-deps --no-build-isolation .\npip install --no-deps dist/*.whl\npip check"
    )
    assert list(problems(script)) == []
