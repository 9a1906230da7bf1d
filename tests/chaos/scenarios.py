"""The jobs that somebody dies of: how each comes to the moment in question, and how it has to end."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import uuid4

from quel.sandbox import faults
from quel.sandbox.gemini import faults as gemini_faults
from quel.sandbox.storage import faults as storage_faults
from tests.chaos.case import Case

CREDITS = 100
_BEFORE_GENERATION = ("fetch_job", "prepare_inputs")
_BEFORE_STORING = (*_BEFORE_GENERATION, "generate_image")


@dataclass(frozen=True)
class Scenario:
    """`arrange` leads up to the death, `afterwards` happens between it and the next worker.

    `calls` is what the images cost at the provider without a death; `is_told` says that a receiver is to hear
    of the job's end.
    """

    arrange: Callable[[Case], object]
    status: str = "completed"
    stored: int = 2
    failed: int = 0
    calls: int = 2
    credits: int = CREDITS
    afterwards: Callable[[Case], object] = lambda case: None
    is_told: bool = False


def _order(case: Case) -> None:
    case.order()


def _told_order(case: Case) -> None:
    case.tell_receiver()
    case.order()


def _waits_are_over(case: Case) -> None:
    """What leases of tries last is not waited for."""
    case.studio.rows("UPDATE quel.webhook SET not_before = now()")


def _slow_order(case: Case) -> None:
    case.world.gemini.fail_next(faults.slow(1.5), times=2, containing=case.marker)
    case.order()


def _first_call_fails(case: Case) -> None:
    case.world.gemini.fail_next(gemini_faults.server_error(500), containing=case.marker)
    case.order()


def _quota_refuses(case: Case) -> None:
    case.world.gemini.fail_next(gemini_faults.quota_minute("2s"), containing=case.marker)
    case.order()


def _prompts_are_blocked(case: Case) -> None:
    case.world.gemini.fail_when(case.marker, gemini_faults.blocked_prompt())
    case.order()


def _inputs_are_gone(case: Case) -> None:
    case.order()
    case.run_until(lambda: case.all_images_are("ready"), *_BEFORE_GENERATION)
    case.studio.redis.flushdb()


def _made(case: Case) -> None:
    case.order()
    case.run_until(lambda: case.all_images_are("made"), *_BEFORE_STORING)


def _answers_are_gone(case: Case) -> None:
    _made(case)
    case.studio.redis.flushdb()


def _credits_run_dry(case: Case) -> None:
    _made(case)
    case.studio.rows("UPDATE quel_member SET quel_member_credit = 5")
    case.starting_credits[case.member] = 5


def _credits_are_gone(case: Case) -> None:
    case.order()
    case.run_until(lambda: case.all_images_are("ready"), *_BEFORE_GENERATION)
    case.studio.rows("UPDATE quel_member SET quel_member_credit = 4")
    case.starting_credits[case.member] = 4


def _bucket_refuses_one(case: Case) -> None:
    second = f"{case.order(pushed=False)}_001.webp"
    case.world.storage.fail_when(
        second, storage_faults.error(400, "InvalidKey", "Invalid key", "InvalidKey"), operation="upload"
    )
    case.studio.push(*case.jobs)


def _no_reference(case: Case) -> None:
    case.order(references=False)


def _cancelled_before(case: Case) -> None:
    case.studio.cancel(case.order(pushed=False))
    case.studio.push(*case.jobs)


def _cancelled_by_key(case: Case) -> None:
    _made(case)
    case.studio.cancel(case.jobs[0])


def _cancelled_in_row(case: Case) -> None:
    _made(case)
    case.studio.rows("UPDATE quel_production_jobs SET job_status = 'user_cancelled'")


def _junk_first(case: Case) -> None:
    case.studio.redis.lpush("jobs:queue", b"\xff no job id")
    case.order()


def _many_ids(case: Case) -> None:
    job_id = str(case.order(pushed=False))
    case.studio.redis.lpush("jobs:queue", *[job_id] * 6)  # at once: more than are sent for at once


def _unknown_first(case: Case) -> None:
    case.studio.push(uuid4())
    case.order()


def _dead_bridge(case: Case) -> None:
    job_id = case.order(pushed=False)
    case.studio.redis.lpush("quel:ingest:moving:jobs:queue:dead", str(job_id))
    case.studio.redis.zadd("quel:ingest:bridges", {"jobs:queue:dead": time.time() - 60})


def _on_no_list(case: Case) -> None:
    case.order(pushed=False)


def _lapsed(case: Case) -> None:
    case.order()
    case.run_until(lambda: case.all_images_are("ready"), *_BEFORE_GENERATION)
    case.studio.rows(
        "UPDATE quel.image SET state = 'generating', lease_owner = 'dead',"
        " lease_until = now() - interval '1 s'"
    )


def _made_and_forgotten(case: Case) -> None:
    _made(case)
    case.lose_broker()


def _left_behind(case: Case) -> None:
    job_id = case.order(
        pushed=False,
        job_status="processing",
        started_at="2026-01-01",
        updated_at="2026-01-01",
    )
    case.studio.rows(
        "UPDATE quel_production_photo SET production_status = 'processing' WHERE production_id ="
        " (SELECT production_id FROM quel_production_jobs WHERE job_id = %s)",
        job_id,
    )


def _in_vain(case: Case) -> None:
    _left_behind(case)
    case.studio.rows("INSERT INTO quel.pending_job (job_id, adoptions) VALUES (%s, 50)", case.jobs[0])


def _production_left_open(case: Case) -> None:
    """A job that quel made, as a row: the end of its production was written over by somebody."""
    attach_id = case.studio.attachment_row("generated-images-of-another-server/1.webp")
    case.before = (attach_id,)
    job_id = case.order(
        pushed=False,
        job_status="completed",
        generated_attach_ids=json.dumps([attach_id]),
        completed_images=1,
        failed_images=1,
        error_message="One image failed.",
        updated_at="2026-01-01",
        completed_at="2026-01-01",
    )
    case.studio.rows(
        "UPDATE quel_production_photo SET production_status = 'processing', attach_ids = %s,"
        " generated_image_count = 1 WHERE production_id ="
        " (SELECT production_id FROM quel_production_jobs WHERE job_id = %s)",
        json.dumps([attach_id]),
        job_id,
    )
    case.studio.rows(
        "INSERT INTO quel.job (job_id, path, customer, payer_kind, payer_id, ledger_member_id, price,"
        " result_owner, plan) VALUES (%s, 'fashion', '', 'member', %s, %s, 5, '', '{}')",
        job_id,
        case.member,
        case.member,
    )


SCENARIOS: Mapping[str, Scenario] = {
    "two images": Scenario(_order),
    "two slow images": Scenario(_slow_order),
    "first call fails": Scenario(_first_call_fails, calls=3),
    "quota refuses": Scenario(_quota_refuses, calls=3),
    "prompts are blocked": Scenario(_prompts_are_blocked, "failed", stored=0, failed=2, calls=3),
    "prepared pictures are gone": Scenario(_inputs_are_gone),
    "answers are gone": Scenario(_answers_are_gone, calls=4),
    "credits run dry": Scenario(_credits_run_dry, stored=1, failed=1),
    "credits are gone before the call": Scenario(_credits_are_gone, "failed", stored=0, failed=2, calls=0),
    "the bucket refuses one": Scenario(_bucket_refuses_one, stored=1, failed=1),
    "no reference can be used": Scenario(_no_reference, "failed", stored=0, failed=2, calls=0),
    "nobody can pay": Scenario(_order, "failed", stored=0, failed=2, calls=0, credits=9),
    "cancelled before it began": Scenario(_cancelled_before, "user_cancelled", stored=0, calls=0),
    "cancelled by key when made": Scenario(_cancelled_by_key, "user_cancelled", stored=0),
    "cancelled in its row when made": Scenario(_cancelled_in_row, "user_cancelled", stored=0),
    "cancelled after its worker died": Scenario(
        _order, "user_cancelled", stored=0, afterwards=lambda case: case.studio.cancel(case.jobs[0])
    ),
    "a receiver is told": Scenario(_told_order, afterwards=_waits_are_over, is_told=True),
    "junk comes first": Scenario(_junk_first),
    "an unknown id comes first": Scenario(_unknown_first),
    "many ids come at once": Scenario(_many_ids),
    "a bridge has died": Scenario(_dead_bridge),
    "pending on no list": Scenario(_on_no_list),
    "a lease has lapsed": Scenario(_lapsed),
    "made before everyone died": Scenario(_made_and_forgotten),
    "left behind by another server": Scenario(_left_behind),
    "recovered in vain": Scenario(_in_vain, "failed", stored=0, failed=2, calls=0),
    "production left open": Scenario(_production_left_open, stored=1, failed=1, calls=0),
}
