"""Cancelling jobs: whose key is set, what is sent, and what is told of each."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from quel.core.job import JobStatus
from quel.core.operations.cancel_job import CancelOutcome
from quel.core.operations.job_list import JobView
from quel.core.pipeline import Step, StepMessage
from quel.operations.cancel_job import cancel_jobs
from tests.unit.operator_services import GivenServices

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
JOB = UUID(int=1)


def view(status=JobStatus.PROCESSING, *, job_id=JOB, closed=False):
    return JobView(
        job_id=job_id,
        job_type="simple_general",
        status=status,
        path="fashion",
        total_images=4,
        completed=3,
        failed=0,
        created_at=MOMENT,
        started_at=MOMENT,
        completed_at=MOMENT if closed else None,
        error_message=None,
        recoveries=0,
        age_s=1.0,
    )


class Jobs:
    """A list of jobs that tells one state after the other, and the last one from then on."""

    def __init__(self, *states):
        self.states = list(states)

    def jobs_by_id(self, job_ids):
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return [each for each in state if each.job_id in job_ids]


class Keys:
    """The cancel keys that were set."""

    def __init__(self):
        self.set = []

    def cancel(self, job_id):
        self.set.append(job_id)


def cancelled(*states, wait_s=0.0, unsent=None):
    keys = Keys()
    services = GivenServices(job_list=Jobs(*states), cancellations=keys, unsent=unsent)
    return cancel_jobs(services, [JOB], wait_s=wait_s), keys, services


def test_an_open_job_gets_its_key_and_a_message_to_close_it():
    done, keys, services = cancelled([view()])
    assert keys.set == [JOB]
    assert services.sent == [StepMessage(Step.FINALIZE_JOB, JOB)]
    (job,) = done.jobs
    assert (job.outcome, job.delivered, job.images) == (CancelOutcome.CANCELLING, 3, 4)
    assert done.unsent is None


def test_it_is_followed_to_its_end():
    done, _, _ = cancelled([view()], [view()], [view(JobStatus.USER_CANCELLED, closed=True)], wait_s=60.0)
    assert [job.outcome for job in done.jobs] == [CancelOutcome.CANCELLED]


@pytest.mark.parametrize("status", [JobStatus.COMPLETED, JobStatus.FAILED])
def test_a_job_that_has_ended_is_left_alone(status):
    done, keys, services = cancelled([view(status, closed=True)])
    assert (keys.set, services.sent) == ([], [])
    assert [(job.outcome, job.status) for job in done.jobs] == [(CancelOutcome.ENDED, status)]


def test_a_row_marked_as_cancelled_that_nobody_has_closed_counts_as_open():
    done, keys, _ = cancelled([view(JobStatus.USER_CANCELLED)])
    assert keys.set == [JOB]
    assert [job.outcome for job in done.jobs] == [CancelOutcome.CANCELLING]


def test_an_unknown_job_is_told_as_one():
    done, keys, _ = cancelled([view(job_id=UUID(int=2))])
    assert keys.set == []
    assert [(job.job_id, job.outcome) for job in done.jobs] == [(JOB, CancelOutcome.UNKNOWN)]


def test_that_workers_could_not_be_told_is_passed_on():
    done, keys, _ = cancelled([view()], unsent="Redis is away.")
    assert (keys.set, done.unsent) == ([JOB], "Redis is away.")
