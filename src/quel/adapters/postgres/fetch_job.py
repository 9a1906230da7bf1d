"""Reads a job's row with all that decides about it, and claims it: pending → processing, once.

A claim holds its credits: it is made under the lock of the payer, who must cover this job and what its other
open jobs may still cost.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Connection, text

from quel.adapters.postgres.database import Database
from quel.adapters.postgres.held_credits import lock_balance, read_held
from quel.adapters.postgres.image_state import PLAN_ANEW
from quel.adapters.postgres.kind_columns import KIND_COLUMNS, KIND_PARAMETERS, kind_of_row
from quel.adapters.postgres.progress import lock_job
from quel.core.credits import Organization, Payer, PayerKind, account_gone, cannot_afford
from quel.core.fetch_job import Claimed, ClaimedMeanwhile, ClaimEnd, JobFacts, Refuse, Start, as_uuid
from quel.core.job import JobPlan, JobStatus
from quel.core.kind import Kind
from quel.core.pipeline import ImageState
from quel.core.request import user_id_of
from quel.core.request.values import attach_ids

PLAN = TypeAdapter(JobPlan)

_LOAD = text("""
SELECT j.job_id, j.job_status, j.job_type, j.total_images, j.job_input_data, j.production_id,
       j.quel_member_id, j.quel_production_path AS job_path, j.generated_attach_ids,
       p.quel_production_path AS production_path,
       o.org_id, o.org_status, coalesce(o.org_credit, 0) AS org_credit, o.owner_id
FROM public.quel_production_jobs j
LEFT JOIN public.quel_production_photo p ON p.production_id = j.production_id
LEFT JOIN public.quel_organization o ON o.org_id = j.org_id
WHERE j.job_id = :job_id
""")

_MEMBERS = text("""
SELECT quel_member_id, coalesce(quel_member_credit, 0) FROM public.quel_member
WHERE quel_member_id = ANY(:ids)
""")

_CLAIM = text("""
UPDATE public.quel_production_jobs
SET job_status = 'processing', started_at = coalesce(started_at, now()), completed_at = NULL,
    total_images = CASE WHEN total_images <= 0 THEN :planned ELSE total_images END,
    completed_images = :stored, failed_images = 0, error_message = NULL,
    generated_attach_ids = CAST(:attach_ids AS jsonb)
WHERE job_id = :job_id
RETURNING production_id
""")

_INSERT_JOB = text("""
INSERT INTO quel.job (job_id, path, customer, payer_kind, payer_id, ledger_member_id, price, result_owner,
                      plan, extra_attach_ids, stored_at_recovery)
VALUES (:job_id, :path, :customer, :payer_kind, :payer_id, :ledger_member_id, :price, :result_owner,
        CAST(:plan AS jsonb), CAST(:extra AS jsonb), :stored)
ON CONFLICT (job_id) DO UPDATE SET fruitless_recoveries = 0, ended_elsewhere = false, updated_at = now()
""")

_INSERT_IMAGES = text(f"""
INSERT INTO quel.image AS i (job_id, image_no, path, customer, stage, item, number, seed, state, attach_id)
SELECT :job_id, r.image_no, :path, :customer, r.stage, r.item, r.number, r.seed, r.state, r.attach_id
FROM jsonb_to_recordset(CAST(:images AS jsonb))
     AS r(image_no int, stage int, item int, number int, seed bigint, state text, attach_id bigint)
ON CONFLICT (job_id, image_no) DO UPDATE SET {PLAN_ANEW.set} WHERE {PLAN_ANEW.applies()}
""")  # noqa: S608 - constants of ours

_NO_LONGER_PENDING = text("DELETE FROM quel.pending_job WHERE job_id = :job_id")

_PRODUCTION_PROCESSING = text("""
UPDATE public.quel_production_photo SET production_status = 'processing'
WHERE production_id = :production_id AND production_status IS DISTINCT FROM 'processing'
""")


_PARK = text("""
INSERT INTO quel.pending_job (job_id)
SELECT job_id FROM public.quel_production_jobs WHERE job_id = :job_id
ON CONFLICT (job_id) DO UPDATE SET recoveries = 0
""")

# The payer and the price of a job's first claim stay: what was delivered was charged so.
_FROZEN = text("SELECT payer_kind, payer_id, ledger_member_id, price FROM quel.job WHERE job_id = :job_id")

_UNCLAIMED = text(f"""
SELECT {KIND_COLUMNS}
FROM public.quel_production_jobs j
LEFT JOIN public.quel_production_photo p ON p.production_id = j.production_id
WHERE j.job_id = :job_id AND NOT EXISTS (SELECT 1 FROM quel.job q WHERE q.job_id = j.job_id)
""")  # noqa: S608 - a constant of ours


class FetchJobRows:
    """The rows fetch_job reads and writes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self, job_id: UUID) -> JobFacts | None:
        """The facts of a job, or None where there is no such row."""
        return self._database.run(lambda connection: _load(connection, job_id))

    def claim(self, facts: JobFacts, start: Start, *, price: int, result_owner: str) -> ClaimEnd:
        """Turns the job from pending to processing and writes its plan, one row an image.

        A job that was set back to pending by hand keeps its plan, its payer and the images it has; the others
        are made again, but for those that are being made or wait to be stored. Unless it is Claimed nothing
        is written: another message was faster, or the payer cannot cover it besides what is held for its
        other jobs.
        """
        return self._database.run(lambda connection: _claim(connection, facts, start, price, result_owner))

    def park(self, job_id: UUID) -> None:
        """Notes that quel has a pending job in hand, which waits: recoveries so far count for nothing."""
        self._database.run(lambda connection: connection.execute(_PARK, {"job_id": job_id}))

    def unclaimed_kind(self, job_id: UUID) -> Kind | None:
        """The kind of a job quel has no plan of; None where it has one, or there is no such row."""
        values = KIND_PARAMETERS | {"job_id": job_id}
        row = self._database.run(lambda connection: connection.execute(_UNCLAIMED, values).one_or_none())
        return None if row is None else kind_of_row(row)


