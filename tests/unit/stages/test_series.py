"""A series: its first image is made and kept, then the others, which are shown it; nothing stands still."""

from dataclasses import replace

import pytest

from quel.core.engines import Capability, Maker
from quel.core.errors import ServiceUnavailable
from quel.core.outcome import QuotaScope, Refused, Wait
from quel.core.pipeline import ImageState, Step, StepMessage
from quel.core.series import ROLE
from quel.core.sweep_stuck_jobs import GRACE_S
from quel.core.takes import Check, Reason, Signs
from quel.sandbox.memory.pictures import made
from quel.stages.generate_image import generate_image
from quel.stages.persist_output import persist_output
from tests.unit.stages.images import generate, image, persist

DOWN = ServiceUnavailable("Storage does not answer.")
REFUSED = Refused("blocked_safety", "The provider refused it.")


@pytest.fixture
def series(studio, worker, job):
    """A series of `images` images, worked off."""

    def order(images=3, *, run=True, **columns):
        top = {"attachId": studio.attach(b"top", "top"), "type": "top"}
        data = {"prompt": "a mast", "consistent": True, "uploadedAttachIds": [top]}
        job_id = job(images, data=columns.pop("data", data), **columns)
        studio.push(job_id)
        if run:
            worker.run()
        return job_id

    return order


def shown(services):
    """The pictures of each call."""
    return [[picture.data for picture in request.pictures] for request in services.engine.requests]


def test_the_first_that_is_kept_is_the_last_picture_of_all_others(services, studio, series):
    services.engine.answer(made(b"first"), made(b"second"), made(b"third"))
    job_id = series()
    assert shown(services) == [[b"top"], [b"top", b"webp of first"], [b"top", b"webp of first"]]
    first, *others = services.engine.requests
    assert "series" not in " ".join((first.prompt, *first.labels))
    for other in others:
        assert other.roles[-1] == ROLE
        assert "first picture of this series" in other.labels[-1]
        assert "as in image 2" in other.prompt
    assert (studio.job_row(job_id).completed_images, len(services.tables.ledger)) == (3, 3)


def test_nothing_of_it_stays_when_the_job_has_ended(services, series):
    series()
    assert (services.blobs.inputs, services.blobs.outputs) == ({}, {})


def test_one_image_is_made_before_the_first_is_stored(services, series, worker):
    job_id = series(run=False)
    worker.run(until=Step.PREPARE_INPUTS)
    assert generate(services) == persist(job_id)
    assert (generate(services), services.generate_image.due(5)) == ((), 0)
    follow = tuple(StepMessage(Step.GENERATE_IMAGE, job_id, number) for number in (1, 2))
    assert persist_output(services, job_id, 0) == follow
    assert services.generate_image.due(5) == 2


def test_where_the_first_fails_the_next_leads_and_the_job_ends_with_what_it_has(services, studio, series):
    services.engine.answer(REFUSED, made(b"second"))
    job_id = series()
    assert shown(services) == [[b"top"], [b"top"], [b"top", b"webp of second"]]
    row = studio.job_row(job_id)
    assert (row.job_status, row.completed_images, row.failed_images) == ("completed", 2, 1)


def test_where_all_fail_the_job_does(services, studio, series):
    services.engine.answer(REFUSED, REFUSED, REFUSED)
    job_id = series()
    assert (studio.job_row(job_id).job_status, services.tables.ledger) == ("failed", [])


def test_a_first_that_is_made_again_keeps_the_others_waiting(services, series):
    services.engine.answer(made(b"bad"), made(b"good"))
    services.take_checker.see(Signs({Reason.BLANK: 1.0}))
    job_id = series()
    assert shown(services)[:2] == [[b"top"], [b"top"]]
    assert shown(services)[2:] == [[b"top", b"webp of good"]] * 2
    assert image(services, job_id).rerolls == 1


def test_waiting_for_quota_is_waiting_for_all_of_them(services, studio, series):
    services.engine.answer(Wait(QuotaScope.MINUTE, None), made(b"first"))
    job_id = series()
    assert studio.job_row(job_id).completed_images == 3
    assert [len(pictures) for pictures in shown(services)] == [1, 1, 2, 2]


def test_a_payer_who_can_pay_for_one_gets_the_first_and_the_rest_fail(services, studio, series, worker):
    member = studio.member(15)
    job_id = series(run=False, member=member)
    worker.run(until=Step.PREPARE_INPUTS)
    services.tables.members[member].quel_member_credit = 5
    worker.run()
    row = studio.job_row(job_id)
    assert (row.completed_images, row.failed_images) == (1, 2)
    assert services.tables.members[member].quel_member_credit == 0


def test_a_cancelled_series_buys_nothing_more(services, studio, series, worker):
    job_id = series(run=False)
    worker.run(until=Step.PERSIST_OUTPUT)
    studio.cancel(job_id)
    worker.run()
    assert (studio.job_row(job_id).job_status, len(services.engine.requests)) == ("user_cancelled", 1)


