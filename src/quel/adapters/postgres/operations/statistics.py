"""What became of the jobs of a span of time: by path, by type, or by the reason of what failed.

Images and provider cost are counted from quel's own rows, and from the job's counters where it has none;
credits from the ledger rows of the images quel delivered.
"""

from datetime import timedelta

from sqlalchemy import text

from quel.adapters.postgres.database import Database
from quel.adapters.postgres.image_state import is_open
from quel.adapters.postgres.operations.job_list import JOBS_WITH_PATH, path_parameters
from quel.core.credits import API_PROVIDERS
from quel.core.operations.statistics import Grouping, GroupStats, ReasonStats

_GROUPS = """
WITH chosen AS (
    SELECT j.job_id, {key} AS key, coalesce(j.job_status::text, 'pending') AS status,
           coalesce(j.completed_images, 0) AS stored, coalesce(j.failed_images, 0) AS failed,
           CASE WHEN j.job_status = 'completed'
                THEN extract(epoch FROM j.completed_at - j.started_at)::float8 END AS seconds
    {jobs}
    WHERE j.created_at >= now() - make_interval(secs => :since_s)
), made AS (
    SELECT i.job_id, count(*) FILTER (WHERE i.state = 'cancelled') AS cancelled,
           count(*) FILTER (WHERE {is_open}) AS under_way,
           coalesce(sum(i.cost_usd), 0) AS cost_usd
    FROM quel.image i JOIN chosen ON chosen.job_id = i.job_id GROUP BY i.job_id
), charged AS (
    SELECT i.job_id, -sum(c.amount) AS credits
    FROM public.quel_credits c
    JOIN quel.image i ON i.attach_id = c.attach_idx
    JOIN chosen ON chosen.job_id = i.job_id
    WHERE c.api_provider = ANY(:providers) AND i.request IS NOT NULL GROUP BY i.job_id
)
SELECT chosen.key, count(*) AS jobs,
       count(*) FILTER (WHERE status = 'pending') AS pending,
       count(*) FILTER (WHERE status = 'processing') AS processing,
       count(*) FILTER (WHERE status = 'completed') AS completed,
       count(*) FILTER (WHERE status = 'failed') AS failed,
       count(*) FILTER (WHERE status IN ('cancelled', 'user_cancelled')) AS cancelled,
       sum(chosen.stored)::int AS images_stored, sum(chosen.failed)::int AS images_failed,
       coalesce(sum(made.cancelled), 0)::int AS images_cancelled,
       coalesce(sum(made.under_way), 0)::int AS images_under_way,
       coalesce(sum(charged.credits), 0)::int AS credits,
       coalesce(sum(made.cost_usd), 0)::float8 AS cost_usd,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS median_seconds
FROM chosen
LEFT JOIN made ON made.job_id = chosen.job_id
LEFT JOIN charged ON charged.job_id = chosen.job_id
GROUP BY chosen.key ORDER BY chosen.key
"""

# A job that was refused has no images of its own rows; its order counts as failed under "refused".
_REASONS = text(
    """
WITH chosen AS (
    SELECT j.job_id, j.job_status, coalesce(j.failed_images, 0) AS failed
    FROM public.quel_production_jobs j WHERE j.created_at >= now() - make_interval(secs => :since_s)
)
SELECT coalesce(i.reason_code, 'unknown') AS reason, count(*)::int AS images,
       count(DISTINCT i.job_id)::int AS jobs
FROM chosen JOIN quel.image i ON i.job_id = chosen.job_id WHERE i.state = 'failed' GROUP BY 1
UNION ALL
SELECT 'refused', sum(failed)::int, count(*)::int
FROM chosen WHERE job_status = 'failed' AND NOT EXISTS (
    SELECT 1 FROM quel.job q WHERE q.job_id = chosen.job_id)
HAVING count(*) > 0
ORDER BY images DESC, reason
"""
)


_KEYS = {Grouping.PATH: "effective.path", Grouping.TYPE: "j.job_type"}


class StatisticsRows:
    """Counts jobs that were created within a span of time."""

    def __init__(self, database: Database, default_path: str, *, fall_back: bool = True) -> None:
        self._database = database
        self._paths = path_parameters(default_path, fall_back=fall_back)

    def groups(self, by: Grouping, since: timedelta) -> list[GroupStats]:
        """One entry a path or type that has jobs, in alphabetical order."""
        statement = text(_GROUPS.format(is_open=is_open("i"), key=_KEYS[by], jobs=JOBS_WITH_PATH))
        providers = list(API_PROVIDERS.values())
        values = self._paths | {"since_s": since.total_seconds(), "providers": providers}
        return self._database.run(
            lambda connection: [GroupStats(**row._mapping) for row in connection.execute(statement, values)]
        )

    def reasons(self, since: timedelta) -> list[ReasonStats]:
        """One entry a reason, the most frequent first."""
        values = {"since_s": since.total_seconds()}
        return self._database.run(
            lambda connection: [ReasonStats(**row._mapping) for row in connection.execute(_REASONS, values)]
        )
