"""Keeps the hourly tally: sums over the ended jobs of each hour of creation, made from the rows themselves.

An hour is made under the lock of its row in quel.tally_hour, and what ends or reopens a job clears that row's
`made_at` in its own transaction: either the sums see the change, or the hour is made again. What other
programs write is seen when the sweep makes the hours again, the longest unmade first.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, text

from quel.adapters.postgres.database import Database
from quel.adapters.postgres.operations.job_figures import FIGURE_PARAMETERS, JOB_FIGURES, REASONS
from quel.adapters.postgres.operations.job_list import path_parameters

HOUR = timedelta(hours=1)
SETTLED_AFTER = timedelta(minutes=10)
"""A row may carry the time of a transaction that is committed later."""

MOST_AT_ONCE = 24
"""Hours that are made in one transaction."""

AGAIN_AT_ONCE = 4
"""Of those that were made before, in one sweep: those of 90 days come round within half a day."""

LONGEST = timedelta(days=400)
"""What is older is counted from rows whenever it is asked for: a row may claim to be of the year 1."""

_SPAN = text("""
SELECT date_trunc('hour', now() - :settled, 'UTC') AS until,
       date_trunc('hour', greatest(now() - :longest, (
           SELECT min(j.created_at) FROM public.quel_production_jobs j
           WHERE j.created_at > now() - :longest)), 'UTC') AS since
""")

_UNMADE = text("""
SELECT n.hour
FROM generate_series(CAST(:since AS timestamptz), CAST(:until AS timestamptz) - interval '1 hour',
                     interval '1 hour') AS n(hour)
WHERE NOT EXISTS (SELECT 1 FROM quel.tally_hour h WHERE h.hour = n.hour AND h.made_at IS NOT NULL)
ORDER BY n.hour DESC LIMIT :most
""")

_OLDEST_MADE = text("""
SELECT h.hour FROM quel.tally_hour h WHERE h.made_at IS NOT NULL AND h.made_at < now() - interval '1 hour'
ORDER BY h.made_at LIMIT :most
""")

_NAME = text("""
INSERT INTO quel.tally_hour (hour) SELECT unnest(CAST(:hours AS timestamptz[])) ON CONFLICT (hour) DO NOTHING
""")
# Two that make hours of the same day would both write it.
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext('quel.tally'))")
_LOCK = text("SELECT 1 FROM quel.tally_hour WHERE hour = ANY(:hours) ORDER BY hour FOR UPDATE")
_FORGET = tuple(
    text(f"DELETE FROM quel.{table} WHERE hour = ANY(:hours)")  # noqa: S608 - our own tables
    for table in ("tally", "tally_reason", "tally_payer")
)
_MAKE = text(f"""
WITH picked AS (
    SELECT j.job_id FROM public.quel_production_jobs j
    WHERE j.created_at >= :first AND j.created_at < :end
      AND j.job_status IN ('completed', 'failed', 'cancelled', 'user_cancelled')
      AND date_trunc('hour', j.created_at, 'UTC') = ANY(:hours)
), {JOB_FIGURES}, by_path AS (
    INSERT INTO quel.tally (hour, path, job_type, completed, failed, cancelled, images_stored, images_failed,
                            images_cancelled, images_under_way, credits, cost_micros)
    SELECT f.hour, f.path, f.job_type, count(*) FILTER (WHERE f.status = 'completed'),
           count(*) FILTER (WHERE f.status = 'failed'),
           count(*) FILTER (WHERE f.status IN ('cancelled', 'user_cancelled')),
           sum(f.stored), sum(f.failed), sum(f.cancelled), sum(f.under_way), sum(f.credits),
           sum(f.cost_micros)
    FROM figures f GROUP BY f.hour, f.path, f.job_type
), by_payer AS (
    INSERT INTO quel.tally_payer (hour, payer_id, is_organization, jobs, failed_jobs, images_stored,
                                  images_failed, credits, cost_micros)
    SELECT f.hour, f.payer_id, bool_or(f.is_organization), count(*),
           count(*) FILTER (WHERE f.status = 'failed'), sum(f.stored), sum(f.failed), sum(f.credits),
           sum(f.cost_micros)
    FROM figures f WHERE f.payer_id IS NOT NULL GROUP BY f.hour, f.payer_id
)
INSERT INTO quel.tally_reason (hour, reason, images, jobs)
SELECT r.hour, r.reason, sum(r.images), sum(r.jobs) FROM ({REASONS}) r GROUP BY r.hour, r.reason
""")  # noqa: S608 - constants of ours
_FORGET_DAYS = text("DELETE FROM quel.tally_payer_day WHERE day = ANY(:days)")
_MAKE_DAYS = text("""
INSERT INTO quel.tally_payer_day (day, payer_id, is_organization, jobs, failed_jobs, images_stored,
                                  images_failed, credits, cost_micros)
SELECT d.day, t.payer_id, bool_or(t.is_organization), sum(t.jobs), sum(t.failed_jobs), sum(t.images_stored),
       sum(t.images_failed), sum(t.credits), sum(t.cost_micros)
FROM unnest(CAST(:days AS timestamptz[])) AS d(day)
JOIN quel.tally_payer t ON t.hour >= d.day AND t.hour < d.day + interval '24 hours'
GROUP BY d.day, t.payer_id
""")
_MADE = text("UPDATE quel.tally_hour SET made_at = now() WHERE hour = ANY(:hours)")


class TallyRows:
    """Makes hours of the tally. `fall_back` as in JobListRows."""

    def __init__(self, database: Database, default_path: str, *, fall_back: bool = True) -> None:
        self._database = database
        self._values = FIGURE_PARAMETERS | path_parameters(default_path, fall_back=fall_back)

    def make_missing(self, within: timedelta = LONGEST, *, most: int = MOST_AT_ONCE) -> int:
        """Makes at most so many hours that are not made, the newest first; how many."""

        def missing(connection: Connection) -> list[datetime]:
            span = connection.execute(
                _SPAN, {"settled": SETTLED_AFTER, "longest": min(within, LONGEST)}
            ).one()
            values = {"since": span.since, "until": span.until, "most": most}
            return list(connection.scalars(_UNMADE, values))

        return self._make(self._database.run(missing))

    def keep_up(self) -> int:
        """Makes a day's hours that are missing, and again the few that were made the longest ago."""
        return self.make_missing() + self.make_again(most=AGAIN_AT_ONCE)

    def make_again(self, *, most: int) -> int:
        """Makes the hours again that were made the longest ago, but an hour at least; how many."""
        hours = self._database.run(lambda connection: list(connection.scalars(_OLDEST_MADE, {"most": most})))
        return self._make(hours)

    def _make(self, hours: Sequence[datetime]) -> int:
        if not hours:
            return 0
        ordered = sorted(hours)
        days = sorted({hour.astimezone(UTC).replace(hour=0) for hour in ordered})
        values = self._values | {
            "hours": ordered,
            "first": ordered[0],
            "end": ordered[-1] + HOUR,
            "days": days,
        }

        def work(connection: Connection) -> None:
            for statement in (_ONE_AT_A_TIME, _LOCK, *_FORGET, _MAKE, _FORGET_DAYS, _MAKE_DAYS, _MADE):
                connection.execute(statement, values)

        self._database.run(lambda connection: connection.execute(_NAME, values))
        self._database.run(work)
        return len(ordered)
