"""What an operator must mend at Storage, with ten jobs in flight: all wait, it is told, all arrive.

The outage lasts QUEL_CHAOS_OUTAGE_S seconds (20); the faults run side by side, each in a world of its own.
"""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from quel.sandbox import World
from quel.sandbox.faults import Fault
from quel.sandbox.processes import migrate
from quel.sandbox.servers.ports import free_port
from quel.sandbox.storage import faults
from tests.chaos.case import Case
from tests.chaos.test_operator_faults import IMAGES_A_JOB, JOBS, OUTAGE_S, THREADS, metrics, until
from tests.integration.quel_command import run_quel
from tests.preloaded import Preloaded

TOLD_WITHIN_S = 90.0  # six times ten jobs begin on two cores
MENDED_WITHIN_S = 300.0

UPLOADS: dict[str, Fault] = {"storage_type": faults.wrong_type(), "storage_size": faults.too_large()}
EVERYTHING: dict[str, Fault] = {
    "storage_access": faults.forbidden(),
    "storage_no_bucket": faults.error(404, "Bucket not found", "Bucket not found", "NoSuchBucket"),
    "storage_quota": faults.error(402, "PaymentRequired", "This project is restricted: unpaid invoices"),
    "storage_address": Fault("no_route", status=404, body='{"message":"no Route matched with those values"}'),
}


@pytest.fixture
def cases(tmp_path: Path) -> Iterator[dict[str, Case]]:
    with Preloaded() as preloaded, ExitStack() as stack:
        found = {}
        for fault in UPLOADS | EVERYTHING:
            world = stack.enter_context(World(ready_made=True))
            migrate(world.environment())
            found[fault] = stack.enter_context(closing(Case(world, preloaded, tmp_path, credits=1_000)))
        yield found


def told_metric(port: int, fault: str) -> bool:
    return f'quel_storage_needs_operator_total{{reason="{fault}"}}' in metrics(port)


def test_ten_jobs_wait_for_the_operator_of_storage_and_then_all_arrive(cases: dict[str, Case]) -> None:
    ports = {fault: free_port() for fault in cases}
    with ExitStack() as running:
        for fault, case in cases.items():
            for _ in range(JOBS):
                case.order()
            wrong = UPLOADS.get(fault) or EVERYTHING[fault]
            case.world.storage.fail_when("", wrong, operation="upload" if fault in UPLOADS else None)
            settings = {"QUEL_HTTP_PORT": str(ports[fault]), "QUEL_STUCK_AFTER_S": "600"}
            running.enter_context(case.workers(threads=THREADS, **settings))
        began = time.monotonic()
        until(lambda: all(told_metric(ports[fault], fault) for fault in cases), TOLD_WITHIN_S)
        while time.monotonic() < began + OUTAGE_S:
            time.sleep(2)
            for case in cases.values():
                case.sweep()
        tries = {fault: _check_meanwhile(case, fault, ports[fault]) for fault, case in cases.items()}
        for case in cases.values():
            case.world.storage.clear_faults()
        mended = time.monotonic()
        until(lambda: not any(case.is_open() for case in cases.values()), MENDED_WITHIN_S)
        after_s = time.monotonic() - mended
        print(f"Outage {mended - began:.0f} s, tries {tries}; all delivered {after_s:.0f} s after the mend.")
    for case in cases.values():
        _check_afterwards(case)


def _check_meanwhile(case: Case, fault: str, port: int) -> int:
    """How often something was tried."""
    assert all((row["job_status"], row["failed_images"]) == ("processing", 0) for row in case.job_rows())
    assert told_metric(port, fault)
    told = [json.loads(line) for line in case.log().splitlines() if '"storage.needs_operator"' in line]
    assert {(event["level"], event["reason"]) for event in told} == {("error", fault)}
    answer = run_quel(case.environment, "doctor", "--json")
    findings = [each for each in json.loads(answer.stdout) if each["check"].startswith("Storage")]
    assert (answer.returncode, "trouble") == (1, max(each["state"] for each in findings)), findings
    return len(told)


def _check_afterwards(case: Case) -> None:
    findings = case.audit()
    assert not findings.sentences(), case.log()[-4_000:]
    ends = [(row["job_status"], row["failed_images"], row["error_message"]) for row in case.job_rows()]
    assert [end[:2] for end in ends] == [("completed", 0)] * JOBS
    assert not any("left out" in (words or "") for *_, words in ends), ends
    assert case.provider_calls() == JOBS * IMAGES_A_JOB
