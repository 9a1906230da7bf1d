"""Defaults that cost money are named where nobody has set them (SPEC 1.1); others that must not move."""

import pytest

from quel.core.operations import doctor
from quel.core.operations.doctor import State
from quel.environment import read_settings

PRICE: dict[str, object] = {"IMAGE_PER_PRICE": 5}
MODEL: dict[str, object] = {"GEMINI_MODEL": "gemini-nano-banana-2.1"}


@pytest.mark.parametrize(
    ("environment", "defaults"),
    [
        ({}, PRICE | MODEL),
        ({"IMAGE_PER_PRICE": " ", "GEMINI_MODEL": ""}, PRICE | MODEL),
        ({"IMAGE_PER_PRICE": "7"}, MODEL),
        ({"GEMINI_MODEL": "gemini-3-pro-image"}, PRICE),
        ({"IMAGE_PER_PRICE": "0", "GEMINI_MODEL": "gemini-3-pro-image"}, {}),
        ({"IMAGE_PER_PRICE": "5", "GEMINI_MODEL": "gemini-nano-banana-2.1"}, {}),
    ],
)
def test_a_default_is_what_nobody_has_set_even_to_the_same(environment, defaults):
    assert read_settings(environment).costly_defaults == defaults


def test_the_doctor_notes_them_with_what_they_cost():
    findings = {finding.check: finding for finding in doctor.note_defaults(PRICE | MODEL)}
    assert {finding.state for finding in findings.values()} == {State.NOTE}
    assert "5 credits" in findings["IMAGE_PER_PRICE"].message
    assert "gemini-nano-banana-2.1" in findings["GEMINI_MODEL"].message
    assert list(doctor.note_defaults({})) == []


def test_the_api_version_is_quels_own_and_not_the_libraries():
    assert read_settings({}).gemini_api_version == "v1beta"
    assert read_settings({"GEMINI_API_VERSION": "v1"}).gemini_api_version == "v1"


@pytest.mark.parametrize(
    ("timeout", "seconds"), [("10ms", 0.01), ("500ms", 0.5), ("30s", 30.0), ("1m30s", 90.0), ("2", None)]
)
def test_the_wait_of_a_blocking_read_is_a_duration(tmp_path, timeout, seconds):
    file = tmp_path / "quel.yaml"
    file.write_text(f"worker: {{redis: {{timeout: {timeout}}}}}")
    assert read_settings({"QUEL_CONFIG": str(file)}).ingest_block_s == (seconds or 2.0)
