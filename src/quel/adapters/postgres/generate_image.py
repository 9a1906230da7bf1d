"""Whose turn it is at the provider, and the leases of those whose turn it is.

The image with the lowest turn number goes first (see prepare_inputs for how turns are dealt). A lease
belongs to an owner token and lapses on its own, so a killed worker holds nothing for long. An image is taken
only while its payer can pay for it and for what is on its way already: credits are held at the claim, but
somebody else may spend them.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, TextClause, text

from quel.adapters.postgres.database import Database
from quel.adapters.postgres.held_credits import BALANCE, lock_balance
from quel.adapters.postgres.progress import count_progress, lock_job
from quel.adapters.postgres.provider_calls import record_call
from quel.core.aspect import AspectRatio
from quel.core.credits import PayerKind, ran_dry
from quel.core.generate_image import ClaimedImage, Progress, Unpayable
from quel.core.job import JobStatus

LEASE_S = 30
"""A lease is renewed every third of this; a killed worker's image is free again after it."""

_BALANCE = BALANCE.format(kind="q.payer_kind", payer="q.payer_id")

# What the payer's images cost that are being made or wait to be stored, but for the one in hand.
_ON_THEIR_WAY = """
(SELECT coalesce(sum(b.price), 0) FROM (
    SELECT job_id, image_no FROM quel.image WHERE state = 'generating'
    UNION ALL SELECT job_id, image_no FROM quel.image WHERE state = 'made') o
 JOIN quel.job b ON b.job_id = o.job_id
 JOIN public.quel_production_jobs c ON c.job_id = o.job_id AND c.job_status = 'processing'
 WHERE b.payer_kind = q.payer_kind AND b.payer_id = q.payer_id
   AND (o.job_id, o.image_no) <> ({this}))
"""

# Materialized: the planner may otherwise run the choice anew for each row it joins, and take several.
_TAKE = """
WITH before AS MATERIALIZED ({chosen})
UPDATE quel.image i
SET state = 'generating', lease_owner = :lease, lease_until = now() + make_interval(secs => :lease_s),
    updated_at = now()
FROM before, public.quel_production_jobs j, quel.job q
WHERE i.job_id = before.job_id AND i.image_no = before.image_no
  AND j.job_id = i.job_id AND q.job_id = i.job_id
RETURNING i.job_id, i.image_no, i.path, i.stage, i.request, i.attempts, i.broken_answers, i.lease_owner,
          coalesce(j.job_status, 'pending') AS job_status, q.price, q.payer_kind, q.payer_id, before.moved_at,
          {balance} AS balance, {on_their_way} AS on_their_way
"""


def _take(chosen: str) -> TextClause:
    on_their_way = _ON_THEIR_WAY.format(this="i.job_id, i.image_no")
    return text(_TAKE.format(chosen=chosen, balance=_BALANCE, on_their_way=on_their_way))


# Takes of other processes that have not committed yet are not seen: with fewer credits than all of them
# could use, the payer's takes are looked at one after the other, each with those before it in sight.
_TAKES_UNDER_WAY = 100

_ONE_OF_A_PAYER = text(
    "SELECT pg_advisory_xact_lock(hashtext('quel.payer'), hashtext(CAST(:payer_id AS text)))"
)

_FUNDS = text(
    """
SELECT {balance} AS balance, {on_their_way} AS on_their_way FROM quel.job q WHERE q.job_id = :job_id
""".format(
        balance=_BALANCE,
        on_their_way=_ON_THEIR_WAY.format(this="CAST(:job_id AS uuid), CAST(:image_no AS integer)"),
    )
)

_FAIL_UNPAYABLE = text("""
UPDATE quel.image SET state = 'failed', reason_code = 'ran_dry', reason = :reason, updated_at = now()
WHERE job_id = :job_id AND state IN ('planned', 'ready')
""")

_PAYER = text("SELECT payer_kind, payer_id, price FROM quel.job WHERE job_id = :job_id")

_TAKE_ANY = _take("""
    SELECT r.job_id, r.image_no, r.updated_at AS moved_at FROM quel.image r
    WHERE r.state = 'ready' AND r.not_before <= now()
    ORDER BY r.turn, r.job_id, r.image_no LIMIT 1 FOR UPDATE SKIP LOCKED""")

_TAKE_WITHIN_LIMITS = _take("""
    SELECT c.job_id, c.image_no, c.moved_at
    FROM jsonb_to_recordset(CAST(:limits AS jsonb)) AS p(path text, most int)
    CROSS JOIN LATERAL (
        SELECT r.job_id, r.image_no, r.turn, r.updated_at AS moved_at FROM quel.image r
        WHERE r.path = p.path AND r.state = 'ready' AND r.not_before <= now()
        ORDER BY r.turn, r.job_id, r.image_no LIMIT 1 FOR UPDATE SKIP LOCKED
    ) c
    WHERE p.most IS NULL OR p.most > (
        SELECT count(*) FROM quel.image g
        WHERE g.state = 'generating' AND g.path = p.path AND g.lease_until > now())
    ORDER BY c.turn, c.job_id, c.image_no LIMIT 1""")

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

# As it was before: an image that waits for credits has not moved.
_BACK_UNPAID = text("""
UPDATE quel.image SET state = 'ready', lease_owner = NULL, lease_until = NULL, updated_at = :moved_at
WHERE job_id = :job_id AND image_no = :image_no
""")

