"""What became of the jobs of a span of time: by path, by type, by the reason of what failed, or by who paid.

Whole hours come from the tally; what it does not hold, and every job that is open, from the rows. The sums
are those of a recount from rows alone.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from quel.adapters.postgres.database import Database
from quel.adapters.postgres.operations.job_figures import FIGURE_PARAMETERS, JOB_FIGURES, REASONS
from quel.adapters.postgres.operations.job_list import JOBS_WITH_PATH, path_parameters
from quel.adapters.postgres.operations.tally import HOUR
from quel.core.operations.statistics import Grouping, GroupStats, PayerStats, ReasonStats

SAMPLE = 1_000
"""Completed jobs, the newest of the span, that the median of seconds is taken of."""

_ONE_SNAPSHOT = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")

# What lies before the first whole hour, hours that are not made, and what is open is counted from rows: found
# first, since no planner can tell how few these are.
_BEGIN = text("""
SELECT s.since, greatest(date_trunc('hour', s.since, 'UTC') + interval '1 hour',
                         date_trunc('hour', now() - interval '400 days', 'UTC')) AS first_whole
FROM (SELECT now() - make_interval(secs => :since_s) AS since) s
""")
_NOT_MADE = text("""
SELECT n.hour FROM generate_series(CAST(:first_whole AS timestamptz), now(), interval '1 hour') AS n(hour)
WHERE NOT EXISTS (SELECT 1 FROM quel.tally_hour h WHERE h.hour = n.hour AND h.made_at IS NOT NULL)
ORDER BY n.hour
""")
_OF_A_SPAN = text("""
SELECT j.job_id FROM public.quel_production_jobs j WHERE j.created_at >= :begin AND j.created_at < :finish
""")
_OPEN = text("""
SELECT j.job_id FROM public.quel_production_jobs j
WHERE (j.job_status IN ('pending', 'processing') OR j.job_status IS NULL) AND j.created_at >= :since
""")

_SPAN = """
WITH hours AS MATERIALIZED (
    SELECT h.hour FROM quel.tally_hour h WHERE h.hour >= :first_whole AND h.made_at IS NOT NULL
), picked AS MATERIALIZED (
    SELECT unnest(CAST(:job_ids AS uuid[])) AS job_id
), """

_GROUPS = """{span}{figures}, counted AS (
    SELECT f.{key} AS key, count(*) FILTER (WHERE f.status = 'pending') AS pending,
           count(*) FILTER (WHERE f.status = 'processing') AS processing,
           count(*) FILTER (WHERE f.status = 'completed') AS completed,
           count(*) FILTER (WHERE f.status = 'failed') AS failed,
           count(*) FILTER (WHERE f.status IN ('cancelled', 'user_cancelled')) AS cancelled,
           sum(f.stored) AS images_stored, sum(f.failed) AS images_failed,
           sum(f.cancelled) AS images_cancelled, sum(f.under_way) AS images_under_way,
           sum(f.credits) AS credits, sum(f.cost_micros) AS cost_micros
    FROM figures f GROUP BY f.{key}
    UNION ALL
    SELECT t.{key} AS key, 0, 0, sum(t.completed), sum(t.failed), sum(t.cancelled), sum(t.images_stored),
           sum(t.images_failed), sum(t.images_cancelled), sum(t.images_under_way), sum(t.credits),
           sum(t.cost_micros)
    FROM quel.tally t JOIN hours ON hours.hour = t.hour GROUP BY t.{key}
)
SELECT c.key, sum(c.pending + c.processing + c.completed + c.failed + c.cancelled)::int AS jobs,
       sum(c.pending)::int AS pending, sum(c.processing)::int AS processing,
       sum(c.completed)::int AS completed, sum(c.failed)::int AS failed, sum(c.cancelled)::int AS cancelled,
       sum(c.images_stored)::int AS images_stored, sum(c.images_failed)::int AS images_failed,
       sum(c.images_cancelled)::int AS images_cancelled, sum(c.images_under_way)::int AS images_under_way,
       sum(c.credits)::bigint AS credits, (sum(c.cost_micros) / 1000000.0)::float8 AS cost_usd
