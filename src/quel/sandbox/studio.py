"""Plays the product's front end: writes rows, uploads photographs and pushes job ids the way it does.

It speaks plain SQL, Redis and HTTP on purpose: what quel is fed must not pass through quel's own code.
"""

import json
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg2
import redis
from psycopg2.extensions import connection as PostgresConnection  # noqa: N812 - a class all the same
from psycopg2.extras import register_uuid

from quel.sandbox.storage.client import Storage

PHOTOGRAPHS = Path(__file__).parent / "photographs"
ENDED = ("completed", "failed", "cancelled", "user_cancelled")

register_uuid()  # type: ignore[no-untyped-call]  # its stubs leave it without types


class Studio:
    """One customer base on one database, one Redis and one bucket."""

    def __init__(self, database_url: str, redis_url: str, storage: Storage) -> None:
        self.database_url = database_url
        self.redis = redis.Redis.from_url(redis_url)
        self.storage = storage
        self._pictures: dict[str, int] = {}
        self._kept = threading.local()

    def rows(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        """Runs one statement as a transaction of its own; its rows, if it returns any."""
        with self._connection().cursor() as cursor:
            cursor.execute(statement, values)
            names = [column.name for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()] if names else []

    def hang_up(self) -> None:
        """Ends this thread's connection, so that the database can be copied."""
        if connection := getattr(self._kept, "connection", None):
            connection.close()

    def _connection(self) -> PostgresConnection:
        """This thread's, made anew where it is gone: whoever waits asks twenty times a second."""
        connection: PostgresConnection | None = getattr(self._kept, "connection", None)
        if connection is None or not _answers(connection):
            connection = self._kept.connection = psycopg2.connect(self.database_url)
            connection.autocommit = True
        return connection

    def member(self, credits: int = 1_000) -> UUID:
        """A person with personal credits."""
        member_id = uuid4()
        self.rows(
            "INSERT INTO public.quel_member (quel_member_id, quel_member_credit) VALUES (%s, %s)",
            member_id,
            credits,
        )
        return member_id

    def organization(self, owner: UUID, credits: int = 1_000, status: str = "active") -> UUID:
        """A studio with credits of its own."""
        org_id = uuid4()
        self.rows(
            "INSERT INTO public.quel_organization (org_id, org_name, org_credit, owner_id, org_status)"
            " VALUES (%s, 'A studio', %s, %s, %s)",
            org_id,
            credits,
            owner,
            status,
        )
        return org_id

    def attach(self, data: bytes, name: str, *, public: bool = True) -> int:
        """Uploads a picture and writes its attach row; the id."""
        path = f"uploads/upload-{uuid4().hex}-{name}"
        self.storage.put(path, data, public=public)
        return self.attachment_row(path.removeprefix("uploads/"), len(data))

    def attachment_row(self, path: str | None, size_bytes: int = 0, *, directory: str | None = None) -> int:
        """An attach row for any path, whether an object is there or not."""
        row = self.rows(
            "INSERT INTO public.quel_attach (attach_original_name, attach_file_path, attach_directory,"
            " attach_file_size, attach_storage_type) VALUES (%s, %s, %s, %s, 'supabase') RETURNING attach_id",
            path,
            path,
            directory,
            size_bytes,
        )[0]
        return int(row["attach_id"])

    def photograph(self, name: str) -> int:
        """The attach id of a photograph that ships with the sandbox, uploaded once."""
        if name not in self._pictures:
            self._pictures[name] = self.attach((PHOTOGRAPHS / name).read_bytes(), name)
        return self._pictures[name]

    def production(self, member: UUID | None, org: UUID | None = None, path: str | None = None) -> UUID:
        """A production that jobs can belong to."""
        production_id = uuid4()
        self.rows(
            "INSERT INTO public.quel_production_photo"
            " (production_id, quel_member_id, org_id, quel_production_path) VALUES (%s, %s, %s, %s)",
            production_id,
            member,
            org,
            path,
        )
        return production_id

    def job(
        self,
        job_type: str,
        input_data: Any,
        *,
        total_images: int,
        member: UUID | None,
        org: UUID | None = None,
        path: str | None = "fashion",
        production: UUID | None = None,
        **columns: Any,
    ) -> UUID:
        """A pending job row, not pushed yet. `columns` override or add columns of the row."""
        is_pipeline = job_type == "pipeline_stage"
        row: dict[str, Any] = {
            "job_id": uuid4(),
            "production_id": production or self.production(member, org, path),
            "job_type": job_type,
            "stage_index": 0 if is_pipeline else None,
            "batch_index": None if is_pipeline else 0,
            "total_images": total_images,
            "job_input_data": json.dumps(input_data),
            "quel_member_id": member,
            "org_id": org,
            "quel_production_path": path,
        } | columns
        names = ", ".join(row)
        places = ", ".join(["%s"] * len(row))
        self.rows(f"INSERT INTO public.quel_production_jobs ({names}) VALUES ({places})", *row.values())  # noqa: S608 - column names of our own
        return UUID(str(row["job_id"]))

    def push(self, *job_ids: UUID, queue: str = "jobs:queue") -> None:
        """Pushes ids as the front end does."""
        for job_id in job_ids:
            self.redis.lpush(queue, str(job_id))

    def cancel(self, job_id: UUID) -> None:
        """Sets the cancel key as the front end does."""
        self.redis.set(f"job:{job_id}:cancelled", "true", ex=3600)

    def job_row(self, job_id: UUID) -> dict[str, Any]:
        """The job's row as the front end polls it."""
        return self.rows("SELECT * FROM public.quel_production_jobs WHERE job_id = %s", job_id)[0]

    def wait(self, job_ids: Sequence[UUID], *, timeout_s: float = 180.0) -> dict[UUID, dict[str, Any]]:
        """Polls until every job has ended; their rows. Raises TimeoutError naming what is still open."""
        until = time.monotonic() + timeout_s
        while still_open := self._still_open(job_ids):
            if time.monotonic() > until:
                raise TimeoutError(f"Still open after {timeout_s:.0f} s: {still_open}")
            time.sleep(0.05)
        rows = self.rows("SELECT * FROM public.quel_production_jobs WHERE job_id = ANY(%s)", list(job_ids))
        return {row["job_id"]: row for row in rows}

    def _still_open(self, job_ids: Sequence[UUID]) -> dict[str, str]:
        rows = self.rows(
            "SELECT job_id, job_status FROM public.quel_production_jobs"
            " WHERE job_id = ANY(%s) AND (job_status::text = ANY(%s)) IS NOT TRUE",
            list(job_ids),
            list(ENDED),
        )
        return {str(row["job_id"]): row["job_status"] for row in rows}

    def insert_row(self, row: Mapping[str, Any], *, member: UUID, org: UUID | None = None) -> UUID:
        """A job row as the fixtures hold it, under new ids."""
        return self.job(
            row["job_type"],
            row["job_input_data"],
            total_images=row["total_images"],
            member=member,
            org=org,
            path=row.get("quel_production_path"),
            stage_index=row.get("stage_index"),
            batch_index=row.get("batch_index"),
        )


def _answers(connection: PostgresConnection) -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except psycopg2.Error:
        connection.close()
        return False
    return True
