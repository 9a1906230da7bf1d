"""What becomes of a claimed image, and how leases are renewed."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, bindparam, select, text
from sqlmodel import col

from quel.adapters.postgres.claim_image import IN_ITS_SERIES, LEASE_S, claim_image
from quel.adapters.postgres.database import Database
from quel.adapters.postgres.held_credits import lock_balance
from quel.adapters.postgres.image_history import IS_PAID, noted
from quel.adapters.postgres.image_state import (
    CHARGED_OF_JOB,
    FAIL_TO_GENERATE,
    FAIL_UNPAYABLE,
    MAKE,
    OF_JOB,
    ONE_IMAGE,
    PREPARE_AGAIN,
    REROUTE,
    TRY_AGAIN,
    TURN_DOWN,
    move,
)
from quel.adapters.postgres.progress import count_progress, lock_job
from quel.adapters.postgres.schema.pipeline_tables import PipelineJob
from quel.adapters.postgres.tally_hour import unmake_hour
from quel.core.credits import PayerKind, ran_dry
from quel.core.engines import GEMINI_MAKER, Maker
from quel.core.generate_image import ClaimedImage, InsufficientCredits, Progress, ReroutedImage, Unpayable
from quel.core.job import JobStatus
from quel.core.open_paths import OpenPaths
from quel.core.submission import Submission
from quel.core.takes import TakeRules, TurnedDown

_FAIL_UNPAYABLE = move(FAIL_UNPAYABLE, CHARGED_OF_JOB)

_PAYER = select(col(PipelineJob.payer_kind), col(PipelineJob.payer_id), col(PipelineJob.price)).where(
    col(PipelineJob.job_id) == bindparam("job_id")
)

# Rows that somebody else has locked are passed over: that will not take as long as a lease.
_RENEW = text("""
WITH held AS (
    SELECT job_id, image_no FROM quel.image
    WHERE state = 'generating' AND lease_owner = ANY(:leases) FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE quel.image i SET lease_until = now() + make_interval(secs => :lease_s)
FROM held WHERE i.job_id = held.job_id AND i.image_no = held.image_no
""")

_MAKE = move(MAKE, ONE_IMAGE)
_NO_CALL = "none"
_TRY_AGAIN = move(TRY_AGAIN, ONE_IMAGE)
_PREPARE_AGAIN = move(PREPARE_AGAIN, OF_JOB)
_FAIL = move(FAIL_TO_GENERATE, ONE_IMAGE)

_TURN_DOWN = move(TURN_DOWN, ONE_IMAGE)
_REROLLS = text("SELECT sum(rerolls) AS rerolls, count(*) AS images FROM quel.image WHERE job_id = :job_id")

_DUE = text(f"""
SELECT count(*) FROM (
    SELECT 1 FROM quel.image r
    WHERE r.state = 'ready' AND r.engine = :engine AND r.workflow = :workflow AND r.not_before <= now()
      AND {IN_ITS_SERIES.format(it="r")}
    LIMIT :most) due
""")  # noqa: S608 - constants of ours

_NOTE_SUBMISSION = text(f"""
UPDATE quel.image i SET submission = CAST(:submission AS jsonb)
WHERE {ONE_IMAGE} AND i.state = 'generating' AND i.lease_owner = :lease
""")  # noqa: S608 - constants of ours


# What a server may still be making stays its own; a plan of an earlier release names no route.
_REROUTE = text(f"""
WITH chosen AS (
    SELECT r.job_id, r.image_no, q.plan #>> '{{route,fallback,engine}}' AS engine,
           coalesce(q.plan #>> '{{route,fallback,workflow}}', '') AS workflow
    FROM quel.image r JOIN quel.job q ON q.job_id = r.job_id
    WHERE r.state = 'ready' AND r.engine = :engine AND r.workflow = :workflow AND NOT r.rerouted
      AND (r.submission IS NULL OR r.submission ->> 'ended' = 'true')
      AND q.plan #>> '{{route,fallback,engine}}' IS NOT NULL
      AND CAST(q.plan #>> '{{route,fallback_after_s}}' AS float8) <= :out_s
    LIMIT 100 FOR UPDATE OF r SKIP LOCKED
)
UPDATE quel.image i SET {REROUTE.set} FROM chosen
WHERE i.job_id = chosen.job_id AND i.image_no = chosen.image_no AND {REROUTE.applies()}
RETURNING i.job_id, i.image_no, i.path, i.engine, i.workflow
""")  # noqa: S608 - constants of ours


# The picture or the verdict came too late to count; the call was paid for.
_NOTE_COST = text(f"""
UPDATE quel.image i
SET cost_usd = coalesce(i.cost_usd, 0) + :cost_usd, history = {noted("paid", call=":lease")}
WHERE {ONE_IMAGE} AND :cost_usd > 0 AND NOT {IS_PAID}
""")  # noqa: S608 - constants of ours


class GenerateImageRows:
    """The rows generate_image reads and writes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(
        self, lease: str, open_paths: OpenPaths, maker: Maker = GEMINI_MAKER
    ) -> ClaimedImage | Unpayable | None:
        """Leases the image whose turn it is at `maker` to `lease`, or None when none may go now.

        `lease` is the owner of the slot the call is made with: what is leased counts as a call under way.
        An image that its payer cannot pay for is put back for a moment, with the payer's others: Unpayable.
        """
        return self._database.run(lambda connection: claim_image(connection, lease, open_paths, maker))

    def note_submission(self, claimed: ClaimedImage, submission: Submission) -> bool:
        """Writes down what is about to be handed to a server; False when the lease was lost meanwhile."""
        values = {"submission": json.dumps(submission.to_json()), "lease": claimed.lease}
        return self._update(_NOTE_SUBMISSION, claimed, **values)

    def fail_unpayable(self, unpayable: Unpayable) -> InsufficientCredits | None:
        """Fails the job's images that nothing was spent on yet.

        None when the payer can pay by now, or nothing was left to fail.
        """

        def work(connection: Connection) -> InsufficientCredits | None:
            if lock_job(connection, unpayable.job_id) != JobStatus.PROCESSING:
                return None
            keys = {"job_id": unpayable.job_id}
            payer = connection.execute(_PAYER, keys).one()
            kind = PayerKind(payer.payer_kind)
            if (lock_balance(connection, kind, payer.payer_id) or 0) >= payer.price:
                return None
            reason = ran_dry(kind, payer.price)
            failed = connection.execute(
                _FAIL_UNPAYABLE, keys | {"code": "ran_dry", "reason": reason}
            ).rowcount
            progress = count_progress(connection, unpayable.job_id, stage=0) if failed else None
            return None if progress is None else InsufficientCredits(progress, failed, reason)

        return self._database.run(work)

    def renew(self, leases: Sequence[str]) -> None:
        """Prolongs leases that are still held."""
        self._database.run(
            lambda connection: connection.execute(_RENEW, {"leases": list(leases), "lease_s": LEASE_S})
        )

    def mark_made(self, claimed: ClaimedImage, cost_usd: float) -> bool:
        """Notes that the picture's bytes are kept; False when nobody wants it any more.

        The cost of each call counts once, whatever has become of the image.
        """
        values = _keys(claimed) | {"cost_usd": cost_usd}

        def work(connection: Connection) -> bool:
            is_made = bool(connection.execute(_MAKE, values).rowcount)
            if not is_made:
                _note_cost(connection, values)
            return is_made

        return self._database.run(work)

    def mark_given(self, job_id: UUID, image_no: int) -> bool:
        """Notes that the bytes of an image that is the customer's own picture are kept; nobody was called."""
        values = {"job_id": job_id, "image_no": image_no, "lease": _NO_CALL, "cost_usd": 0.0}
        return self._database.run(lambda connection: bool(connection.execute(_MAKE, values).rowcount))

    def reschedule(self, claimed: ClaimedImage, *, delay_s: float, attempts: int, broken: int) -> bool:
        """Lets go of the image, to be claimed again after `delay_s`."""
        return self._update(
            _TRY_AGAIN, claimed, delay_s=delay_s, attempts=attempts, broken=broken, lease=claimed.lease
        )

    def prepare_again(self, claimed: ClaimedImage) -> None:
        """Sends the waiting images of the whole job back to be prepared."""
        self._update(_PREPARE_AGAIN, claimed, lease=claimed.lease)

    def turn_down(
        self, claimed: ClaimedImage, take: TurnedDown, *, cost_usd: float, rules: TakeRules
    ) -> bool | None:
        """Has the image made again; False without a re-roll left, None when the lease was lost."""
        values = _keys(claimed) | {"cost_usd": cost_usd, "turned_down": json.dumps(asdict(take))}

        def work(connection: Connection) -> bool | None:
            lock_job(connection, claimed.job_id)  # its images must not count at the same time
            so_far = connection.execute(_REROLLS, {"job_id": claimed.job_id}).one()
            if (so_far.rerolls or 0) >= rules.rerolls_of_job(so_far.images):
                return False
            if connection.execute(_TURN_DOWN, values).rowcount == 0:
                _note_cost(connection, values)
                return None
            return True

        return self._database.run(work)

    def fail(
        self,
        claimed: ClaimedImage,
        *,
        code: str,
        reason: str,
        attempts: int,
        broken: int,
        cost_usd: float = 0.0,
    ) -> Progress | None:
        """Ends the image as failed and counts the job; None when the lease was lost meanwhile."""

        def work(connection: Connection) -> Progress | None:
            lock_job(connection, claimed.job_id)
            values = _keys(claimed) | {
                "code": code,
                "reason": reason,
                "attempts": attempts,
                "broken": broken,
                "cost_usd": cost_usd,
            }
            if connection.execute(_FAIL, values).rowcount == 0:
                _note_cost(connection, values)
                return None
            return count_progress(connection, claimed.job_id, claimed.stage)

        return self._database.run(work)

    def reroute(self, maker: Maker, out_s: float) -> list[ReroutedImage]:
        """Hands waiting images to their route's fallback whose time for that has come; each image once."""
        values = asdict(maker) | {"out_s": out_s}

        def work(connection: Connection) -> list[ReroutedImage]:
            rows = connection.execute(_REROUTE, values)
            return [ReroutedImage(r.job_id, r.image_no, r.path, Maker(r.engine, r.workflow)) for r in rows]

        return self._database.run(work)

    def due(self, most: int, maker: Maker = GEMINI_MAKER) -> int:
        """How many of the maker's images could go at this moment but for quota and limits, up to `most`."""
        values = {"most": most} | asdict(maker)
        return self._database.run(lambda connection: connection.scalar(_DUE, values) or 0)

    def _update(self, statement: Any, claimed: ClaimedImage, **values: object) -> bool:
        keys = {"job_id": claimed.job_id, "image_no": claimed.image_no}
        return self._database.run(
            lambda connection: bool(connection.execute(statement, keys | values).rowcount)
        )


def _keys(claimed: ClaimedImage) -> dict[str, Any]:
    return {"job_id": claimed.job_id, "image_no": claimed.image_no, "lease": claimed.lease}


def _note_cost(connection: Connection, values: dict[str, Any]) -> None:
    if connection.execute(_NOTE_COST, values).rowcount:
        unmake_hour(connection, values["job_id"])
