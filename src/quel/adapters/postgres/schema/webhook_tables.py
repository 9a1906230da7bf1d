"""The outbox of webhooks: one row a receiver and closed job, and where a submitted job wants to be told of.

No row refers to the job's own: what has happened is told also when that row is gone.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import TIMESTAMP, CheckConstraint, Column, Index, Integer, String, Text, text
from sqlalchemy import Uuid as SqlUuid
from sqlmodel import Field

from quel.adapters.postgres.schema.pipeline_tables import SCHEMA, count_column, now_column
from quel.adapters.postgres.schema.product_tables import Table


class Webhook(Table, table=True):
    """A webhook: `url` null goes to QUEL_WEBHOOK_URL as it is then; `body` is what is sent, byte for byte.

    While it is waiting it is tried from `not_before` on, which a try pushes ahead for as long as it may take.
    """

    __tablename__ = "webhook"

    webhook_id: UUID | None = Field(
        default=None,
        sa_column=Column(SqlUuid, primary_key=True, server_default=text("gen_random_uuid()")),
    )
    job_id: UUID = Field(sa_column=Column(SqlUuid, nullable=False))
    type: str = Field(sa_column=Column(String(40), nullable=False))
    url: str | None = Field(default=None, sa_column=Column(Text))
    body: str = Field(sa_column=Column(Text, nullable=False))
    state: str = Field(sa_column=Column(String(20), nullable=False, server_default=text("'waiting'")))
    tries: int = Field(sa_column=count_column())
    not_before: datetime | None = Field(default=None, sa_column=now_column())
    last_status: int | None = Field(default=None, sa_column=Column(Integer))
    last_code: str | None = Field(default=None, sa_column=Column(String(40)))
    tried_at: datetime | None = Field(default=None, sa_column=Column(TIMESTAMP(timezone=True)))
    ended_at: datetime | None = Field(default=None, sa_column=Column(TIMESTAMP(timezone=True)))
    created_at: datetime | None = Field(default=None, sa_column=now_column())

    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'delivered', 'given_up')", name="state"),
        Index("ix_webhook_waiting", "not_before", postgresql_where=text("state = 'waiting'")),
        Index("ix_webhook_job", "job_id"),
        Index("ix_webhook_created", text("created_at DESC")),
        Index("ix_webhook_ended", "ended_at", postgresql_where=text("ended_at IS NOT NULL")),
        {"schema": SCHEMA},
    )


class WebhookCallback(Table, table=True):
    """The callback_url that a job was submitted with."""

    __tablename__ = "webhook_callback"

    job_id: UUID = Field(sa_column=Column(SqlUuid, primary_key=True))
    url: str = Field(sa_column=Column(Text, nullable=False))
    created_at: datetime | None = Field(default=None, sa_column=now_column())

    __table_args__ = (Index("ix_webhook_callback_created", "created_at"), {"schema": SCHEMA})
