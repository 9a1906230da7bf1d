"""Plays the product's front end on a world in memory, with the words of quel.sandbox.studio."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from quel.core.job import JobStatus
from quel.core.pipeline import Step, StepMessage
from quel.sandbox.memory.services import MemoryServices
from quel.sandbox.memory.tables import Attach, Job, Member, Organization, Production


class MemoryStudio:
    """One customer base. Ids are counted up, so that a history is the same each time it is played."""

    def __init__(self, services: MemoryServices) -> None:
        self._services = services
        self._tables = services.tables
        self._ids = 0

    def member(self, credits: int = 1_000) -> UUID:
        """A person with personal credits."""
        member_id = self._new_id()
        self._tables.members[member_id] = Member(member_id, credits)
        return member_id

    def organization(self, owner: UUID, credits: int = 1_000, status: str = "active") -> UUID:
        """A studio with credits of its own."""
        org_id = self._new_id()
        self._tables.organizations[org_id] = Organization(org_id, owner, credits, status)
        return org_id

    def attach(self, data: bytes, name: str) -> int:
        """Uploads a picture and writes its attach row; the id."""
        attach_id = self.attachment_row(name)
        self._services.storage.objects[name] = data
        return attach_id

    def attachment_row(self, path: str | None) -> int:
        """An attach row for any path, whether an object is there or not."""
        attach_id = len(self._tables.attachments) + 1
        self._tables.attachments[attach_id] = Attach(attach_id, path)
        return attach_id

    def production(self, path: str | None = None) -> UUID:
        """A production that jobs can belong to."""
        production_id = self._new_id()
        self._tables.productions[production_id] = Production(production_id, path)
        return production_id

    def job(
        self,
        job_type: str,
        input_data: object,
        *,
        total_images: int,
        member: UUID | None,
        org: UUID | None = None,
        path: str | None = "fashion",
        production: UUID | None = None,
        **columns: Any,
    ) -> UUID:
        """A pending job row, not pushed yet. `columns` are further columns of the row."""
        now = self._services.clock.now
        job_id = columns.pop("job_id", None) or self._new_id()
        self._tables.jobs[job_id] = Job(
            job_id=job_id,
            job_type=job_type,
            job_input_data=input_data,
            total_images=total_images,
            created_at=columns.pop("created_at", now),
            updated_at=now,
            production_id=production or self.production(path),
            quel_member_id=member,
            org_id=org,
            quel_production_path=path,
            job_status=JobStatus(columns.pop("job_status", JobStatus.PENDING)),
            **columns,
        )
        return job_id

    def push(self, *job_ids: UUID) -> None:
        """What becomes of an id that is pushed as the front end does: a message to fetch_job."""
        self._services.queues.send(*(StepMessage(Step.FETCH_JOB, job_id) for job_id in job_ids))

    def cancel(self, job_id: UUID) -> None:
        """Sets the cancel key as the front end does."""
        self._services.cancellations.cancel(job_id)

    def job_row(self, job_id: UUID) -> Job:
        """The job's row as the front end polls it."""
        return self._tables.jobs[job_id]

    def states(self, job_id: UUID) -> Sequence[str]:
        """Where a job's images stand, in plan order."""
        return [image.state.value for image in self._tables.images_of(job_id)]

    def _new_id(self) -> UUID:
        self._ids += 1
        return UUID(int=self._ids)
