"""The rows of prepare_inputs, in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from quel.adapters.postgres.image_state import FAIL_TO_PREPARE, PREPARE, PREPARE_AGAIN
from quel.core.attachment import AttachmentPath, attachment_path
from quel.core.engines import Maker
from quel.core.job import JobStatus
from quel.core.pipeline import ImageState
from quel.core.prepare_inputs import (
    LEASE_S,
    FailedImage,
    Lookahead,
    Preparation,
    PreparationTurn,
    Prepared,
    ReadyImage,
    SetBack,
)
from quel.sandbox.memory.image_moves import move
from quel.sandbox.memory.tables import PipelineImage, Tables


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

    def take(self, lookahead: Lookahead, owner: str) -> PreparationTurn | None:
        """Leases the job whose turn it is to `owner`; None where none may be prepared now."""
        first = self._first(lookahead)
        if first is None:
            return None
        claimed = self._tables.pipeline_jobs[first.job_id]
        claimed.starts += 1
        claimed.prepared_by, claimed.prepared_until = owner, self._tables.clock.after(LEASE_S)
        planned = self._tables.in_state(ImageState.PLANNED)
        paths = lookahead.paths + lookahead.closed
        others_wait = any(i.job_id != first.job_id and i.path in paths for i in planned)
        return PreparationTurn(claimed.job_id, claimed.starts, claimed.postponed, others_wait)

    def waits(self, lookahead: Lookahead) -> bool:
        """Whether a job could be prepared now."""
        return self._first(lookahead) is not None

    def set_back(self, lookahead: Lookahead) -> SetBack | None:
        """Sends the last job behind whose turn it is, or of no such path, back to be prepared later."""
        first = self._first(replace(lookahead, closed=()))
        ready = list(self._tables.in_state(ImageState.READY))
        behind = [
            image
            for image in ready
            if first is not None and not image.text_only and self._may_wait(image, first, lookahead)
        ]
        if not behind:
            return None
        last = max(behind, key=lambda image: (image.path not in lookahead.paths, image.turn))
        keys: dict[str, None] = {}
        for image in ready:
            if image.job_id == last.job_id and image.request is not None:
                keys |= dict.fromkeys(image.request.picture_keys)
                move(image, PREPARE_AGAIN, self._tables.clock)
        return SetBack(last.job_id, tuple(keys))

    def _may_wait(self, image: PipelineImage, first: PipelineImage, lookahead: Lookahead) -> bool:
        images = self._tables.images_of(image.job_id)
        if image.job_id == first.job_id or any(i.state is ImageState.GENERATING for i in images):
            return False
        ready = [i for i in images if i.state is ImageState.READY]
        return image.path not in lookahead.paths or all(i.turn > first.turn for i in ready)

    def renew(self, job_ids: Sequence[UUID]) -> None:
        """Prolongs the lease of jobs that are being prepared."""
        for job_id in job_ids:
            claimed = self._tables.pipeline_jobs[job_id]
            if claimed.prepared_by is not None and self._free_at(job_id) > self._tables.clock.now:
                claimed.prepared_until = self._tables.clock.after(LEASE_S)

    def postpone(self, job_id: UUID, *, pause_s: float, postponed: int) -> None:
        """Ends the lease of a job that is to be tried again after `pause_s`."""
        claimed, clock = self._tables.pipeline_jobs[job_id], self._tables.clock
        claimed.starts, claimed.prepared_by, claimed.postponed = 0, None, postponed
        claimed.updated_at, claimed.not_before = clock.now, clock.after(pause_s)

    def next_due_in_s(self, lookahead: Lookahead) -> float | None:
        """In how many seconds the next job could be prepared, None where none waits."""
        moments = [self._free_at(image.job_id) for image in self._may_go(lookahead)]
        return max(0.0, -self._tables.clock.since(min(moments))) if moments else None

    def _first(self, lookahead: Lookahead) -> PipelineImage | None:
        now = self._tables.clock.now
        due = (image for image in self._may_go(lookahead) if self._free_at(image.job_id) <= now)
        return min(due, key=lambda image: (image.path in lookahead.closed, _place(image)), default=None)

    def _free_at(self, job_id: UUID) -> datetime:
        job = self._tables.pipeline_jobs[job_id]
        leased_until = job.prepared_until if job.prepared_by is not None else None
        return max(job.not_before, leased_until or job.not_before)

    def _may_go(self, lookahead: Lookahead) -> list[PipelineImage]:
        planned = [
            image
            for image in self._tables.in_state(ImageState.PLANNED)
            if image.path in lookahead.paths + lookahead.closed
            and (lookahead.pictures or image.text_only)
            and self._tables.status(image.job_id) is not JobStatus.PENDING
        ]
        ready = list(self._tables.in_state(ImageState.READY))
        return [
            image
            for image in planned
            if sum(_lane(r) == _lane(image) and _place(r) < _place(image) for r in ready) < lookahead.ahead
        ]

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

    def input_data(self, job_id: UUID) -> object:
        """The job's input, for the pictures that stand in it; None where there is none."""
        job = self._tables.jobs.get(job_id)
        return job.job_input_data if job else None

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
        claimed.postponed, claimed.updated_at = 0, clock.now
        for failure in failed:
            image = images[job_id, failure.image_no]
            move(image, FAIL_TO_PREPARE, clock, reason_code=failure.code, reason=failure.reason)
        if failed:
            job.failed_images = sum(
                image.state is ImageState.FAILED for image in self._tables.images_of(job_id)
            )
            self._tables.touch(job)
        made_ready = sorted(
            one.image_no
            for one in ready
            if move(images[job_id, one.image_no], PREPARE, clock, request=one, not_before=clock.now)
        )
        others_wait = any(image.state is ImageState.PLANNED for image in self._tables.images_of(job_id))
        return Prepared(tuple(made_ready), others_wait)


def _lane(image: PipelineImage) -> tuple[str, Maker]:
    return image.path, image.maker


def _place(image: PipelineImage) -> tuple[int, UUID, int]:
    return image.turn, image.job_id, image.image_no
