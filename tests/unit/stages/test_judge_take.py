"""A take is judged once its bytes are kept and before it is charged; a bad one is made again or fails."""

from dataclasses import replace

import pytest

from quel.core.errors import NoRoom, ServiceUnavailable, TakeUnchecked
from quel.core.pipeline import ImageState, Step, StepMessage
from quel.core.takes import SLOW_S, Check, Reason, Signs
from quel.sandbox.memory.pictures import COST_USD, made
from quel.stages.persist_output import persist_output
from tests.unit.stages.images import finalize, generate, image, persist

BLANK = Signs({Reason.BLANK: 1.0})
ECHO = Signs({Reason.ECHO: 0.9}, nearest=1)
DOWN = ServiceUnavailable("Redis does not answer.")


def strict(services, **rules):
    takes = replace(services.rules.takes, probable=Check.REROLL, **rules)
    services.rules = replace(services.rules, takes=takes)


def again(job_id, image_no=0):
    return (StepMessage(Step.GENERATE_IMAGE, job_id, image_no),)


def told(events, name):
    return [event for event in events if event["event"] == name]


def balance(services, studio, job_id):
    return services.tables.members[studio.job_row(job_id).quel_member_id].quel_member_credit


def test_a_bad_take_twice_and_then_a_good_one_is_one_delivery_and_one_charge(
    services, studio, worker, job, events
):
    strict(services, budget=2.0)
    services.engine.answer(made(b"first"), made(b"second"), made(b"third"))
    services.take_checker.see(BLANK, ECHO)
    top = {"attachId": studio.attach(b"top", "top"), "type": "top"}
    job_id = job(data={"prompt": "a mast", "uploadedAttachIds": [top]})
    studio.push(job_id)
    worker.run()
    assert list(services.storage.objects.values())[1:] == [b"webp of third"]
    assert (len(services.tables.ledger), balance(services, studio, job_id)) == (1, 995)
    one = image(services, job_id)
    assert (one.state, one.rerolls, one.attempts, one.broken_answers) == (ImageState.STORED, 2, 0, 0)
    assert one.cost_usd == pytest.approx(3 * COST_USD)
    first, second, third = services.engine.requests
    assert len({request.seed for request in services.engine.requests}) == 3
    assert first.prompt == second.prompt  # nothing can be said against a blank picture
    assert third.prompt.endswith(first.prompt)
    assert "image 1" in third.prompt.removesuffix(first.prompt)
    assert [event["reason"] for event in told(events, "take.spoilt")] == ["blank", "echo"]
    assert len(told(events, "take.kept")) == 1


def test_what_is_still_worthless_fails_uncharged_with_its_reason(services, studio, worker, job):
    strict(services, budget=5.0)
    services.take_checker.see(BLANK, BLANK, BLANK)
    job_id = job()
    studio.push(job_id)
    worker.run()
    row = studio.job_row(job_id)
    assert (row.job_status, row.failed_images, row.completed_images) == ("failed", 1, 0)
    assert "showed nothing" in row.error_message
    assert (services.tables.ledger, services.blobs.outputs, services.storage.objects) == ([], {}, {})
    one = image(services, job_id)
    assert one.reason_code == "take_blank"
    assert one.cost_usd == pytest.approx(3 * COST_USD)


def test_the_budget_is_the_jobs_and_not_each_images(services, studio, worker, job):
    services.take_checker.see(*[BLANK] * 8)
    job_id = job(8)
    studio.push(job_id)
    worker.run()
    assert len(services.engine.requests) == 8 + 2
    assert sum(one.rerolls for one in services.tables.images_of(job_id)) == 2


def test_a_probable_fault_is_kept_charged_and_told(services, ready, events):
    job_id = ready()
    services.take_checker.see(ECHO)
    assert generate(services) == persist(job_id)
    [kept] = told(events, "take.kept")
    assert kept["faults"] == ["echo"]


def test_an_exhausted_probable_fault_is_kept_where_the_setting_says_so(services, ready):
    strict(services, rerolls=0, keep_exhausted=True)
    job_id = ready()
    services.take_checker.see(ECHO)
    assert generate(services) == persist(job_id)


@pytest.mark.parametrize(
    ("seen", "code"),
    [(TakeUnchecked("It failed."), "failed"), (replace(BLANK, cpu_s=2 * SLOW_S), "slow")],
)
def test_a_check_that_fails_or_is_slow_keeps_the_picture(services, ready, events, seen, code):
    job_id = ready()
    services.take_checker.see(seen)
    assert generate(services) == persist(job_id)
    assert [event["code"] for event in told(events, "take.unchecked")] == [code]


def test_nothing_is_looked_at_where_the_check_is_off(services, ready):
    off = replace(services.rules.takes, certain=Check.OFF, probable=Check.OFF)
    services.rules = replace(services.rules, takes=off)
    job_id = ready()
    services.take_checker.see(BLANK)
    assert generate(services) == persist(job_id)
    assert services.take_checker.looked == []


