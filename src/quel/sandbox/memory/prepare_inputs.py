"""The rows of prepare_inputs, in memory."""

from collections.abc import Sequence
from uuid import UUID

from quel.adapters.postgres.image_state import FAIL_TO_PREPARE, PREPARE
from quel.core.attachment import AttachmentPath, attachment_path
from quel.core.job import JobStatus
from quel.core.pipeline import ImageState
from quel.core.prepare_inputs import LEASE_S, FailedImage, Preparation, Prepared, ReadyImage
from quel.sandbox.memory.image_moves import move
from quel.sandbox.memory.tables import Tables


class PrepareInputsRows:
    """As quel.adapters.postgres.prepare_inputs has them."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def load(self, job_id: UUID) -> Preparation | None:
        """A claimed job's plan and states, or None where quel has no plan of it."""
        claimed, job = self._tables.pipeline_jobs.get(job_id), self._tables.jobs.get(job_id)
        if claimed is None or job is None:
            return None
        states = tuple((image.image_no, image.state) for image in self._tables.images_of(job_id))
        makers = {image.image_no: image.maker for image in self._tables.images_of(job_id)}
        return Preparation(job_id, claimed.path, job.job_status, claimed.plan, states, makers)

    def begin(self, job_id: UUID, owner: str) -> int | None:
        """Leases the preparation to `owner`; how often it has begun, or None while another is at it."""
        claimed, clock = self._tables.pipeline_jobs[job_id], self._tables.clock
        until = claimed.prepared_until
        if claimed.prepared_by not in (None, owner) and until is not None and until >= clock.now:
            return None
        claimed.starts += 1
        claimed.prepared_by, claimed.prepared_until = owner, clock.after(LEASE_S)
        return claimed.starts

    def postpone(self, job_id: UUID) -> None:
        """Ends the lease of a preparation that is to be tried again, and notes that the job is not stuck."""
        claimed = self._tables.pipeline_jobs[job_id]
        claimed.starts, claimed.prepared_by, claimed.updated_at = 0, None, self._tables.clock.now

    def attachment_paths(self, attach_ids: Sequence[int]) -> dict[int, AttachmentPath | None]:
        """Where each attachment that has a row is stored; None where the row names no path."""
        rows = (self._tables.attachments.get(attach_id) for attach_id in attach_ids)
        return {
            row.attach_id: attachment_path(
                attach_file_path=row.attach_file_path, attach_directory=row.attach_directory
            )
            for row in rows
            if row is not None
        }

    def finish(
        self,
        job_id: UUID,
        *,
        ready: Sequence[ReadyImage],
        failed: Sequence[FailedImage],
        warnings: Sequence[str],
        input_images: int,
    ) -> Prepared:
        """Ends the lease; planned images become ready or failed, where the job is still processing."""
        job, claimed = self._tables.jobs.get(job_id), self._tables.pipeline_jobs.get(job_id)
        if claimed is not None:
            claimed.starts, claimed.prepared_by = 0, None
        if job is None or claimed is None or job.job_status is not JobStatus.PROCESSING:
            return Prepared()
        clock, images = self._tables.clock, self._tables.images
        claimed.warnings, claimed.input_images = tuple(warnings), input_images
        claimed.updated_at = clock.now
        for failure in failed:
            image = images[job_id, failure.image_no]
            move(image, FAIL_TO_PREPARE, clock, reason_code=failure.code, reason=failure.reason)
        if failed:
            job.failed_images = sum(
                image.state is ImageState.FAILED for image in self._tables.images_of(job_id)
            )
            self._tables.touch(job)
        first = self._first_turn(claimed.customer)
        made_ready = sorted(
            one.image_no
            for position, one in enumerate(ready)
            if move(
                images[job_id, one.image_no],
                PREPARE,
                clock,
                request=one,
                turn=first + position,
                not_before=clock.now,
            )
        )
        others_wait = any(image.state is ImageState.PLANNED for image in self._tables.images_of(job_id))
        return Prepared(tuple(made_ready), others_wait)

    def _first_turn(self, customer: str) -> int:
        """The round that is being served, or the one behind the customer's own."""
        ready = list(self._tables.in_state(ImageState.READY))
        generating = [image.turn for image in self._tables.in_state(ImageState.GENERATING)]
        served = min((image.turn for image in ready), default=max(generating, default=0))
        own = [image.turn for image in ready if image.customer == customer]
        return max(served, max(own, default=-1) + 1)
