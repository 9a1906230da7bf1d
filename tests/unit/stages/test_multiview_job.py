"""A turn-around from its row to its end: seven calls for eight angles, and the source itself for nothing."""

import base64
import json
from dataclasses import replace

import pytest

from quel.core.engines import Capability, Maker, Route, Routing
from quel.core.errors import ServiceUnavailable
from quel.core.job import JobStatus
from quel.core.outcome import Refused
from quel.core.pipeline import ImageState, Step
from quel.core.takes import Reason, Signs
from quel.sandbox.memory.pictures import NO_PICTURE, made
from quel.stages.generate_image import generate_image
from quel.stages.persist_output import persist_output
from tests.unit.stages.images import ANY

PRICE = 5
EIGHT = [0, 45, 90, 135, 180, 225, 270, 315]


@pytest.fixture
def order(studio, job):
    """A turn-around of a source; `data` and columns as given."""

    def turn(data=None, *, angles=EIGHT, source=True, **columns):
        asked = {"angles": angles, "userId": "someone"} | (data or {})
        if source:
            asked = {"sourceAttachId": studio.attach(b"source", "source")} | asked
        return job(len(angles), data=asked, path="multiview", **columns)

    return turn


def run(studio, worker, *job_ids):
    studio.push(*job_ids)
    worker.run()


def stored(services, job_id):
    return [services.tables.attachments[id].attach_file_path for id in row_ids(services, job_id)]


def row_ids(services, job_id):
    return services.tables.jobs[job_id].generated_attach_ids


def credits_left(services, job_id):
    return services.tables.members[services.tables.jobs[job_id].quel_member_id].quel_member_credit


def assert_completed(studio, job_id, images):
    row = studio.job_row(job_id)
    assert (row.job_status, row.completed_images) == (JobStatus.COMPLETED, images), row.error_message
    return row


def test_eight_angles_are_seven_calls_and_thirty_five_credits(services, studio, worker, order):
    job_id = order(credits=100)
    run(studio, worker, job_id)
    row = assert_completed(studio, job_id, 8)
    assert (row.error_message, row.failed_images) == (None, 0)
    assert stored(services, job_id) == [
        f"multiview-images/user-someone/multiview_{job_id}_angle{degrees}.webp" for degrees in EIGHT
    ]
    assert [(r.temperature, len(r.pictures), r.pictures[0].data) for r in services.engine.requests] == [
        (0.5, 1, b"source")
    ] * 7
    assert credits_left(services, job_id) == 100 - 35
    charged = [entry.attach_idx for entry in services.tables.ledger]
    assert sorted(charged) == sorted(row_ids(services, job_id)[1:])
    assert {entry.description for entry in services.tables.ledger} == {"Multiview 360 Image Generation"}
    production = services.tables.productions[row.production_id]
    assert production.attach_ids == row_ids(services, job_id)
    assert services.tables.pipeline_jobs[job_id].path == "multiview"


def test_the_source_is_stored_as_it_is_and_is_called_no_generated_picture(services, studio, worker, order):
    job_id = order(angles=[0])
    run(studio, worker, job_id)
    assert_completed(studio, job_id, 1)
    (path,) = stored(services, job_id)
    assert b"source" in services.storage.objects[path]
    assert services.imaging.source_types == [None]
    assert (services.engine.requests, services.tables.ledger) == ([], [])
    assert services.take_checker.looked == []


def test_a_payer_without_credits_gets_the_free_view_alone(services, studio, worker, order):
    rich, poor = order(angles=[0], credits=0), order(angles=[0, 90], credits=4)
    run(studio, worker, rich, poor)
    assert_completed(studio, rich, 1)
    row = studio.job_row(poor)
    assert row.job_status is JobStatus.FAILED
    assert "1 image at 5 credits each cost 5 credits" in row.error_message
    assert services.engine.requests == []


def test_what_is_free_holds_no_credits_of_another_job(services, studio, worker, order, job):
    member = studio.member(10)
    first, second = order(angles=[0, 90], member=member), job(1, member=member)
    run(studio, worker, first, second)
    assert_completed(studio, first, 2)
    assert_completed(studio, second, 1)


