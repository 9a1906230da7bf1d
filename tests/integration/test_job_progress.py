"""How far jobs are, from real rows: what is settled, and what is read of many."""

import pytest

from quel.adapters.postgres.database import Database
from quel.adapters.postgres.operations.job_list import JobListRows
from quel.adapters.postgres.operations.job_progress import JobProgressRows
from quel.sandbox.studio import Studio


@pytest.fixture
def studio(world, database_url, redis_url):
    return Studio(database_url, redis_url, world.storage)


@pytest.fixture
def database(database_url):
    database = Database(database_url, pool_size=1)
    yield database
    database.close()


def a_job(studio, status, *, planned, closed=False):
    member = studio.member()
    job = studio.job("single_batch", {}, total_images=1, member=member, job_status=status)
    if planned:
        studio.rows(
            "INSERT INTO quel.job (job_id, path, customer, payer_kind, payer_id, ledger_member_id, price,"
            " result_owner, plan) VALUES (%s, 'fashion', 'c', 'member', %s, %s, 5, 'o', '{}')",
            *(job, member, member),
        )
    at = "now() - interval '2 minutes'"
    studio.rows(
        "ALTER TABLE public.quel_production_jobs DISABLE TRIGGER USER;"
        f"UPDATE public.quel_production_jobs SET updated_at = {at},"
        f" completed_at = {at if closed else 'NULL'} WHERE job_id = '{job}';"
        "ALTER TABLE public.quel_production_jobs ENABLE TRIGGER USER"
    )
    return job


def test_a_job_is_settled_once_it_is_closed_or_was_cancelled_without_a_plan(studio, database):
    progress, listed = JobProgressRows(database, "fashion"), JobListRows(database, "fashion")
    jobs = {
        a_job(studio, "completed", planned=True, closed=True): True,
        a_job(studio, "failed", planned=False, closed=True): True,
        a_job(studio, "user_cancelled", planned=True, closed=True): True,
        a_job(studio, "user_cancelled", planned=True): False,  # however long ago: its images may still end
        a_job(studio, "cancelled", planned=False): True,  # nobody has anything to end
        a_job(studio, "pending", planned=False): False,
        a_job(studio, "processing", planned=True): False,
    }
    assert {job.job_id: job.is_settled for job in progress.of(list(jobs))} == jobs
    assert {view.job_id: view.is_settled for view in listed.jobs_by_id(list(jobs))} == jobs


def test_of_many_open_jobs_the_newest_are_read_and_those_that_are_followed(studio, database):
    progress = JobProgressRows(database, "fashion")
    old, ended, *young = (
        a_job(studio, status, planned=True) for status in ("processing", "completed", "pending", "processing")
    )
    assert [job.job_id for job in progress.open(2)] == young[::-1]
    read = progress.open(2, [old, ended, young[0]])
    assert [job.job_id for job in read] == [*young[::-1], ended, old]
    assert [job.is_settled for job in read] == [False, False, True, False]
