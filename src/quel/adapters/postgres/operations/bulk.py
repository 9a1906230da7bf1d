"""What a bulk act means and how far it has come: it is worked off by whoever holds its lock, from its row.

The jobs are written down when it begins, so that "the last two hours" stay those. A lock goes with its
transaction: a worker that dies lets go of it, and the next one goes on where the row says.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from quel.adapters.postgres.database import Database
from quel.adapters.postgres.image_state import is_open
from quel.adapters.postgres.kind_of_rows import EVER_S, tell_kinds
from quel.adapters.postgres.operations.job_list import JOBS_WITH_PATH, narrowed, path_parameters
from quel.core.credits import PayerKind
from quel.core.engines import Maker
from quel.core.kind import MADE_HERE
from quel.core.operations.action_log import Actor, Channel
from quel.core.operations.bulk import (
    MOST_AT_ONCE,
    Account,
    Batch,
    Bulk,
    BulkAction,
    BulkEstimate,
    BulkOrder,
    MeantJob,
)

# What quel has no plan of is left to other programs, but for what it had in hand: a job that it refused, of
# which all is missing, or one that it has not claimed yet.
_IN_HAND = "EXISTS (SELECT 1 FROM quel.pending_job h WHERE h.job_id = j.job_id)"
_TOLD = "EXISTS (SELECT 1 FROM quel.job_kind k WHERE k.job_id = j.job_id AND k.kind = ANY(:made_here))"
_MADE_HERE = f"({_IN_HAND} OR {_TOLD})"
_CLOSED = "(j.completed_at IS NOT NULL OR j.job_status IN ('completed', 'failed'))"

# Plans are large: they are looked into for the jobs that are left.
_MEANT = """
WITH meant AS MATERIALIZED (
    SELECT j.job_id, j.created_at, greatest(j.total_images, 0) AS ordered
    {jobs}
    WHERE {conditions} AND (q.job_id IS NULL AND {unplanned} OR EXISTS (
        SELECT 1 FROM quel.image i WHERE i.job_id = q.job_id AND {images}))
    ORDER BY j.created_at, j.job_id LIMIT :most
)
SELECT m.job_id, coalesce(c.images, m.ordered) AS images, q.price, q.payer_kind, q.payer_id,
       coalesce(q.prompts_kept, true) AS prompts_kept, c.engine, c.workflow,
       q.plan #>> '{{request,image_size}}' AS image_size
FROM meant m
LEFT JOIN quel.job q ON q.job_id = m.job_id
LEFT JOIN LATERAL (
    SELECT count(*) AS images, min(i.engine) AS engine, min(i.workflow) AS workflow
    FROM quel.image i WHERE i.job_id = q.job_id AND {images} GROUP BY i.job_id
) c ON true
ORDER BY m.created_at, m.job_id
"""

_ROOMS = text(f"""
WITH asked AS (
    SELECT unnest(CAST(:kinds AS text[])) AS payer_kind, unnest(CAST(:ids AS uuid[])) AS payer_id
), held AS (
    SELECT q.payer_kind, q.payer_id, sum(q.price) AS credits
    FROM quel.image i
    JOIN quel.job q ON q.job_id = i.job_id
    JOIN public.quel_production_jobs j ON j.job_id = i.job_id
    WHERE {is_open("i")} AND j.job_status = 'processing' GROUP BY q.payer_kind, q.payer_id
)
SELECT a.payer_kind, a.payer_id, b.credits - coalesce(h.credits, 0) AS room
FROM asked a
JOIN LATERAL (
    SELECT coalesce(org_credit, 0) AS credits FROM public.quel_organization
    WHERE a.payer_kind = 'organization' AND org_id = a.payer_id AND org_status = 'active'
    UNION ALL
    SELECT coalesce(quel_member_credit, 0) FROM public.quel_member
    WHERE a.payer_kind = 'member' AND quel_member_id = a.payer_id
) b ON true
LEFT JOIN held h ON h.payer_kind = a.payer_kind AND h.payer_id = a.payer_id
""")  # noqa: S608 - constants of ours

_COLUMNS = """
bulk_id, name, action, failed_only, actor, channel, cardinality(job_ids) AS jobs, images, credits, cost_usd,
position, done, others, stopped, created_at, updated_at, ended_at
"""

_BEGIN = text(f"""
INSERT INTO quel.bulk (name, action, failed_only, actor, channel, request_id, job_ids, images, credits,
                       cost_usd, ended_at)
