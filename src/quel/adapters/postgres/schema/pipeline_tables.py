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


def _now() -> Column[Any]:
    return Column(TIMESTAMP(timezone=True), nullable=False, server_default=text("now()"))


def _count() -> Column[Any]:
    return Column(Integer, nullable=False, server_default=text("0"))


class PendingJobInHand(Table, table=True):
    """A job that quel had in hand and has not claimed: parked, or found by the sweep.

    `recoveries` counts how often the sweep sent for it, `adoptions` how often it was taken over from another
    server; the product's retry_count is written for people and never read.
    """

    __tablename__ = "pending_job"

    job_id: UUID = Field(
        sa_column=Column(
            SqlUuid, ForeignKey("quel_production_jobs.job_id", ondelete="CASCADE"), primary_key=True
        )
    )
    recoveries: int = Field(sa_column=_count())
    adoptions: int = Field(sa_column=_count())
    created_at: datetime | None = Field(default=None, sa_column=_now())
    updated_at: datetime | None = Field(default=None, sa_column=_now())

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
    input_images: int = Field(sa_column=_count())
    extra_attach_ids: list[int] = Field(
        sa_column=Column(JSONB, nullable=False, server_default=text("'[]'::jsonb"))
    )
    ended_elsewhere: bool = Field(
        default=False, sa_column=Column(Boolean, nullable=False, server_default=text("false"))
    )
    starts: int = Field(sa_column=_count())  # of its preparation since that last ended in order
    fruitless_recoveries: int = Field(sa_column=_count())
    stored_at_recovery: int = Field(sa_column=_count())
    created_at: datetime | None = Field(default=None, sa_column=_now())
    updated_at: datetime | None = Field(default=None, sa_column=_now())

    __table_args__ = (
        CheckConstraint("payer_kind IN ('organization', 'member')", name="payer_kind"),
        Index("ix_job_payer", "payer_id"),
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
    stage: int = Field(sa_column=_count())
    item: int = Field(sa_column=_count())
    number: int = Field(sa_column=_count())
    seed: int = Field(sa_column=Column(BigInteger, nullable=False, server_default=text("0")))
    state: str = Field(sa_column=Column(String(20), nullable=False, server_default=text("'planned'")))
    turn: int = Field(sa_column=Column(BigInteger, nullable=False, server_default=text("0")))
    request: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))
    attempts: int = Field(sa_column=_count())
    broken_answers: int = Field(sa_column=_count())
    rerolls: int = Field(sa_column=_count())  # takes that were turned down
    turned_down: dict[str, Any] | None = Field(
        default=None, sa_column=Column(JSONB(none_as_null=True))
    )  # the last
    not_before: datetime | None = Field(default=None, sa_column=_now())
    lease_owner: str | None = Field(default=None, sa_column=Column(Text))
    lease_until: datetime | None = Field(default=None, sa_column=Column(TIMESTAMP(timezone=True)))
    starts: int = Field(sa_column=_count())  # of its storing since that last ended in order
    object_bytes: int | None = Field(default=None, sa_column=Column(Integer))  # stored, and not yet delivered
    cost_usd: Decimal | None = Field(default=None, sa_column=Column(Numeric(10, 5)))
    reason_code: str | None = Field(default=None, sa_column=Column(Text))
    reason: str | None = Field(default=None, sa_column=Column(Text))
    attach_id: int | None = Field(default=None, sa_column=Column(BigInteger))
    created_at: datetime | None = Field(default=None, sa_column=_now())
    updated_at: datetime | None = Field(default=None, sa_column=_now())

    __table_args__ = (
        CheckConstraint(f"state IN {state_list(list(ImageState))}", name="state"),
        Index("ix_image_turns", "turn", "job_id", "image_no", postgresql_where=text("state = 'ready'")),
        Index("ix_image_customer_turns", "customer", "turn", postgresql_where=text("state = 'ready'")),
        Index("ix_image_generating", "path", postgresql_where=text("state = 'generating'")),
        Index("ix_image_updated_at", "updated_at"),
        Index("ix_image_open", "job_id", postgresql_where=text(f"state NOT IN {FINAL}")),
        Index("ix_image_made", "updated_at", postgresql_where=text("state = 'made'")),
        {"schema": SCHEMA},
    )


class ProviderCall(Table, table=True):
    """A call to the provider that began in the last days; `owner` is its slot's in the shared quota."""

    __tablename__ = "provider_call"

    owner: str = Field(sa_column=Column(Text, primary_key=True))
    called_at: datetime | None = Field(default=None, sa_column=_now())

    __table_args__ = (Index("ix_provider_call_called_at", "called_at"), {"schema": SCHEMA})


class PausedPath(Table, table=True):
    """A path at which an operator lets no image begin; `*` is all of them."""

    __tablename__ = "paused_path"

    path: str = Field(sa_column=Column(Text, primary_key=True))
    why: str = Field(sa_column=Column(Text, nullable=False, server_default=text("''")))
    since: datetime | None = Field(default=None, sa_column=_now())

    __table_args__ = ({"schema": SCHEMA},)
