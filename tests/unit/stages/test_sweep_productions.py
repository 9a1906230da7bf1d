"""sweep_stuck_jobs on productions: they end with their last job."""

import pytest

from quel.core.errors import DatabaseError
from quel.core.job import JobStatus
from quel.core.outcome import Refused
from quel.sandbox.memory.sweep_stuck_jobs import SweepStuckJobsRows
from quel.stages.sweep_stuck_jobs import sweep_stuck_jobs
from tests.unit.stages.sweeping import fetch, silence


@pytest.fixture
def out_of_step(services, studio, worker, job):
    """A production that still says processing, though its job has ended."""
    job_id = job()
    services.engine.answer(Refused("blocked_safety", "The provider refused it."))
    studio.push(job_id)
    worker.run()
    production = services.tables.productions[studio.job_row(job_id).production_id]
    production.production_status = JobStatus.PROCESSING
    return production


def test_a_production_whose_jobs_have_ended_is_closed(services, out_of_step):
    silence(services, 61)
    sweep_stuck_jobs(services)
    assert out_of_step.production_status is JobStatus.FAILED


def test_a_production_is_given_a_minute(services, out_of_step):
    silence(services, 59)
    sweep_stuck_jobs(services)
    assert out_of_step.production_status is JobStatus.PROCESSING


def test_a_production_with_a_job_that_is_open_stays_open(services, studio, out_of_step, job):
    job(production=out_of_step.production_id)
    silence(services, 61)
    sweep_stuck_jobs(services)
    assert out_of_step.production_status is JobStatus.PROCESSING


def test_trouble_with_productions_keeps_no_job_back(services, job, events):
    class Broken(SweepStuckJobsRows):
        def reconcile_productions(self):
            raise DatabaseError("PostgreSQL refused a statement (42P01).")

    services.sweep_stuck_jobs = Broken(services.tables)
    job_id = job()
    silence(services)
    assert sweep_stuck_jobs(services) == fetch(job_id)
    assert [entry["code"] for entry in events if entry["event"] == "actor.failed"] == ["database_refused"]
