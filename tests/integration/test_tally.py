"""Statistics from the hourly tally are those of a slow recount, whatever ends or begins meanwhile."""

from datetime import timedelta

import pytest
from bench.million.rows import write_jobs
from sqlalchemy import text

from quel.adapters.postgres.database import Database
from quel.adapters.postgres.finalize_job import FinalizeJobRows
from quel.adapters.postgres.operations.retry_job import RetryJobRows
from quel.adapters.postgres.operations.statistics import StatisticsRows
from quel.adapters.postgres.operations.tally import TallyRows
from quel.core.operations.statistics import Grouping
from quel.core.webhooks.target import WebhookPolicy

GROUPS = """
SELECT coalesce(q.path, j.quel_production_path) AS key, count(*) AS jobs,
       count(*) FILTER (WHERE j.job_status = 'completed') AS completed,
       count(*) FILTER (WHERE j.job_status = 'failed') AS failed,
       sum(j.completed_images) AS images_stored, sum(j.failed_images) AS images_failed,
       coalesce(sum((SELECT -sum(c.amount) FROM quel_credits c JOIN quel.image i ON i.attach_id = c.attach_idx
                     WHERE i.job_id = j.job_id)), 0) AS credits,
       round(coalesce(sum((SELECT sum(i.cost_usd) FROM quel.image i WHERE i.job_id = j.job_id)), 0), 4)
FROM quel_production_jobs j LEFT JOIN quel.job q ON q.job_id = j.job_id
WHERE j.created_at >= now() - make_interval(secs => :since_s) GROUP BY 1 ORDER BY 1
"""
PAYERS = """
SELECT coalesce(q.payer_id, j.org_id, j.quel_member_id) AS payer, count(*) AS jobs,
       coalesce(sum((SELECT -sum(c.amount) FROM quel_credits c JOIN quel.image i ON i.attach_id = c.attach_idx
                     WHERE i.job_id = j.job_id)), 0) AS credits
FROM quel_production_jobs j LEFT JOIN quel.job q ON q.job_id = j.job_id
WHERE j.created_at >= now() - make_interval(secs => :since_s) GROUP BY 1
"""
REASONS = """
SELECT i.reason_code AS reason, count(*) AS images, count(DISTINCT i.job_id) AS jobs
FROM quel.image i JOIN quel_production_jobs j ON j.job_id = i.job_id
WHERE i.state = 'failed' AND j.created_at >= now() - make_interval(secs => :since_s) GROUP BY 1
"""
SPANS = [timedelta(hours=1), timedelta(days=1), timedelta(days=31), timedelta(days=120)]


@pytest.fixture
def database(database_url):
    """A database with 3,000 jobs of 90 days."""
    write_jobs(database_url, 3_000, say=lambda _: None)
    database = Database(database_url, pool_size=1)
    yield database
    database.close()


def recount(database, statement, since):
    values = {"since_s": since.total_seconds()}
    return [
        tuple(row) for row in database.run(lambda connection: connection.execute(text(statement), values))
    ]


def assert_equal_to_a_recount(database):
    figures = StatisticsRows(database, "fashion")
    for since in SPANS:
        groups = figures.groups(Grouping.PATH, since)
        assert [
            (
                g.key,
                g.jobs,
                g.completed,
                g.failed,
                g.images_stored,
                g.images_failed,
                g.credits,
                round(g.cost_usd, 4),
            )
            for g in groups
        ] == [(*row[:7], float(row[7])) for row in recount(database, GROUPS, since)]
        assert sum(g.jobs for g in figures.groups(Grouping.TYPE, since)) == sum(g.jobs for g in groups)
        payers = figures.payers(since, organizations=None, most=10_000)
        alone = figures.payers(since, organizations=None, most=1, only=payers[-1].payer_id)
        assert alone == payers[-1:], "whoever asks for one payer is told of it, however little was paid"
        assert {(p.payer_id, p.jobs, p.credits) for p in payers} == set(recount(database, PAYERS, since))
        assert {(r.reason, r.images, r.jobs) for r in figures.reasons(since)} == set(
            recount(database, REASONS, since)
        )


def one(database, statement):
    return database.run(lambda connection: connection.execute(text(statement)).first())


def test_the_tally_is_a_recount_before_while_and_after_it_is_made(database):
    tally = TallyRows(database, "fashion")
    assert_equal_to_a_recount(database)  # nothing is tallied: all of it is counted from rows
    assert tally.make_missing(most=500) == 500
    assert_equal_to_a_recount(database)
    while tally.make_missing(most=500):
        pass
    assert_equal_to_a_recount(database)

    failed = one(
        database, "SELECT job_id FROM quel_production_jobs WHERE job_status = 'failed' LIMIT 1"
    ).job_id
    ended = RetryJobRows(database).load(failed)
    assert ended is not None
    assert RetryJobRows(database).reopen(ended, [no for no, _ in ended.images]) is None
    assert_equal_to_a_recount(database)
    assert FinalizeJobRows(database, WebhookPolicy()).close(failed, cancelled=lambda: True) is not None
    assert tally.make_missing() == 1  # the hour it was created in, and no other
    assert_equal_to_a_recount(database)


def test_what_another_program_writes_is_seen_when_an_hour_is_made_again(database):
    tally = TallyRows(database, "fashion")
    while tally.make_missing(most=500):
        pass
    gone = one(
        database,
        "DELETE FROM quel_production_jobs WHERE job_id = (SELECT job_id FROM quel_production_jobs"
        " WHERE job_status = 'completed' ORDER BY created_at LIMIT 1) RETURNING created_at",
    )
    database.run(
        lambda connection: connection.execute(
            text(
                "UPDATE quel.tally_hour SET made_at = now() - interval '1 day'"
                " WHERE hour = date_trunc('hour', CAST(:at AS timestamptz), 'UTC')"
            ),
            {"at": gone.created_at},
        )
    )
    assert tally.make_again(most=4) == 1
    assert_equal_to_a_recount(database)
