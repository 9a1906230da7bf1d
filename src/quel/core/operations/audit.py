"""What must agree once images are delivered: images, attachments, objects, ledger, counters, productions.

Everything here is compared from one snapshot of the rows. What is still on its way is no difference, nor is
what other servers made: quel's own attachments are known by their path, which names job and image.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from quel.core.credits import MAX_BALANCE_AFTER, PayerKind
from quel.core.finalize_job import CANCELLED_STATUSES, OPEN_STATUSES, ImageEnd, settle, settle_production
from quel.core.job import JobStatus
from quel.core.kinds import result_path
from quel.core.pipeline import ImageState


@dataclass(frozen=True)
class Difference:
    """Two records that should agree and do not: which, by a stable `kind`. `image` counts from 1."""

    kind: str
    message: str
    job_id: UUID | None = None
    image: int | None = None


@dataclass(frozen=True)
class AuditedImage:
    """An image's row. `is_adopted`: another server had made it before quel planned the job.

    `has_cost` says that what its calls cost is noted, were it nothing. One that `is_free` is delivered
    without a charge; `degrees` are those of a view round a subject.
    """

    image_no: int
    state: ImageState
    attach_id: int | None
    is_adopted: bool
    has_cost: bool = True
    is_free: bool = False
    degrees: int | None = None
    run: int = 0


@dataclass(frozen=True)
class AuditedJob:
    """A job that quel planned. `attach_ids` is generated_attach_ids as it stands, whatever that is.

    `extra_attach_ids` were there beyond the plan when it was claimed. One that was `ended_elsewhere` has the
    status and the count of failures that somebody else wrote.
    """

    job_id: UUID
    status: JobStatus
    is_closed: bool
    total_images: int
    completed: int
    failed: int
    attach_ids: object
    production_id: UUID | None
    price: int
    payer_kind: PayerKind
    payer_id: UUID
    ledger_member_id: UUID
    result_owner: str
    images: tuple[AuditedImage, ...]
    extra_attach_ids: tuple[int, ...] = ()
    ended_elsewhere: bool = False
    path: str = ""

    def path_of(self, image: AuditedImage) -> str:
        """Where the image is stored in the bucket."""
        return result_path(
            self.path, self.result_owner, self.job_id, image.image_no, image.degrees, run=image.run
        )

    def image_of(self, attachment: "Attachment") -> AuditedImage | None:
        """The image that an attachment's path names."""
        return next((image for image in self.images if self.path_of(image) == attachment.path), None)

    @property
    def delivered(self) -> tuple[AuditedImage, ...]:
        """The images that quel itself stored."""
        return tuple(i for i in self.images if i.state is ImageState.STORED and not i.is_adopted)


@dataclass(frozen=True)
class Attachment:
    """A row of quel_attach whose path names an image of quel's."""

    attach_id: int
    path: str
    size_bytes: int | None
    job_id: UUID


@dataclass(frozen=True)
class Charge:
    """A ledger row for an attachment of quel's. `org_id` is None where a member paid."""

    attach_id: int
    amount: int
    balance_after: int
    member_id: UUID
    org_id: UUID | None
    production_id: UUID | None


@dataclass(frozen=True)
class AuditedProduction:
    """A production with the statuses of all its jobs; `ended_ids` are the ids of quel's ended jobs."""

    production_id: UUID
    status: JobStatus
    attach_ids: object
    image_count: int
    job_statuses: tuple[JobStatus, ...]
    ended_ids: tuple[int, ...]


def check_job(job: AuditedJob) -> Iterator[Difference]:
    """Counters, ids and status of a job against its images."""
    stored = [image for image in job.images if image.state is ImageState.STORED]
    failed = sum(image.state is ImageState.FAILED for image in job.images)
    expected = {"completed_images": len(stored), "failed_images": failed}
    if job.ended_elsewhere:
        expected["failed_images"] = job.failed
    elif job.is_closed and job.status not in OPEN_STATUSES:
        ends = [ImageEnd(image.image_no, image.state, image.attach_id) for image in job.images]
        end = settle(
            ends, total_images=job.total_images, warnings=(), cancelled=job.status in CANCELLED_STATUSES
        )
        if end is None:
            yield Difference("open_images", "The job has ended with images on their way.", job.job_id)
            return
        expected["failed_images"] = end.failed_images
        if end.status != job.status and not {end.status, job.status} <= CANCELLED_STATUSES:
            yield _job(job, "job_status", f"is {job.status}, but its images say {end.status}")
    for name, value in (("completed_images", job.completed), ("failed_images", job.failed)):
        if value != expected[name]:
            yield _job(job, name, f"is {value}, but its images say {expected[name]}")
    ids = list(dict.fromkeys((*(image.attach_id for image in stored), *job.extra_attach_ids)))
    if job.attach_ids != ids:
        yield _job(job, "generated_attach_ids", f"is {job.attach_ids}, but its images say {ids}")
    if 0 < job.total_images < len(job.images):
        yield _job(job, "total_images", f"is {job.total_images}, but {len(job.images)} images are planned")


