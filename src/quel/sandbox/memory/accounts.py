"""Balances, what of them is promised, and a job's counters: what several steps look at or write."""

from collections.abc import Iterable
from uuid import UUID

from quel.core.credits import PayerKind
from quel.core.generate_image import Progress
from quel.core.job import JobStatus
from quel.core.pipeline import ImageState
from quel.sandbox.memory.tables import PipelineImage, Tables

_ON_ITS_WAY = {ImageState.GENERATING, ImageState.MADE}


def balance(tables: Tables, kind: PayerKind, payer_id: UUID, *, active: bool = False) -> int | None:
    """An account's credits; None where it is gone, or (`active`) is an organization that is not active."""
    if kind is PayerKind.MEMBER:
        member = tables.members.get(payer_id)
        return member.quel_member_credit if member else None
    organization = tables.organizations.get(payer_id)
    if organization is None or (active and organization.org_status != "active"):
        return None
    return organization.org_credit


def pay(tables: Tables, kind: PayerKind, payer_id: UUID, price: int) -> int | None:
    """Takes `price` from an account; its balance then, or None where it does not cover that."""
    before = balance(tables, kind, payer_id)
    if before is None or before < price:
        return None
    if kind is PayerKind.MEMBER:
        tables.members[payer_id].quel_member_credit -= price
    else:
        tables.organizations[payer_id].org_credit -= price
    return before - price


def held(tables: Tables, kind: PayerKind, payer_id: UUID, *, but_for: UUID) -> int:
    """The credits that the payer's open jobs, but for one, may still cost."""
    images = (image for image in tables.images.values() if image.is_open and image.job_id != but_for)
    return _cost(tables, kind, payer_id, images)


def on_their_way(tables: Tables, image: PipelineImage) -> int:
    """What the payer's images cost that are being made or wait to be stored, but for this one."""
    payer = tables.pipeline_jobs[image.job_id]
    others = (other for other in tables.images.values() if other.state in _ON_ITS_WAY and other is not image)
    return _cost(tables, payer.payer_kind, payer.payer_id, others)


def _cost(tables: Tables, kind: PayerKind, payer_id: UUID, images: Iterable[PipelineImage]) -> int:
    jobs = ((image, tables.pipeline_jobs[image.job_id]) for image in images)
    return sum(
        job.price
        for image, job in jobs
        if not image.is_free
        and (job.payer_kind, job.payer_id) == (kind, payer_id)
        and tables.status(image.job_id) is JobStatus.PROCESSING
    )


def count_progress(tables: Tables, job_id: UUID, stage: int) -> Progress | None:
    """Writes the counters of a job that is processing, from its images; None for another."""
    job = tables.jobs.get(job_id)
    if job is None or job.job_status is not JobStatus.PROCESSING:
        return None
    images = tables.images_of(job_id)
    own = [image for image in images if image.stage == stage]
    progress = Progress(
        stored=_count(images, ImageState.STORED),
        failed=_count(images, ImageState.FAILED),
        remaining=sum(image.is_open for image in images),
        planned=len(images),
        stage_stored=_count(own, ImageState.STORED),
        stage_remaining=sum(image.is_open for image in own),
        stage_planned=len(own),
        seconds=tables.clock.since(job.started_at),
    )
    attach_ids = [image.attach_id for image in images if image.attach_id is not None]
    job.completed_images, job.failed_images = progress.stored, progress.failed
    job.generated_attach_ids = [*attach_ids, *tables.pipeline_jobs[job_id].extra_attach_ids]
    tables.touch(job)
    return progress


def _count(images: list[PipelineImage], state: ImageState) -> int:
    return sum(image.state is state for image in images)
