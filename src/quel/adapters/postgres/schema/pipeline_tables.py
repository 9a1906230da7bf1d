"""The pipeline's own tables, in a schema no browser reaches: one row a job, one row an image."""

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    TIMESTAMP,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    Numeric,
    String,
    Text,
    text,
)
from sqlalchemy import Uuid as SqlUuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from quel.adapters.postgres.schema.product_tables import Table
from quel.core.pipeline import FINAL_STATES, ImageState

SCHEMA = "quel"


def state_list(states: Collection[ImageState]) -> str:
    """States as SQL, in the order an image meets them."""
    quoted = [f"'{state}'" for state in ImageState if state in states]
    return f"({', '.join(quoted)})"


FINAL = state_list(FINAL_STATES)
"""The states in which an image has ended, as SQL."""

WAITING = f"state IN {state_list((ImageState.PLANNED, ImageState.READY))}"
"""The condition that an image waits for its turn, as SQL."""


def now_column() -> Column[Any]:
    """A moment that is the transaction's where nobody says another."""
    return Column(TIMESTAMP(timezone=True), nullable=False, server_default=text("now()"))


def count_column() -> Column[Any]:
    """A number that begins at 0."""
    return Column(Integer, nullable=False, server_default=text("0"))


class PendingJobInHand(Table, table=True):
    """A job that quel had in hand and has not claimed: deferred, or found by the sweep.

    `recoveries` counts how often the sweep sent for it, `adoptions` how often it was taken over from another
    server; the product's retry_count is written for people and never read.
    """

    __tablename__ = "pending_job"

    job_id: UUID = Field(
        sa_column=Column(
            SqlUuid, ForeignKey("quel_production_jobs.job_id", ondelete="CASCADE"), primary_key=True
        )
    )
    recoveries: int = Field(sa_column=count_column())
    adoptions: int = Field(sa_column=count_column())
    created_at: datetime | None = Field(default=None, sa_column=now_column())
    updated_at: datetime | None = Field(default=None, sa_column=now_column())

    __table_args__ = ({"schema": SCHEMA},)


class ToldKind(Table, table=True):
    """What kind of job an open row is that quel has no plan of, as told when the row last changed.

    Told once, because the whole input must be read for it, and another program's may be megabytes.
    """

    __tablename__ = "job_kind"

    job_id: UUID = Field(
        sa_column=Column(
            SqlUuid, ForeignKey("quel_production_jobs.job_id", ondelete="CASCADE"), primary_key=True
        )
    )
    kind: str = Field(sa_column=Column(String(20), nullable=False))
    row_updated_at: datetime = Field(sa_column=Column(TIMESTAMP(timezone=True), nullable=False))

    __table_args__ = ({"schema": SCHEMA},)


class JobInLine(Table, table=True):
    """A job whose id was on a raw list with many others, and waits for its customer's turn to be fetched.

    `taken_at` is when a process took it up to hand it on; a process that dies then leaves it behind.
    """

    __tablename__ = "fetch_line"

    job_id: UUID = Field(
        sa_column=Column(
            SqlUuid, ForeignKey("quel_production_jobs.job_id", ondelete="CASCADE"), primary_key=True
        )
    )
    customer: str = Field(sa_column=Column(Text, nullable=False))
    turn: int = Field(sa_column=Column(BigInteger, nullable=False))
    taken_at: datetime | None = Field(default=None, sa_column=Column(TIMESTAMP(timezone=True)))
    created_at: datetime | None = Field(default=None, sa_column=now_column())

    __table_args__ = (
        Index("ix_fetch_line_turn", "turn", "created_at"),
        Index("ix_fetch_line_customer_turn", "customer", "turn"),
        {"schema": SCHEMA},
    )