def test_a_payer_who_runs_dry_still_gets_what_is_free(services, studio, worker, order):
    job_id = order(angles=[90, 0], credits=5)
    studio.push(job_id)
    worker.die_after(Step.FETCH_JOB)
    services.tables.members[studio.job_row(job_id).quel_member_id].quel_member_credit = 0
    run(studio, worker, job_id)
    row = assert_completed(studio, job_id, 1)
    assert [path[-12:] for path in stored(services, job_id)] == ["_angle0.webp"]
    assert "ran out of credits" in row.error_message


def test_an_angle_with_a_reference_shows_two_pictures(services, studio, worker, order):
    reference = studio.attach(b"reference", "reference")
    job_id = order({"referenceImages": [{"attachId": reference, "angle": 90}]}, angles=[45, 90])
    run(studio, worker, job_id)
    assert_completed(studio, job_id, 2)
    shown = sorted([picture.data for picture in request.pictures] for request in services.engine.requests)
    assert shown == [[b"source"], [b"source", b"reference"]]


def test_a_missing_reference_leaves_its_angle_without_one_and_is_named(services, studio, worker, order):
    job_id = order({"referenceImages": [{"attachId": 999, "angle": 90}]}, angles=[45, 90])
    run(studio, worker, job_id)
    row = assert_completed(studio, job_id, 2)
    assert "Reference 999 (referenceImages[0].angle) was left out" in row.error_message
    assert [len(request.pictures) for request in services.engine.requests] == [1, 1]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"sourceAttachId": 999}, "There is no attachment with this id."),
        ({"sourceImageBase64": "no base64!"}, "It is no base64."),
        ({"sourceImageBase64": base64.b64encode(NO_PICTURE).decode()}, "sourceImageBase64"),
        ({}, "sourceAttachId or sourceImageBase64 must name"),
    ],
)
def test_without_its_source_nothing_is_made_or_charged(services, studio, worker, order, data, says):
    reference = studio.attach(b"reference", "reference")
    data |= {"referenceImages": [{"attachId": reference, "angle": 90}]}
    job_id = order(data, source=False, credits=100)
    run(studio, worker, job_id)
    row = studio.job_row(job_id)
    assert (row.job_status, row.failed_images) == (JobStatus.FAILED, 8)
    assert says in row.error_message
    assert credits_left(services, job_id) == 100
    assert services.engine.requests == []


def test_a_picture_in_the_row_is_shown_and_stands_nowhere_else(services, studio, worker, order, events):
    words = base64.b64encode(b"a very private picture").decode()
    job_id = order({"sourceImageBase64": f"data:image/png;base64,{words}"}, angles=[0, 90])
    run(studio, worker, job_id)
    assert_completed(studio, job_id, 2)
    assert [p.data for r in services.engine.requests for p in r.pictures] == [b"a very private picture"]
    kept = [services.tables.pipeline_jobs, services.tables.images, services.tables.ledger, events]
    assert words not in repr(kept)
    assert words not in json.dumps([repr(message) for message in worker.done])


def test_nobody_can_be_named_nothing_is_made(services, studio, worker, order):
    owner = studio.member(100)
    job_id = order({"userId": " "}, member=owner, org=studio.organization(owner, 100))
    studio.job_row(job_id).quel_member_id = None
    run(studio, worker, job_id)
    assert "userId must name whose pictures" in studio.job_row(job_id).error_message
    assert services.engine.requests == []


def test_cancelled_in_the_middle_keeps_what_was_made(services, studio, worker, order):
    job_id = order(angles=[0, 90, 180])

    def cancelled(request):
        studio.cancel(job_id)
        return made()

    services.engine.answer(cancelled)
    run(studio, worker, job_id)
    row = studio.job_row(job_id)
    assert row.job_status is JobStatus.USER_CANCELLED
    assert row.completed_images == len(row.generated_attach_ids) == 1
    assert len(services.engine.requests) == 1
    assert credits_left(services, job_id) == 1_000


def test_one_refused_angle_is_one_failed_image(services, studio, worker, order):
    services.engine.answer(Refused("blocked_safety", "Blocked."))
    job_id = order(angles=[0, 90, 180])
    run(studio, worker, job_id)
    row = assert_completed(studio, job_id, 2)
    assert row.failed_images == 1
    assert credits_left(services, job_id) == 1_000 - PRICE


