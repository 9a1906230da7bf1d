"""The rows of prepare_inputs, in memory."""

from collections.abc import Sequence
from uuid import UUID

from quel.adapters.postgres.image_state import FAIL_TO_PREPARE, PREPARE
from quel.core.attachment import AttachmentPath, attachment_path
from quel.core.job import JobStatus
from quel.core.pipeline import ImageState
from quel.core.prepare_inputs import FailedImage, Preparation, ReadyImage
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

    def begin(self, job_id: UUID) -> int:
        """Counts that the preparation begins; how often it has since it last ended in order."""
        claimed = self._tables.pipeline_jobs[job_id]
        claimed.starts += 1
        return claimed.starts

    def postpone(self, job_id: UUID) -> None:
        """Notes that the preparation ended in order and is to be tried again: the job is not stuck."""
        claimed = self._tables.pipeline_jobs[job_id]
        claimed.starts, claimed.updated_at = 0, self._tables.clock.now

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
    ) -> list[int]:
        """Planned images become ready or failed; the image_nos that became ready."""
        job = self._tables.jobs.get(job_id)
        if job is None or job.job_status is not JobStatus.PROCESSING:
            return []
        clock, images = self._tables.clock, self._tables.images
        claimed = self._tables.pipeline_jobs[job_id]
        claimed.warnings, claimed.input_images = tuple(warnings), input_images
        claimed.starts, claimed.updated_at = 0, clock.now
        for failure in failed:
            image = images[job_id, failure.image_no]
            move(image, FAIL_TO_PREPARE, clock, reason_code=failure.code, reason=failure.reason)
        if failed:
            job.failed_images = sum(
                image.state is ImageState.FAILED for image in self._tables.images_of(job_id)
            )
            self._tables.touch(job)
        first = self._first_turn(claimed.customer)
        return sorted(
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

    def _first_turn(self, customer: str) -> int:
        """The round that is being served, or the one behind the customer's own."""
        ready = list(self._tables.in_state(ImageState.READY))
        generating = [image.turn for image in self._tables.in_state(ImageState.GENERATING)]
        served = min((image.turn for image in ready), default=max(generating, default=0))
        own = [image.turn for image in ready if image.customer == customer]
        return max(served, max(own, default=-1) + 1)