class PipelineJob(Table, table=True):
    """What quel decided about a job when it claimed it, frozen for the job's life."""

    __tablename__ = "job"

    job_id: UUID = Field(
        sa_column=Column(
            SqlUuid, ForeignKey("quel_production_jobs.job_id", ondelete="CASCADE"), primary_key=True
        )
    )
    path: str = Field(sa_column=Column(String(50), nullable=False))
    customer: str = Field(sa_column=Column(Text, nullable=False))
    payer_kind: str = Field(sa_column=Column(String(20), nullable=False))
    payer_id: UUID = Field(sa_column=Column(SqlUuid, nullable=False))
    ledger_member_id: UUID = Field(sa_column=Column(SqlUuid, nullable=False))
    price: int = Field(sa_column=Column(Integer, nullable=False))
    result_owner: str = Field(sa_column=Column(Text, nullable=False))
    plan: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    warnings: list[str] = Field(sa_column=Column(JSONB, nullable=False, server_default=text("'[]'::jsonb")))
    input_images: int = Field(sa_column=count_column())
    extra_attach_ids: list[int] = Field(
        sa_column=Column(JSONB, nullable=False, server_default=text("'[]'::jsonb"))
    )
    ended_elsewhere: bool = Field(
        default=False, sa_column=Column(Boolean, nullable=False, server_default=text("false"))
    )
    starts: int = Field(sa_column=count_column())  # of its preparation since that last ended in order
    prepared_by: str | None = Field(default=None, sa_column=Column(Text))  # the message that is at it
    prepared_until: datetime | None = Field(default=None, sa_column=Column(TIMESTAMP(timezone=True)))
    postponed: int = Field(sa_column=count_column())  # how often in a row its preparation was put off
    not_before: datetime | None = Field(default=None, sa_column=now_column())  # of its preparation
    prompts_kept: bool = Field(  # in the plan, and in the requests of the images
        default=True, sa_column=Column(Boolean, nullable=False, server_default=text("true"))
    )
    fruitless_recoveries: int = Field(sa_column=count_column())
    stored_at_recovery: int = Field(sa_column=count_column())
    created_at: datetime | None = Field(default=None, sa_column=now_column())
    updated_at: datetime | None = Field(default=None, sa_column=now_column())

    __table_args__ = (
        CheckConstraint("payer_kind IN ('organization', 'member')", name="payer_kind"),
        Index("ix_job_payer", "payer_id"),
        Index("ix_job_prompts_kept", "created_at", postgresql_where=text("prompts_kept")),
        Index("ix_job_owner", "result_owner", "job_id"),
        Index("ix_job_created", text("created_at DESC"), text("job_id DESC")),
        {"schema": SCHEMA},
    )


