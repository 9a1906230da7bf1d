"""Claims the image whose turn it is at the provider.

The image with the lowest turn number goes first (turns.py deals them). A lease belongs to an owner token and
lapses on its own, so a killed worker holds nothing for long. An image is claimed only while its payer can pay
for it and for what is on its way already: credits are held at the claim of the job, but somebody else may
spend them.
"""

import json
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, TextClause, text

from quel.adapters.postgres.held_credits import BALANCE
from quel.adapters.postgres.image_state import CLAIM, ONE_IMAGE, PUT_BACK_UNPAID, move
from quel.adapters.postgres.provider_calls import record_call
from quel.core.aspect import AspectRatio
from quel.core.engines import Maker
from quel.core.generate_image import ClaimedImage, Unpayable
from quel.core.job import JobStatus
from quel.core.models import SIZES
from quel.core.open_paths import EveryPath, OpenPaths
from quel.core.pipeline import SUSPECT_STARTS
from quel.core.submission import Submission
from quel.core.takes import Reason, Retake, TurnedDown, retake

LEASE_S = 30
"""Seconds; a killed worker's image is free again after it."""

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

# Materialized: the planner may otherwise run the choice anew for each row it joins, and claim several.
_CLAIM = """
WITH before AS MATERIALIZED ({chosen})
UPDATE quel.image i SET {claim}
FROM before, public.quel_production_jobs j, quel.job q
WHERE i.job_id = before.job_id AND i.image_no = before.image_no
  AND j.job_id = i.job_id AND q.job_id = i.job_id
RETURNING i.job_id, i.image_no, i.path, i.stage, i.item, i.request, i.attempts, i.broken_answers,
          i.rerolls, i.turned_down, i.lease_owner, i.submission, i.starts, i.series,
          (SELECT min(s.attach_id) FROM quel.image s
           WHERE s.job_id = i.job_id AND s.series = i.series AND s.state = 'stored') AS lead,
          coalesce(j.job_status, 'pending') AS job_status, q.price, q.payer_kind, q.payer_id, before.moved_at,
          {balance} AS balance, {on_their_way} AS on_their_way
"""


def _claim(chosen: str) -> TextClause:
    on_their_way = _ON_THEIR_WAY.format(this="i.job_id, i.image_no")
    return text(_CLAIM.format(claim=CLAIM.set, chosen=chosen, balance=_BALANCE, on_their_way=on_their_way))


# Claims of other processes that have not committed yet are not seen: with fewer credits than all of them
# could use, the payer's claims are looked at one after the other, each with those before it in sight.
_CLAIMS_UNDER_WAY = 100

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

IN_ITS_SERIES = """
    ({it}.series IS NULL OR EXISTS (
        SELECT 1 FROM quel.image s
        WHERE s.job_id = {it}.job_id AND s.series = {it}.series AND s.state = 'stored')
     OR NOT EXISTS (
        SELECT 1 FROM quel.image s
        WHERE s.job_id = {it}.job_id AND s.series = {it}.series AND s.image_no <> {it}.image_no
          AND (s.state IN ('generating', 'made')
               OR s.state IN ('planned', 'ready') AND s.image_no < {it}.image_no)))
"""
"""The condition that `quel.core.series.may_begin` puts on an image `it`."""

# Which image ended the process that worked on it can be told only while no other suspect is worked on.
_MAY_GO = f"""
    {CLAIM.applies("r")} AND r.engine = :engine AND r.workflow = :workflow AND r.not_before <= now()
    AND {IN_ITS_SERIES.format(it="r")}
    AND (r.starts < {SUSPECT_STARTS} OR NOT EXISTS (
        SELECT 1 FROM quel.image s
        WHERE s.state = 'generating' AND s.starts > {SUSPECT_STARTS} AND s.lease_until > now()))
"""  # noqa: S608 - constants of ours

_CLAIM_ANY = _claim(f"""
    SELECT r.job_id, r.image_no, r.updated_at AS moved_at FROM quel.image r
    WHERE {_MAY_GO}
    ORDER BY r.turn, r.job_id, r.image_no LIMIT 1 FOR UPDATE SKIP LOCKED""")  # noqa: S608 - constants of ours

