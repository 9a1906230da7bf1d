"""fetch_job: what becomes of an id that arrived."""

from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from quel.core.job import JobStatus
from quel.core.pipeline import ImageState, Step, StepMessage
from quel.sandbox.memory.fetch_job import FetchJobRows
from quel.sandbox.memory.lists import ForwardList
from quel.stages.fetch_job import UnknownJob, fetch_job

ENDED = [JobStatus.COMPLETED, JobStatus.FAILED]
CANCELLED = [JobStatus.CANCELLED, JobStatus.USER_CANCELLED]


def prepare(job_id: UUID) -> tuple[StepMessage, ...]:
    return (StepMessage(Step.PREPARE_INPUTS, job_id),)


def finalize(job_id: UUID) -> tuple[StepMessage, ...]:
    return (StepMessage(Step.FINALIZE_JOB, job_id),)


def rule(services, **values):
    """Changes what the settings say about a job that arrives."""
    services.rules = replace(services.rules, intake=replace(services.rules.intake, **values))


def meanwhile(services, happens):
    """Something happens between the look at the row and the claim."""

    class Slow(FetchJobRows):
        def load(self, job_id):
            facts = super().load(job_id)
            happens()
            return facts

    services.fetch_job = Slow(services.tables)


def test_an_id_without_a_row_is_told_as_unknown(services):
    with pytest.raises(UnknownJob):
        fetch_job(services, uuid4())


def test_a_pending_job_is_claimed_with_a_plan_and_sent_on(services, studio, job):
    job_id = job(3)
    assert fetch_job(services, job_id) == prepare(job_id)
    row = studio.job_row(job_id)
    assert (row.job_status, row.started_at) == (JobStatus.PROCESSING, services.clock.now)
    assert services.tables.productions[row.production_id].production_status is JobStatus.PROCESSING
    assert studio.states(job_id) == ["planned"] * 3


@pytest.mark.parametrize(
    ("setting", "asked", "price"),
    [
        ("1K", None, 5),
        ("1K", "2K", 8),  # one and a half times 5, rounded up
        ("1K", "4K", 12),
        ("2K", None, 5),  # IMAGE_PER_PRICE is the price at the size of the settings
        ("2K", "4K", 8),
        ("2K", "1K", 4),
    ],
)
def test_an_image_of_another_size_costs_its_weight_in_credits(services, job, setting, asked, price):
    rule(services, image_size=setting)
    job_id = job(2, data={"prompt": "a mast", "imageSize": asked})
    fetch_job(services, job_id)
    assert services.tables.pipeline_jobs[job_id].price == price


def test_a_second_message_looks_again_and_plans_nothing(services, studio, job):
    job_id = job(2)
    fetch_job(services, job_id)
    plan = services.tables.pipeline_jobs[job_id].plan
    assert fetch_job(services, job_id) == prepare(job_id)
    assert services.tables.pipeline_jobs[job_id].plan is plan


def test_a_job_that_another_server_processes_is_left_alone(services, job):
    assert fetch_job(services, job(job_status=JobStatus.PROCESSING)) == ()


@pytest.mark.parametrize("status", ENDED)
def test_a_job_that_has_ended_is_left_alone(services, studio, job, status):
    job_id = job(job_status=status)
    assert fetch_job(services, job_id) == ()
    assert studio.job_row(job_id).job_status is status


@pytest.mark.parametrize("status", CANCELLED)
def test_a_job_whose_row_is_marked_as_cancelled_is_sent_to_be_closed(services, job, status):
    job_id = job(job_status=status)
    assert fetch_job(services, job_id) == finalize(job_id)


def test_a_job_whose_cancel_key_is_set_is_sent_to_be_closed_and_not_claimed(services, studio, job):
    job_id = job()
    studio.cancel(job_id)
    assert fetch_job(services, job_id) == finalize(job_id)
    assert job_id not in services.tables.pipeline_jobs


def test_a_job_of_another_kind_is_passed_on_untouched(services, studio, job):
    services.forward_list = ForwardList("videos")
    job_id = job(path="video")
    assert fetch_job(services, job_id) == ()
    assert services.forward_list.job_ids == [job_id]
    assert studio.job_row(job_id).job_status is JobStatus.PENDING


def test_a_job_of_another_kind_is_refused_where_nobody_is_known_to_make_it(services, studio, job):
    job_id = job(path="video")
    assert fetch_job(services, job_id) == ()
    row = studio.job_row(job_id)
    assert (row.job_status, row.failed_images) == (JobStatus.FAILED, 1)
    assert "video job" in row.error_message


def test_a_cancelled_job_of_another_kind_is_left_to_its_own_program(services, job):
    assert fetch_job(services, job(path="video", job_status=JobStatus.CANCELLED)) == ()


def test_an_unknown_path_falls_back_to_the_default_one(services, job, events):
    job_id = job(path="opera")
    fetch_job(services, job_id)
    assert services.tables.pipeline_jobs[job_id].path == services.rules.intake.default_path
    assert [entry["unknown_path"] for entry in events if entry["event"] == "job.path_fallback"] == ["opera"]


def test_a_default_that_stands_for_something_unreadable_is_told_by_its_key_alone(studio, worker, job, events):
    job_id = job(data={"prompt": "a mast", "aspect_ratio": "as tall as Ann", "userId": ["Ann"]})
    studio.push(job_id)
    worker.run()
    told = [entry for entry in events if entry["event"] == "job.input_replaced"]
    assert [entry["key"] for entry in told] == ["aspect_ratio", "userId"]
    assert "Ann" not in str(events)
    row = studio.job_row(job_id)
    assert row.job_status is JobStatus.COMPLETED
    assert row.error_message == (
        'aspect_ratio cannot be read as an aspect ratio (it is "as tall as Ann"): 16:9 was used.'
        " userId cannot be read as a name (it is a list): the job's own member was used."
    )


