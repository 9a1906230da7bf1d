"""What operators look at beside the pipeline's rows: the hourly tally of what ended, who did what, bulk acts.

The tally is a sum of rows that can be made again at any time: `tally_hour` says which hours of creation it
holds, and an hour without `made_at` is counted from the rows themselves.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    TIMESTAMP,
    BigInteger,
    Boolean,
    Column,
    Double,
    Identity,
    Index,
    Integer,
    String,
    Text,
    text,
)
from sqlalchemy import Uuid as SqlUuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from quel.adapters.postgres.schema.pipeline_tables import SCHEMA, count_column, now_column
from quel.adapters.postgres.schema.product_tables import Table


def _hour() -> Column[Any]:
    return Column(TIMESTAMP(timezone=True), primary_key=True)


def _sum() -> Column[Any]:
    return Column(BigInteger, nullable=False, server_default=text("0"))


class TallyHour(Table, table=True):
    """An hour (UTC) in which jobs were created, and when those that have ended were counted.

    `made_at` is null where a job of the hour has ended, or was opened again, since it was counted.
    """

    __tablename__ = "tally_hour"

    hour: datetime = Field(sa_column=_hour())
    made_at: datetime | None = Field(default=None, sa_column=Column(TIMESTAMP(timezone=True)))

    __table_args__ = (Index("ix_tally_hour_made_at", "made_at"), {"schema": SCHEMA})


class Tally(Table, table=True):
    """The ended jobs of an hour by path and type; `cost_micros` are millionths of a US dollar."""

    __tablename__ = "tally"

    hour: datetime = Field(sa_column=_hour())
    path: str = Field(sa_column=Column(Text, primary_key=True))
    job_type: str = Field(sa_column=Column(String(50), primary_key=True))
    completed: int = Field(sa_column=count_column())
    failed: int = Field(sa_column=count_column())
    cancelled: int = Field(sa_column=count_column())
    images_stored: int = Field(sa_column=count_column())
    images_failed: int = Field(sa_column=count_column())
    images_cancelled: int = Field(sa_column=count_column())
    images_under_way: int = Field(sa_column=count_column())
    credits: int = Field(sa_column=_sum())
    cost_micros: int = Field(sa_column=_sum())

    __table_args__ = ({"schema": SCHEMA},)


class TallyReason(Table, table=True):
    """The images of an hour's ended jobs that failed, by reason, and of how many jobs they are."""

    __tablename__ = "tally_reason"

    hour: datetime = Field(sa_column=_hour())
    reason: str = Field(sa_column=Column(Text, primary_key=True))
    images: int = Field(sa_column=count_column())
    jobs: int = Field(sa_column=count_column())

    __table_args__ = ({"schema": SCHEMA},)


class TallyPayer(Table, table=True):
    """The ended jobs of an hour by who paid: an organization, else a member."""

    __tablename__ = "tally_payer"

    hour: datetime = Field(sa_column=_hour())
    payer_id: UUID = Field(sa_column=Column(SqlUuid, primary_key=True))
    is_organization: bool = Field(sa_column=Column(Boolean, nullable=False))
    jobs: int = Field(sa_column=count_column())
    failed_jobs: int = Field(sa_column=count_column())
    images_stored: int = Field(sa_column=count_column())
    images_failed: int = Field(sa_column=count_column())
    credits: int = Field(sa_column=count_column())
    cost_micros: int = Field(sa_column=_sum())

    __table_args__ = ({"schema": SCHEMA},)


class TallyPayerDay(Table, table=True):
    """The same of a day (UTC): the sum of those of its hours that are made."""

    __tablename__ = "tally_payer_day"

    day: datetime = Field(sa_column=_hour())
    payer_id: UUID = Field(sa_column=Column(SqlUuid, primary_key=True))
    is_organization: bool = Field(sa_column=Column(Boolean, nullable=False))
    jobs: int = Field(sa_column=count_column())
    failed_jobs: int = Field(sa_column=count_column())
    images_stored: int = Field(sa_column=count_column())
    images_failed: int = Field(sa_column=count_column())
    credits: int = Field(sa_column=count_column())
    cost_micros: int = Field(sa_column=_sum())

    __table_args__ = ({"schema": SCHEMA},)


class Submission(Table, table=True):
    """The key that somebody submitted a job under, kept for a week.

    `holder` is whose key it is, `body_sha256` of what came with it; `facts` is what was answered.
    """

    __tablename__ = "submission"

    holder: str = Field(sa_column=Column(Text, primary_key=True))
    key: str = Field(sa_column=Column(Text, primary_key=True))
    body_sha256: str = Field(sa_column=Column(String(64), nullable=False))
    job_id: UUID = Field(sa_column=Column(SqlUuid, nullable=False))
    facts: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    created_at: datetime | None = Field(default=None, sa_column=now_column())

    __table_args__ = (Index("ix_submission_created", "created_at"), {"schema": SCHEMA})