FROM counted c GROUP BY c.key ORDER BY c.key
"""

_MEDIANS = """
WITH sample AS MATERIALIZED (
    SELECT j.job_id FROM public.quel_production_jobs j
    WHERE j.created_at >= :since AND j.job_status = 'completed'
    ORDER BY j.created_at DESC LIMIT :sample
)
SELECT {key} AS key,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM j.completed_at - j.started_at)::float8)
           AS median_seconds
{jobs} JOIN sample ON sample.job_id = j.job_id
GROUP BY {key}
"""

_KEYS = {Grouping.PATH: ("path", "effective.path"), Grouping.TYPE: ("job_type", "j.job_type")}

GROUPS = {
    by: text(_GROUPS.format(span=_SPAN, figures=JOB_FIGURES, key=key)) for by, (key, _) in _KEYS.items()
}
MEDIANS = {by: text(_MEDIANS.format(key=key, jobs=JOBS_WITH_PATH)) for by, (_, key) in _KEYS.items()}

_REASONS = text(f"""{_SPAN}{JOB_FIGURES}, counted AS (
    SELECT r.reason, r.images, r.jobs FROM ({REASONS}) r
    UNION ALL
    SELECT t.reason, t.images, t.jobs FROM quel.tally_reason t JOIN hours ON hours.hour = t.hour
)
SELECT c.reason, sum(c.images)::int AS images, sum(c.jobs)::int AS jobs
FROM counted c GROUP BY c.reason ORDER BY images DESC, c.reason
""")  # noqa: S608 - constants of ours

_PAYERS = text(f"""{_SPAN}{JOB_FIGURES}, days AS MATERIALIZED (
    SELECT date_trunc('day', h.hour, 'UTC') AS day FROM hours h GROUP BY 1 HAVING count(*) = 24
), counted AS (
    SELECT f.payer_id, f.is_organization, count(*) AS jobs,
           count(*) FILTER (WHERE f.status = 'failed') AS failed_jobs,
           sum(f.stored) AS images_stored, sum(f.failed) AS images_failed, sum(f.credits) AS credits,
           sum(f.cost_micros) AS cost_micros
    FROM figures f WHERE f.payer_id IS NOT NULL GROUP BY f.payer_id, f.is_organization
    UNION ALL
    SELECT t.payer_id, t.is_organization, t.jobs, t.failed_jobs, t.images_stored, t.images_failed, t.credits,
           t.cost_micros
    FROM quel.tally_payer_day t JOIN days ON days.day = t.day
    UNION ALL
    SELECT t.payer_id, t.is_organization, t.jobs, t.failed_jobs, t.images_stored, t.images_failed, t.credits,
           t.cost_micros
    FROM quel.tally_payer t
    JOIN hours ON hours.hour = t.hour AND date_trunc('day', hours.hour, 'UTC') NOT IN (SELECT day FROM days)
)
SELECT c.payer_id, c.is_organization, sum(c.jobs)::int AS jobs, sum(c.failed_jobs)::int AS failed_jobs,
       sum(c.images_stored)::int AS images_stored, sum(c.images_failed)::int AS images_failed,
       sum(c.credits)::bigint AS credits, (sum(c.cost_micros) / 1000000.0)::float8 AS cost_usd
FROM counted c
WHERE (CAST(:organizations AS boolean) IS NULL OR c.is_organization = :organizations)
  AND (CAST(:only AS uuid) IS NULL OR c.payer_id = :only)
GROUP BY c.payer_id, c.is_organization ORDER BY credits DESC, c.payer_id LIMIT :most
""")  # noqa: S608 - constants of ours


class StatisticsRows:
    """Counts jobs that were created within a span of time. `fall_back` as in JobListRows."""

    def __init__(self, database: Database, default_path: str, *, fall_back: bool = True) -> None:
        self._database = database
        self._values = FIGURE_PARAMETERS | path_parameters(default_path, fall_back=fall_back)

    def groups(self, by: Grouping, since: timedelta) -> list[GroupStats]:
        """One entry a path or type that has jobs, in alphabetical order."""

        def work(connection: Connection) -> list[GroupStats]:
            values = self._begin(connection, since) | {"sample": SAMPLE}
            medians = {row.key: row.median_seconds for row in connection.execute(MEDIANS[by], values)}
            return [
                GroupStats(**row._mapping, median_seconds=medians.get(row.key))
                for row in connection.execute(GROUPS[by], values)
            ]

        return self._database.run(work)

    def reasons(self, since: timedelta) -> list[ReasonStats]:
        """One entry a reason, the most frequent first."""

        def work(connection: Connection) -> list[ReasonStats]:
            values = self._begin(connection, since)
            return [ReasonStats(**row._mapping) for row in connection.execute(_REASONS, values)]

        return self._database.run(work)

    def payers(
        self, since: timedelta, *, organizations: bool | None, most: int, only: UUID | None = None
    ) -> list[PayerStats]:
        """At most so many payers, those first who paid the most; None asks for both kinds, and for all."""

        def work(connection: Connection) -> list[PayerStats]:
            asked = {"organizations": organizations, "most": most, "only": only}
            values = self._begin(connection, since) | asked
            return [PayerStats(**row._mapping) for row in connection.execute(_PAYERS, values)]

        return self._database.run(work)

    def _begin(self, connection: Connection, since: timedelta) -> dict[str, Any]:
        """Makes the transaction one snapshot; the parameters that say what is counted from where."""
        connection.execute(_ONE_SNAPSHOT)
        begin = connection.execute(_BEGIN, {"since_s": since.total_seconds()}).one()
        job_ids = set(connection.scalars(_OPEN, {"since": begin.since}))
        hours = list(connection.scalars(_NOT_MADE, {"first_whole": begin.first_whole}))
        for first, end in ((begin.since, begin.first_whole), *_spans(hours)):
            job_ids |= set(connection.scalars(_OF_A_SPAN, {"begin": first, "finish": end}))
        found = {"since": begin.since, "first_whole": begin.first_whole, "job_ids": sorted(job_ids)}
        return self._values | found


def _spans(hours: Sequence[datetime]) -> Iterator[tuple[datetime, datetime]]:
    """Hours in order, with those that follow on each other as one span of time."""
    for _, group in groupby(enumerate(hours), key=lambda each: each[1] - each[0] * HOUR):
        members = [hour for _, hour in group]
        yield members[0], members[-1] + HOUR