def test_an_unknown_path_is_refused_where_the_settings_say_so(services, studio, job):
    rule(services, reject_unknown_paths=True)
    job_id = job(path="opera")
    assert fetch_job(services, job_id) == ()
    assert '"opera" is none of' in studio.job_row(job_id).error_message


def test_a_job_of_a_path_that_is_switched_off_waits_in_hand(services, studio, job):
    rule(services, disabled_paths={"fashion"})
    job_id = job()
    assert fetch_job(services, job_id) == ()
    assert studio.job_row(job_id).job_status is JobStatus.PENDING
    assert job_id in services.tables.pending_jobs


def test_an_input_that_cannot_be_run_is_refused_with_its_production(services, studio, job):
    job_id = job(data="a text")
    assert fetch_job(services, job_id) == ()
    row = studio.job_row(job_id)
    assert (row.job_status, row.completed_at) == (JobStatus.FAILED, services.clock.now)
    assert row.error_message
    assert services.tables.productions[row.production_id].production_status is JobStatus.FAILED


def test_a_job_that_nobody_pays_for_is_refused(services, studio, job):
    job_id = job(member=uuid4())
    assert fetch_job(services, job_id) == ()
    assert "has no account" in studio.job_row(job_id).error_message


def test_an_organization_pays_before_its_member(services, studio, job):
    member = studio.member(credits=0)
    org = studio.organization(member, credits=5)
    job_id = job(member=member, org=org)
    assert fetch_job(services, job_id) == prepare(job_id)
    assert services.tables.pipeline_jobs[job_id].payer_id == org


def test_a_job_that_costs_more_than_there_is_is_refused(services, studio, job):
    job_id = job(2, credits=9)
    assert fetch_job(services, job_id) == ()
    assert "cost 10 credits, but the member's balance is 9" in studio.job_row(job_id).error_message


def test_credits_held_for_another_job_cannot_be_promised_again(services, studio, job):
    member = studio.member(credits=14)
    first, second = job(2, member=member), job(1, member=member)
    fetch_job(services, first)
    fetch_job(services, second)
    assert "10 are held for images" in studio.job_row(second).error_message


def test_credits_spent_between_the_look_and_the_claim_are_seen(services, studio, job):
    job_id = job(credits=5)
    account = services.tables.members[studio.job_row(job_id).quel_member_id]
    meanwhile(services, lambda: setattr(account, "quel_member_credit", 4))
    assert fetch_job(services, job_id) == ()
    assert studio.job_row(job_id).job_status is JobStatus.FAILED


def test_an_account_that_is_gone_by_the_claim_pays_nothing(services, studio, job):
    job_id = job()
    meanwhile(services, services.tables.members.clear)
    fetch_job(services, job_id)
    assert "has no account any more" in studio.job_row(job_id).error_message


def test_of_two_messages_at_once_one_claims(services, studio, job):
    job_id = job()
    other = FetchJobRows(services.tables)

    def claimed_by_another():
        services.fetch_job = other
        assert fetch_job(services, job_id) == prepare(job_id)

    meanwhile(services, claimed_by_another)
    assert fetch_job(services, job_id) == ()
    assert studio.states(job_id) == ["planned"]


def test_a_job_that_was_closed_before_it_could_be_refused_stays_as_it_is(services, studio, job):
    job_id = job(2, credits=9)
    row = studio.job_row(job_id)
    meanwhile(services, lambda: setattr(row, "job_status", JobStatus.COMPLETED))
    assert fetch_job(services, job_id) == ()
    assert (row.job_status, row.error_message) == (JobStatus.COMPLETED, None)


def test_a_job_whose_row_is_gone_by_the_look_again_needs_nothing(services, job):
    job_id = job()

    def gone(*_, **__):
        services.tables.jobs.pop(job_id)

    claim = services.fetch_job.claim

    class Vanishing(FetchJobRows):
        def claim(self, *facts, **price):
            end = claim(*facts, **price)
            gone()
            return end

    services.fetch_job = Vanishing(services.tables)
    assert fetch_job(services, job_id) == ()


def test_images_that_another_server_made_are_kept_and_not_paid_for_again(services, studio, job):
    job_id = job(3, credits=5, generated_attach_ids=[71, 72])
    assert fetch_job(services, job_id) == prepare(job_id)
    assert studio.states(job_id) == ["stored", "stored", "planned"]
    assert studio.job_row(job_id).completed_images == 2


def test_a_job_that_needs_nothing_more_is_sent_to_be_closed(services, job):
    job_id = job(2, generated_attach_ids=[71, 72, 73])
    assert fetch_job(services, job_id) == finalize(job_id)
    assert services.tables.pipeline_jobs[job_id].extra_attach_ids == (73,)


def test_a_job_set_back_to_pending_keeps_its_plan_and_what_is_made(services, studio, job_after):
    job_id = job_after(Step.GENERATE_IMAGE, 2)
    studio.job_row(job_id).job_status = JobStatus.PENDING
    messages = fetch_job(services, job_id)
    assert sorted(studio.states(job_id)) == [ImageState.MADE, ImageState.PLANNED]
    assert {message.step for message in messages} == {Step.PREPARE_INPUTS, Step.PERSIST_OUTPUT}
