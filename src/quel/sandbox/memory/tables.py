"""The rows: those of the product's tables and of quel's own, under the columns' names."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from quel.core.credits import PayerKind
from quel.core.engines import GEMINI, Maker
from quel.core.job import JobPlan, JobStatus
from quel.core.pipeline import FINAL_STATES, ImageState
from quel.core.prepare_inputs import ReadyImage
from quel.core.submission import Submission
from quel.core.takes import TurnedDown
from quel.sandbox.memory.clock import Clock


@dataclass
class Member:
    """public.quel_member"""

    quel_member_id: UUID
    quel_member_credit: int


@dataclass
class Organization:
    """public.quel_organization"""

    org_id: UUID
    owner_id: UUID
    org_credit: int
    org_status: str = "active"


@dataclass
class Production:
    """public.quel_production_photo"""

    production_id: UUID
    quel_production_path: str | None = None
    production_status: JobStatus = JobStatus.PENDING
    attach_ids: list[object] | None = None
    generated_image_count: int = 0
    processing_duration_seconds: int | None = None
    input_images_count: int | None = None


@dataclass
class Job:
    """public.quel_production_jobs"""

    job_id: UUID
    job_type: str
    job_input_data: object
    total_images: int
    created_at: datetime
    updated_at: datetime
    production_id: UUID | None = None
    quel_member_id: UUID | None = None
    org_id: UUID | None = None
    quel_production_path: str | None = None
    job_status: JobStatus = JobStatus.PENDING
    completed_images: int = 0
    failed_images: int = 0
    generated_attach_ids: object = field(default_factory=list)
    error_message: str | None = None
    retry_count: int = 0
    started_at: datetime | None = None
    completed_at: datetime | None = None


@dataclass
class Attach:
    """public.quel_attach"""

    attach_id: int
    attach_file_path: str | None
    attach_directory: str | None = None
    attach_file_size: int = 0
    attach_file_type: str | None = None


@dataclass
class Credit:
    """public.quel_credits"""

    user_id: UUID
    transaction_type: str
    amount: int
    balance_after: int
    description: str
    attach_idx: int
    production_idx: UUID | None
    org_id: UUID | None
    used_by_member_id: UUID | None
    api_provider: str


@dataclass
class PendingJobInHand:
    """quel.pending_job"""

    recoveries: int = 0
    adoptions: int = 0


@dataclass
class PipelineJob:
    """quel.job"""

    job_id: UUID
    path: str
    customer: str
    payer_kind: PayerKind
    payer_id: UUID
    ledger_member_id: UUID
    price: int
    result_owner: str
    plan: JobPlan
    extra_attach_ids: tuple[int, ...]
    stored_at_recovery: int
    created_at: datetime
    updated_at: datetime
    not_before: datetime
    warnings: tuple[str, ...] = ()
    input_images: int = 0
    starts: int = 0
    prepared_by: str | None = None
    prepared_until: datetime | None = None
    postponed: int = 0
    fruitless_recoveries: int = 0
    ended_elsewhere: bool = False
    prompts_kept: bool = True


@dataclass
class PipelineImage:
    """quel.image"""

    job_id: UUID
    image_no: int
    path: str
    customer: str
    stage: int
    item: int
    number: int
    seed: int
    not_before: datetime
    created_at: datetime
    updated_at: datetime
    series: int | None = None
    engine: str = GEMINI
    workflow: str = ""
    submission: Submission | None = None
    rerouted: bool = False
    state: ImageState = ImageState.PLANNED
    turn: int = 0
    text_only: bool = False
    request: ReadyImage | None = None
    attempts: int = 0
    broken_answers: int = 0
    rerolls: int = 0
    turned_down: TurnedDown | None = None
    starts: int = 0
    object_bytes: int | None = None
    run: int = 0
    lease_owner: str | None = None
    lease_until: datetime | None = None
    cost_usd: float | None = None
    history: list[dict[str, str]] = field(default_factory=list)  # here of the calls that were paid for alone
    reason_code: str | None = None
    reason: str | None = None
    attach_id: int | None = None
    is_free: bool = False
    degrees: int | None = None

    @property
    def maker(self) -> Maker:
        """What makes it."""
        return Maker(self.engine, self.workflow)

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return self.state not in FINAL_STATES


@dataclass
class Webhook:
    """quel.webhook"""

    webhook_id: UUID
    job_id: UUID
    type: str
    url: str | None
    body: str
    not_before: datetime
    state: str = "waiting"
    tries: int = 0
    last_status: int | None = None
    last_code: str | None = None
    ended_at: datetime | None = None


class Tables:
    """Every table of one database, and the few looks into several that more than one step takes."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.members: dict[UUID, Member] = {}
        self.organizations: dict[UUID, Organization] = {}
        self.productions: dict[UUID, Production] = {}
        self.jobs: dict[UUID, Job] = {}
        self.attachments: dict[int, Attach] = {}
        self.ledger: list[Credit] = []
        self.pending_jobs: dict[UUID, PendingJobInHand] = {}
        self.forwarded: set[UUID] = set()
        self.pipeline_jobs: dict[UUID, PipelineJob] = {}
        self.images: dict[tuple[UUID, int], PipelineImage] = {}
        self.webhooks: dict[UUID, Webhook] = {}
        self.paused_paths: dict[str, dict[str, str]] = {}

    def images_of(self, job_id: UUID) -> list[PipelineImage]:
        """A job's images in plan order."""
        return sorted(
            (image for image in self.images.values() if image.job_id == job_id),
            key=lambda image: image.image_no,
        )

    def series_of(self, image: PipelineImage) -> list[PipelineImage]:
        """The images of its series; none where it stands alone."""
        if image.series is None:
            return []
        return [one for one in self.images_of(image.job_id) if one.series == image.series]

    def in_state(self, state: ImageState) -> Iterator[PipelineImage]:
        """Every image in a state."""
        return (image for image in self.images.values() if image.state is state)

    def jobs_of(self, production_id: UUID) -> list[Job]:
        """The jobs of a production."""
        return [job for job in self.jobs.values() if job.production_id == production_id]

    def status(self, job_id: UUID) -> JobStatus | None:
        """A job's status, None where its row is gone."""
        job = self.jobs.get(job_id)
        return job.job_status if job else None

    def touch(self, job: Job) -> None:
        """What the product's trigger does to a job's row that is written."""
        job.updated_at = self.clock.now