class Action(Table, table=True):
    """What somebody did, once and for good: rows are only added, and kept for 400 days.

    `target` names what it was done to and never holds a prompt; `outcome` is done, declined or failed.
    """

    __tablename__ = "action"

    id: int | None = Field(
        default=None,
        sa_column=Column(BigInteger, Identity(), primary_key=True),
    )
    at: datetime | None = Field(default=None, sa_column=now_column())
    actor: str = Field(sa_column=Column(Text, nullable=False))
    channel: str = Field(sa_column=Column(String(10), nullable=False))
    verb: str = Field(sa_column=Column(String(40), nullable=False))
    job_id: UUID | None = Field(default=None, sa_column=Column(SqlUuid))
    target: dict[str, Any] = Field(
        sa_column=Column(JSONB, nullable=False, server_default=text("'{}'::jsonb"))
    )
    outcome: str = Field(sa_column=Column(String(20), nullable=False))
    detail: str = Field(sa_column=Column(Text, nullable=False, server_default=text("''")))
    request_id: str | None = Field(default=None, sa_column=Column(Text))

    __table_args__ = (
        Index("ix_action_at", text("at DESC"), text("id DESC")),
        Index("ix_action_job", "job_id", postgresql_where=text("job_id IS NOT NULL")),
        {"schema": SCHEMA},
    )


class Audit(Table, table=True):
    """An audit that somebody asked for; whoever makes it holds `lease_until`. Kept for 90 days after its end.

    `looked_at` counts what was looked through, `found` the differences, of which `differences` holds the
    first thousand; `starts` counts how often it was begun.
    """

    __tablename__ = "audit"

    audit_id: UUID = Field(
        sa_column=Column(SqlUuid, primary_key=True, server_default=text("gen_random_uuid()"))
    )
    actor: str = Field(sa_column=Column(Text, nullable=False))
    since_s: float | None = Field(default=None, sa_column=Column(Double))
    objects: bool = Field(sa_column=Column(Boolean, nullable=False))
    starts: int = Field(sa_column=count_column())
    lease_until: datetime | None = Field(default=None, sa_column=Column(TIMESTAMP(timezone=True)))
    looked_at: dict[str, int] = Field(
        sa_column=Column(JSONB, nullable=False, server_default=text("'{}'::jsonb"))
    )
    found: int | None = Field(default=None, sa_column=Column(Integer))
    differences: list[dict[str, Any]] = Field(
        sa_column=Column(JSONB, nullable=False, server_default=text("'[]'::jsonb"))
    )
    error: str | None = Field(default=None, sa_column=Column(Text))
    created_at: datetime | None = Field(default=None, sa_column=now_column())
    started_at: datetime | None = Field(default=None, sa_column=Column(TIMESTAMP(timezone=True)))
    ended_at: datetime | None = Field(default=None, sa_column=Column(TIMESTAMP(timezone=True)))

    __table_args__ = (
        Index("ix_audit_created_at", text("created_at DESC")),
        Index("ix_audit_unfinished", "created_at", postgresql_where=text("ended_at IS NULL")),
        {"schema": SCHEMA},
    )


class BulkAct(Table, table=True):
    """What an operator asked of many jobs, `job_ids` in their order, and how far it has come.

    `images`, `credits` and `cost_usd` are what it was to come to. `begun` says that somebody is at it, or
    died over it. Kept for 90 days after its end.
    """

    __tablename__ = "bulk"

    bulk_id: UUID = Field(
        sa_column=Column(SqlUuid, primary_key=True, server_default=text("gen_random_uuid()"))
    )
    name: str = Field(sa_column=Column(Text, nullable=False, server_default=text("''")))
    action: str = Field(sa_column=Column(String(20), nullable=False))
    failed_only: bool = Field(
        default=False, sa_column=Column(Boolean, nullable=False, server_default=text("false"))
    )
    actor: str = Field(sa_column=Column(Text, nullable=False))
    channel: str = Field(sa_column=Column(String(10), nullable=False))
    request_id: str | None = Field(default=None, sa_column=Column(Text))
    job_ids: list[UUID] = Field(sa_column=Column(ARRAY(SqlUuid), nullable=False))
    images: int = Field(sa_column=count_column())
    credits: int = Field(sa_column=_sum())
    cost_usd: float = Field(sa_column=Column(Double, nullable=False, server_default=text("0")))
    position: int = Field(sa_column=count_column())
    done: int = Field(sa_column=count_column())
    others: dict[str, int] = Field(
        sa_column=Column(JSONB, nullable=False, server_default=text("'{}'::jsonb"))
    )
    begun: bool = Field(
        default=False, sa_column=Column(Boolean, nullable=False, server_default=text("false"))
    )
    stopped: bool = Field(
        default=False, sa_column=Column(Boolean, nullable=False, server_default=text("false"))
    )
    created_at: datetime | None = Field(default=None, sa_column=now_column())
    updated_at: datetime | None = Field(default=None, sa_column=now_column())
    ended_at: datetime | None = Field(default=None, sa_column=Column(TIMESTAMP(timezone=True)))

    __table_args__ = (
        Index("ix_bulk_created_at", text("created_at DESC")),
        Index("ix_bulk_unfinished", "updated_at", postgresql_where=text("ended_at IS NULL")),
        {"schema": SCHEMA},
    )
