"""finalize_job: closes a job and its production, and clears away what the job leaves."""

from uuid import uuid4

import pytest

from quel.core.job import JobStatus
from quel.core.outcome import Refused
from quel.core.pipeline import Step, StepMessage
from quel.stages.finalize_job import finalize_job
from quel.stages.persist_output import persist_output

REFUSAL = Refused("blocked_safety", "The provider refused it.")


@pytest.fixture
def delivered(job_after):
    """A job whose images are all delivered and that is not closed yet."""

    def bring(images=1, **columns):
        return job_after(Step.PERSIST_OUTPUT, images, **columns)

    return bring


def production(services, studio, job_id):
    return services.tables.productions[studio.job_row(job_id).production_id]


def test_an_id_of_no_job_changes_nothing(services):
    assert finalize_job(services, uuid4()) == ()


def test_a_job_of_another_program_is_left_to_it_also_when_cancelled(services, studio, job):
    job_id = job(path="video")
    studio.cancel(job_id)
    assert finalize_job(services, job_id) == ()
    assert studio.job_row(job_id).job_status is JobStatus.PENDING


def test_a_job_with_an_image_on_its_way_stays_open(services, studio, job_after):
    job_id = job_after(Step.GENERATE_IMAGE)
    assert finalize_job(services, job_id) == ()
    assert studio.job_row(job_id).completed_at is None


def test_a_delivered_job_is_completed_with_its_production(services, studio, delivered):
    job_id = delivered()
    services.clock.advance(90)
    assert finalize_job(services, job_id) == ()
    row, of = studio.job_row(job_id), production(services, studio, job_id)
    assert (row.job_status, row.completed_images, row.failed_images) == (JobStatus.COMPLETED, 1, 0)
    assert (row.completed_at, row.error_message) == (services.clock.now, None)
    assert (of.production_status, of.attach_ids) == (JobStatus.COMPLETED, row.generated_attach_ids)
    assert (of.generated_image_count, of.processing_duration_seconds) == (1, 90)


def test_a_job_without_a_production_is_closed_alone(services, studio, delivered, events):
    job_id = delivered(production=uuid4())
    finalize_job(services, job_id)
    assert studio.job_row(job_id).job_status is JobStatus.COMPLETED
    assert "job.ids_merged" not in [entry["event"] for entry in events]


def test_a_second_message_closes_nothing_again(services, studio, delivered):
    job_id = delivered()
    finalize_job(services, job_id)
    closed_at = studio.job_row(job_id).completed_at
    services.clock.advance(5)
    assert finalize_job(services, job_id) == ()
    assert studio.job_row(job_id).completed_at == closed_at
    assert production(services, studio, job_id).generated_image_count == 1


def test_what_failed_is_told_beside_what_was_delivered(services, studio, worker, job):
    job_id = job(3)
    services.engine.answer(REFUSAL)
    studio.push(job_id)
    worker.run()
    row = studio.job_row(job_id)
    assert (row.job_status, row.completed_images, row.failed_images) == (JobStatus.COMPLETED, 2, 1)
    assert row.error_message == "Image 1 of 3 failed: The provider refused it."


def test_a_job_of_which_nothing_was_made_has_failed(services, studio, worker, job):
    job_id = job()
    services.engine.answer(REFUSAL)
    studio.push(job_id)
    worker.run()
    assert studio.job_row(job_id).job_status is JobStatus.FAILED
    assert production(services, studio, job_id).production_status is JobStatus.FAILED


def test_a_warning_about_references_is_told_when_the_job_is_closed(services, studio, worker, job):
    top = studio.attach(b"top", "top")
    asked = [{"attachId": top, "type": "top"}, {"attachId": 999, "type": "bag"}]
    job_id = job(job_type="single_batch", data={"basePrompt": "a mast", "individualImageAttachIds": asked})
    studio.push(job_id)
    worker.run()
    row = studio.job_row(job_id)
    assert row.job_status is JobStatus.COMPLETED
    assert "Reference 999" in row.error_message


