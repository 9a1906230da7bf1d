"""Whether a job that does not move is waiting or stuck, and what the sweep should do about it."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum, auto
from uuid import UUID

from quel.core.pipeline import FINAL_STATES, ImageState, Step, StepMessage

GRACE_S = 60.0
"""Messages a dead worker held come back after this (Dramatiq's heartbeat timeout); before, nobody is lost."""


@dataclass(frozen=True)
class PendingJob:
    """A pending job: when its row last changed, how long ago that is, and how often it was recovered.

    `in_hand` says that quel had it before: deferred it, sent for it, claimed it. A `claimed` one was set back
    by hand and may have images that are paid for: it is never closed from here.
    """

    job_id: UUID
    path: str
    moved_at: datetime
    silent_s: float
    recoveries: int
    in_hand: bool
    claimed: bool = False


@dataclass(frozen=True)
class ProcessingJob:
    """A claimed job: the states its images are in, and the numbers of those that are made.

    `lapsed` are the images whose lease has run out, `leased` says that another one's is alive.
    `fruitless` counts the recoveries since the last new image. `kept_bytes` says that an answer to one of its
    open images is kept, so that it is not thrown away. `moved_at` is when one of its images last moved,
    `planned_turn` the turn of the first one that is not prepared yet.
    """

    job_id: UUID
    path: str
    moved_at: datetime
    silent_s: float
    states: frozenset[ImageState]
    made: tuple[int, ...]
    lapsed: tuple[int, ...]
    leased: bool
    fruitless: int
    kept_bytes: bool = False
    planned_turn: int = 0

    def needs(self, context: "SweepContext") -> Iterator[StepMessage]:
        """The messages it cannot do without: of the steps that do not look for their work themselves."""
        if ImageState.PLANNED in self.states and context.may_be_prepared(self):
            yield StepMessage(Step.PREPARE_INPUTS, self.job_id)
        for image_no in self.made:
            yield StepMessage(Step.PERSIST_OUTPUT, self.job_id, image_no)


@dataclass(frozen=True)
class Orphan:
    """A job that another server left as processing: quel has no plan of it, and its row is silent.

    `adoptions` counts how often quel took it over, `moved_at` is when its row last changed.
    """

    job_id: UUID
    moved_at: datetime
    adoptions: int
    stored: int
    in_hand: bool


@dataclass(frozen=True)
class MarkedJob:
    """A job that was ended or cancelled in its row by somebody else, with something of it still open."""

    job_id: UUID
    in_hand: bool


@dataclass(frozen=True)
class OpenJobs:
    """Everything that is open and of a kind quel makes, at one moment."""

    pending: tuple[PendingJob, ...]
    processing: tuple[ProcessingJob, ...]
    orphans: tuple[Orphan, ...]
    marked: tuple[MarkedJob, ...]
    flow_silent_s: float
    prepared_up_to: Mapping[str, int] = field(default_factory=dict)
    """Of each path where many images wait, the turn before which they are prepared now."""

    @property
    def job_ids(self) -> tuple[UUID, ...]:
        """The jobs a cancel key may concern."""
        ids = [job.job_id for job in self.pending]
        ids += [job.job_id for job in self.processing]
        ids += [orphan.job_id for orphan in self.orphans]
        return tuple(ids)

    def ours(self, foreign_ids: Collection[UUID] | None) -> "OpenJobs":
        """The same but for jobs that lie on another consumer's list and were never in quel's hands.

        None means that those lists cannot be told: then quel keeps to what it had in hand.
        """

        def is_ours(job: PendingJob | Orphan | MarkedJob) -> bool:
            return job.in_hand or (foreign_ids is not None and job.job_id not in foreign_ids)

        return replace(
            self,
            pending=tuple(filter(is_ours, self.pending)),
            orphans=tuple(filter(is_ours, self.orphans)),
            marked=tuple(filter(is_ours, self.marked)),
        )

    def without(self, job_ids: Collection[UUID]) -> "OpenJobs":
        """The same but for some jobs."""
        return replace(
            self,
            pending=tuple(job for job in self.pending if job.job_id not in job_ids),
            processing=tuple(job for job in self.processing if job.job_id not in job_ids),
            orphans=tuple(orphan for orphan in self.orphans if orphan.job_id not in job_ids),
        )


@dataclass(frozen=True)
class SweepContext:
    """What goes on around a job. `flow_silent_s`: how long no image of any job has moved.

    `closed_paths` are switched off or paused (`*` for all); `provider_blocked` says that the provider, the
    quota or answers not yet stored keep everyone away from it, `inputs_full` that no further job can be
    prepared. `prepared_up_to`: see OpenJobs.
    """

    stuck_after_s: float
    max_recoveries: int
    flow_silent_s: float
    provider_blocked: bool
    closed_paths: frozenset[str]
    inputs_full: bool = False
    prepared_up_to: Mapping[str, int] = field(default_factory=dict)

    def may_be_prepared(self, job: ProcessingJob) -> bool:
        """Whether a job that is planned waits for nobody else but whoever prepares."""
        up_to = self.prepared_up_to.get(job.path)
        is_its_turn = up_to is None or job.planned_turn < up_to
        return is_its_turn and not self.inputs_full and not self.is_closed(job.path)

    def is_closed(self, path: str) -> bool:
        """Whether no image of this path may begin."""
        return bool(self.closed_paths & {path, "*"})

    @property
    def flowing(self) -> bool:
        """Whether images move at all: then a job that does not move waits for its turn."""
        return self.flow_silent_s < self.stuck_after_s


class Action(Enum):
    """What the sweep does about a job."""

    LEAVE = auto()
    SEND_AGAIN = auto()
    RECOVER = auto()  # counted, also in retry_count
    CLOSE = auto()


@dataclass(frozen=True)
class SweepDecision:
    """An action, and the messages that go with it; a claimed job that is recovered calls for its own then."""

    action: Action
    messages: tuple[StepMessage, ...] = ()


_LEAVE = SweepDecision(Action.LEAVE)


def decide_pending(job: PendingJob, context: SweepContext, *, on_a_queue: bool) -> SweepDecision:
    """A pending job is lost when it is on no queue and its path is open."""
    if on_a_queue or context.is_closed(job.path) or job.silent_s < min(GRACE_S, context.stuck_after_s):
        return _LEAVE
    if job.recoveries >= context.max_recoveries:
        if job.silent_s < context.stuck_after_s:
            return _LEAVE
        if not job.claimed:
            return SweepDecision(Action.CLOSE)
    return SweepDecision(Action.RECOVER, (StepMessage(Step.FETCH_JOB, job.job_id),))


def decide_processing(
    job: ProcessingJob, context: SweepContext, waiting: Callable[[StepMessage], bool | None]
) -> SweepDecision:
    """A claimed job is stuck when a lease has run out, or nothing about it moves and it does not wait.

    `waiting` says whether a message waits, is delayed or under way; None when nobody can tell. A job whose
    messages are there waits, however long. Images that are ready need none: the workers look for them.
    """
    if job.states <= FINAL_STATES:
        return SweepDecision(Action.SEND_AGAIN, (StepMessage(Step.FINALIZE_JOB, job.job_id),))
    if job.lapsed:
        # Of dying workers it may be no cause.
        has_its_turn_yet = ImageState.READY in job.states and context.flowing
        return _recover_or_close(job, context, may_close=not job.leased and not has_its_turn_yet)
    if job.silent_s < min(GRACE_S, context.stuck_after_s) or job.leased:
        return _LEAVE
    needed = tuple(job.needs(context))
    lost = tuple(message for message in needed if waiting(message) is False)
    if job.silent_s < context.stuck_after_s:
        return SweepDecision(Action.SEND_AGAIN, lost)
    if lost:
        return _recover_or_close(job, context, may_close=True)
    if any(waiting(message) is None for message in needed):
        return _recover_or_close(job, context, may_close=False)
    waits = needed or context.flowing or _is_held_up(job, context)
    if ImageState.READY in job.states and not waits:
        return _recover_or_close(job, context, may_close=True)
    return _LEAVE


def decide_orphan(orphan: Orphan, context: SweepContext) -> Action:
    """A silent job of another server is planned anew, unless that was tried in vain before."""
    in_vain = orphan.adoptions >= context.max_recoveries and orphan.stored == 0
    return Action.CLOSE if in_vain else Action.RECOVER


def _recover_or_close(job: ProcessingJob, context: SweepContext, *, may_close: bool) -> SweepDecision:
    may_close = may_close and not job.kept_bytes and not _is_held_up(job, context)
    if may_close and job.fruitless >= context.max_recoveries:
        return SweepDecision(Action.CLOSE)
    return SweepDecision(Action.RECOVER)


def _is_held_up(job: ProcessingJob, context: SweepContext) -> bool:
    """Whether something that concerns everyone, or an operator's word, keeps the job from going on."""
    if ImageState.PLANNED in job.states and not context.may_be_prepared(job):
        return True
    return ImageState.READY in job.states and (context.is_closed(job.path) or context.provider_blocked)
