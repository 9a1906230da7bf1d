"""Takes the job whose turn it is to be prepared, as late as its pictures are needed.

The planned image with the lowest turn goes first (turns.py deals them). Only so many images of a path and
maker are ready ahead of it: what a customer's backlog will need later lies in nobody's way now. Who takes a
job renews its lease, so a killed worker keeps nothing for long; what was put off waits until `not_before`.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from quel.adapters.postgres.image_state import PREPARE_AGAIN
from quel.adapters.postgres.schema.pipeline_tables import WAITING
from quel.core.prepare_inputs import AHEAD, LEASE_S, Lookahead, PreparationTurn, SetBack

# Two at once would take the same job, and one of them none.
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext('quel.preparations'))")

# Each path and maker has a lookahead of its own: an engine that makes nothing now keeps no other's jobs back.
_FIRST = """
WITH RECURSIVE lane AS (
    (SELECT path, engine, workflow FROM quel.image
     WHERE state = 'planned' ORDER BY path, engine, workflow LIMIT 1)
    UNION ALL
    SELECT n.path, n.engine, n.workflow FROM lane CROSS JOIN LATERAL (
        SELECT i.path, i.engine, i.workflow FROM quel.image i
        WHERE i.state = 'planned' AND (i.path, i.engine, i.workflow) > (lane.path, lane.engine, lane.workflow)
        ORDER BY i.path, i.engine, i.workflow LIMIT 1) n
)
SELECT c.turn, c.job_id
FROM lane p
CROSS JOIN LATERAL (
    SELECT i.turn, i.job_id, i.image_no FROM quel.image i
    JOIN quel.job q ON q.job_id = i.job_id
    JOIN public.quel_production_jobs j ON j.job_id = i.job_id
    WHERE i.state = 'planned' AND i.path = p.path AND i.engine = p.engine AND i.workflow = p.workflow
      AND (:pictures OR i.text_only)
      AND q.not_before <= now() AND (q.prepared_by IS NULL OR q.prepared_until <= now())
      AND j.job_status <> 'pending'
    ORDER BY i.turn, i.job_id, i.image_no LIMIT 1
) c
WHERE (p.path = ANY(:paths) OR p.path = ANY(:closed)) AND :ahead > (SELECT count(*) FROM (
    SELECT 1 FROM quel.image r
    WHERE r.state = 'ready' AND r.path = p.path AND r.engine = p.engine AND r.workflow = p.workflow
      AND (r.turn, r.job_id, r.image_no) < (c.turn, c.job_id, c.image_no)
    LIMIT :ahead) before)
ORDER BY p.path = ANY(:closed), c.turn, c.job_id, c.image_no LIMIT 1
"""

_TAKE = text(f"""
WITH first AS MATERIALIZED ({_FIRST})
UPDATE quel.job q SET starts = q.starts + 1, prepared_by = :owner,
    prepared_until = now() + make_interval(secs => :lease_s)
FROM first WHERE q.job_id = first.job_id
RETURNING q.job_id, q.starts, q.postponed,
    EXISTS (SELECT 1 FROM quel.image w
            WHERE w.state = 'planned' AND w.job_id <> q.job_id
              AND (w.path = ANY(:paths) OR w.path = ANY(:closed))) AS others_wait
""")  # noqa: S608 - constants of ours

_WAITS = text(f"SELECT EXISTS ({_FIRST})")

# Of a path that is closed to everybody rather than of one whose turns come later.
_SET_BACK = text(f"""
WITH first AS MATERIALIZED ({_FIRST}),
last AS MATERIALIZED (
    SELECT r.job_id FROM quel.image r CROSS JOIN first
    WHERE r.state = 'ready' AND NOT r.text_only AND r.job_id <> first.job_id
      AND (r.path <> ALL(:paths) OR NOT EXISTS (
          SELECT 1 FROM quel.image e
          WHERE e.job_id = r.job_id AND e.state = 'ready' AND e.turn <= first.turn))
      AND NOT EXISTS (SELECT 1 FROM quel.image g WHERE g.job_id = r.job_id AND g.state = 'generating')
    ORDER BY r.path = ANY(:paths), r.turn DESC LIMIT 1
)
UPDATE quel.image i SET {PREPARE_AGAIN.set} FROM last
WHERE i.job_id = last.job_id AND i.state = 'ready'
RETURNING i.job_id, i.request -> 'picture_keys' AS picture_keys
""")  # noqa: S608 - constants of ours

_RENEW = text("""
UPDATE quel.job SET prepared_until = now() + make_interval(secs => :lease_s)
WHERE job_id = ANY(:job_ids) AND prepared_by IS NOT NULL AND prepared_until > now()
""")

_UP_TO = text(f"""
SELECT p.path, (SELECT turn FROM quel.image WHERE {WAITING} AND path = p.path
                ORDER BY turn, job_id, image_no OFFSET :ahead LIMIT 1) AS turn
FROM unnest(CAST(:paths AS text[])) AS p(path)
""")  # noqa: S608 - constants of ours


def take_turn(connection: Connection, lookahead: Lookahead, owner: str) -> PreparationTurn | None:
    """Leases the job whose turn it is to `owner`, or None where none may be prepared now."""
    connection.execute(_ONE_AT_A_TIME)
    row = connection.execute(_TAKE, _values(lookahead) | {"owner": owner, "lease_s": LEASE_S}).one_or_none()
    return None if row is None else PreparationTurn(*row)


def turn_waits(connection: Connection, lookahead: Lookahead) -> bool:
    """Whether there is such a job."""
    return bool(connection.scalar(_WAITS, _values(lookahead)))


def set_back(connection: Connection, lookahead: Lookahead) -> SetBack | None:
    """Plans the last job behind whose turn it is once more, so that its pictures can go; None for none."""
    connection.execute(_ONE_AT_A_TIME)
    rows = connection.execute(_SET_BACK, _values(replace(lookahead, closed=()))).all()
    keys = dict.fromkeys(key for row in rows for key in row.picture_keys)
    return SetBack(rows[0].job_id, tuple(keys)) if rows else None


def renew_turns(connection: Connection, job_ids: Sequence[UUID]) -> None:
    """Prolongs leases that have not lapsed."""
    connection.execute(_RENEW, {"job_ids": list(job_ids), "lease_s": LEASE_S})


def prepared_up_to(connection: Connection, paths: Collection[str]) -> dict[str, int]:
    """Of each path where many images wait, the turn before which they are prepared."""
    rows = connection.execute(_UP_TO, {"paths": list(paths), "ahead": AHEAD})
    return {row.path: row.turn for row in rows if row.turn is not None}


def _values(lookahead: Lookahead) -> dict[str, Any]:
    paths = {"paths": list(lookahead.paths), "closed": list(lookahead.closed)}
    return paths | {"pictures": lookahead.pictures, "ahead": lookahead.ahead}