def test_a_cancelled_job_keeps_what_is_delivered_and_ends_the_rest(services, studio, delivered):
    job_id = delivered(3)
    studio.cancel(job_id)
    assert finalize_job(services, job_id) == ()
    row = studio.job_row(job_id)
    assert (row.job_status, row.completed_images) == (JobStatus.USER_CANCELLED, 1)
    assert studio.states(job_id) == ["stored", "cancelled", "cancelled"]


def test_a_job_that_was_cancelled_before_it_was_claimed_is_closed(services, studio, job):
    job_id = job()
    studio.cancel(job_id)
    assert finalize_job(services, job_id) == ()
    assert studio.job_row(job_id).job_status is JobStatus.USER_CANCELLED
    assert job_id in services.tables.pending_jobs


def test_the_bytes_and_objects_of_what_was_made_in_vain_are_cleared_away(services, studio, job_after):
    job_id = job_after(Step.GENERATE_IMAGE, 2)
    studio.cancel(job_id)
    assert finalize_job(services, job_id) == (StepMessage(Step.PERSIST_OUTPUT, job_id, 0),)
    assert not services.blobs.outputs


def test_a_worker_that_died_before_it_had_cleared_away_leaves_it_to_the_next(services, studio, job_after):
    job_id = job_after(Step.GENERATE_IMAGE)
    services.finalize_job.close(job_id, cancelled=lambda: True)
    assert services.blobs.outputs
    assert finalize_job(services, job_id) == (StepMessage(Step.PERSIST_OUTPUT, job_id, 0),)
    assert not services.blobs.outputs


def test_images_of_a_job_that_somebody_else_ended_are_withdrawn(services, studio, delivered, events):
    job_id = delivered(3)
    row = studio.job_row(job_id)
    row.job_status, row.completed_at = JobStatus.FAILED, services.clock.now
    finalize_job(services, job_id)
    assert studio.states(job_id) == ["stored", "cancelled", "cancelled"]
    assert row.job_status is JobStatus.FAILED
    assert production(services, studio, job_id).attach_ids == row.generated_attach_ids
    assert services.tables.pipeline_jobs[job_id].ended_elsewhere
    assert [entry["images"] for entry in events if entry["event"] == "job.withdrawn"] == [2]


def test_a_cancelled_row_with_completed_at_is_closed_while_an_image_is_open(services, studio, job_after):
    job_id = job_after(Step.PREPARE_INPUTS)
    row = studio.job_row(job_id)
    row.job_status, row.completed_at = JobStatus.CANCELLED, services.clock.now
    finalize_job(services, job_id)
    assert (row.job_status, studio.states(job_id)) == (JobStatus.USER_CANCELLED, ["cancelled"])


def test_a_production_is_open_until_its_last_job_has_ended(services, studio, worker, job):
    of = studio.production()
    first, second = job(production=of), job(production=of)
    studio.push(first)
    worker.run()
    assert services.tables.productions[of].production_status is JobStatus.PROCESSING
    studio.push(second)
    worker.run()
    assert services.tables.productions[of].production_status is JobStatus.COMPLETED
    assert services.tables.productions[of].generated_image_count == 2


def test_what_a_production_had_before_is_kept_once(services, studio, delivered, events):
    job_id = delivered()
    of = production(services, studio, job_id)
    of.attach_ids = [71, services.tables.ledger[0].attach_idx]
    finalize_job(services, job_id)
    assert of.attach_ids == [71, services.tables.ledger[0].attach_idx]
    assert of.generated_image_count == 0
    [merged] = [entry for entry in events if entry["event"] == "job.ids_merged"]
    assert (merged["existing"], merged["new"], merged["total"]) == (2, 0, 2)


def test_the_clearing_message_deletes_an_object_that_was_stored_in_vain(services, studio, job_after):
    job_id = job_after(Step.GENERATE_IMAGE)
    path = services.persist_output.load(job_id, 0).result_path
    services.storage.write_result(path, b"stored, and then the worker died")
    studio.cancel(job_id)
    assert finalize_job(services, job_id) == (StepMessage(Step.PERSIST_OUTPUT, job_id, 0),)
    assert persist_output(services, job_id, 0) == ()
    assert not services.storage.objects
