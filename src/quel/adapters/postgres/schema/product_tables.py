"""The product's tables as they stand in production (SPEC 1.4): quel uses their rows and owns none of them."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    TIMESTAMP,
    BigInteger,
    CheckConstraint,
    Column,
    Enum,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Numeric,
    String,
    Text,
    text,
)
from sqlalchemy import Uuid as SqlUuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field, SQLModel

SCHEMA = "public"
"""Where the front end and PostgREST look for them, whatever a role's search_path says (SPEC 1.4)."""

metadata = MetaData(
    schema=SCHEMA,
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    },
)

JOB_STATUSES = ("pending", "processing", "completed", "failed", "cancelled", "user_cancelled")
PRODUCTION_STATUSES = ("pending", "processing", "completed", "failed", "user_cancelled")

job_status_enum = Enum(*JOB_STATUSES, name="job_status_enum", metadata=metadata)
production_status_enum = Enum(*PRODUCTION_STATUSES, name="production_status_enum", metadata=metadata)

_NOW = text("now()")
_NEW_UUID = text("gen_random_uuid()")


def _when(**options: Any) -> Column[Any]:
    return Column(TIMESTAMP(timezone=True), **options)


def _written() -> Column[Any]:
    return _when(nullable=False, server_default=_NOW)


def _key() -> Column[Any]:
    return Column(SqlUuid, primary_key=True, server_default=_NEW_UUID)


def _link(target: str, *, nullable: bool = True, ondelete: str | None = None) -> Column[Any]:
    return Column(SqlUuid, ForeignKey(target, ondelete=ondelete), nullable=nullable)


class Table(SQLModel):
    """The base of every table: one metadata, so that one migration sees all of them."""

    metadata = metadata


class Member(Table, table=True):
    """A person; only the personal credit concerns quel."""

    __tablename__ = "quel_member"

    quel_member_id: UUID | None = Field(default=None, sa_column=_key())
    quel_member_credit: int | None = Field(
        default=None, sa_column=Column(BigInteger, server_default=text("0"))
    )


class Organization(Table, table=True):
    """A studio that may pay for its members' jobs."""

    __tablename__ = "quel_organization"

    org_id: UUID | None = Field(default=None, sa_column=_key())
    org_name: str = Field(sa_column=Column(Text, nullable=False))
    org_credit: int | None = Field(default=None, sa_column=Column(BigInteger, server_default=text("0")))
    owner_id: UUID = Field(sa_column=Column(SqlUuid, nullable=False))
    org_status: str | None = Field(
        default=None, sa_column=Column(Text, nullable=False, server_default=text("'active'"))
    )
    org_description: str | None = Field(default=None, sa_column=Column(Text))
    org_logo_attach_id: int | None = Field(default=None, sa_column=Column(BigInteger))
    max_members: int | None = Field(default=None, sa_column=Column(Integer))
    created_at: datetime | None = Field(default=None, sa_column=_when(server_default=_NOW))
    updated_at: datetime | None = Field(default=None, sa_column=_when(server_default=_NOW))
    deleted_at: datetime | None = Field(default=None, sa_column=_when())


class Production(Table, table=True):
    """What the customer sees as one production; it may have several jobs."""

    __tablename__ = "quel_production_photo"

    production_id: UUID | None = Field(default=None, sa_column=_key())
    created_at: datetime | None = Field(default=None, sa_column=_written())
    quel_member_id: UUID | None = Field(default=None, sa_column=Column(SqlUuid))
    org_id: UUID | None = Field(default=None, sa_column=Column(SqlUuid))
    production_name: str | None = Field(default=None, sa_column=Column(String(255)))
    production_description: str | None = Field(default=None, sa_column=Column(Text))
    production_status: str | None = Field(
        default=None, sa_column=Column(production_status_enum, server_default=text("'pending'"))
    )
    pipeline_type: str | None = Field(default=None, sa_column=Column(String(50)))
    stage_count: int | None = Field(default=None, sa_column=Column(Integer, server_default=text("1")))
    total_quantity: int | None = Field(default=None, sa_column=Column(Integer))
    camera_angle: str | None = Field(default=None, sa_column=Column(String(50)))
    shot_type: str | None = Field(default=None, sa_column=Column(String(50)))
    prompt_text: str | None = Field(default=None, sa_column=Column(Text))
    generated_image_count: int | None = Field(
        default=None, sa_column=Column(Integer, server_default=text("0"))
    )
    attach_ids: list[int] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))
    processing_duration_seconds: int | None = Field(default=None, sa_column=Column(Integer))
    input_images_count: int | None = Field(default=None, sa_column=Column(Integer))
    workflow_data: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))
    quel_production_path: str | None = Field(default=None, sa_column=Column(String(50)))

    __table_args__ = (
        Index(
            "ix_quel_production_photo_member_status",
            "quel_member_id",
            "production_status",
            text("created_at DESC"),
        ),
    )


