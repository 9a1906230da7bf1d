"""Every way an image goes from one state to another: what it is taken from, what is set and what is cleared.

Whoever writes the state of a quel.image takes SET and WHERE of the statement from here, with the alias `i`
for the image. This holds for every transition: only an image that is being generated or stored has a lease,
only one that has failed has a reason, and whatever moves notes when and what (see image_history).
docs/reliability.md draws the table.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy import TextClause, text

from quel.adapters.postgres.image_history import IS_PAID, NOTHING_SAID, TAKEN_BACK, noted
from quel.adapters.postgres.schema.pipeline_tables import FINAL, PipelineImage, state_list
from quel.core.pipeline import FINAL_STATES, ImageState

OPEN_STATES = frozenset(ImageState) - FINAL_STATES

PLANNED, READY, GENERATING = ImageState.PLANNED, ImageState.READY, ImageState.GENERATING
MADE, STORED = ImageState.MADE, ImageState.STORED
FAILED, CANCELLED = ImageState.FAILED, ImageState.CANCELLED


class Lease(StrEnum):
    """Which images may be taken out of `generating`, where not all may."""

    HELD = "lease_owner = :lease"  # by the holder of the lease alone
    LAPSED = "lease_until < now()"  # when nobody holds it any more


@dataclass(frozen=True)
class Transition:
    """From any of `sources` to `target`. `sets` are the columns it writes beside those that all write.

    `history` is what it notes there (SQL); where it says nothing, the target and the code of a failure.
    """

    name: str
    sources: frozenset[ImageState]
    target: ImageState
    sets: Mapping[str, str] = field(default_factory=dict)
    lease: Lease | None = None
    history: str = ""

    def __post_init__(self) -> None:
        for column in self.assignments():
            getattr(PipelineImage, column)

    def assignments(self) -> dict[str, str]:
        """Every column that is written, with its SQL."""
        cleared: dict[str, str] = {}
        if self.target is not GENERATING:
            cleared |= {"lease_owner": "NULL", "lease_until": "NULL"}
        if self.target is not FAILED:
            cleared |= {"reason_code": "NULL", "reason": "NULL"}
        cleared |= {"starts": "0", "object_bytes": "NULL"}
        moved = {"updated_at": "now()", "history": self.history or self._plain_note()}
        return {"state": f"'{self.target}'"} | cleared | moved | dict(self.sets)

    def _plain_note(self) -> str:
        code = self.sets.get("reason_code")
        return noted(self.target, code=code) if code else noted(self.target)

    @property
    def set(self) -> str:
        """What stands behind SET."""
        return ", ".join(f"{column} = {value}" for column, value in self.assignments().items())

    def applies(self, alias: str = "i") -> str:
        """The condition that an image is in a state it may be taken from."""
        return f"({' OR '.join(self._conditions(alias))})"

    def _conditions(self, alias: str) -> Iterator[str]:
        unconditional = self.sources - ({GENERATING} if self.lease else set())
        if unconditional == OPEN_STATES:
            yield is_open(alias)
        elif unconditional:
            yield f"{alias}.state IN {state_list(unconditional)}"
        if self.lease:
            yield f"{alias}.state = '{GENERATING}' AND {alias}.{self.lease}"


def is_open(alias: str) -> str:
    """The condition that an image has not ended, in the words of the index of open images."""
    return f"{alias}.state NOT IN {FINAL}"


OF_JOB = "i.job_id = :job_id"
CHARGED_OF_JOB = f"{OF_JOB} AND NOT i.is_free"
ONE_IMAGE = f"{OF_JOB} AND i.image_no = :image_no"
SOME_IMAGES = f"{OF_JOB} AND i.image_no = ANY(:image_nos)"


def move(transition: Transition, which: str) -> TextClause:
    """Moves those of OF_JOB, CHARGED_OF_JOB, ONE_IMAGE or SOME_IMAGES that may be taken from their state."""
    return text(
        f"UPDATE quel.image i SET {transition.set} WHERE {which} AND {transition.applies()}"  # noqa: S608
    )


_FROM_THE_START = {
    "attempts": "0",
    "broken_answers": "0",
    "rerolls": "0",
    "turned_down": "NULL",
    "not_before": "now()",
}
# What is still to be deleted of a run that has ended lies at another path than what the next one stores.
_NEXT_RUN = "i.run + CASE WHEN i.state IN ('failed', 'cancelled') THEN 1 ELSE 0 END"
_REASON = {"reason_code": ":code", "reason": ":reason"}
_COUNTS = {"attempts": ":attempts", "broken_answers": ":broken"}

# fetch_job, for a job that was set back to pending: what is at the provider or waits to be stored stays.
PLAN_ANEW = Transition(
    "plan anew",
    frozenset({PLANNED, READY, GENERATING, FAILED, CANCELLED}),
    PLANNED,
    _FROM_THE_START | {"turn": "excluded.turn", "run": _NEXT_RUN},
    Lease.LAPSED,
    noted("planned again"),
)

# prepare_inputs, where `r` is the image as it was prepared.
PREPARE = Transition(
    "prepare",
    frozenset({PLANNED}),
    READY,
    {"request": "r.request", "not_before": "now()"},
    history=noted("prepared"),
)
FAIL_TO_PREPARE = Transition(
    "fail to prepare", frozenset({PLANNED}), FAILED, {"reason_code": "r.code", "reason": "r.reason"}
)

# What was handed to a server has been judged: the next take has another name there.
_ENDED = "jsonb_set(i.submission, '{ended}', 'true')"
# What its takes cost stands in cost_usd from now on.
_PAID = "jsonb_set({of}, '{{spent_usd}}', '0')"

# generate_image
CLAIM = Transition(
    "claim",
    frozenset({READY}),
    GENERATING,
    {
        "lease_owner": ":lease",
        "lease_until": "now() + make_interval(secs => :lease_s)",
        "starts": "i.starts + 1",
    },
    history=noted("called", n="i.attempts + 1"),
)
# In the transaction that claimed it: an image that waits for credits has not moved.
PUT_BACK_UNPAID = Transition(
    "put back unpaid",
    frozenset({GENERATING}),
    READY,
    {"updated_at": ":moved_at", "starts": "i.starts - 1"},
    history=TAKEN_BACK,
)
FAIL_UNPAYABLE = Transition("fail unpayable", frozenset({PLANNED, READY}), FAILED, _REASON)
TRY_AGAIN = Transition(
    "try again",
    frozenset({GENERATING}),
    READY,
    _COUNTS | {"not_before": "now() + make_interval(secs => :delay_s)"},
    Lease.HELD,
    noted("waits", n=":attempts", s=":delay_s"),
)
PREPARE_AGAIN = Transition(
    "prepare again",
    frozenset({READY, GENERATING}),
    PLANNED,
    lease=Lease.HELD,
    history=noted("to be prepared again"),
)
# The fallback has other pictures, sizes and words: everything is prepared for it.
REROUTE = Transition(
    "reroute",
    frozenset({READY}),
    PLANNED,
    {
        "engine": "chosen.engine",
        "workflow": "chosen.workflow",
        "rerouted": "true",
    },
    history=noted("rerouted"),
)
# A picture is welcome also when the lease was lost meanwhile: it has been paid for. One that is made already
# was noted by this very statement, whose answer was lost, or by a second call.
MAKE = Transition(
    "make",
    frozenset({PLANNED, READY, GENERATING, MADE}),
    MADE,
    {
        "cost_usd": f"CASE WHEN {IS_PAID} THEN i.cost_usd ELSE coalesce(i.cost_usd, 0) + :cost_usd END",
        "submission": _PAID.format(of="i.submission"),
    },
    history=noted(MADE, call=":lease"),
)
_SPENT = {"cost_usd": "coalesce(i.cost_usd, 0) + :cost_usd"}
FAIL_TO_GENERATE = Transition(
    "fail to generate",
    frozenset({GENERATING}),
    FAILED,
    _REASON | _COUNTS | _SPENT | {"submission": _PAID.format(of="i.submission")},
    Lease.HELD,
    noted(FAILED, code=":code", call=":lease"),
)
TURN_DOWN = Transition(
    "turn down",
    frozenset({GENERATING}),
    READY,
    _SPENT
    | {
        "rerolls": "i.rerolls + 1",
        "turned_down": "CAST(:turned_down AS jsonb)",
        "not_before": "now()",
        "submission": _PAID.format(of=_ENDED),
    },
    Lease.HELD,
    noted("turned down", call=":lease"),
)

# persist_output: one message at a time stores an image. The pause before the next try doubles: it is what
# lies between the moment of the last one and its not_before, and nothing for an image that was just made.
BEGIN_TO_STORE = Transition(
    "begin to store",
    frozenset({MADE}),
    MADE,
    {
        "lease_owner": ":owner",
        "lease_until": "now() + make_interval(secs => :lease_s)",
        "starts": "i.starts + 1",
        "object_bytes": "i.object_bytes",
        "updated_at": "i.updated_at",
    },
    history=NOTHING_SAID,
)
POSTPONE = Transition(
    "postpone",
    frozenset({MADE}),
    MADE,
    {
        "object_bytes": ":object_bytes",
        "not_before": "now() + make_interval(secs => least(:longest_s, greatest(:first_s,"
        " 2 * extract(epoch FROM i.not_before - i.updated_at)::float8)))",
    },
    history=noted("waits to be stored"),
)
STORE = Transition(
    "store",
    frozenset({MADE}),
    STORED,
    {"attach_id": "attached.attach_id"},
    history=noted("stored", attach_id="attached.attach_id"),
)
FAIL_TO_STORE = Transition("fail to store", frozenset({MADE}), FAILED, _REASON)
MAKE_AGAIN = Transition(
    "make again",
    frozenset({MADE}),
    READY,
    {
        "broken_answers": "i.broken_answers + :broken",
        "not_before": "now()",
        "submission": f"CASE WHEN :broken > 0 THEN {_ENDED} ELSE i.submission END",
    },
    history=noted("to be made again"),
)
RUN_DRY = Transition("run dry", OPEN_STATES, FAILED, _REASON)

# finalize_job
CANCEL = Transition("cancel", OPEN_STATES, CANCELLED)
GIVE_UP = Transition("give up", OPEN_STATES, FAILED, _REASON)

# sweep_stuck_jobs: whoever held it has not let go of it in order, so its starts stay counted.
FREE = Transition(
    "free",
    frozenset({GENERATING}),
    READY,
    {"not_before": "now()", "starts": "i.starts"},
    Lease.LAPSED,
    noted("lease lapsed"),
)

# quel retry
RETRY = Transition(
    "retry",
    frozenset({FAILED, CANCELLED}),
    PLANNED,
    _FROM_THE_START
    | {
        "submission": _ENDED,
        "turn": ":turn + array_position(:image_nos, i.image_no) - 1",
        "run": _NEXT_RUN,
    },
    history=noted("reopened"),
)