VALUES (:name, :action, :failed_only, :actor, :channel, :request_id, :job_ids, :images, :credits,
        :cost_usd, CASE WHEN cardinality(CAST(:job_ids AS uuid[])) = 0 THEN now() END)
RETURNING {_COLUMNS}
""")  # noqa: S608 - constants of ours

_FIND = text(f"SELECT {_COLUMNS} FROM quel.bulk WHERE bulk_id = :bulk_id")  # noqa: S608 - as above

_LATEST = text(f"""
SELECT {_COLUMNS} FROM quel.bulk ORDER BY created_at DESC, bulk_id LIMIT :most
""")  # noqa: S608 - as above

_UNFINISHED = text("SELECT bulk_id FROM quel.bulk WHERE ended_at IS NULL ORDER BY updated_at, bulk_id")

_ONLY_ONE = text("SELECT pg_try_advisory_xact_lock(hashtextextended('quel.bulk ' || :id, 0))")

# Whoever finds it begun already holds its lock: the one before ended in the midst of a job.
_TAKE = text("""
UPDATE quel.bulk b SET begun = true, updated_at = now()
FROM (SELECT bulk_id, begun FROM quel.bulk WHERE bulk_id = :bulk_id AND ended_at IS NULL) before
WHERE b.bulk_id = before.bulk_id
RETURNING before.begun AS interrupted, b.action, b.failed_only, b.actor, b.channel, b.request_id, b.position,
          b.others, b.job_ids[b.position + 1 : b.position + :most] AS job_ids
""")

_ADVANCE = text("""
UPDATE quel.bulk SET position = :position, done = done + :done, others = CAST(:others AS jsonb),
       updated_at = now(), ended_at = CASE WHEN :position >= cardinality(job_ids) THEN now() ELSE ended_at END