@pytest.mark.parametrize(
    "step", [Step.FETCH_JOB, Step.PREPARE_INPUTS, Step.GENERATE_IMAGE, Step.PERSIST_OUTPUT]
)
def test_a_worker_that_dies_after_any_step_changes_nothing(services, studio, worker, order, step):
    job_id = order(angles=[0, 90])
    studio.push(job_id)
    worker.die_after(step)
    services.clock.advance(3_600)
    worker.sweep()
    worker.run()
    assert_completed(studio, job_id, 2)
    assert len(services.engine.requests) == 1
    assert credits_left(services, job_id) == 1_000 - PRICE
    assert len(services.tables.attachments) == 1 + 2


def away(*_):
    raise ServiceUnavailable("gone")


def test_a_death_between_keeping_the_source_and_saying_so_is_made_good(services, studio, worker, order):
    rows, job_id = services.generate_image, order(angles=[0])
    mark_made, mark_given = rows.mark_made, rows.mark_given
    rows.mark_made = rows.mark_given = away
    studio.push(job_id)
    worker.die_after(Step.PREPARE_INPUTS)
    assert studio.states(job_id) == [ImageState.READY]
    services.tables.images[job_id, 0].not_before = services.clock.now
    with pytest.raises(ServiceUnavailable):
        generate_image(services, ANY, 0)
    rows.mark_made, rows.mark_given = mark_made, mark_given
    services.clock.advance(60)
    worker.run()
    assert_completed(studio, job_id, 1)
    assert services.engine.requests == []


def test_lost_bytes_of_the_source_are_taken_from_it_once_more(services, studio, worker, order):
    job_id = order(angles=[0])
    studio.push(job_id)
    worker.die_after(Step.PREPARE_INPUTS)
    assert studio.states(job_id) == [ImageState.MADE]
    services.blobs.drop_output(job_id, 0)
    services.blobs.inputs.clear()
    services.clock.advance(3_600)
    worker.sweep()
    worker.run()
    assert_completed(studio, job_id, 1)
    assert (services.engine.requests, services.tables.ledger) == ([], [])


def test_a_view_near_its_source_is_no_echo_but_the_source_given_back_is(services, studio, worker, order):
    near = Signs({Reason.ECHO: 0.9}, nearest=1, difference=9.0)
    services.take_checker.see(near)
    job_id = order(angles=[5])
    run(studio, worker, job_id)
    assert_completed(studio, job_id, 1)
    assert services.tables.images[job_id, 0].request.may_stay_near


def test_the_source_is_nobodys_work_at_a_workflow_either(services, studio, worker, order):
    edit = Maker("comfyui", "edit")
    routing = Routing(
        by_path={"multiview": Route(edit)},
        capabilities={**services.rules.routing.capabilities, edit: Capability("edit", 3)},
    )
    services.rules = replace(services.rules, intake=replace(services.rules.intake, routing=routing))
    gpu = services.add_lane(edit)
    job_id = order(angles=[0, 90])
    run(studio, worker, job_id)
    assert_completed(studio, job_id, 2)
    assert [len(request.pictures) for request in gpu.engine.requests] == [1]
    assert {entry.api_provider for entry in services.tables.ledger} == {"comfyui"}


def test_the_source_itself_waits_for_no_providers_quota(services, studio, worker, order):
    services.quota.open_breaker(86_400, "day")
    job_id = order(angles=[0, 90])
    studio.push(job_id)
    worker.die_after(Step.PREPARE_INPUTS)
    assert studio.states(job_id) == [ImageState.MADE, ImageState.READY]
    services.clock.advance(60)
    worker.sweep()
    persist_output(services, job_id, 0)
    assert studio.states(job_id) == [ImageState.STORED, ImageState.READY]
    assert services.engine.requests == []


def test_where_the_source_cannot_be_kept_at_once_it_is_kept_in_its_turn(services, studio, worker, order):
    services.blobs.trouble.plan("put_output", ServiceUnavailable("Redis is away."))
    job_id = order(angles=[0])
    run(studio, worker, job_id)
    assert_completed(studio, job_id, 1)
    assert services.engine.requests == []


def test_a_paused_path_holds_turn_arounds_alone(services, studio, worker, order, job):
    services.pause.pause("multiview", "a look at the views")
    waiting, other = order(angles=[0, 90]), job(1)
    run(studio, worker, waiting, other)
    assert_completed(studio, other, 1)
    assert studio.job_row(waiting).job_status is JobStatus.PROCESSING
    services.pause.resume()
    worker.run()
    assert_completed(studio, waiting, 2)
