"""The keys and lists of Redis that people and other programs read and write, in memory."""

from collections.abc import Sequence
from uuid import UUID

from quel.core.finalize_job import OPEN_STATUSES
from quel.core.job import JobStatus
from quel.sandbox.memory.tables import Tables


class Cancellations:
    """The cancel keys of the front end; one that was seen is written to the job's row."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._keys: set[UUID] = set()

    def is_cancelled(self, job_id: UUID) -> bool:
        """Whether the job's key is set."""
        return bool(self.cancelled_among([job_id]))

    def cancelled_among(self, job_ids: Sequence[UUID]) -> set[UUID]:
        """Those whose key is set."""
        cancelled = self._keys & set(job_ids)
        in_hand = self._tables.pipeline_jobs.keys() | self._tables.pending_jobs.keys()
        for job_id in cancelled & in_hand:
            self.write(job_id)
        return cancelled

    def is_set(self, job_id: UUID) -> bool:
        """Whether the job's key is set; nothing is written."""
        return job_id in self._keys

    def write(self, job_id: UUID) -> None:
        """Marks the row of a job that is quel's."""
        self._mark(job_id)

    def cancel(self, job_id: UUID) -> None:
        """Sets the key as the front end does."""
        self._keys.add(job_id)

    def _mark(self, job_id: UUID) -> None:
        job, images = self._tables.jobs.get(job_id), self._tables.images_of(job_id)
        if job is None or job.job_status not in OPEN_STATUSES:
            return
        if not images or any(image.is_open for image in images):
            job.job_status = JobStatus.USER_CANCELLED
            self._tables.touch(job)


class Pause:
    """The operator's brake, heeded at once."""

    def __init__(self, tables: Tables) -> None:
        self._clock = tables.clock
        self._notes = tables.paused_paths

    def paused_paths(self) -> frozenset[str]:
        """The paths at which no image may begin; `*` stands for all of them."""
        return frozenset(self._notes)

    def notes(self) -> dict[str, dict[str, str]]:
        """What was paused, with since when and why."""
        return dict(self._notes)

    def pause(self, path: str | None, why: str) -> None:
        """Stops new images of a path, or of all."""
        self._notes[path or "*"] = {"why": why, "since": self._clock.now.isoformat(timespec="seconds")}

    def resume(self) -> None:
        """Lets everything go on."""
        self._notes.clear()


class RejectedEntries:
    """What was no job, kept for an operator as (entry, source, reason)."""

    def __init__(self) -> None:
        self.entries: list[tuple[bytes, str, str]] = []

    def keep(self, entry: bytes, *, source: str, reason: str) -> None:
        """Notes an entry of a raw list with the reason."""
        self.entries.append((entry, source, reason))


class ForwardList:
    """Where ids of jobs quel does not make are passed on to."""

    def __init__(self, name: str = "other-jobs") -> None:
        self.name = name
        self.job_ids: list[UUID] = []

    def pass_on(self, job_id: UUID) -> None:
        """Hands an id over."""
        self.job_ids.append(job_id)
