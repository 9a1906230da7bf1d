"""make_image: one claimed image, from what stands against it to what its answer shows."""

from dataclasses import replace
from datetime import timedelta

import pytest

from quel.core.errors import ServiceUnavailable, TakeUnchecked
from quel.core.job import JobStatus
from quel.core.open_paths import EveryPath
from quel.core.operator_fault import PROBE_EVERY_S, OperatorFault
from quel.core.outcome import Broken, PictureBytes, QuotaScope, Refused, Stalled, Transient, Wait
from quel.core.pipeline import MOST_STARTS, ImageState, Step, StepMessage
from quel.sandbox.memory.pictures import made
from quel.stages.finalize_job import finalize_job
from quel.stages.sweep_stuck_jobs import sweep_stuck_jobs
from tests.unit.stages.images import finalize, generate, image, last_wait, persist, slots_used

FAILURE = Transient("server_error", "It failed.")


NO_PICTURE = Broken("no_picture", "It answered in words.")


REFUSAL = Refused("blocked_safety", "The provider refused it.")


def with_a_top(studio):
    """An input with one reference."""
    top = {"attachId": studio.attach(b"top", "top"), "type": "top"}
    return {"prompt": "a mast", "uploadedAttachIds": [top]}


def test_the_provider_is_sent_what_was_prepared(services, studio, ready):
    data = {
        "prompt": "a mast",
        "uploadedAttachIds": [{"attachId": studio.attach(b"top", "top"), "type": "top"}],
    }
    job_id = ready(data=data)
    generate(services)
    [request] = services.engine.requests
    prepared = image(services, job_id).request
    assert (request.prompt, request.seed) == (prepared.prompt, prepared.seed)
    assert request.labels == prepared.labels == ("Image 1: the garment (top); the clothing alone.",)
    assert [picture.data for picture in request.pictures] == [b"top"]


def test_the_pictures_of_a_call_are_held_within_the_budget_of_bytes_until_it_has_answered(
    services, studio, ready
):
    ready(data=with_a_top(studio))
    held = []

    def look(_):
        held.append(services.call_budget.held_bytes)
        return made()

    services.engine.answer(look)
    services.blobs.trouble.plan("put_output", lambda: held.append(services.call_budget.held_bytes))
    generate(services)
    assert held == [len(b"top"), 0]


class Killed(BaseException):
    """The process ends in the middle of a call."""


def killed(_):
    raise Killed


def test_one_image_that_ends_its_process_every_time_fails_and_the_rest_is_made(services, studio, ready):
    job_id = ready(3)
    poison = image(services, job_id, 1).request.seed
    deaths = 0
    for _ in range(12):
        services.engine.answer(lambda request: killed(request) if request.seed == poison else made())
        try:
            generate(services)
        except Killed:
            deaths += 1
            services.clock.advance(61)
            sweep_stuck_jobs(services)
    assert (deaths, studio.states(job_id)) == (MOST_STARTS, ["made", "failed", "made"])
    assert image(services, job_id, 1).reason_code == "ends_the_process"
    assert "ended the process that worked on it 3 times" in image(services, job_id, 1).reason
    assert slots_used(services) == MOST_STARTS + 2


def test_an_error_is_no_end_of_the_process_and_lets_go_of_the_image(services, ready):
    job_id = ready()
    for _ in range(2 * MOST_STARTS):
        services.blobs.trouble.plan("inputs_and_output", ServiceUnavailable("Redis does not answer."))
        with pytest.raises(ServiceUnavailable):
            generate(services)
        assert (image(services, job_id).state, image(services, job_id).starts) == (ImageState.READY, 0)
        services.clock.advance(2)
    assert generate(services) == persist(job_id)


def test_an_answer_that_is_kept_is_no_lost_one_however_often_its_process_ended(services, ready):
    job_id = ready()
    services.blobs.put_output(job_id, 0, PictureBytes(b"picture", "image/png"))
    for _ in range(MOST_STARTS):
        services.generate_image.claim("a worker", EveryPath())
        services.clock.advance(61)
        sweep_stuck_jobs(services)
    assert generate(services) == persist(job_id)
    assert not services.engine.requests


