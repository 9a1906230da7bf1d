"""Open jobs that quel never had in hand and that the sweep leaves alone; and how one is taken in hand.

Looking touches none of their rows; what kind each is stands in a table of quel's own (kind_of_rows.py).
"""

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from quel.adapters.postgres.database import Database
from quel.adapters.postgres.kind_of_rows import EVER_S, tell_kinds
from quel.core.fetch_job import given_path
from quel.core.job import JobStatus
from quel.core.kind import Kind
from quel.core.operations.lost_jobs import LostJob, why_left_alone

_NEVER_IN_HAND = """
    (j.job_status = 'pending' OR j.job_status IS NULL
     OR j.job_status = 'processing' AND j.updated_at < now() - make_interval(secs => :stuck_after_s))
    AND NOT EXISTS (SELECT 1 FROM quel.job q WHERE q.job_id = j.job_id)
    AND NOT EXISTS (SELECT 1 FROM quel.pending_job h WHERE h.job_id = j.job_id)
"""

_LOOK = text(f"""
SELECT j.job_id, coalesce(j.job_status, 'pending') AS status, j.total_images, j.job_type,
       coalesce(j.completed_images, 0) AS completed, j.created_at,
       extract(epoch FROM now() - j.created_at)::float8 AS age_s, k.kind,
       j.quel_production_path AS job_path, p.quel_production_path AS production_path
FROM public.quel_production_jobs j
JOIN quel.job_kind k ON k.job_id = j.job_id
LEFT JOIN public.quel_production_photo p ON p.production_id = j.production_id
WHERE {_NEVER_IN_HAND} AND (CAST(:job_id AS uuid) IS NULL OR j.job_id = :job_id)
ORDER BY j.created_at, j.job_id LIMIT :most
""")  # noqa: S608 - a constant of ours

_BACK_TO_PENDING = text(f"""
UPDATE public.quel_production_jobs j SET job_status = 'pending'
WHERE j.job_id = :job_id AND j.job_status = 'processing' AND {_NEVER_IN_HAND}
""")  # noqa: S608 - a constant of ours

_TAKE_IN_HAND = text(f"""
INSERT INTO quel.pending_job (job_id)
SELECT j.job_id FROM public.quel_production_jobs j
WHERE j.job_id = :job_id AND coalesce(j.job_status, 'pending') = 'pending' AND {_NEVER_IN_HAND}
ON CONFLICT (job_id) DO NOTHING
""")  # noqa: S608 - a constant of ours

_MOST = 20_000
"""Jobs looked at, oldest first, as in a sweep."""


class LostJobsRows:
    """What the sweep leaves alone. `stuck_after_s` and `adopt_within_s` are the settings' seconds."""

    def __init__(self, database: Database, *, stuck_after_s: float, adopt_within_s: float) -> None:
        self._database = database
        self._adopt_within_s = adopt_within_s
        self._values: dict[str, Any] = {"stuck_after_s": stuck_after_s}

    def jobs(self) -> list[LostJob]:
        """Those among the oldest 20,000 open jobs that quel never had in hand; the oldest first."""
        return self._look(job_id=None)

    def find(self, job_id: UUID) -> LostJob | None:
        """The job, if it is one of them."""
        return next(iter(self._look(job_id)), None)

    def take_in_hand(self, job_id: UUID) -> bool:
        """Makes a job pending and quel's to mind, whatever its age; False when it moved meanwhile."""
        values = self._values | {"job_id": job_id}

        def work(connection: Connection) -> bool:
            connection.execute(_BACK_TO_PENDING, values)
            return connection.execute(_TAKE_IN_HAND, values).rowcount == 1

        return self._database.run(work)

    def _look(self, job_id: UUID | None) -> list[LostJob]:
        tell_kinds(self._database, silent_s=0, within_s=EVER_S)
        values = self._values | {"job_id": job_id, "most": _MOST}
        rows = self._database.run(lambda connection: connection.execute(_LOOK, values).all())
        found = (self._lost(row) for row in rows)
        return [job for job in found if job is not None]

    def _lost(self, row: Row[Any]) -> LostJob | None:
        kind = Kind(row.kind)
        reason = why_left_alone(kind, row.age_s, self._adopt_within_s)
        if reason is None:
            return None
        return LostJob(
            job_id=row.job_id,
            kind=kind,
            path=given_path((row.job_path, row.production_path)),
            job_type=row.job_type,
            status=JobStatus(row.status),
            total_images=row.total_images,
            completed=row.completed,
            created_at=row.created_at,
            age_s=row.age_s,
            reason=reason,
        )