def test_a_take_found_after_a_crash_gets_the_verdict_it_would_have_had(services, ready):
    job_id = ready()
    services.take_checker.see(BLANK, BLANK)
    services.generate_image.turn_down, turn_down = _dies, services.generate_image.turn_down
    with pytest.raises(KeyboardInterrupt):
        generate(services)
    services.generate_image.turn_down = turn_down
    services.clock.advance(60)
    image(services, job_id).state = ImageState.READY  # as the sweep frees it
    assert generate(services) == again(job_id)
    assert (image(services, job_id).rerolls, len(services.engine.requests)) == (1, 1)


def _dies(*_, **__):
    raise KeyboardInterrupt


def test_the_bytes_of_a_turned_down_take_are_forgotten_by_the_next_call_and_not_judged_twice(services, ready):
    services.engine.answer(made(b"bad"), made(b"good"))
    services.take_checker.see(BLANK)
    job_id = ready()
    assert generate(services) == again(job_id)
    assert services.blobs.outputs[job_id, 0].data == b"bad"
    assert generate(services) == persist(job_id)
    assert services.blobs.outputs[job_id, 0].data == b"good"
    assert image(services, job_id).rerolls == 1
    assert len(services.take_checker.looked) == 2


@pytest.mark.parametrize("rerolls", [0, 2])
def test_a_worker_that_lost_the_image_while_it_looked_touches_nothing_of_it(services, ready, rerolls):
    """Another holds it by then, and these bytes may be those that it goes by."""
    strict(services, rerolls=rerolls)
    services.take_checker.see(BLANK)
    job_id = ready()
    look = services.take_checker.look

    def late(*asked):
        image(services, job_id).lease_owner = "another worker"
        return look(*asked)

    services.take_checker.look = late
    assert StepMessage(Step.FINALIZE_JOB, job_id) not in generate(services)
    one = image(services, job_id)
    assert (one.state, one.rerolls, one.lease_owner) == (ImageState.GENERATING, 0, "another worker")
    assert list(services.blobs.outputs) == [(job_id, 0)]


def test_a_machine_without_opencv_delivers_unlooked_at(services, ready, events):
    def look(*_):
        raise ImportError("libGL is missing", name="cv2")

    job_id = ready()
    services.take_checker.look = look
    assert generate(services) == persist(job_id)
    assert [event["reason"] for event in told(events, "take.unchecked")] == ["cv2 cannot be loaded."]


def test_a_take_that_was_stored_at_once_is_deleted_when_it_is_turned_down(services, ready):
    services.take_checker.see(BLANK)
    ready()
    services.blobs.trouble.plan("put_output", NoRoom("Redis has no room."))
    generate(services)
    assert services.storage.objects == {}


def test_a_take_is_compared_with_the_kept_ones_of_its_item_alone(services, ready):
    data = {
        "basePrompt": "a mast",
        "combinations": [
            {"angle": "front", "shot": "full", "quantity": 2},
            {"angle": "back", "shot": "full", "quantity": 1},
        ],
    }
    services.engine.answer(made(b"one"), made(b"two"), made(b"three"))
    ready(3, data=data, job_type="single_batch")
    for _ in range(3):
        generate(services)
    assert [siblings for _, _, siblings, _ in services.take_checker.looked] == [[], [b"one"], []]


def test_siblings_that_cannot_be_had_stop_nothing(services, ready, events):
    job_id = ready()
    services.blobs.trouble.plan("exchange_thumbnails", DOWN)
    assert generate(services) == persist(job_id)
    assert [event["code"] for event in told(events, "take.unchecked")] == ["no_siblings"]


def test_nothing_is_compared_with_a_take_that_was_not_kept(services, ready):
    services.engine.answer(made(b"bad"), made(b"good"), made(b"other"))
    services.take_checker.see(BLANK)
    ready(2, data={"basePrompt": "a mast"}, job_type="single_batch")
    for _ in range(3):
        generate(services)
    assert [siblings for _, _, siblings, _ in services.take_checker.looked][-1] == [b"good"]


def test_a_retouch_may_stay_near_its_reference(services, studio, ready):
    strict(services)
    top = {"attachId": studio.attach(b"top", "top"), "type": "top"}
    job_id = ready(data={"prompt": "Retouch the skin", "uploadedAttachIds": [top]})
    services.take_checker.see(replace(ECHO, difference=20.0))
    assert generate(services) == persist(job_id)


@pytest.mark.parametrize("trouble", [(), (NoRoom("Redis has no room."),)])
def test_nothing_stays_of_a_take_that_failed_wherever_it_was_kept(services, ready, trouble):
    strict(services, rerolls=0)
    services.take_checker.see(BLANK)
    job_id = ready()
    services.blobs.trouble.plan("put_output", *trouble)
    assert generate(services) == persist(job_id) + finalize(job_id)
    assert len(services.blobs.outputs) + len(services.storage.objects) == 1
    assert persist_output(services, job_id, 0) == finalize(job_id)
    assert (services.blobs.outputs, services.storage.objects) == ({}, {})
