"""What an operator must mend at the provider, with ten jobs in flight: all wait, it is told, all arrive.

The outage lasts QUEL_CHAOS_OUTAGE_S seconds (20); the faults run side by side, each in a pipeline of its own.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from quel.core.operator_fault import PROBE_EVERY_S, OperatorFault
from quel.sandbox.faults import Fault
from quel.sandbox.gemini import faults as gemini_faults
from quel.sandbox.servers.ports import free_port
from tests.chaos.case import Case, cases_of
from tests.integration.quel_command import run_quel

OUTAGE_S = float(os.environ.get("QUEL_CHAOS_OUTAGE_S", "20"))
JOBS, IMAGES_A_JOB, THREADS = 10, 2, 4
TOLD_WITHIN_S = 60.0  # workers start, prepare ten jobs and call; the metrics look every ten seconds
MENDED_WITHIN_S = 240.0  # a probe a minute, then five times twenty images on two cores

FAULTS: dict[OperatorFault, Fault] = {
    OperatorFault.NO_QUOTA: gemini_faults.no_quota(),
    OperatorFault.SPENDING_CAP: gemini_faults.spending_cap(),
    OperatorFault.CREDITS_DEPLETED: gemini_faults.credits_depleted(),
    OperatorFault.BILLING_INACTIVE: gemini_faults.billing_inactive(),
    OperatorFault.REQUEST_FORMAT: gemini_faults.unknown_field(),
}


@pytest.fixture
def cases(tmp_path: Path) -> Iterator[dict[OperatorFault, Case]]:
    with cases_of(FAULTS, tmp_path, credits=1_000) as cases:
        yield cases


def until(done, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not done() and time.monotonic() < deadline:
        time.sleep(0.5)


def metrics(port: int) -> str:
    """What a worker tells; nothing while it starts."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30).text
    except httpx.ConnectError:
        return ""


def told_metric(port: int, fault: OperatorFault) -> bool:
    return f'quel_provider_needs_operator{{reason="{fault.value}"}} 1.0' in metrics(port)


def calls_of(case: Case, *, made: bool) -> int:
    calls = case.world.gemini.calls(containing=case.marker)
    return sum((call.outcome == "made") is made for call in calls)


def test_ten_jobs_wait_for_the_operator_and_then_all_arrive(cases: dict[OperatorFault, Case]) -> None:
    world = next(iter(cases.values())).world
    ports = {fault: free_port() for fault in cases}
    with ExitStack() as running:
        for fault, case in cases.items():
            world.gemini.fail_when(case.marker, FAULTS[fault])
            for _ in range(JOBS):
                case.order()
            running.enter_context(
                case.workers(
                    threads=THREADS, QUEL_HTTP_PORT=str(ports[fault]), QUEL_STUCK_AFTER_S="600"
                )
            )  # fmt: skip
        began = time.monotonic()
        until(
            lambda: (
                all(calls_of(case, made=False) for case in cases.values())
                and all(told_metric(ports[fault], fault) for fault in cases)
            ),
            TOLD_WITHIN_S,
        )
        while time.monotonic() < began + OUTAGE_S:
            time.sleep(2)
            for case in cases.values():
                case.sweep()
        for fault, case in cases.items():
            _check_meanwhile(case, fault, ports[fault], time.monotonic() - began)
        world.gemini.clear_faults()
        mended = time.monotonic()
        until(lambda: not any(case.is_open() for case in cases.values()), MENDED_WITHIN_S)
        print(
            f"Outage {mended - began:.0f} s, all delivered {time.monotonic() - mended:.0f} s after the mend."
        )
    for case in cases.values():
        _check_afterwards(case)


def _check_meanwhile(case: Case, fault: OperatorFault, port: int, outage_s: float) -> None:
    [images] = case.studio.rows("SELECT count(*) AS n, max(attempts) AS attempts FROM quel.image")
    assert (images["n"], images["attempts"]) == (JOBS * IMAGES_A_JOB, 0)
    assert all((row["job_status"], row["failed_images"]) == ("processing", 0) for row in case.job_rows())
    assert 1 <= calls_of(case, made=False) <= THREADS + outage_s / PROBE_EVERY_S + 1
    assert told_metric(port, fault)
    events = [json.loads(line) for line in case.log().splitlines() if "provider.needs_operator" in line]
    assert {(event["level"], event["code"]) for event in events} == {("error", fault.value)}
    answer = run_quel(case.environment, "doctor", "--json")
    [finding] = [each for each in json.loads(answer.stdout) if each["check"] == "Provider quota"]
    assert (answer.returncode, finding["state"]) == (1, "trouble")
    assert finding["message"].startswith(fault.sentence)


def _check_afterwards(case: Case) -> None:
    findings = case.audit()
    assert not findings.sentences(), case.log()[-4_000:]
    assert not findings.stray_objects
    ends = [(row["job_status"], row["failed_images"], row["retry_count"]) for row in case.job_rows()]
    assert ends == [("completed", 0, 0)] * JOBS
    assert calls_of(case, made=True) == JOBS * IMAGES_A_JOB