class Job(Table, table=True):
    """One order of images; the row the front end polls."""

    __tablename__ = "quel_production_jobs"

    job_id: UUID | None = Field(default=None, sa_column=_key())
    production_id: UUID | None = Field(
        default=None,
        sa_column=_link("quel_production_photo.production_id", nullable=False, ondelete="CASCADE"),
    )
    job_type: str = Field(sa_column=Column(String(50), nullable=False))
    stage_index: int | None = Field(default=None, sa_column=Column(Integer))
    stage_name: str | None = Field(default=None, sa_column=Column(String(100)))
    batch_index: int | None = Field(default=None, sa_column=Column(Integer))
    job_status: str | None = Field(
        default=None, sa_column=Column(job_status_enum, server_default=text("'pending'"))
    )
    total_images: int = Field(sa_column=Column(Integer, nullable=False))
    completed_images: int | None = Field(default=None, sa_column=Column(Integer, server_default=text("0")))
    failed_images: int | None = Field(default=None, sa_column=Column(Integer, server_default=text("0")))
    job_input_data: Any = Field(sa_column=Column(JSONB, nullable=False))
    generated_attach_ids: list[int] | None = Field(
        default=None, sa_column=Column(JSONB(none_as_null=True), server_default=text("'[]'::jsonb"))
    )
    error_message: str | None = Field(default=None, sa_column=Column(Text))
    retry_count: int | None = Field(default=None, sa_column=Column(Integer, server_default=text("0")))
    created_at: datetime | None = Field(default=None, sa_column=_written())
    started_at: datetime | None = Field(default=None, sa_column=_when())
    completed_at: datetime | None = Field(default=None, sa_column=_when())
    updated_at: datetime | None = Field(default=None, sa_column=_written())
    quel_member_id: UUID | None = Field(default=None, sa_column=_link("quel_member.quel_member_id"))
    estimated_credits: int | None = Field(default=None, sa_column=Column(Integer, server_default=text("0")))
    remaining_credits: Decimal | None = Field(
        default=None, sa_column=Column(Numeric(10, 2), server_default=text("0"))
    )
    quel_production_path: str | None = Field(default=None, sa_column=Column(String(50)))
    org_id: UUID | None = Field(default=None, sa_column=_link("quel_organization.org_id", ondelete="CASCADE"))
    generated_urls: list[str] | None = Field(default=None, sa_column=Column(ARRAY(Text)))

    __table_args__ = (
        CheckConstraint(
            "job_type IN ('single_batch', 'pipeline_stage', 'simple_general', 'simple_portrait')",
            name="job_type",
        ),
        CheckConstraint(
            "(job_type = 'pipeline_stage' AND stage_index IS NOT NULL AND batch_index IS NULL)"
            " OR (job_type <> 'pipeline_stage' AND batch_index IS NOT NULL AND stage_index IS NULL)",
            name="stage_or_batch",
        ),
        Index("ix_quel_production_jobs_path", "quel_production_path"),
        Index("ix_quel_production_jobs_org", "org_id"),
        Index("ix_quel_production_jobs_created", text("created_at DESC")),
        Index("ix_quel_production_jobs_production", "production_id"),
        Index("ix_quel_production_jobs_status", "job_status"),
        Index("ix_quel_production_jobs_type_status", "job_type", "job_status"),
        Index("ix_quel_production_jobs_member", "quel_member_id", "job_status", text("created_at DESC")),
        Index(
            "ix_quel_production_jobs_failed",
            text("created_at DESC"),
            text("job_id DESC"),
            postgresql_where=text("job_status = 'failed'"),
        ),
    )


class Attach(Table, table=True):
    """A stored file: uploads by people and quel's results alike."""

    __tablename__ = "quel_attach"

    attach_id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(), primary_key=True))
    created_at: datetime | None = Field(default=None, sa_column=_written())
    attach_original_name: str | None = Field(default=None, sa_column=Column(String))
    attach_file_name: str | None = Field(default=None, sa_column=Column(String))
    attach_file_path: str | None = Field(default=None, sa_column=Column(String))
    attach_file_size: int | None = Field(default=None, sa_column=Column(BigInteger))
    attach_file_type: str | None = Field(default=None, sa_column=Column(String))
    attach_directory: str | None = Field(default=None, sa_column=Column(String))
    attach_storage_type: str | None = Field(default=None, sa_column=Column(String))


class Credit(Table, table=True):
    """One line of the ledger."""

    __tablename__ = "quel_credits"

    id: UUID | None = Field(default=None, sa_column=_key())
    user_id: UUID = Field(sa_column=_link("quel_member.quel_member_id", nullable=False))
    transaction_type: str = Field(sa_column=Column(String(20), nullable=False))
    amount: int = Field(sa_column=Column(Integer, nullable=False))
    balance_after: int = Field(sa_column=Column(Integer, nullable=False))
    description: str | None = Field(default=None, sa_column=Column(Text))
    attach_idx: int | None = Field(
        default=None, sa_column=Column(BigInteger, ForeignKey("quel_attach.attach_id"))
    )
    production_idx: UUID | None = Field(default=None, sa_column=_link("quel_production_photo.production_id"))
    org_id: UUID | None = Field(default=None, sa_column=_link("quel_organization.org_id"))
    used_by_member_id: UUID | None = Field(default=None, sa_column=_link("quel_member.quel_member_id"))
    api_provider: str | None = Field(default=None, sa_column=Column(String))
    created_at: datetime | None = Field(default=None, sa_column=_written())
    updated_at: datetime | None = Field(default=None, sa_column=_written())

    __table_args__ = (
        Index("ix_quel_credits_attach", "attach_idx"),
        Index("ix_quel_credits_org", "org_id", text("created_at DESC")),
        Index("ix_quel_credits_user", "user_id", text("created_at DESC")),
    )