def _job(job: AuditedJob, column: str, what: str) -> Difference:
    return Difference(column, f"{column} {what}.", job.job_id)


def check_images(
    job: AuditedJob, attachments: Mapping[str, Sequence[Attachment]], charges: Mapping[int, Sequence[Charge]]
) -> Iterator[Difference]:
    """Each delivered image has one attachment and, unless it is free, one charge, by its payer."""
    for image in job.delivered:
        found = attachments.get(job.path_of(image), ())
        if [one.attach_id for one in found] != [image.attach_id]:
            ids = ", ".join(str(one.attach_id) for one in found) or "none"
            yield _image(job, image, "attachment", f"has attachment {image.attach_id}; at its path: {ids}")
        if not image.has_cost:
            yield _image(job, image, "cost", "was delivered, but what its calls cost is noted nowhere")
        booked = charges.get(image.attach_id or 0, ())
        if len(booked) != (0 if image.is_free else 1):
            wanted = "none, as it is free" if image.is_free else "one"
            yield _image(job, image, "ledger_rows", f"has {len(booked)} ledger rows instead of {wanted}")
        for charge in booked:
            yield from _check_charge(job, image, charge)


def _check_charge(job: AuditedJob, image: AuditedImage, charge: Charge) -> Iterator[Difference]:
    payer = job.payer_id if job.payer_kind is PayerKind.ORGANIZATION else None
    price = 0 if image.is_free else job.price
    if charge.amount != -price:
        yield _image(job, image, "ledger_amount", f"was booked at {charge.amount} instead of {-price}")
    if (charge.org_id, charge.member_id) != (payer, job.ledger_member_id):
        yield _image(job, image, "ledger_payer", "was booked on somebody else than the job's payer")
    if charge.production_id != job.production_id:
        yield _image(job, image, "ledger_production", "was booked on another production than the job's")
    if not 0 <= charge.balance_after <= MAX_BALANCE_AFTER:
        yield _image(job, image, "ledger_balance", f"left a balance of {charge.balance_after}")


def check_strays(job: AuditedJob, attachments: Sequence[Attachment]) -> Iterator[Difference]:
    """No attachment, and so no charge, names an image of the job that it is not the attachment of."""
    stored = {image.attach_id for image in job.images if image.state is ImageState.STORED}
    for attachment in attachments:
        if attachment.attach_id not in stored:
            named = job.image_of(attachment)
            yield Difference(
                "stray_attachment",
                f"Attachment {attachment.attach_id} names an image that was not delivered as it.",
                job.job_id,
                None if named is None else named.image_no + 1,
            )


def check_objects(
    job: AuditedJob, attachments: Mapping[str, Sequence[Attachment]], sizes_bytes: Mapping[str, int]
) -> Iterator[Difference]:
    """Each delivered image has its object, of the size its attachment says; no other image has one.

    `sizes_bytes` are the objects found under the folder of the job's owner. An object of an image that is
    still on its way is about to be delivered.
    """
    for image in job.images:
        size = sizes_bytes.get(job.path_of(image))
        if image.state is ImageState.STORED and not image.is_adopted:
            stated = {one.size_bytes for one in attachments.get(job.path_of(image), ())}
            if size is None:
                yield _image(job, image, "object_missing", "was delivered, but there is no object")
            elif stated and stated != {size}:
                yield _image(job, image, "object_size", f"has {size} bytes, but its attachment says {stated}")
        elif image.state in (ImageState.FAILED, ImageState.CANCELLED) and size is not None:
            yield _image(job, image, "stray_object", f"is {image.state}, but there is an object")


def _image(job: AuditedJob, image: AuditedImage, kind: str, what: str) -> Difference:
    number = image.image_no + 1
    return Difference(kind, f"Image {number} {what}.", job.job_id, number)


def check_production(production: AuditedProduction) -> Iterator[Difference]:
    """A production holds the ids of its ended jobs once each, counts them, and has ended when they have."""
    listed = production.attach_ids if isinstance(production.attach_ids, list) else []
    times = Counter(one for one in listed if isinstance(one, int))
    wrong = [attach_id for attach_id in production.ended_ids if times[attach_id] != 1]
    if wrong:
        yield _production(production, "production_ids", f"does not hold once each: {wrong}")
    if not len(set(production.ended_ids)) <= production.image_count <= len(listed):
        count = f"counts {production.image_count} images, but holds {len(listed)} ids"
        yield _production(production, "production_count", f"{count}, {len(production.ended_ids)} by quel")
    expected = settle_production(production.job_statuses)
    if expected not in OPEN_STATUSES and production.status != expected:
        yield _production(
            production, "production_status", f"is {production.status}, but its jobs say {expected}"
        )


def _production(production: AuditedProduction, kind: str, what: str) -> Difference:
    return Difference(kind, f"Production {production.production_id} {what}.")
