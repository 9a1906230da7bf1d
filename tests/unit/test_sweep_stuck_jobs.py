"""Waiting or stuck (SPEC 5, "Stuck jobs"): what the sweep does about a job that does not move."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quel.core.pipeline import FINAL_STATES, ImageState, Step, next_steps
from quel.core.sweep_stuck_jobs import (
    Action,
    MarkedJob,
    OpenJobs,
    Orphan,
    PendingJob,
    ProcessingJob,
    SweepContext,
    SweepDecision,
    decide_orphan,
    decide_pending,
    decide_processing,
)

JOB, ANOTHER = UUID(int=7), UUID(int=8)
WHEN = datetime(2026, 11, 25, tzinfo=UTC)
QUIET = SweepContext(
    stuck_after_s=600,
    max_recoveries=3,
    flow_silent_s=10_000,
    provider_blocked=False,
    closed_paths=frozenset(),
)


def processing(*states, silent_s=700.0, lapsed=(), leased=False, fruitless=0, kept_bytes=False):
    return ProcessingJob(
        JOB,
        "fashion",
        WHEN,
        silent_s,
        frozenset(states),
        tuple(no for no, state in enumerate(states) if state is MADE),
        lapsed=lapsed,
        leased=leased,
        fruitless=fruitless,
        kept_bytes=kept_bytes,
    )


def pending(*, silent_s=61.0, recoveries=0, in_hand=True, job_id=JOB):
    return PendingJob(job_id, "fashion", WHEN, silent_s, recoveries, in_hand)


def judge(job, context, waiting: bool | None = False) -> SweepDecision:
    """The decision on a job all of whose messages are lost, waiting, or not to be told (None)."""
    return decide_processing(job, context, lambda _: waiting)


READY, MADE, PLANNED = ImageState.READY, ImageState.MADE, ImageState.PLANNED


@pytest.mark.parametrize(
    "context",
    [
        replace(QUIET, provider_blocked=True),
        replace(QUIET, closed_paths=frozenset({"fashion"})),
        replace(QUIET, closed_paths=frozenset({"*"})),
        replace(QUIET, flow_silent_s=5.0),
    ],
    ids=["quota", "path off", "pause", "its turn"],
)
def test_an_image_that_waits_for_quota_a_pause_its_path_or_its_turn_is_not_stuck(context):
    assert judge(processing(READY), context).action is not Action.RECOVER


def test_an_image_whose_lease_is_alive_is_not_stuck():
    job = processing(ImageState.GENERATING, leased=True, silent_s=5_000)
    assert judge(job, QUIET).action is Action.LEAVE


def test_a_lease_that_ran_out_is_a_recovery_at_once_and_frees_its_image():
    decision = judge(processing(ImageState.GENERATING, silent_s=31, lapsed=(0,)), QUIET)
    assert decision.action is Action.RECOVER


def test_silence_without_a_reason_is_a_recovery():
    assert judge(processing(READY), QUIET).action is Action.RECOVER


def test_lost_messages_are_sent_again_long_before_a_job_counts_as_stuck():
    decision = judge(processing(PLANNED, MADE, silent_s=61), QUIET)
    assert decision.action is Action.SEND_AGAIN
    assert {message.step for message in decision.messages} == {Step.PREPARE_INPUTS, Step.PERSIST_OUTPUT}


@pytest.mark.parametrize("silent_s", [61, 100_000])
@pytest.mark.parametrize("flow_silent_s", [1, 10_000])
@pytest.mark.parametrize("state", [PLANNED, MADE])
def test_a_job_whose_messages_are_there_waits_however_long(state, flow_silent_s, silent_s):
    context = replace(QUIET, flow_silent_s=flow_silent_s)
    assert judge(processing(state, silent_s=silent_s, fruitless=99), context, waiting=True).messages == ()
    assert judge(processing(state, silent_s=silent_s, fruitless=99), context, waiting=True).action in {
        Action.SEND_AGAIN,
        Action.LEAVE,
    }


@pytest.mark.parametrize("state", [PLANNED, MADE])
def test_a_lost_message_is_found_and_its_recoveries_are_bounded_while_others_flow(state):
    flowing = replace(QUIET, flow_silent_s=0.1)
    assert judge(processing(state, silent_s=61), flowing).messages != ()
    assert judge(processing(state), flowing).action is Action.RECOVER
    assert judge(processing(state, fruitless=3), flowing).action is Action.CLOSE


@pytest.mark.parametrize("state", [PLANNED, MADE])
def test_where_nobody_can_tell_a_job_is_nudged_once_in_a_while_and_never_closed(state):
    assert judge(processing(state, silent_s=61), QUIET, waiting=None).messages == ()
    assert judge(processing(state, fruitless=99), QUIET, waiting=None).action is Action.RECOVER


def test_a_lapsed_lease_closes_no_job_whose_other_images_wait_for_their_turn_while_others_flow():
    job = processing(ImageState.GENERATING, READY, silent_s=31, lapsed=(0,), fruitless=3)
    assert judge(job, replace(QUIET, flow_silent_s=0.1)).action is Action.RECOVER
    assert judge(job, QUIET).action is Action.CLOSE
    alone = processing(ImageState.GENERATING, silent_s=31, lapsed=(0,), fruitless=3)
    assert judge(alone, replace(QUIET, flow_silent_s=0.1)).action is Action.CLOSE


def test_a_job_whose_images_all_ended_is_closed_by_a_message():
    decision = judge(processing(ImageState.STORED, ImageState.FAILED, silent_s=0), QUIET)
    assert [message.step for message in decision.messages] == [Step.FINALIZE_JOB]


def test_recoveries_in_vain_close_the_job():
    assert judge(processing(READY, fruitless=3), QUIET).action is Action.CLOSE
    assert judge(processing(READY, fruitless=2), QUIET).action is Action.RECOVER


@given(
    st.lists(st.sampled_from(sorted(ImageState)), min_size=1, max_size=6),
    st.floats(0, 10_000),
    st.integers(0, 9),
    st.booleans(),
    st.booleans(),
)
def test_a_job_whose_paid_bytes_are_kept_is_never_closed(states, silent_s, fruitless, leased, blocked):
    job = processing(*states, silent_s=silent_s, fruitless=fruitless, leased=leased, kept_bytes=True)
    assert judge(job, replace(QUIET, provider_blocked=blocked)).action is not Action.CLOSE


def test_a_pending_job_is_lost_only_on_no_queue_and_after_a_minute():
    lost = pending()
    assert decide_pending(lost, QUIET, on_a_queue=False).action is Action.RECOVER
    assert decide_pending(lost, QUIET, on_a_queue=True).action is Action.LEAVE
    assert decide_pending(replace(lost, silent_s=5), QUIET, on_a_queue=False).action is Action.LEAVE
    paused = replace(QUIET, closed_paths=frozenset({"fashion"}))
    assert decide_pending(lost, paused, on_a_queue=False).action is Action.LEAVE


def test_a_pending_job_that_was_recovered_in_vain_is_closed_only_after_the_full_silence():
    tried = pending(recoveries=3)
    assert decide_pending(tried, QUIET, on_a_queue=False).action is Action.LEAVE
    assert decide_pending(replace(tried, silent_s=601), QUIET, on_a_queue=False).action is Action.CLOSE


def test_another_servers_job_is_planned_anew_unless_that_was_tried_in_vain():
    assert decide_orphan(Orphan(JOB, WHEN, adoptions=3, stored=1, in_hand=True), QUIET) is Action.RECOVER
    assert decide_orphan(Orphan(JOB, WHEN, adoptions=3, stored=0, in_hand=True), QUIET) is Action.CLOSE


@given(st.lists(st.sampled_from(sorted(ImageState)), max_size=8))
def test_looking_again_asks_exactly_for_what_the_rows_call_for(states):
    messages = next_steps(JOB, enumerate(states))
    by_stage = {stage: [n.image_no for n in messages if n.step is stage] for stage in Step}
    assert by_stage[Step.GENERATE_IMAGE] == [no for no, state in enumerate(states) if state is READY]
    assert by_stage[Step.PERSIST_OUTPUT] == [no for no, state in enumerate(states) if state is MADE]
    assert bool(by_stage[Step.PREPARE_INPUTS]) is (PLANNED in states)
    assert bool(by_stage[Step.FINALIZE_JOB]) is all(state in FINAL_STATES for state in states)


@pytest.mark.parametrize(
    ("state", "context"),
    [
        (READY, replace(QUIET, provider_blocked=True)),
        (READY, replace(QUIET, closed_paths=frozenset({"*"}))),
        (PLANNED, replace(QUIET, inputs_full=True)),
    ],
    ids=["quota", "pause", "room for prepared inputs"],
)
def test_what_waits_is_not_closed_however_long_and_often(state, context):
    job = processing(state, silent_s=100_000, fruitless=99)
    assert judge(job, context).action is not Action.CLOSE


def test_a_job_that_waits_for_room_is_sent_no_further_messages():
    assert judge(processing(PLANNED), replace(QUIET, inputs_full=True)).messages == ()


def test_a_lapsed_lease_closes_no_job_whose_other_image_is_being_made():
    job = processing(ImageState.GENERATING, ImageState.GENERATING, lapsed=(0,), leased=True, fruitless=3)
    assert judge(job, QUIET).action is Action.RECOVER
    assert judge(replace(job, leased=False), QUIET).action is Action.CLOSE


def everything_of(job_id, *, in_hand):
    return OpenJobs(
        pending=(pending(job_id=job_id, in_hand=in_hand),),
        processing=(replace(processing(READY), job_id=job_id),),
        orphans=(Orphan(job_id, WHEN, 0, 0, in_hand),),
        marked=(MarkedJob(job_id, in_hand),),
        flow_silent_s=0,
    )


def test_what_lies_on_another_consumers_list_is_not_ours_unless_quel_had_it_in_hand():
    strange, known = everything_of(JOB, in_hand=False), everything_of(JOB, in_hand=True)
    assert strange.ours({ANOTHER}) == strange
    left = strange.ours({JOB})
    assert (left.pending, left.orphans, left.marked) == ((), (), ())
    assert left.processing == strange.processing  # quel has planned it
    assert known.ours({JOB}) == known


def test_when_the_other_lists_cannot_be_told_quel_keeps_to_what_it_had_in_hand():
    assert everything_of(JOB, in_hand=False).ours(None).pending == ()
    assert everything_of(JOB, in_hand=True).ours(None) == everything_of(JOB, in_hand=True)
