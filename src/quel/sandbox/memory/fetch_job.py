"""The rows of fetch_job, in memory."""

from dataclasses import replace
from uuid import UUID

from quel.adapters.postgres.image_state import PLAN_ANEW
from quel.core.credits import Organization, Payer, account_gone, cannot_afford
from quel.core.engines import Maker
from quel.core.fetch_job import (
    Claimed,
    ClaimedMeanwhile,
    ClaimEnd,
    JobFacts,
    Refuse,
    Start,
    as_uuid,
)
from quel.core.job import JobStatus
from quel.core.kind import Kind
from quel.core.pipeline import ImageState
from quel.core.request import read_once_more, user_id_of
from quel.core.request.values import attach_ids
from quel.sandbox.memory.accounts import balance, held
from quel.sandbox.memory.image_moves import move
from quel.sandbox.memory.tables import Job, PendingJobInHand, PipelineImage, PipelineJob, Tables


class FetchJobRows:
    """As quel.adapters.postgres.fetch_job has them."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def load(self, job_id: UUID) -> JobFacts | None:
        """The facts of a job, or None where there is no such row."""
        job = self._tables.jobs.get(job_id)
        return None if job is None else self._facts(job)

    def claim(self, facts: JobFacts, start: Start, *, price: int, result_owner: str) -> ClaimEnd:
        """Turns the job from pending to processing and writes its plan, one row an image; or why not."""
        job = self._tables.jobs.get(facts.job_id)
        if job is None or job.job_status is not JobStatus.PENDING:
            return ClaimedMeanwhile()
        refusal = self._unaffordable(facts.job_id, start, price)
        if refusal is not None:
            return Refuse("no_credit", refusal)
        self._start(job, facts, start)
        self._plan(facts, start, price, result_owner)
        self._tables.pending_jobs.pop(facts.job_id, None)
        return Claimed()

    def defer(self, job_id: UUID) -> None:
        """Notes that quel has a pending job in hand: recoveries so far count for nothing."""
        if job_id in self._tables.jobs:
            self._tables.pending_jobs.setdefault(job_id, PendingJobInHand()).recoveries = 0

    def leave(self, job_id: UUID) -> None:
        """Remembers that a job was passed on to another program."""
        self._tables.forwarded.add(job_id)

    def unclaimed_kind(self, job_id: UUID) -> Kind | None:
        """The kind of a job quel has no plan of; None where it has one, or there is no such row.

        UNKNOWN where it was passed on: it is its new maker's, whatever it looks like.
        """
        job = self._tables.jobs.get(job_id)
        if job is None or job_id in self._tables.pipeline_jobs:
            return None
        return Kind.UNKNOWN if job_id in self._tables.forwarded else self._facts(job).kind

    def _facts(self, job: Job) -> JobFacts:
        production = self._tables.productions.get(job.production_id) if job.production_id else None
        organization = self._organization(job)
        owner_id = organization.owner_id if organization else None
        input_data = read_once_more(job.job_input_data)
        candidates = {job.quel_member_id, owner_id, as_uuid(user_id_of(input_data))}
        return JobFacts(
            job_id=job.job_id,
            status=job.job_status,
            job_type=job.job_type,
            total_images=job.total_images,
            input_data=input_data,
            production_id=job.production_id,
            member_id=job.quel_member_id,
            job_path=job.quel_production_path,
            production_path=production.quel_production_path if production else None,
            organization=organization,
            members={
                member.quel_member_id: member.quel_member_credit
                for member in self._tables.members.values()
                if member.quel_member_id in candidates
            },
            stored_attach_ids=attach_ids(job.generated_attach_ids),
        )

    def _organization(self, job: Job) -> Organization | None:
        row = self._tables.organizations.get(job.org_id) if job.org_id else None
        if row is None:
            return None
        return Organization(row.org_id, row.org_status, row.org_credit, row.owner_id)

    def _unaffordable(self, job_id: UUID, start: Start, price: int) -> str | None:
        payer = start.payer
        frozen = self._tables.pipeline_jobs.get(job_id)
        if frozen is not None:
            price = frozen.price
            payer = Payer(frozen.payer_kind, frozen.payer_id, 0, frozen.ledger_member_id)
        credits = balance(self._tables, payer.kind, payer.account_id, active=True)
        if credits is None:
            return account_gone(payer.kind)
        promised = held(self._tables, payer.kind, payer.account_id, but_for=job_id)
        return cannot_afford(replace(payer, balance=credits), start.charged_images, price, held=promised)

    def _start(self, job: Job, facts: JobFacts, start: Start) -> None:
        job.job_status = JobStatus.PROCESSING
        job.started_at = job.started_at or self._tables.clock.now
        job.completed_at, job.error_message, job.failed_images = None, None, 0
        job.total_images = len(start.plan.images) if job.total_images <= 0 else job.total_images
        job.completed_images = len(start.stored_attach_ids)
        job.generated_attach_ids = list(facts.stored_attach_ids)
        self._tables.touch(job)
        if job.production_id in self._tables.productions:
            self._tables.productions[job.production_id].production_status = JobStatus.PROCESSING

    def _plan(self, facts: JobFacts, start: Start, price: int, result_owner: str) -> None:
        now, stored, customer = self._tables.clock.now, start.stored_attach_ids, _customer(start, facts)
        claimed = self._tables.pipeline_jobs.get(facts.job_id)
        if claimed is not None:
            claimed.fruitless_recoveries, claimed.ended_elsewhere, claimed.updated_at = 0, False, now
            claimed.not_before = now
            if not claimed.prompts_kept:
                claimed.plan, claimed.prompts_kept = start.plan, True
        else:
            self._tables.pipeline_jobs[facts.job_id] = PipelineJob(
                job_id=facts.job_id,
                path=start.path.path,
                customer=customer,
                payer_kind=start.payer.kind,
                payer_id=start.payer.account_id,
                ledger_member_id=start.payer.ledger_member_id,
                price=price,
                result_owner=result_owner,
                plan=start.plan,
                extra_attach_ids=facts.stored_attach_ids[len(stored) :],
                stored_at_recovery=len(stored),
                created_at=now,
                updated_at=now,
                not_before=now,
            )
        turn = self._next_turn(customer, start.plan.route.maker)
        for image in start.plan.images:
            own_turn = turn + max(0, image.image_no - len(stored))
            key = (facts.job_id, image.image_no)
            if key in self._tables.images:
                clock = self._tables.clock
                move(
                    self._tables.images[key],
                    PLAN_ANEW,
                    clock,
                    attempts=0,
                    broken_answers=0,
                    rerolls=0,
                    turned_down=None,
                    not_before=now,
                    turn=own_turn,
                    run=_next_run(self._tables.images[key]),
                )
                continue
            is_stored = image.image_no < len(stored)
            self._tables.images[key] = PipelineImage(
                job_id=facts.job_id,
                image_no=image.image_no,
                path=start.path.path,
                customer=customer,
                turn=own_turn,
                text_only=start.plan.request.is_text_only,
                stage=image.stage,
                item=image.item,
                number=image.number,
                seed=image.seed,
                series=image.series,
                engine=start.plan.route.maker.engine,
                workflow=start.plan.route.maker.workflow,
                not_before=now,
                created_at=now,
                updated_at=now,
                state=ImageState.STORED if is_stored else ImageState.PLANNED,
                attach_id=stored[image.image_no] if is_stored else None,
                is_free=image.is_free,
                degrees=image.degrees,
            )

    def _next_turn(self, customer: str, maker: Maker) -> int:
        """The round that the maker serves, or the one behind the customer's own."""
        paused = self._tables.paused_paths
        ready, generating, planned = (
            [image for image in self._tables.in_state(state) if image.maker == maker]
            for state in (ImageState.READY, ImageState.GENERATING, ImageState.PLANNED)
        )
        rounds = (
            min((image.turn for image in ready if image.path not in paused), default=None),
            max((image.turn for image in generating), default=None),
            min((image.turn for image in planned if image.path not in paused), default=None),
        )
        served = next((turn for turn in rounds if turn is not None), 0)
        own = [image.turn for image in ready + planned if image.customer == customer]
        return max(served, max(own, default=-1) + 1)


def _customer(start: Start, facts: JobFacts) -> str:
    member = facts.member_id or start.payer.ledger_member_id
    organization = facts.organization.org_id if facts.organization else "-"
    return f"{organization}:{member}"


def _next_run(image: PipelineImage) -> int:
    return image.run + (image.state in (ImageState.FAILED, ImageState.CANCELLED))
