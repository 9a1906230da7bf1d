"""The lock files are complete: every requirement of what they name, with its extras, is in them and fits."""

import re
import tomllib
from importlib.metadata import requires, version

import pytest
from deploy import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PYPROJECT["project"]["optional-dependencies"]
LOCKS = {
    "requirements.lock": PYPROJECT["project"]["dependencies"],
    "requirements-traces.lock": [*PYPROJECT["project"]["dependencies"], *EXTRAS["traces"]],
    "requirements-dev.lock": [
        *PYPROJECT["project"]["dependencies"],
        *(each for extra in ("sandbox", "traces", "dev") for each in EXTRAS[extra]),
    ],
    "deploy/requirements-build.lock": PYPROJECT["build-system"]["requires"],
}
ENTRY = re.compile(r"[a-z0-9-]+==[^\s;]+( ; [^\\\n]+)?( \\\n    --hash=sha256:[0-9a-f]{64})+\n")


def applies(requirement, extras=()):
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in (*extras, ""))


def locked(file):
    """The versions that a lock file names for this interpreter and system, by package."""
    lines = re.findall(r"^[a-z].*?(?= \\)", (ROOT / file).read_text(), re.MULTILINE)
    pins = [pin for pin in map(Requirement, lines) if applies(pin)]
    return {pin.name: str(pin.specifier).removeprefix("==") for pin in pins}


def needed(declared):
    """Every requirement that follows from those declared, as the installed packages state theirs."""
    open_, seen = [each for each in map(Requirement, declared) if applies(each)], set()
    while open_:
        each = open_.pop()
        if each not in seen:
            seen.add(each)
            stated = map(Requirement, requires(each.name) or ())
            open_ += [further for further in stated if applies(further, each.extras)]
    return seen


@pytest.mark.parametrize("file", LOCKS)
def test_a_lock_names_what_is_needed_and_nothing_else(file):
    pins = locked(file)
    requirements = needed(LOCKS[file])
    assert {canonicalize_name(each.name) for each in requirements} == set(pins)
    for each in requirements:
        assert each.specifier.contains(pins[canonicalize_name(each.name)], prereleases=True), each


@pytest.mark.parametrize("file", LOCKS)
def test_what_is_tested_is_what_a_lock_names(file):
    pins = locked(file)
    assert {name: version(name) for name in pins} == pins


def test_the_peer_of_the_bench_changes_nothing_but_what_it_pins_itself():
    ours, peers = locked("requirements-dev.lock"), locked("bench/requirements.txt")
    assert {name for name in ours.keys() & peers.keys() if ours[name] != peers[name]} == {"python-dateutil"}


@pytest.mark.parametrize("file", [*LOCKS, "bench/requirements.txt"])
def test_a_lock_names_versions_and_hashes_and_no_address(file):
    entries = re.sub(r"^#.*\n", "", (ROOT / file).read_text(), flags=re.MULTILINE)
    assert ENTRY.sub("", entries) == ""


def test_what_only_traces_need_is_in_no_other_installation():
    """FastAPI asks for the interface, opentelemetry-api; what writes and sends comes with the extra."""
    assert not any(
        name.startswith(("opentelemetry-sdk", "opentelemetry-exporter"))
        for name in locked("requirements.lock")
    )
    assert locked("requirements.lock").items() < locked("requirements-traces.lock").items()