_CLAIM_WITHIN_LIMITS = _claim(f"""
    SELECT c.job_id, c.image_no, c.moved_at
    FROM jsonb_to_recordset(CAST(:limits AS jsonb)) AS p(path text, most int)
    CROSS JOIN LATERAL (
        SELECT r.job_id, r.image_no, r.turn, r.updated_at AS moved_at FROM quel.image r
        WHERE r.path = p.path AND {_MAY_GO}
        ORDER BY r.turn, r.job_id, r.image_no LIMIT 1 FOR UPDATE SKIP LOCKED
    ) c
    WHERE p.most IS NULL OR p.most > (
        SELECT count(*) FROM quel.image g
        WHERE g.state = 'generating' AND g.path = p.path AND g.lease_until > now())
    ORDER BY c.turn, c.job_id, c.image_no LIMIT 1""")  # noqa: S608 - constants of ours

# Counting and claiming must not interleave between workers, or a path would exceed its limit.
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext('quel.turns'))")

_PUT_BACK_UNPAID = move(PUT_BACK_UNPAID, ONE_IMAGE)

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

_CREDITS_MAY_COME_BACK_S = 3.0


def claim_image(
    connection: Connection, lease: str, open_paths: OpenPaths, maker: Maker
) -> ClaimedImage | Unpayable | None:
    """Leases the image whose turn it is at `maker` to `lease`, or None when none may go now.

    An image that its payer cannot pay for is put back for a moment, with the payer's others: Unpayable.
    """
    values: dict[str, object] = {"lease": lease, "lease_s": LEASE_S} | asdict(maker)
    if isinstance(open_paths, EveryPath):
        row = connection.execute(_CLAIM_ANY, values).one_or_none()
    else:
        connection.execute(_ONE_AT_A_TIME)
        limits = json.dumps([asdict(limit) for limit in open_paths.limits])
        row = connection.execute(_CLAIM_WITHIN_LIMITS, values | {"limits": limits}).one_or_none()
    if row is None:
        return None
    unpayable = _unpayable(connection, row)
    if unpayable is None:
        record_call(connection, lease, maker.engine)
    return unpayable or _claimed(row)


def _unpayable(connection: Connection, row: Row[Any]) -> Unpayable | None:
    """Puts a claimed image back when its payer cannot pay for it beside those that are on their way.

    So are the payer's other images, or each of them would be claimed next, before anybody else's.
    """
    if row.job_status != JobStatus.PROCESSING or row.price == 0:
        return None
    if (row.balance or 0) >= row.on_their_way + row.price * (1 + _CLAIMS_UNDER_WAY):
        return None
    keys = {"job_id": row.job_id, "image_no": row.image_no}
    connection.execute(_ONE_OF_A_PAYER, {"payer_id": row.payer_id})
    funds = connection.execute(_FUNDS, keys).one()
    balance = funds.balance or 0
    if balance >= funds.on_their_way + row.price:
        return None
    connection.execute(_PUT_BACK_UNPAID, keys | {"moved_at": row.moved_at})
    payer = {"payer_kind": row.payer_kind, "payer_id": row.payer_id, "delay_s": _CREDITS_MAY_COME_BACK_S}
    connection.execute(_LATER, payer)
    return Unpayable(row.job_id, row.image_no, row.path, is_dry=balance < row.price)


def _claimed(row: Row[Any]) -> ClaimedImage:
    turned_down = _turned_down(row.turned_down)
    planned = Retake(row.request["prompt"], row.request["seed"])
    asked = retake(row.job_id, row.image_no, planned, row.rerolls, turned_down)
    return ClaimedImage(
        job_id=row.job_id,
        image_no=row.image_no,
        path=row.path,
        stage=row.stage,
        job_status=JobStatus(row.job_status),
        prompt=asked.prompt,
        picture_keys=tuple(row.request["picture_keys"]),
        aspect_ratio=AspectRatio(*row.request["aspect_ratio"]),
        seed=asked.seed,
        attempts=row.attempts,
        broken_answers=row.broken_answers,
        lease=row.lease_owner,
        negative_prompt=row.request.get("negative_prompt", ""),
        roles=tuple(row.request.get("roles", ())),
        submission=Submission.from_json(row.submission),
        starts=row.starts,
        labels=tuple(row.request.get("labels", ())),
        image_size=row.request.get("image_size", SIZES[0]),
        item=row.item,
        may_stay_near=row.request.get("may_stay_near", False),
        rerolls=row.rerolls,
        turned_down=turned_down,
        series=row.series,
        lead=row.lead if row.request.get("takes_lead") else None,
    )


def _turned_down(told: dict[str, Any] | None) -> TurnedDown | None:
    return TurnedDown(Reason(told["reason"]), told["nearest"], told["digest"]) if told else None
