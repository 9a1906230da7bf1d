"""The rows of sweep_stuck_jobs, in memory."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from quel.adapters.postgres.image_state import FREE
from quel.core.fetch_job import given_path
from quel.core.finalize_job import CANCELLED_STATUSES, OPEN_STATUSES, settle_production
from quel.core.job import JobPlan, JobStatus
from quel.core.kind import MADE_HERE
from quel.core.kinds import OWN_PATHS
from quel.core.pipeline import FINAL_STATES, ImageState
from quel.core.prepare_inputs import AHEAD
from quel.core.sweep_stuck_jobs import GRACE_S, MarkedJob, OpenJobs, Orphan, PendingJob, ProcessingJob
from quel.sandbox.memory.fetch_job import FetchJobRows
from quel.sandbox.memory.image_moves import move
from quel.sandbox.memory.movement import is_leased, is_unmoved, moved_at
from quel.sandbox.memory.tables import Job, PendingJobInHand, Tables

_NEVER_S = 1e9
_SETTLED_FOR_S = 60.0


class SweepStuckJobsRows:
    """As quel.adapters.postgres.sweep_stuck_jobs has them, but for its bounds on what one sweep looks at."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._kinds = FetchJobRows(tables)
        self.is_taken = False
        """Whether another sweep looks."""

    def open_jobs(self, stuck_after_s: float, adopt_within_s: float, default_path: str) -> OpenJobs | None:
        """Everything that is open and of a kind quel makes, at one moment; None while another sweep looks."""
        if self.is_taken:
            return None
        grace_s = min(GRACE_S, stuck_after_s)
        clock = self._tables.clock
        jobs = sorted(self._tables.jobs.values(), key=lambda job: job.updated_at)
        ours = [job for job in jobs if self._is_ours(job, grace_s, adopt_within_s)]
        processing = [job for job in jobs if job.job_status is JobStatus.PROCESSING]
        return OpenJobs(
            pending=tuple(
                self._pending(job, default_path)
                for job in ours
                if job.job_status is JobStatus.PENDING and clock.since(job.updated_at) >= grace_s
            ),
            processing=tuple(
                self._processing(job.job_id) for job in processing if self._tables.images_of(job.job_id)
            ),
            orphans=tuple(
                self._orphan(job)
                for job in ours
                if job.job_status is JobStatus.PROCESSING
                and job.job_id not in self._tables.pipeline_jobs
                and clock.since(job.updated_at) > stuck_after_s
            ),
            marked=tuple(
                MarkedJob(job.job_id, self._in_hand(job.job_id)) for job in ours if self._is_marked(job)
            ),
            flow_silent_s=self._flow_silent_s(2 * stuck_after_s),
            prepared_up_to=self._prepared_up_to(),
        )

    def states(self, job_id: UUID) -> Sequence[tuple[int, ImageState]]:
        """The (image_no, state) of a claimed job's images."""
        return [(image.image_no, image.state) for image in self._tables.images_of(job_id)]

    def recover(self, job: ProcessingJob) -> bool:
        """Counts a recovery of a claimed job and frees lapsed leases; False when it moved."""
        if not is_unmoved(self._tables, job):
            return False
        self._count_retry(job.job_id)
        claimed, clock = self._tables.pipeline_jobs[job.job_id], self._tables.clock
        images = self._tables.images_of(job.job_id)
        stored = sum(image.state is ImageState.STORED for image in images)
        is_fruitful = stored > claimed.stored_at_recovery
        claimed.fruitless_recoveries = 1 if is_fruitful else claimed.fruitless_recoveries + 1
        claimed.stored_at_recovery, claimed.updated_at = stored, clock.now
        for image in images:
            if image.image_no in job.lapsed:
                move(image, FREE, clock, not_before=clock.now, starts=image.starts)
        return True

    def recover_pending(self, job: PendingJob) -> bool:
        """Counts a recovery of a pending job; False when it moved."""
        if not is_unmoved(self._tables, job):
            return False
        self._count_retry(job.job_id)
        self._tables.pending_jobs.setdefault(job.job_id, PendingJobInHand()).recoveries += 1
        return True

    def adopt(self, orphan: Orphan) -> bool:
        """Sets a silent job of another server back to pending; False when it moved."""
        if not is_unmoved(self._tables, orphan):
            return False
        self._tables.jobs[orphan.job_id].job_status = JobStatus.PENDING
        self._count_retry(orphan.job_id)
        self._tables.pending_jobs.setdefault(orphan.job_id, PendingJobInHand()).adoptions += 1
        return True

    def forget_prompts(self, keep_days: float) -> int:
        """Takes prompts that ended so long ago out of the rows; the images and jobs it was of."""
        clock, keep_s, forgotten = self._tables.clock, keep_days * 86_400, 0
        for job_id, claimed in self._tables.pipeline_jobs.items():
            images = self._tables.images_of(job_id)
            old = [
                image
                for image in images
                if image.state in FINAL_STATES and clock.since(image.updated_at) > keep_s
            ]
            for image in old:
                if image.request is not None and image.request.prompt:
                    image.request = replace(image.request, prompt="", negative_prompt="", labels=())
                    forgotten += 1
            if (
                claimed.prompts_kept
                and self._tables.status(job_id) not in OPEN_STATUSES
                and len(old) == len(images)
            ):
                claimed.plan, claimed.prompts_kept = _without_words(claimed.plan), False
                forgotten += 1
        return forgotten

    def reconcile_productions(self) -> int:
        """Closes productions whose jobs have all ended; how many."""
        closed = 0
        for production in self._tables.productions.values():
            jobs = self._tables.jobs_of(production.production_id)
            if production.production_status is JobStatus.PROCESSING and self._have_ended(jobs):
                production.production_status = settle_production([job.job_status for job in jobs])
                closed += 1
        return closed

    def _have_ended(self, jobs: list[Job]) -> bool:
        if not jobs or any(job.job_status in OPEN_STATUSES for job in jobs):
            return False
        last = max(job.completed_at or job.updated_at for job in jobs)
        return self._tables.clock.since(last) > _SETTLED_FOR_S and any(
            self._in_hand(job.job_id) for job in jobs
        )

    def _is_ours(self, job: Job, grace_s: float, adopt_within_s: float) -> bool:
        if job.job_id in self._tables.pipeline_jobs:
            return True
        clock = self._tables.clock
        is_told = clock.since(job.updated_at) >= grace_s
        is_young = clock.since(job.created_at) <= adopt_within_s
        return (
            is_told
            and (is_young or self._in_hand(job.job_id))
            and self._kinds.unclaimed_kind(job.job_id) in MADE_HERE
        )

    def _is_marked(self, job: Job) -> bool:
        if job.job_status in CANCELLED_STATUSES and job.completed_at is None:
            return True
        has_ended = job.job_status not in OPEN_STATUSES
        return has_ended and any(image.is_open for image in self._tables.images_of(job.job_id))

    def _in_hand(self, job_id: UUID) -> bool:
        return job_id in self._tables.pending_jobs or job_id in self._tables.pipeline_jobs

    def _pending(self, job: Job, default_path: str) -> PendingJob:
        production = self._tables.productions.get(job.production_id) if job.production_id else None
        names = (job.quel_production_path, production.quel_production_path if production else None)
        claimed, kind = self._tables.pipeline_jobs.get(job.job_id), self._kinds.unclaimed_kind(job.job_id)
        own = claimed.path if claimed else kind if kind in OWN_PATHS else None
        in_hand = self._tables.pending_jobs.get(job.job_id)
        return PendingJob(
            job_id=job.job_id,
            path=own or (given_path(names) or default_path).lower(),
            moved_at=job.updated_at,
            silent_s=self._tables.clock.since(job.updated_at),
            recoveries=in_hand.recoveries if in_hand else 0,
            in_hand=self._in_hand(job.job_id),
            claimed=job.job_id in self._tables.pipeline_jobs,
        )

    def _processing(self, job_id: UUID) -> ProcessingJob:
        claimed, images = self._tables.pipeline_jobs[job_id], self._tables.images_of(job_id)
        stored = sum(image.state is ImageState.STORED for image in images)
        leased = [image for image in images if is_leased(self._tables, image)]
        generating = [image for image in images if image.state is ImageState.GENERATING]
        moved = moved_at(claimed, images)
        return ProcessingJob(
            job_id=job_id,
            path=claimed.path,
            moved_at=moved,
            silent_s=self._tables.clock.since(moved),
            states=frozenset(image.state for image in images),
            made=tuple(image.image_no for image in images if image.state is ImageState.MADE),
            lapsed=tuple(image.image_no for image in generating if image not in leased),
            leased=bool(leased),
            fruitless=0 if stored > claimed.stored_at_recovery else claimed.fruitless_recoveries,
            planned_turn=min((each.turn for each in images if each.state is ImageState.PLANNED), default=0),
        )

    def _prepared_up_to(self) -> dict[str, int]:
        turns: dict[str, list[int]] = {}
        for state in (ImageState.PLANNED, ImageState.READY):
            for image in self._tables.in_state(state):
                turns.setdefault(image.path, []).append(image.turn)
        return {path: sorted(each)[AHEAD] for path, each in turns.items() if len(each) > AHEAD}

    def _orphan(self, job: Job) -> Orphan:
        in_hand = self._tables.pending_jobs.get(job.job_id)
        found = job.generated_attach_ids
        return Orphan(
            job_id=job.job_id,
            moved_at=job.updated_at,
            adoptions=in_hand.adoptions if in_hand else 0,
            stored=len(found) if isinstance(found, list) else 0,
            in_hand=in_hand is not None,
        )

    def _flow_silent_s(self, within_s: float) -> float:
        silent = [
            self._tables.clock.since(image.updated_at)
            for image in self._tables.images.values()
            if image.state is not ImageState.PLANNED
        ]
        return min((seconds for seconds in silent if seconds < within_s), default=_NEVER_S)

    def _count_retry(self, job_id: UUID) -> None:
        job = self._tables.jobs[job_id]
        job.retry_count += 1
        self._tables.touch(job)


def _without_words(plan: JobPlan) -> JobPlan:
    stages = tuple(replace(stage, prompt="", negative_prompt="", areas=()) for stage in plan.request.stages)
    return replace(plan, request=replace(plan.request, stages=stages))
