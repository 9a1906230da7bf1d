"""Deals turns: rounds in which every customer who waits gets one image.

A newcomer's first image joins the round that is being served, a customer's further images queue up behind
their own. Turns are dealt under a lock of the customer, or two jobs claimed at once would get the same ones.
"""

from dataclasses import asdict

from sqlalchemy import Connection, text

from quel.adapters.postgres.schema.pipeline_tables import WAITING
from quel.core.engines import Maker

_OF_MAKER = "engine = :engine AND workflow = :workflow"

_ONE_OF_A_CUSTOMER = text(
    "SELECT pg_advisory_xact_lock(hashtext('quel.customer'), hashtext(CAST(:customer AS text)))"
)

# What a paused path or another maker holds keeps its old turns, which nobody else is to be measured by.
_NEXT = text(f"""
WITH shut AS MATERIALIZED (SELECT path FROM quel.paused_path),
served AS (
    SELECT coalesce(
        (SELECT turn FROM quel.image WHERE state = 'ready' AND {_OF_MAKER}
         AND path NOT IN (SELECT path FROM shut) ORDER BY turn LIMIT 1),
        (SELECT max(turn) FROM quel.image WHERE state = 'generating' AND {_OF_MAKER}),
        (SELECT min(turn) FROM quel.image WHERE state = 'planned' AND {_OF_MAKER}
         AND path NOT IN (SELECT path FROM shut)),
        0) AS turn
), own AS (
    SELECT max(turn) AS turn FROM quel.image WHERE {WAITING} AND customer = :customer AND {_OF_MAKER}
)
SELECT greatest(served.turn, coalesce(own.turn + 1, 0)) FROM served, own
""")  # noqa: S608 - constants of ours


def next_turn(connection: Connection, customer: str, maker: Maker) -> int:
    """The first turn a customer has free at a maker, the customer's until the transaction ends."""
    connection.execute(_ONE_OF_A_CUSTOMER, {"customer": customer})
    return int(connection.scalar(_NEXT, {"customer": customer} | asdict(maker)) or 0)