def _load(connection: Connection, job_id: UUID) -> JobFacts | None:
    row = connection.execute(_LOAD, {"job_id": job_id}).mappings().one_or_none()
    if row is None:
        return None
    candidates = [row["quel_member_id"], row["owner_id"], as_uuid(user_id_of(row["job_input_data"]))]
    members = connection.execute(_MEMBERS, {"ids": [id for id in candidates if id]}).all()
    return JobFacts(
        job_id=job_id,
        status=JobStatus(row["job_status"] or JobStatus.PENDING),
        job_type=row["job_type"],
        total_images=row["total_images"],
        input_data=row["job_input_data"],
        production_id=row["production_id"],
        member_id=row["quel_member_id"],
        job_path=row["job_path"],
        production_path=row["production_path"],
        organization=_organization(row),
        members={member_id: int(credit) for member_id, credit in members},
        stored_attach_ids=attach_ids(row["generated_attach_ids"]),
    )


def _organization(row: Mapping[Any, Any]) -> Organization | None:
    if row["org_id"] is None:
        return None
    return Organization(row["org_id"], row["org_status"], int(row["org_credit"]), row["owner_id"])


def _claim(connection: Connection, facts: JobFacts, start: Start, price: int, result_owner: str) -> ClaimEnd:
    if lock_job(connection, facts.job_id) not in (JobStatus.PENDING, None):
        return ClaimedMeanwhile()
    refusal = _unaffordable(connection, facts.job_id, start, price)
    if refusal is not None:
        return Refuse("no_credit", refusal)
    stored, extra = start.stored_attach_ids, facts.stored_attach_ids[len(start.stored_attach_ids) :]
    claimed = connection.execute(
        _CLAIM,
        {
            "job_id": facts.job_id,
            "planned": len(start.plan.images),
            "stored": len(stored),
            "attach_ids": json.dumps([*stored, *extra]),
        },
    ).one_or_none()
    if claimed is None:
        return ClaimedMeanwhile()
    customer = _customer(start, facts)
    connection.execute(
        _INSERT_JOB,
        {
            "job_id": facts.job_id,
            "path": start.path.path,
            "customer": customer,
            "payer_kind": start.payer.kind,
            "payer_id": start.payer.account_id,
            "ledger_member_id": start.payer.ledger_member_id,
            "price": price,
            "result_owner": result_owner,
            "plan": PLAN.dump_json(start.plan).decode(),
            "extra": json.dumps(extra),
            "stored": len(stored),
        },
    )
    connection.execute(_NO_LONGER_PENDING, {"job_id": facts.job_id})
    images = {"job_id": facts.job_id, "path": start.path.path, "customer": customer}
    connection.execute(_INSERT_IMAGES, images | {"images": json.dumps(_image_rows(start.plan, stored))})
    if claimed.production_id is not None:
        connection.execute(_PRODUCTION_PROCESSING, {"production_id": claimed.production_id})
    return Claimed()


def _unaffordable(connection: Connection, job_id: UUID, start: Start, price: int) -> str | None:
    """Why the payer, whose row stays locked, cannot pay for the job."""
    payer = start.payer
    frozen = connection.execute(_FROZEN, {"job_id": job_id}).one_or_none()
    if frozen is not None:
        price = frozen.price
        payer = Payer(PayerKind(frozen.payer_kind), frozen.payer_id, 0, frozen.ledger_member_id)
    balance = lock_balance(connection, payer.kind, payer.account_id)
    if balance is None:
        return account_gone(payer.kind)
    held = read_held(connection, payer.kind, payer.account_id, but_for=job_id)
    missing = len(start.plan.images) - len(start.stored_attach_ids)
    return cannot_afford(replace(payer, balance=balance), missing, price, held=held)


def _customer(start: Start, facts: JobFacts) -> str:
    """Whose turn it is: each member of each organization is a customer of their own."""
    member = facts.member_id or start.payer.ledger_member_id
    organization = facts.organization.org_id if facts.organization else "-"
    return f"{organization}:{member}"


def _image_rows(plan: JobPlan, stored: tuple[int, ...]) -> list[dict[str, object]]:
    return [
        {
            "image_no": image.image_no,
            "stage": image.stage,
            "item": image.item,
            "number": image.number,
            "seed": image.seed,
            "state": ImageState.STORED if image.image_no < len(stored) else ImageState.PLANNED,
            "attach_id": stored[image.image_no] if image.image_no < len(stored) else None,
        }
        for image in plan.images
    ]
