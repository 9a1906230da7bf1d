"""Whose turn it is at the provider, and the leases of those whose turn it is.

The image with the lowest turn number goes first (see preparation_rows for how turns are dealt). A lease
belongs to an owner token and lapses on its own, so a killed worker holds nothing for long.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, text

from quel.adapters.postgres.database import Database
from quel.adapters.postgres.progress import count_progress, lock_job
from quel.core.aspect import AspectRatio
from quel.core.generation import Progress, Turn
from quel.core.job import JobStatus

LEASE_S = 30
"""A lease is renewed every third of this; a killed worker's image is free again after it."""

_TAKE = """
UPDATE quel.image i
SET state = 'generating', lease_owner = :lease, lease_until = now() + make_interval(secs => :lease_s),
    updated_at = now()
FROM public.quel_production_jobs j
WHERE (i.job_id, i.image_no) = ({chosen}) AND j.job_id = i.job_id
RETURNING i.job_id, i.image_no, i.path, i.stage, i.request, i.attempts, i.broken_answers, i.lease_owner,
          coalesce(j.job_status, 'pending') AS job_status
"""

_TAKE_ANY = text(
    _TAKE.format(
        chosen="""
    SELECT r.job_id, r.image_no FROM quel.image r
    WHERE r.state = 'ready' AND r.not_before <= now()
    ORDER BY r.turn, r.job_id, r.image_no LIMIT 1 FOR UPDATE SKIP LOCKED"""
    )
)

_TAKE_WITHIN_LIMITS = text(
    _TAKE.format(
        chosen="""
    SELECT c.job_id, c.image_no
    FROM jsonb_to_recordset(CAST(:limits AS jsonb)) AS p(path text, most int)
    CROSS JOIN LATERAL (
        SELECT r.job_id, r.image_no, r.turn FROM quel.image r
        WHERE r.path = p.path AND r.state = 'ready' AND r.not_before <= now()
        ORDER BY r.turn, r.job_id, r.image_no LIMIT 1 FOR UPDATE SKIP LOCKED
    ) c
    WHERE p.most IS NULL OR p.most > (
        SELECT count(*) FROM quel.image g
        WHERE g.state = 'generating' AND g.path = p.path AND g.lease_until > now())
    ORDER BY c.turn, c.job_id, c.image_no LIMIT 1"""
    )
)

# Counting and taking must not interleave between workers, or a path would exceed its limit.
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext('quel.turns'))")

# Rows that somebody else has locked are passed over: that will not take as long as a lease.
_RENEW = text("""
WITH held AS (
    SELECT job_id, image_no FROM quel.image
    WHERE state = 'generating' AND lease_owner = ANY(:leases) FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE quel.image i SET lease_until = now() + make_interval(secs => :lease_s)
FROM held WHERE i.job_id = held.job_id AND i.image_no = held.image_no
""")

# A picture is welcome also when the lease was lost meanwhile: it has been paid for. One that is made already
# was noted by this very statement, whose answer was lost, or by a second call.
_MADE = text("""
UPDATE quel.image
SET state = 'made', lease_owner = NULL, lease_until = NULL, updated_at = now(),
    cost_usd = CASE state WHEN 'made' THEN cost_usd ELSE coalesce(cost_usd, 0) + :cost_usd END
WHERE job_id = :job_id AND image_no = :image_no AND state IN ('planned', 'ready', 'generating', 'made')
""")

_PUT_BACK = text("""
UPDATE quel.image
SET state = 'ready', attempts = :attempts, broken_answers = :broken, lease_owner = NULL, lease_until = NULL,
    not_before = now() + make_interval(secs => :delay_s), updated_at = now()
WHERE job_id = :job_id AND image_no = :image_no AND state = 'generating' AND lease_owner = :lease
""")

_UNPREPARE = text("""
UPDATE quel.image SET state = 'planned', lease_owner = NULL, lease_until = NULL, updated_at = now()
WHERE job_id = :job_id AND (state = 'ready' OR (state = 'generating' AND lease_owner = :lease))
""")