class PipelineImage(Table, table=True):
    """One image: where it stands, who is making it, and why it waits or failed."""

    __tablename__ = "image"

    job_id: UUID = Field(
        sa_column=Column(SqlUuid, ForeignKey("quel.job.job_id", ondelete="CASCADE"), primary_key=True)
    )
    image_no: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    path: str = Field(sa_column=Column(String(50), nullable=False))
    customer: str = Field(sa_column=Column(Text, nullable=False))
    stage: int = Field(sa_column=count_column())
    item: int = Field(sa_column=count_column())
    number: int = Field(sa_column=count_column())
    seed: int = Field(sa_column=Column(BigInteger, nullable=False, server_default=text("0")))
    series: int | None = Field(default=None, sa_column=Column(Integer))  # the first image_no of its series
    engine: str = Field(sa_column=Column(Text, nullable=False, server_default=text("'gemini'")))
    workflow: str = Field(sa_column=Column(Text, nullable=False, server_default=text("''")))
    submission: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))
    rerouted: bool = Field(
        default=False, sa_column=Column(Boolean, nullable=False, server_default=text("false"))
    )
    run: int = Field(sa_column=count_column())  # how often it was planned again after it had ended
    state: str = Field(sa_column=Column(String(20), nullable=False, server_default=text("'planned'")))
    turn: int = Field(sa_column=Column(BigInteger, nullable=False, server_default=text("0")))
    text_only: bool = Field(
        default=False, sa_column=Column(Boolean, nullable=False, server_default=text("false"))
    )
    request: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))
    attempts: int = Field(sa_column=count_column())
    broken_answers: int = Field(sa_column=count_column())
    rerolls: int = Field(sa_column=count_column())  # takes that were turned down
    turned_down: dict[str, Any] | None = Field(
        default=None, sa_column=Column(JSONB(none_as_null=True))
    )  # the last
    not_before: datetime | None = Field(default=None, sa_column=now_column())
    lease_owner: str | None = Field(default=None, sa_column=Column(Text))
    lease_until: datetime | None = Field(default=None, sa_column=Column(TIMESTAMP(timezone=True)))
    starts: int = Field(sa_column=count_column())  # of its making or storing since that last ended in order
    object_bytes: int | None = Field(default=None, sa_column=Column(Integer))  # stored, and not yet delivered
    cost_usd: Decimal | None = Field(default=None, sa_column=Column(Numeric(10, 5)))
    reason_code: str | None = Field(default=None, sa_column=Column(Text))
    reason: str | None = Field(default=None, sa_column=Column(Text))
    attach_id: int | None = Field(default=None, sa_column=Column(BigInteger))
    is_free: bool = Field(  # delivered without a charge
        default=False, sa_column=Column(Boolean, nullable=False, server_default=text("false"))
    )
    degrees: int | None = Field(default=None, sa_column=Column(Integer))  # of a view round a subject
    # what became of it, a note a move: see adapters/postgres/image_history.py
    history: list[dict[str, Any]] = Field(
        sa_column=Column(JSONB, nullable=False, server_default=text("'[]'::jsonb"))
    )
    created_at: datetime | None = Field(default=None, sa_column=now_column())
    updated_at: datetime | None = Field(default=None, sa_column=now_column())

    __table_args__ = (
        CheckConstraint(f"state IN {state_list(list(ImageState))}", name="state"),
        Index("ix_image_turns", "turn", "job_id", "image_no", postgresql_where=text("state = 'ready'")),
        Index(
            "ix_image_maker_turns",
            "engine",
            "workflow",
            "turn",
            "job_id",
            "image_no",
            postgresql_where=text("state = 'ready'"),
        ),
        Index("ix_image_customer_turns", "customer", "turn", postgresql_where=text("state = 'ready'")),
        Index(
            "ix_image_waiting",
            "path",
            "engine",
            "workflow",
            "turn",
            "job_id",
            "image_no",
            postgresql_where=text(WAITING),
        ),
        Index("ix_image_waiting_of_customer", "customer", "turn", postgresql_where=text(WAITING)),
        Index("ix_image_generating", "path", postgresql_where=text("state = 'generating'")),
        Index("ix_image_updated_at", "updated_at"),
        Index("ix_image_open", "job_id", postgresql_where=text(f"state NOT IN {FINAL}")),
        Index("ix_image_made", "updated_at", postgresql_where=text("state = 'made'")),
        Index(
            "ix_image_prompt_kept",
            "updated_at",
            postgresql_where=text(f"request ? 'prompt' AND state IN {FINAL}"),
        ),
        {"schema": SCHEMA},
    )


class ProviderCall(Table, table=True):
    """A call to the provider that began in the last days; `owner` is its slot's in the shared quota."""

    __tablename__ = "provider_call"

    owner: str = Field(sa_column=Column(Text, primary_key=True))
    engine: str = Field(sa_column=Column(Text, nullable=False, server_default=text("'gemini'")))
    called_at: datetime | None = Field(default=None, sa_column=now_column())

    __table_args__ = (Index("ix_provider_call_called_at", "called_at"), {"schema": SCHEMA})


class PausedPath(Table, table=True):
    """A path at which an operator lets no image begin; `*` is all of them."""

    __tablename__ = "paused_path"

    path: str = Field(sa_column=Column(Text, primary_key=True))
    why: str = Field(sa_column=Column(Text, nullable=False, server_default=text("''")))
    since: datetime | None = Field(default=None, sa_column=now_column())

    __table_args__ = ({"schema": SCHEMA},)
