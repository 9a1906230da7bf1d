"""Claims a job: pending → processing, once, with a plan of one row an image.

A claim holds its credits: it is made under the lock of the payer, who must cover this job and what its other
open jobs may still cost.
"""

import json
from dataclasses import asdict, replace
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Connection, Integer, bindparam, case, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from quel.adapters.postgres.held_credits import lock_balance, read_held
from quel.adapters.postgres.image_state import PLAN_ANEW
from quel.adapters.postgres.progress import lock_job
from quel.adapters.postgres.schema.pipeline_tables import PendingJobInHand, PipelineJob
from quel.adapters.postgres.schema.product_tables import Job, Production
from quel.adapters.postgres.turns import next_turn
from quel.core.credits import Payer, PayerKind, account_gone, cannot_afford
from quel.core.fetch_job import Claimed, ClaimedMeanwhile, ClaimEnd, JobFacts, Refuse, Start
from quel.core.job import JobPlan, JobStatus
from quel.core.pipeline import ImageState

PLAN = TypeAdapter(JobPlan)

_ORDERED = col(Job.total_images)

_CLAIM = (
    update(Job)
    .where(col(Job.job_id) == bindparam("claimed"))
    .values(
        {
            col(Job.job_status): JobStatus.PROCESSING,
            col(Job.started_at): func.coalesce(col(Job.started_at), func.now()),
            col(Job.completed_at): None,
            _ORDERED: case((_ORDERED <= 0, bindparam("planned", type_=Integer)), else_=_ORDERED),
            col(Job.completed_images): bindparam("stored"),
            col(Job.failed_images): 0,
            col(Job.error_message): None,
            col(Job.generated_attach_ids): bindparam("ids"),
        }
    )
    .returning(col(Job.production_id))
)

_FREEZE = (
    insert(PipelineJob)
    .values(
        {
            col(PipelineJob.job_id): bindparam("claimed"),
            col(PipelineJob.path): bindparam("on_path"),
            col(PipelineJob.customer): bindparam("of_customer"),
            col(PipelineJob.payer_kind): bindparam("kind"),
            col(PipelineJob.payer_id): bindparam("payer"),
            col(PipelineJob.ledger_member_id): bindparam("member"),
            col(PipelineJob.price): bindparam("credits"),
            col(PipelineJob.result_owner): bindparam("owner"),
            col(PipelineJob.plan): bindparam("planned"),
            col(PipelineJob.extra_attach_ids): bindparam("extra"),
            col(PipelineJob.stored_at_recovery): bindparam("stored"),
        }
    )
    .on_conflict_do_update(
        index_elements=[col(PipelineJob.job_id)],
        set_={
            col(PipelineJob.plan): case(
                (col(PipelineJob.prompts_kept), col(PipelineJob.plan)), else_=bindparam("planned")
            ),
            col(PipelineJob.prompts_kept): True,
            col(PipelineJob.fruitless_recoveries): 0,
            col(PipelineJob.ended_elsewhere): False,
            col(PipelineJob.not_before): func.now(),
            col(PipelineJob.updated_at): func.now(),
        },
    )
)

_INSERT_IMAGES = text(f"""
INSERT INTO quel.image AS i
    (job_id, image_no, path, customer, turn, text_only, engine, workflow, stage, item, number, seed, series,
     state, attach_id)
SELECT :job_id, r.image_no, :path, :customer, CAST(:turn AS bigint) + r.position, :text_only,
       :engine, :workflow, r.stage, r.item, r.number, r.seed, r.series, r.state, r.attach_id
FROM jsonb_to_recordset(CAST(:images AS jsonb)) AS r(
    image_no int, position int, stage int, item int, number int, seed bigint, series int, state text,
    attach_id bigint)
ON CONFLICT (job_id, image_no) DO UPDATE SET {PLAN_ANEW.set} WHERE {PLAN_ANEW.applies()}
""")  # noqa: S608 - constants of ours

_NO_LONGER_PENDING = delete(PendingJobInHand).where(col(PendingJobInHand.job_id) == bindparam("claimed"))

_PRODUCTION_PROCESSING = (
    update(Production)
    .where(
        col(Production.production_id) == bindparam("of_production"),
        col(Production.production_status).is_distinct_from(JobStatus.PROCESSING),
    )
    .values({col(Production.production_status): JobStatus.PROCESSING})
)

# The payer and the price of a job's first claim stay: what was delivered was charged so. Locked here: had the
# statement that writes the plan to wait, its prompts would be in PostgreSQL's log.
_FROZEN = (
    select(
        col(PipelineJob.payer_kind),
        col(PipelineJob.payer_id),
        col(PipelineJob.ledger_member_id),
        col(PipelineJob.price),
    )
    .where(col(PipelineJob.job_id) == bindparam("job_id"))
    .with_for_update(key_share=True)
)


def claim_job(
    connection: Connection, facts: JobFacts, start: Start, price: int, result_owner: str
) -> ClaimEnd:
    """Claims the job, or says why not and writes nothing."""
    if lock_job(connection, facts.job_id) not in (JobStatus.PENDING, None):
        return ClaimedMeanwhile()
    refusal = _unaffordable(connection, facts.job_id, start, price)
    if refusal is not None:
        return Refuse("no_credit", refusal)
    stored = start.stored_attach_ids
    values = {
        "claimed": facts.job_id,
        "planned": len(start.plan.images),
        "stored": len(stored),
        "ids": [*stored, *_beyond_the_plan(facts, start)],
    }
    claimed = connection.execute(_CLAIM, values).one_or_none()
    if claimed is None:
        return ClaimedMeanwhile()
    _write_plan(connection, facts, start, price, result_owner)
    if claimed.production_id is not None:
        connection.execute(_PRODUCTION_PROCESSING, {"of_production": claimed.production_id})
    return Claimed()


def _write_plan(connection: Connection, facts: JobFacts, start: Start, price: int, result_owner: str) -> None:
    stored, customer = start.stored_attach_ids, _customer(start, facts)
    frozen = {
        "claimed": facts.job_id,
        "on_path": start.path.path,
        "of_customer": customer,
        "kind": start.payer.kind,
        "payer": start.payer.account_id,
        "member": start.payer.ledger_member_id,
        "credits": price,
        "owner": result_owner,
        "planned": PLAN.dump_python(start.plan, mode="json"),
        "extra": _beyond_the_plan(facts, start),
        "stored": len(stored),
    }
    connection.execute(_FREEZE, frozen)
    connection.execute(_NO_LONGER_PENDING, {"claimed": facts.job_id})
    images = {
        "job_id": facts.job_id,
        "path": start.path.path,
        "customer": customer,
        "turn": next_turn(connection, customer, start.plan.route.maker),
        "text_only": start.plan.request.is_text_only,
        "images": json.dumps(_image_rows(start.plan, stored)),
    }
    connection.execute(_INSERT_IMAGES, images | asdict(start.plan.route.maker))


def _beyond_the_plan(facts: JobFacts, start: Start) -> list[int]:
    return list(facts.stored_attach_ids[len(start.stored_attach_ids) :])


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
            "position": max(0, image.image_no - len(stored)),
            "stage": image.stage,
            "item": image.item,
            "number": image.number,
            "seed": image.seed,
            "series": image.series,
            "state": ImageState.STORED if image.image_no < len(stored) else ImageState.PLANNED,
            "attach_id": stored[image.image_no] if image.image_no < len(stored) else None,
        }
        for image in plan.images
    ]