def test_a_slot_is_free_for_one_that_waits_before_the_picture_is_judged(services, ready):
    services.quota.concurrency = 1
    job_id = ready(2)
    nested, freed = [], []

    def meanwhile(_):
        nested.append(generate(services))
        return made()

    def look(*_):
        freed.append((services.admission.freed, len(services.quota.under_way)))
        raise TakeUnchecked("It cannot be read.")

    services.engine.answer(meanwhile)
    services.take_checker.look = look
    assert generate(services) == persist(job_id)
    assert (nested, last_wait(services).reason) == ([()], "concurrency")
    assert freed == [(1, 0)]


@pytest.mark.parametrize(
    ("answer", "blocked_for_s"),
    [
        (Wait(QuotaScope.MINUTE, timedelta(seconds=7)), 7.0),
        (Wait(QuotaScope.MINUTE, None), 2.0),
        (Wait(QuotaScope.UNKNOWN, None), 2.0),
        (Wait(QuotaScope.DAY, None), 86_400.0),
    ],
)
def test_a_429_is_waiting_and_spends_nothing(services, ready, answer, blocked_for_s):
    job_id = ready()
    services.engine.answer(answer)
    assert generate(services) == ()
    waiting = image(services, job_id)
    assert (waiting.state, waiting.attempts, waiting.broken_answers) == (ImageState.READY, 0, 0)
    assert services.quota.blocked_for_s() == last_wait(services).wait_s == blocked_for_s
    services.clock.advance(blocked_for_s)
    assert generate(services) == persist(job_id)


@pytest.mark.parametrize("fault", OperatorFault)
def test_what_an_operator_must_mend_waits_for_the_next_probe_and_spends_nothing(
    services, ready, events, fault
):
    job_id = ready(2)
    services.engine.answer(Stalled(fault, "its words"))
    assert generate(services) == ()
    assert generate(services) == ()  # the second image does not ask
    waiting = image(services, job_id)
    assert (waiting.state, waiting.attempts, waiting.broken_answers) == (ImageState.READY, 0, 0)
    assert len(services.engine.requests) == 1
    assert services.quota.blocked_for_s() == PROBE_EVERY_S
    told = [event for event in events if event["event"] == "provider.needs_operator"]
    assert [(event["code"], event["reason"], event["said"]) for event in told] == [
        (fault.value, fault.sentence, "its words")
    ]
    services.clock.advance(PROBE_EVERY_S)
    assert generate(services) == persist(job_id)


def test_an_account_that_is_refused_fails_the_image_and_is_told_to_the_operator(services, ready, events):
    job_id = ready()
    services.engine.answer(Refused("key_refused", "Renew the key.", account=True))
    generate(services)
    assert image(services, job_id).state is ImageState.FAILED
    assert [event["code"] for event in events if event["event"] == "provider.needs_operator"] == [
        "key_refused"
    ]


def test_an_overloaded_provider_is_told_to_the_gate(services, ready):
    job_id = ready()
    services.engine.answer(Transient("busy", "It is busy.", overloaded=True))
    [message] = generate(services)
    assert (message.step, image(services, job_id).attempts) == (Step.GENERATE_IMAGE, 1)


# what nobody wants any more
def test_an_image_of_a_cancelled_job_costs_no_call(services, studio, ready):
    job_id = ready()
    studio.cancel(job_id)
    assert generate(services) == finalize(job_id)
    assert (slots_used(services), services.engine.requests) == (0, [])


def test_an_image_of_a_job_that_somebody_ended_costs_no_call(services, studio, ready):
    job_id = ready()
    studio.job_row(job_id).job_status = JobStatus.COMPLETED
    assert generate(services) == finalize(job_id)
    assert services.engine.requests == []


def test_an_image_of_a_job_set_back_to_pending_is_planned_again(services, studio, ready):
    job_id = ready(2)
    studio.job_row(job_id).job_status = JobStatus.PENDING
    assert generate(services) == ()
    assert studio.states(job_id) == ["planned", "planned"]
    assert slots_used(services) == 0


def test_an_answer_for_a_job_that_ended_during_the_call_is_dropped(services, studio, ready):
    job_id = ready()

    def cancelled(_):
        studio.cancel(job_id)
        finalize_job(services, job_id)
        return made()

    services.engine.answer(cancelled)
    assert generate(services)[-1:] == finalize(job_id)
    assert studio.states(job_id) == ["cancelled"]
    assert not services.blobs.outputs


