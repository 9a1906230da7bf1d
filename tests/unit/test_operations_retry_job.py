"""Retrying a job: what is cleared, written and sent, in which order, and what is refused untouched."""

from dataclasses import replace

import pytest

from quel.core.errors import Conflict, NotFound
from quel.core.fetch_job import JobFacts, Start, decide
from quel.core.job import JobStatus
from quel.core.operations.retry_job import Again, Missing, TheseImages
from quel.core.pipeline import ImageState, Step, StepMessage
from quel.operations.retry_job import FetchedAnew, NothingMissing, OneMoreOfEach, PlannedAgain, retry_job
from tests.unit.ended_jobs import JOB, MEMBER, ended
from tests.unit.operator_services import GivenServices


def facts(status=JobStatus.FAILED, *, job_type="simple_general", data=None, credits=100, stored=()):
    return JobFacts(
        job_id=JOB,
        status=status,
        job_type=job_type,
        total_images=2,
        input_data={"prompt": "a coat"} if data is None else data,
        production_id=None,
        member_id=MEMBER,
        job_path="fashion",
        production_path=None,
        organization=None,
        members={MEMBER: credits},
        stored_attach_ids=stored,
    )


class Rows:
    """The rows of one job, and everything that was done to it, in order."""

    def __init__(self, job_facts, plan=None, *, lost=False, problem=None, moves=True):
        self.facts, self.plan, self.is_lost, self.problem, self.moves = job_facts, plan, lost, problem, moves
        self.done = []

    def services(self):
        """The neighbours that these rows stand behind."""
        return GivenServices(
            fetch_job=_Facts(self), retry_job=_Plans(self), lost_jobs=_Lost(self), cancellations=_Keys(self)
        )


class _Neighbour:
    def __init__(self, rows):
        self.rows = rows


class _Facts(_Neighbour):
    def load(self, _):
        return self.rows.facts


class _Plans(_Neighbour):
    def load(self, _):
        return self.rows.plan

    def reopen(self, _, image_nos, plan):
        words = () if plan is None else (plan.request.stages[0].prompt,)
        self.rows.done.append(("reopen", image_nos, *words))
        return self.rows.problem

    def plan_of(self, _):
        images = len(self.rows.plan.images)
        was = replace(self.rows.facts, status=JobStatus.PENDING, total_images=images)
        made = decide(was, GivenServices().rules.intake)
        assert isinstance(made, Start)
        return made.plan

    def add(self, _, made):
        self.rows.done.append(("add", [(one.of, one.image.image_no) for one in made.images]))
        return self.rows.problem

    def reopen_unplanned(self, _, status):
        self.rows.done.append(("reopen_unplanned", status))
        return self.rows.moves


class _Lost(_Neighbour):
    def find(self, job_id):
        return job_id if self.rows.is_lost else None

    def take_in_hand(self, _):
        self.rows.done.append(("take_in_hand",))
        return self.rows.moves


class _Keys(_Neighbour):
    def clear(self, _):
        self.rows.done.append(("clear",))


def test_what_is_missing_is_planned_again_after_the_key_is_gone_and_then_sent():
    rows = Rows(facts(), ended(ImageState.STORED, ImageState.FAILED, ImageState.CANCELLED))
    services = rows.services()
    assert retry_job(services, JOB, Missing()) == PlannedAgain(images=(2, 3), credits=10, unsent=None)
    assert rows.done == [("clear",), ("reopen", (1, 2))]
    assert services.sent == [StepMessage(Step.PREPARE_INPUTS, JOB)]


def test_one_more_of_delivered_images_is_added_after_the_key_is_gone_and_then_sent():
    rows = Rows(facts(JobStatus.COMPLETED), ended(ImageState.STORED, ImageState.STORED))
    services = rows.services()
    done = retry_job(services, JOB, Again((2, 1)))
    assert done == OneMoreOfEach(images=((3, 2), (4, 1)), credits=10, unsent=None)
    assert rows.done == [("clear",), ("add", [(1, 2), (0, 3)])]
    assert services.sent == [StepMessage(Step.PREPARE_INPUTS, JOB)]


def test_a_job_with_everything_is_left_as_it_is():
    rows = Rows(facts(), ended(ImageState.STORED))
    services = rows.services()
    assert retry_job(services, JOB, Missing()) == NothingMissing("No image of the job is missing.")
    assert (rows.done, services.sent) == ([], [])


def test_a_job_without_a_plan_is_fetched_anew():
    rows = Rows(facts())
    services = rows.services()
    assert retry_job(services, JOB, Missing()) == FetchedAnew(was_open=False, unsent=None)
    assert rows.done == [("clear",), ("reopen_unplanned", JobStatus.FAILED)]
    assert services.sent == [StepMessage(Step.FETCH_JOB, JOB)]


def test_an_open_one_that_the_sweep_leaves_alone_is_taken_in_hand():
    rows = Rows(facts(JobStatus.PENDING), lost=True)
    assert retry_job(rows.services(), JOB, Missing()) == FetchedAnew(was_open=True, unsent=None)
    assert rows.done == [("clear",), ("take_in_hand",)]


def test_one_whose_images_another_server_made_has_nothing_missing():
    rows = Rows(facts(stored=(7, 8)))
    assert isinstance(retry_job(rows.services(), JOB, Missing()), NothingMissing)
    assert rows.done == []


@pytest.mark.parametrize(
    ("rows", "which", "says"),
    [
        (Rows(facts(job_type="video")), Missing(), "kind"),
        (Rows(facts()), TheseImages((1,)), "has no plan of this job"),
        (Rows(facts()), Missing(failed_only=True), "has no plan of this job"),
        (Rows(facts(JobStatus.PENDING)), Missing(), "still pending"),
        (Rows(facts(credits=9)), Missing(), "Not enough credits"),
        (Rows(facts(), ended(ImageState.STORED)), TheseImages((2,)), "has no image 2"),
    ],
)
def test_what_cannot_be_retried_is_refused_untouched(rows, which, says):
    services = rows.services()
    with pytest.raises(Conflict, match=says):
        retry_job(services, JOB, which)
    assert (rows.done, services.sent) == ([], [])


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (Rows(facts(), ended(ImageState.FAILED), problem="The job moved."), "The job moved"),
        (Rows(facts(), moves=False), "moved at this very moment"),
        (Rows(facts(JobStatus.PENDING), lost=True, moves=False), "moved at this very moment"),
    ],
)
def test_a_job_that_moves_meanwhile_is_not_sent(rows, says):
    services = rows.services()
    with pytest.raises(Conflict, match=says):
        retry_job(services, JOB, Missing())
    assert services.sent == []


def test_an_unknown_job_is_not_found():
    with pytest.raises(NotFound, match=f"There is no job {JOB}"):
        retry_job(Rows(None).services(), JOB, Missing())


def test_a_job_whose_prompts_are_no_longer_kept_is_planned_from_its_input():
    states = (ImageState.STORED, ImageState.FAILED)
    rows = Rows(facts(JobStatus.COMPLETED), replace(ended(*states), prompts_kept=False))
    retry_job(rows.services(), JOB, Missing())
    assert ("reopen", (1,), "a coat") in rows.done


def test_where_its_input_gives_other_images_by_now_it_is_refused_untouched():
    states = (ImageState.STORED, ImageState.FAILED, ImageState.FAILED)
    rows = Rows(facts(JobStatus.COMPLETED), replace(ended(*states), prompts_kept=False))
    with pytest.raises(Conflict, match="prompts are no longer kept"):
        retry_job(rows.services(), JOB, Missing())
    assert rows.done == []
