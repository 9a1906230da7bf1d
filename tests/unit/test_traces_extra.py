"""Traces that are asked for are written, or the start ends with a sentence: they are never lost silently."""

import subprocess
import sys

import pytest

START_WITHOUT = """
import sys
sys.modules["opentelemetry"] = None  # what Python does then is what it does where it is not installed
import quel.actors
"""


def start_without_the_packages(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", START_WITHOUT], env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("variable", ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"])
def test_a_process_that_is_to_write_traces_and_cannot_does_not_start(variable: str) -> None:
    answer = start_without_the_packages(**{variable: "http://collector:4318"})
    assert answer.returncode == 2
    [sentence] = answer.stderr.splitlines()
    assert sentence.startswith(f"quel cannot start: {variable} asks for traces")
    assert "requirements-traces.lock" in sentence


@pytest.mark.parametrize(
    "environment",
    [{}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_SDK_DISABLED": "true"}],
    ids=["no collector", "switched off"],
)
def test_where_no_traces_are_asked_for_their_packages_are_not_missed(environment: dict[str, str]) -> None:
    answer = start_without_the_packages(**environment)
    assert (answer.returncode, answer.stderr) == (0, "")