def test_after_a_restart_in_the_middle_it_goes_on_from_the_rows(services, studio, series, worker):
    job_id = series(run=False)
    worker.die_after(Step.PERSIST_OUTPUT)
    services.blobs.lose_everything()
    worker.run()
    assert studio.job_row(job_id).completed_images == 3
    assert [len(pictures) for pictures in shown(services)] == [1, 2, 2]


def test_a_first_whose_worker_died_is_freed_by_the_sweep_and_nothing_else_is_begun(services, series, worker):
    job_id = series(run=False)
    worker.run(until=Step.PREPARE_INPUTS)
    services.queues.lose()
    services.engine.answer(_dies)
    with pytest.raises(KeyboardInterrupt):
        generate(services)
    services.clock.advance(GRACE_S + 1)
    assert generate(services) == ()
    assert worker.sweep()
    worker.run()
    assert image(services, job_id).state is ImageState.STORED
    assert [len(pictures) for pictures in shown(services)] == [1, 1, 2, 2]


def _dies(_request):
    raise KeyboardInterrupt


def test_waiting_for_the_first_is_not_being_stuck(services, studio, series, worker):
    """Storage takes nothing for hours: the first waits to be stored, and the others for it."""
    job_id = series(run=False)
    worker.run(until=Step.GENERATE_IMAGE)
    services.storage.trouble.plan("write_result", *[DOWN] * 40)
    for _ in range(20):
        worker.run(until=Step.PERSIST_OUTPUT)
        services.clock.advance(300)
        worker.sweep()
    assert studio.job_row(job_id).retry_count == 0
    worker.run()
    assert studio.job_row(job_id).completed_images == 3


def test_a_first_that_cannot_be_read_now_is_waited_for_without_an_attempt(services, studio, series, worker):
    job_id = series(run=False)
    worker.run(until=Step.PERSIST_OUTPUT)
    services.storage.trouble.plan("read_reference", DOWN, DOWN)
    worker.run()
    assert studio.job_row(job_id).completed_images == 3
    assert [image(services, job_id, number).attempts for number in (1, 2)] == [0, 0]
    assert [len(pictures) for pictures in shown(services)] == [1, 2, 2]


def test_a_first_that_somebody_deleted_is_done_without_and_told(services, studio, series, worker, events):
    job_id = series(run=False)
    worker.run(until=Step.PERSIST_OUTPUT)
    services.storage.objects = {"top": b"top"}
    worker.run()
    assert studio.job_row(job_id).completed_images == 3
    assert shown(services) == [[b"top"]] * 3
    assert any("first image of the series" in str(event.get("reason")) for event in events)


def test_a_model_that_takes_no_further_picture_makes_them_all_the_same_and_the_job_says_so(
    services, studio, series
):
    routing = replace(services.rules.routing, capabilities={Maker(): Capability("a small model", 1)})
    services.rules = replace(services.rules, intake=replace(services.rules.intake, routing=routing))
    job_id = series()
    row = studio.job_row(job_id)
    assert row.completed_images == 3
    assert shown(services) == [[b"top"]] * 3
    assert "a small model takes no further picture" in row.error_message


def test_room_is_left_for_the_first_where_pictures_are_many(services, studio, series):
    routing = replace(services.rules.routing, capabilities={Maker(): Capability("a model", 3)})
    services.rules = replace(services.rules, intake=replace(services.rules.intake, routing=routing))
    tops = [{"attachId": studio.attach(b"top", f"top{n}"), "type": "top"} for n in range(4)]
    series(data={"prompt": "a mast", "consistent": True, "uploadedAttachIds": tops})
    assert [len(pictures) for pictures in shown(services)] == [2, 3, 3]


def test_the_first_is_a_sibling_that_may_not_be_doubled_and_no_reference_to_keep_away_from(services, series):
    services.engine.answer(made(b"first"), made(b"second"), made(b"third"))
    stages = [{"prompt": word, "quantity": 1, "consistent": True} for word in ("a mast", "a sail", "a rope")]
    series(data={"consistent": True, "stages": stages}, job_type="pipeline_stage")
    looked = [(references, siblings) for _, references, siblings, _ in services.take_checker.looked]
    assert looked == [(0, []), (0, [b"webp of first"]), (0, [b"webp of first"])]


def test_a_copy_of_the_first_is_made_again_where_doubles_are(services, series):
    takes = replace(services.rules.takes, probable=Check.REROLL)
    services.rules = replace(services.rules, takes=takes)
    services.take_checker.see(Signs({}), Signs({Reason.DOUBLE: 0.99}))
    job_id = series()
    assert image(services, job_id, 1).rerolls == 1
    again = services.engine.requests[2]
    assert again.prompt.startswith("Catch another moment")
    assert "as in image 2" in again.prompt


def test_an_image_made_anew_follows_who_leads_by_then(services, studio, series):
    services.engine.answer(REFUSED, made(b"second"), made(b"third"), made(b"first at last"))
    job_id = series()
    first = image(services, job_id)
    studio.job_row(job_id).job_status = "processing"
    first.state, first.reason, first.reason_code = ImageState.READY, None, None
    generate_image(services, job_id, 0)
    assert shown(services)[-1] == [b"top", b"webp of second"]