WHERE bulk_id = :bulk_id
RETURNING ended_at IS NULL
""")

_LET_GO = text("UPDATE quel.bulk SET begun = false, updated_at = now() WHERE bulk_id = :bulk_id")

_STOP = text("""
UPDATE quel.bulk SET stopped = true, ended_at = now(), updated_at = now()
WHERE bulk_id = :bulk_id AND ended_at IS NULL
""")

_PRUNE = text("DELETE FROM quel.bulk WHERE ended_at < now() - interval '90 days'")


class BulkRows:
    """Tells what is meant, and keeps acts. `fall_back` as in JobListRows."""

    def __init__(self, database: Database, default_path: str, *, fall_back: bool) -> None:
        self._database = database
        paths = path_parameters(default_path, fall_back=fall_back)
        self._values = paths | {"made_here": sorted(MADE_HERE), "most": MOST_AT_ONCE + 1}

    def meant(self, order: BulkOrder) -> list[MeantJob]:
        """The jobs that an order means, the oldest first, one more than may be done at once.

        To be retried: ended jobs with an image that is missing. To be cancelled: open ones.
        """
        conditions, values = narrowed(order.narrowed)
        if order.job_ids:
            conditions.append("j.job_id = ANY(:named)")
            values["named"] = list(order.job_ids)
        if order.action is BulkAction.CANCEL:
            tell_kinds(self._database, silent_s=0, within_s=EVER_S)
            images, unplanned = is_open("i"), _MADE_HERE
        else:
            conditions.append(_CLOSED)
            states = "('failed')" if order.failed_only else "('failed', 'cancelled')"
            images, unplanned = f"i.state IN {states}", "false" if order.failed_only else _IN_HAND
        where = " AND ".join(conditions)
        statement = text(
            _MEANT.format(jobs=JOBS_WITH_PATH, conditions=where, unplanned=unplanned, images=images)
        )
        values |= self._values
        rows = self._database.run(lambda connection: connection.execute(statement, values).all())
        return [_meant(row) for row in rows]

    def rooms(self, payers: Sequence[Account]) -> dict[Account, int]:
        """The credits of each payer that are promised to nothing yet; none of one whose account is gone."""
        values = {"kinds": [kind.value for kind, _ in payers], "ids": [account for _, account in payers]}
        rows = self._database.run(lambda connection: connection.execute(_ROOMS, values).all())
        return {(PayerKind(row.payer_kind), row.payer_id): int(row.room) for row in rows}

    def begin(self, order: BulkOrder, found: BulkEstimate, by: Actor) -> Bulk:
        """Writes an act down; one without a job has ended."""
        values = {
            "name": order.name,
            "action": order.action,
            "failed_only": order.failed_only,
            "actor": by.name,
            "channel": by.channel,
            "request_id": by.request_id,
            "job_ids": list(found.job_ids),
            "images": found.images,
            "credits": found.credits,
            "cost_usd": found.cost_usd,
        }
        return self._database.run(lambda connection: _bulk(connection.execute(_BEGIN, values).one()))

    def find(self, bulk_id: UUID) -> Bulk | None:
        """An act as it stands, None where there is none."""
        values = {"bulk_id": bulk_id}
        row = self._database.run(lambda connection: connection.execute(_FIND, values).one_or_none())
        return None if row is None else _bulk(row)

    def latest(self, most: int) -> list[Bulk]:
        """At most so many acts, the latest first."""
        rows = self._database.run(lambda connection: connection.execute(_LATEST, {"most": most}).all())
        return [_bulk(row) for row in rows]

    def unfinished(self) -> list[UUID]:
        """The acts that have not ended, the one that waits longest first; old ones are forgotten."""

        def work(connection: Connection) -> list[UUID]:
            connection.execute(_PRUNE)
            return list(connection.scalars(_UNFINISHED))

        return self._database.run(work)

    @contextmanager
    def exclusive(self, bulk_id: UUID) -> Iterator[bool]:
        """Whether this is the only one that works the act off, for as long as the block runs."""
        with self._database.held() as connection:
            yield bool(connection.scalar(_ONLY_ONE, {"id": str(bulk_id)}))

    def take(self, bulk_id: UUID, most: int) -> Batch | None:
        """The next jobs of an act that is held exclusively, None where it has ended."""
        values = {"bulk_id": bulk_id, "most": most}
        row = self._database.run(lambda connection: connection.execute(_TAKE, values).one_or_none())
        if row is None:
            return None
        return Batch(
            bulk_id,
            BulkAction(row.action),
            row.failed_only,
            Actor(row.actor, Channel(row.channel), row.request_id),
            row.position,
            row.others,
            tuple(row.job_ids),
            row.interrupted,
        )

    def advance(self, bulk_id: UUID, *, position: int, done: int, others: Mapping[str, int]) -> bool:
        """Writes down how far an act has come, `done` more as ordered; whether it goes on."""
        values = {"bulk_id": bulk_id, "position": position, "done": done, "others": json.dumps(others)}
        return bool(self._database.run(lambda connection: connection.scalar(_ADVANCE, values)))

    def let_go(self, bulk_id: UUID) -> None:
        """Ends a batch in order."""
        self._database.run(lambda connection: connection.execute(_LET_GO, {"bulk_id": bulk_id}))

    def stop(self, bulk_id: UUID) -> bool:
        """Ends an act before its time; False where it has ended."""
        values = {"bulk_id": bulk_id}
        return self._database.run(lambda connection: connection.execute(_STOP, values).rowcount) > 0


def _meant(row: Row[Any]) -> MeantJob:
    return MeantJob(
        row.job_id,
        row.images,
        row.price,
        None if row.payer_id is None else (PayerKind(row.payer_kind), row.payer_id),
        row.prompts_kept,
        Maker(row.engine, row.workflow) if row.engine else Maker(),
        row.image_size,
    )


def _bulk(row: Row[Any]) -> Bulk:
    return Bulk(**{**row._mapping, "action": BulkAction(row.action)})
