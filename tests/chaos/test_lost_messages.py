"""A job whose message is lost goes on although the messages of others flow without an end.

The stream of others lasts QUEL_CHAOS_STREAM_S seconds (200); the sweep comes once a minute.
"""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import UUID

import pytest

from tests.chaos.case import Case, cases_of

STREAM_S = float(os.environ.get("QUEL_CHAOS_STREAM_S", "200"))
OTHER_EVERY_S, SWEEP_EVERY_S, STUCK_AFTER_S = 1.0, 60.0, 60
FOUND_WITHIN_S = STUCK_AFTER_S + 2 * SWEEP_EVERY_S
ENDED_WITHIN_S = 120.0
LOST = ("prepare_inputs", "persist_output")


@pytest.fixture
def cases(tmp_path: Path) -> Iterator[dict[str, Case]]:
    with cases_of(LOST, tmp_path, credits=100_000) as cases:
        yield cases


def has_ended(case: Case, job_id: UUID) -> bool:
    return case.studio.job_row(job_id)["completed_at"] is not None


def order_another(case: Case) -> None:
    prompt = {"prompt": case.marker, "userId": str(case.member)}
    case.jobs.append(case.studio.job("simple_general", prompt, total_images=1, member=case.member))
    case.studio.push(case.jobs[-1])


def test_a_lost_message_is_found_within_two_sweeps_while_others_flow(cases: dict[str, Case]) -> None:
    lost: dict[str, UUID] = {}
    for step, case in cases.items():
        lost[step] = case.order()
        case.die_at(f"before:send.{step}")
        case.lose_broker()
    found_s: dict[str, float] = {}
    with ExitStack() as stack:
        for case in cases.values():
            stack.enter_context(case.workers(threads=4, QUEL_STUCK_AFTER_S=str(STUCK_AFTER_S)))
        began = sweep_at = time.monotonic()
        while (since := time.monotonic() - began) < STREAM_S:
            for step, case in cases.items():
                order_another(case)
                if step not in found_s and has_ended(case, lost[step]):
                    found_s[step] = since
                if time.monotonic() >= sweep_at:
                    case.sweep()
            sweep_at += SWEEP_EVERY_S if time.monotonic() >= sweep_at else 0.0
            time.sleep(OTHER_EVERY_S)
        until = time.monotonic() + ENDED_WITHIN_S
        while any(case.is_open() for case in cases.values()) and time.monotonic() < until:
            time.sleep(1)
    for step, case in cases.items():
        findings = case.audit()
        print(f"{step} lost: delivered after {found_s.get(step, -1):.0f} s, beside {len(case.jobs) - 1} jobs")
        assert not findings.sentences(), case.log()[-4_000:]
        assert found_s[step] <= FOUND_WITHIN_S
