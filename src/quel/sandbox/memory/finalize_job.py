"""The rows of finalize_job, in memory; what the rows say is decided in core, here as there."""

from collections.abc import Callable
from uuid import UUID

from quel.adapters.postgres.image_state import CANCEL, GIVE_UP
from quel.core.finalize_job import (
    OPEN_STATUSES,
    CloseJob,
    ClosingFacts,
    GiveUpJob,
    ImageEnd,
    Intent,
    JobEnd,
    RefuseJob,
    decide,
    ended_elsewhere,
    merge_attach_ids,
    settle_production,
    withdraws,
)
from quel.core.job_end import ClosedJob, Leftovers, MergedIds, leftovers
from quel.core.sweep_stuck_jobs import Orphan, PendingJob, ProcessingJob
from quel.core.webhooks.target import WebhookPolicy
from quel.sandbox.memory.deliver_webhook import write_webhooks
from quel.sandbox.memory.image_moves import move
from quel.sandbox.memory.movement import is_unmoved
from quel.sandbox.memory.tables import Job, PendingJobInHand, Tables


class FinalizeJobRows:
    """As quel.adapters.postgres.finalize_job has them."""

    def __init__(self, tables: Tables, webhooks: WebhookPolicy) -> None:
        self._tables = tables
        self._webhooks = webhooks

    def close(self, job_id: UUID, *, cancelled: Callable[[], bool] | None = None) -> ClosedJob | None:
        """Closes the job and its production; None while an image is on its way or when it is closed."""
        return self._close(job_id, CloseJob(cancelled is not None and cancelled()))

    def withdraw_ended(self, job_id: UUID) -> Leftovers | None:
        """Withdraws the open images of a job that has ended; what it may have left behind."""
        status = self._tables.status(job_id)
        if status is None or status in OPEN_STATUSES:
            return None
        withdrawn, webhooks = self._cancel_images(job_id), 0
        if withdrawn:
            job = self._tables.jobs[job_id]
            facts = self._facts(job)
            self._write_production(facts, ended_elsewhere(facts))
            self._tables.pipeline_jobs[job_id].ended_elsewhere = True
            webhooks = write_webhooks(self._tables, job, self._webhooks)
        images = self._images(job_id)
        return leftovers(images, withdrawn=withdrawn, webhooks=webhooks) if images else None

    def refuse(self, job_id: UUID, reason: str) -> ClosedJob | None:
        """Closes a pending job as failed."""
        return self._close(job_id, RefuseJob(reason))

    def give_up(
        self, job: PendingJob | ProcessingJob | Orphan, *, code: str, reason: str
    ) -> ClosedJob | None:
        """Fails what is open and closes the job with what it has; None when it moved."""
        if not is_unmoved(self._tables, job, to_close=True):
            return None
        return self._close(job.job_id, GiveUpJob(code, reason))

    def _close(self, job_id: UUID, intent: Intent) -> ClosedJob | None:
        job = self._tables.jobs.get(job_id)
        if job is None:
            return None
        facts = self._facts(job)
        end = decide(facts, intent)
        if end is None:
            return None
        ended = self._end_images(facts, intent)
        if not facts.is_claimed:
            self._tables.pending_jobs[job_id] = PendingJobInHand()
        self._write_job(job, facts, end)
        return ClosedJob(
            end=end,
            path=facts.path,
            seconds=self._tables.clock.since(job.started_at),
            credits=facts.credits,
            merged=self._write_production(facts, end),
            leftovers=leftovers(
                self._images(job_id), webhooks=write_webhooks(self._tables, job, self._webhooks)
            ),
            given_up=ended if isinstance(intent, GiveUpJob) else 0,
        )

    def _facts(self, job: Job) -> ClosingFacts:
        claimed = self._tables.pipeline_jobs.get(job.job_id)
        return ClosingFacts(
            job_id=job.job_id,
            status=job.job_status,
            has_completed_at=job.completed_at is not None,
            is_claimed=claimed is not None,
            total_images=job.total_images,
            generated_attach_ids=job.generated_attach_ids,
            images=self._images(job.job_id),
            extra_attach_ids=claimed.extra_attach_ids if claimed else (),
            warnings=claimed.warnings if claimed else (),
            production_id=job.production_id,
            path=claimed.path if claimed else None,
            price=claimed.price if claimed else 0,
            input_images=claimed.input_images if claimed else 0,
        )

    def _images(self, job_id: UUID) -> tuple[ImageEnd, ...]:
        return tuple(
            ImageEnd(
                image_no=image.image_no,
                state=image.state,
                attach_id=image.attach_id,
                reason=image.reason,
                picture_keys=image.request.picture_keys if image.request else (),
                is_paid=image.cost_usd is not None,
                is_free=image.is_free,
            )
            for image in self._tables.images_of(job_id)
        )

    def _end_images(self, facts: ClosingFacts, intent: Intent) -> int:
        if isinstance(intent, GiveUpJob):
            return sum(
                move(image, GIVE_UP, self._tables.clock, reason_code=intent.code, reason=intent.reason)
                for image in self._tables.images_of(facts.job_id)
            )
        return self._cancel_images(facts.job_id) if withdraws(facts, intent) else 0

    def _cancel_images(self, job_id: UUID) -> int:
        return sum(move(image, CANCEL, self._tables.clock) for image in self._tables.images_of(job_id))

    def _write_job(self, job: Job, facts: ClosingFacts, end: JobEnd) -> None:
        job.job_status, job.completed_at = end.status, self._tables.clock.now
        job.completed_images, job.failed_images = end.completed_images, end.failed_images
        job.error_message = end.error_message
        if facts.is_claimed:
            job.generated_attach_ids = list(end.attach_ids)
        self._tables.touch(job)

    def _write_production(self, facts: ClosingFacts, end: JobEnd) -> MergedIds | None:
        if facts.production_id not in self._tables.productions:
            return None
        production = self._tables.productions[facts.production_id]
        siblings = self._tables.jobs_of(facts.production_id)
        existing = production.attach_ids or []
        production.attach_ids, new = merge_attach_ids(existing, end.attach_ids)
        production.generated_image_count += new
        production.production_status = settle_production([job.job_status for job in siblings])
        began = min((job.started_at for job in siblings if job.started_at), default=None)
        production.processing_duration_seconds = round(self._tables.clock.since(began))
        production.input_images_count = max(facts.input_images, production.input_images_count or 0)
        return MergedIds(len(existing), new)