# what a worker that died has left
def test_an_answer_that_is_kept_already_costs_no_second_call(services, ready):
    job_id = ready()
    services.blobs.put_output(job_id, 0, made().picture)
    assert generate(services) == persist(job_id)
    assert (services.engine.requests, slots_used(services)) == ([], 0)
    assert image(services, job_id).cost_usd == 0.0


def test_pictures_that_are_gone_from_the_cache_are_prepared_again(services, studio, ready):
    data = {
        "prompt": "a mast",
        "uploadedAttachIds": [{"attachId": studio.attach(b"top", "top"), "type": "top"}],
    }
    job_id = ready(2, data=data)
    services.blobs.lose_everything()
    assert generate(services) == (StepMessage(Step.PREPARE_INPUTS, job_id),)
    assert studio.states(job_id) == ["planned", "planned"]
    assert slots_used(services) == 0


# what the provider answers
def test_a_refusal_fails_the_image_at_once(services, studio, ready):
    job_id = ready()
    services.engine.answer(REFUSAL)
    assert generate(services) == finalize(job_id)
    failed = image(services, job_id)
    assert (failed.state, failed.reason_code, failed.reason) == (
        ImageState.FAILED,
        "blocked_safety",
        "The provider refused it.",
    )
    assert studio.job_row(job_id).failed_images == 1


def test_a_refusal_leaves_the_other_images(services, studio, ready):
    job_id = ready(2)
    services.engine.answer(REFUSAL)
    assert generate(services) == ()
    assert studio.states(job_id) == ["failed", "ready"]


def test_a_failing_call_is_tried_again_after_a_pause(services, ready):
    job_id = ready()
    services.engine.answer(FAILURE)
    [message] = generate(services)
    assert (message.step, message.job_id, message.image_no) == (Step.GENERATE_IMAGE, job_id, 0)
    assert 0.5 <= message.delay_s <= 1.0
    assert generate(services) == ()
    services.clock.advance(message.delay_s)
    assert generate(services) == persist(job_id)
    assert image(services, job_id).attempts == 1


def test_failing_calls_are_given_up_after_as_many_as_the_settings_say(services, ready):
    job_id = ready()
    services.rules = replace(services.rules, retry=replace(services.rules.retry, max_attempts=4))
    services.engine.answer(*[FAILURE] * 4)
    for _ in range(4):
        messages = generate(services)
        services.clock.advance(30)
    assert messages == finalize(job_id)
    failed = image(services, job_id)
    assert (failed.state, failed.attempts) == (ImageState.FAILED, 4)
    assert failed.reason == "No picture after 4 calls to the provider. It failed."


def test_answers_without_a_picture_are_given_up_after_three(services, ready):
    job_id = ready()
    services.engine.answer(*[NO_PICTURE] * 3)
    for _ in range(3):
        messages = generate(services)
        services.clock.advance(30)
    assert messages == finalize(job_id)
    assert (image(services, job_id).reason_code, image(services, job_id).attempts) == ("no_picture", 3)


def test_a_failure_that_comes_after_the_turn_was_lost_changes_nothing(services, studio, ready):
    job_id = ready()

    def hangs(_):
        services.clock.advance(60)
        sweep_stuck_jobs(services)
        return REFUSAL

    services.engine.answer(hangs)
    assert generate(services) == ()
    assert studio.states(job_id) == ["ready"]


def test_a_picture_that_comes_after_the_turn_was_lost_is_welcome(services, ready):
    job_id = ready()

    def hangs(_):
        services.clock.advance(60)
        sweep_stuck_jobs(services)
        return made()

    services.engine.answer(hangs)
    assert generate(services) == persist(job_id)


def test_a_slot_whose_counts_were_lost_makes_no_call(services, ready):
    job_id = ready()
    services.blobs.trouble.plan("inputs_and_output", services.quota.lose_counts)
    assert generate(services) == ()
    assert (image(services, job_id).state, services.engine.requests) == (ImageState.READY, [])
    assert last_wait(services).reason == "lost"
    assert generate(services) == persist(job_id)