_LATER = text("""
WITH waiting AS (
    SELECT i.job_id, i.image_no FROM quel.image i JOIN quel.job q ON q.job_id = i.job_id
    WHERE i.state = 'ready' AND i.not_before <= now() + make_interval(secs => :delay_s)
      AND q.payer_kind = :payer_kind AND q.payer_id = :payer_id
    FOR NO KEY UPDATE OF i SKIP LOCKED
)
UPDATE quel.image i SET not_before = now() + make_interval(secs => :delay_s)
FROM waiting WHERE i.job_id = waiting.job_id AND i.image_no = waiting.image_no
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


class GenerateImageRows:
    """The rows generate_image reads and writes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(
        self, lease: str, limits: Sequence[Mapping[str, Any]] | None
    ) -> ClaimedImage | Unpayable | None:
        """Leases the image whose turn it is to `lease`, or None when none may go now.

        `lease` is the owner of the slot the call is made with: what is leased counts as a call under way.

        `limits` lists the open paths as {path, most}; None means that every path is open without limit.
        An image that its payer cannot pay for is put back for a moment, with the payer's others: Unpayable.
        """
        values: dict[str, object] = {"lease": lease, "lease_s": LEASE_S}

        def work(connection: Connection) -> ClaimedImage | Unpayable | None:
            if limits is None:
                row = connection.execute(_TAKE_ANY, values).one_or_none()
            else:
                connection.execute(_ONE_AT_A_TIME)
                within = values | {"limits": json.dumps(limits)}
                row = connection.execute(_TAKE_WITHIN_LIMITS, within).one_or_none()
            if row is None:
                return None
            unpayable = _unpayable(connection, row)
            if unpayable is None:
                record_call(connection, lease)
            return unpayable or _turn(row)

        return self._database.run(work)

    def fail_unpayable(self, unpayable: Unpayable) -> tuple[Progress, int, str] | None:
        """Fails the job's images that nothing was spent on yet; how many, and the reason.

        None when the payer can pay by now, or nothing was left to fail.
        """

        def work(connection: Connection) -> tuple[Progress, int, str] | None:
            if lock_job(connection, unpayable.job_id) != JobStatus.PROCESSING:
                return None
            keys = {"job_id": unpayable.job_id}
            payer = connection.execute(_PAYER, keys).one()
            kind = PayerKind(payer.payer_kind)
            if (lock_balance(connection, kind, payer.payer_id) or 0) >= payer.price:
                return None
            reason = ran_dry(kind, payer.price)
            failed = connection.execute(_FAIL_UNPAYABLE, keys | {"reason": reason}).rowcount
            progress = count_progress(connection, unpayable.job_id, stage=0) if failed else None
            return None if progress is None else (progress, failed, reason)

        return self._database.run(work)

    def renew(self, leases: Sequence[str]) -> None:
        """Prolongs leases that are still held."""
        self._database.run(
            lambda connection: connection.execute(_RENEW, {"leases": list(leases), "lease_s": LEASE_S})
        )

    def mark_made(self, turn: ClaimedImage, cost_usd: float) -> bool:
        """Notes that the picture's bytes are kept; False when nobody wants it any more."""
        return self._update(_MADE, turn, cost_usd=cost_usd)

    def reschedule(self, turn: ClaimedImage, *, delay_s: float, attempts: int, broken: int) -> bool:
        """Gives the turn back, to be taken again after `delay_s`."""
        return self._update(
            _PUT_BACK, turn, delay_s=delay_s, attempts=attempts, broken=broken, lease=turn.lease
        )

    def reset(self, turn: ClaimedImage) -> None:
        """Sends the job's waiting images back to be prepared: their pictures are gone from the cache."""
        self._update(_UNPREPARE, turn, lease=turn.lease)

    def fail(
        self, turn: ClaimedImage, *, code: str, reason: str, attempts: int, broken: int
    ) -> Progress | None:
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

    def _update(self, statement: Any, turn: ClaimedImage, **values: object) -> bool:
        keys = {"job_id": turn.job_id, "image_no": turn.image_no}
        return self._database.run(
            lambda connection: bool(connection.execute(statement, keys | values).rowcount)
        )


_CREDITS_MAY_COME_BACK_S = 3.0


def _unpayable(connection: Connection, row: Row[Any]) -> Unpayable | None:
    """Puts a taken image back when its payer cannot pay for it beside those that are on their way.

    So are the payer's other images, or each of them would be taken next, before anybody else's.
    """
    if row.job_status != JobStatus.PROCESSING or row.price == 0:
        return None
    if (row.balance or 0) >= row.on_their_way + row.price * (1 + _TAKES_UNDER_WAY):
        return None
    keys = {"job_id": row.job_id, "image_no": row.image_no}
    connection.execute(_ONE_OF_A_PAYER, {"payer_id": row.payer_id})
    funds = connection.execute(_FUNDS, keys).one()
    balance = funds.balance or 0
    if balance >= funds.on_their_way + row.price:
        return None
    connection.execute(_BACK_UNPAID, keys | {"moved_at": row.moved_at})
    payer = {"payer_kind": row.payer_kind, "payer_id": row.payer_id, "delay_s": _CREDITS_MAY_COME_BACK_S}
    connection.execute(_LATER, payer)
    return Unpayable(row.job_id, row.image_no, row.path, is_dry=balance < row.price)


def _turn(row: Row[Any]) -> ClaimedImage:
    return ClaimedImage(
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