_FAIL = text("""
UPDATE quel.image
SET state = 'failed', reason_code = :code, reason = :reason, attempts = :attempts,
    broken_answers = :broken, lease_owner = NULL, lease_until = NULL, updated_at = now()
WHERE job_id = :job_id AND image_no = :image_no AND state = 'generating' AND lease_owner = :lease
""")

_DUE = text("""
SELECT count(*) FROM (
    SELECT 1 FROM quel.image WHERE state = 'ready' AND not_before <= now() LIMIT :most) due
""")


class TurnRows:
    """The rows generate_image reads and writes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, lease: str, limits: Sequence[Mapping[str, Any]] | None) -> Turn | None:
        """Leases the image whose turn it is to `lease`, or None when none may go now.

        `limits` lists the open paths as {path, most}; None means that every path is open without limit.
        """
        values: dict[str, object] = {"lease": lease, "lease_s": LEASE_S}

        def work(connection: Connection) -> Row[Any] | None:
            if limits is None:
                return connection.execute(_TAKE_ANY, values).one_or_none()
            connection.execute(_ONE_AT_A_TIME)
            return connection.execute(
                _TAKE_WITHIN_LIMITS, values | {"limits": json.dumps(limits)}
            ).one_or_none()

        row = self._database.run(work)
        return _turn(row) if row else None

    def renew(self, leases: Sequence[str]) -> None:
        """Prolongs leases that are still held."""
        self._database.run(
            lambda connection: connection.execute(_RENEW, {"leases": list(leases), "lease_s": LEASE_S})
        )

    def made(self, turn: Turn, cost_usd: float) -> bool:
        """Notes that the picture's bytes are kept; False when nobody wants it any more."""
        return self._update(_MADE, turn, cost_usd=cost_usd)

    def put_back(self, turn: Turn, *, delay_s: float, attempts: int, broken: int) -> bool:
        """Gives the turn back, to be taken again after `delay_s`."""
        return self._update(
            _PUT_BACK, turn, delay_s=delay_s, attempts=attempts, broken=broken, lease=turn.lease
        )

    def unprepare(self, turn: Turn) -> None:
        """Sends the job's waiting images back to be prepared: their pictures are gone from the cache."""
        self._update(_UNPREPARE, turn, lease=turn.lease)

    def fail(self, turn: Turn, *, code: str, reason: str, attempts: int, broken: int) -> Progress | None:
        """Ends the image as failed and counts the job; None when the turn was lost meanwhile."""

        def work(connection: Connection) -> Progress | None:
            lock_job(connection, turn.job_id)
            values = {
                "job_id": turn.job_id,
                "image_no": turn.image_no,
                "lease": turn.lease,
                "code": code,
                "reason": reason,
                "attempts": attempts,
                "broken": broken,
            }
            if connection.execute(_FAIL, values).rowcount == 0:
                return None
            return count_progress(connection, turn.job_id, turn.stage)

        return self._database.run(work)

    def due(self, most: int) -> int:
        """How many images could go at this moment but for quota and limits, counted up to `most`."""
        return self._database.run(lambda connection: connection.scalar(_DUE, {"most": most}) or 0)

    def _update(self, statement: Any, turn: Turn, **values: object) -> bool:
        keys = {"job_id": turn.job_id, "image_no": turn.image_no}
        return self._database.run(
            lambda connection: bool(connection.execute(statement, keys | values).rowcount)
        )


def _turn(row: Row[Any]) -> Turn:
    return Turn(
        job_id=row.job_id,
        image_no=row.image_no,
        path=row.path,
        stage=row.stage,
        job_status=JobStatus(row.job_status),
        prompt=row.request["prompt"],
        picture_keys=tuple(row.request["picture_keys"]),
        aspect_ratio=AspectRatio(*row.request["aspect_ratio"]),
        seed=row.request["seed"],
        attempts=row.attempts,
        broken_answers=row.broken_answers,
        lease=row.lease_owner,
    )
