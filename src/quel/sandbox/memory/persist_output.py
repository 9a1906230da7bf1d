"""The rows of persist_output, in memory."""

from dataclasses import replace
from uuid import UUID

from quel.adapters.postgres.image_state import (
    BEGIN_TO_STORE,
    FAIL_TO_STORE,
    MAKE_AGAIN,
    POSTPONE,
    RUN_DRY,
    STORE,
)
from quel.core import credits
from quel.core.credits import PayerKind
from quel.core.generate_image import InsufficientCredits, Progress
from quel.core.job import JobStatus
from quel.core.kinds import ledger_description, result_path
from quel.core.persist_output import (
    FIRST_PAUSE_S,
    LEASE_S,
    LONGEST_PAUSE_S,
    Delivered,
    OutputToPersist,
    PersistEnd,
    Stale,
)
from quel.core.pipeline import ImageState
from quel.sandbox.memory.accounts import count_progress, pay
from quel.sandbox.memory.image_moves import move
from quel.sandbox.memory.tables import Attach, Credit, PipelineImage, Tables


class PersistOutputRows:
    """As quel.adapters.postgres.persist_output has them."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def load(self, job_id: UUID, image_no: int) -> OutputToPersist | None:
        """An image with its payer and place, as it stands, or None where quel has no such image."""
        return self._read(job_id, image_no, begun=False)

    def begin(self, job_id: UUID, image_no: int, owner: str) -> OutputToPersist | None:
        """The same; one that is made is leased to `owner`, unless it is taken or its pause is not over."""
        image, clock = self._tables.images.get((job_id, image_no)), self._tables.clock
        begun = (
            image is not None
            and self._may_begin(image, owner)
            and move(
                image,
                BEGIN_TO_STORE,
                clock,
                lease_owner=owner,
                lease_until=clock.after(LEASE_S),
                starts=image.starts + 1,
                object_bytes=image.object_bytes,
                updated_at=image.updated_at,
            )
        )
        return self._read(job_id, image_no, begun=begun)

    def _may_begin(self, image: PipelineImage, owner: str) -> bool:
        now = self._tables.clock.now
        is_free = image.lease_until is None or image.lease_until < now or image.lease_owner == owner
        is_processing = self._tables.status(image.job_id) is JobStatus.PROCESSING
        return is_free and is_processing and image.not_before <= now

    def _read(self, job_id: UUID, image_no: int, *, begun: bool) -> OutputToPersist | None:
        image, job = self._tables.images.get((job_id, image_no)), self._tables.jobs.get(job_id)
        if image is None or job is None:
            return None
        claimed = self._tables.pipeline_jobs[job_id]
        return OutputToPersist(
            job_id=job_id,
            image_no=image_no,
            state=image.state,
            job_status=job.job_status,
            path=image.path,
            stage=image.stage,
            broken_answers=image.broken_answers,
            references_shown=len(image.request.picture_keys) if image.request else 0,
            production_id=job.production_id,
            payer_kind=claimed.payer_kind,
            payer_id=claimed.payer_id,
            ledger_member_id=claimed.ledger_member_id,
            price=0 if image.is_free else claimed.price,
            is_free=image.is_free,
            as_given=image.request.as_given if image.request else False,
            result_path=result_path(
                image.path, claimed.result_owner, job_id, image_no, image.degrees, run=image.run
            ),
            begun=begun,
            starts=image.starts if begun else 0,
            object_bytes=image.object_bytes,
            age_s=(self._tables.clock.now - image.created_at).total_seconds(),
            engine=image.engine,
            series=image.series,
        )

    def deliver(self, output: OutputToPersist, size_bytes: int) -> PersistEnd:
        """Attach row, deduction, ledger row, image row and progress at once."""
        image = self._tables.images.get((output.job_id, output.image_no))
        if image is None:
            return Stale(ImageState.FAILED)
        if image.state is not ImageState.MADE:
            return Stale(image.state)
        status = self._tables.status(output.job_id)
        if status is not JobStatus.PROCESSING:
            return Stale(ImageState.MADE if status is JobStatus.PENDING else ImageState.CANCELLED)
        left = None
        if not output.is_free:
            left = pay(self._tables, output.payer_kind, output.payer_id, output.price)
            if left is None:
                return self._run_dry(output)
        attach_id = self._attach(output.result_path, size_bytes)
        if left is not None:
            self._tables.ledger.append(_booking(output, attach_id, left))
        move(image, STORE, self._tables.clock, attach_id=attach_id)
        series = self._tables.series_of(image)
        is_first = [one.image_no for one in series if one.state is ImageState.STORED] == [image.image_no]
        followers = [one.image_no for one in series if is_first and one.state is ImageState.READY]
        return Delivered(attach_id, left, self._progress(output), tuple(followers))

    def postpone(self, output: OutputToPersist, *, object_bytes: int | None) -> float | None:
        """Lets go of a made image; the seconds until its next try, None when it waits no longer."""
        image, clock = self._tables.images.get((output.job_id, output.image_no)), self._tables.clock
        if image is None:
            return None
        last_pause_s = (image.not_before - image.updated_at).total_seconds()
        pause_s = min(LONGEST_PAUSE_S, max(FIRST_PAUSE_S, 2 * last_pause_s))
        moved = move(image, POSTPONE, clock, object_bytes=object_bytes, not_before=clock.after(pause_s))
        return pause_s if moved else None

    def fail(self, output: OutputToPersist, *, code: str, reason: str) -> Progress | None:
        """Ends a made image as failed; None when it no longer waits."""
        if self._tables.status(output.job_id) is not JobStatus.PROCESSING:
            return None
        image = self._tables.images[output.job_id, output.image_no]
        moved = move(image, FAIL_TO_STORE, self._tables.clock, reason_code=code, reason=reason)
        return self._progress(output) if moved else None

    def make_again(self, output: OutputToPersist, *, broken: bool) -> None:
        """Back to the provider: the bytes are gone, or (`broken`) are no picture."""
        image = self._tables.images[output.job_id, output.image_no]
        clock = self._tables.clock
        move(
            image,
            MAKE_AGAIN,
            clock,
            broken_answers=image.broken_answers + broken,
            not_before=clock.now,
            submission=image.submission and replace(image.submission, ended=image.submission.ended or broken),
        )

    def _run_dry(self, output: OutputToPersist) -> InsufficientCredits:
        reason = credits.ran_dry(output.payer_kind, output.price)
        failed = sum(
            move(image, RUN_DRY, self._tables.clock, reason_code="ran_dry", reason=reason)
            for image in self._tables.images_of(output.job_id)
            if not image.is_free
        )
        return InsufficientCredits(self._progress(output), failed, reason)

    def _attach(self, path: str, size_bytes: int) -> int:
        attach_id = len(self._tables.attachments) + 1
        self._tables.attachments[attach_id] = Attach(attach_id, path, path, size_bytes, "image/webp")
        return attach_id

    def _progress(self, output: OutputToPersist) -> Progress:
        progress = count_progress(self._tables, output.job_id, output.stage)
        if progress is None:
            raise TypeError("Only a job that is processing has progress.")
        return progress


def _booking(output: OutputToPersist, attach_id: int, balance: int) -> Credit:
    organization = output.payer_id if output.payer_kind is PayerKind.ORGANIZATION else None
    return Credit(
        user_id=output.ledger_member_id,
        transaction_type=credits.TRANSACTION_TYPE,
        amount=-output.price,
        balance_after=min(balance, credits.MAX_BALANCE_AFTER),
        description=ledger_description(output.path, output.image_no),
        attach_idx=attach_id,
        production_idx=output.production_id,
        org_id=organization,
        used_by_member_id=output.ledger_member_id if organization else None,
        api_provider=credits.API_PROVIDERS[output.engine],
    )
