"""Some jobs with everything an audit compares them with, as it stood at one moment, and every difference."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from quel.core.operations.audit import (
    Attachment,
    AuditedJob,
    AuditedProduction,
    Charge,
    Difference,
    check_images,
    check_job,
    check_objects,
    check_production,
    check_strays,
)


@dataclass(frozen=True)
class Snapshot:
    """The rows of one moment. `attachments` are quel's, of any job; `charges` are by attachment."""

    jobs: tuple[AuditedJob, ...]
    attachments: tuple[Attachment, ...]
    charges: Mapping[int, list[Charge]]
    productions: tuple[AuditedProduction, ...]

    @property
    def result_folders(self) -> list[str]:
        """The folders of the bucket that the jobs' images are stored in, each once, in order."""
        paths = (job.path_of(image) for job in self.jobs for image in job.images[:1])
        return sorted({path.rpartition("/")[0] for path in paths})


Found = tuple[Difference, tuple[UUID, ...]]
"""A difference, and the jobs to look at again to see whether it is still there."""


def differences_in_rows(snapshot: Snapshot) -> Iterator[Found]:
    """What does not agree among the rows."""
    by_path, by_job = _attachments(snapshot)
    for job in snapshot.jobs:
        for checked in (
            check_job(job),
            check_images(job, by_path, snapshot.charges),
            check_strays(job, by_job.get(job.job_id, ())),
        ):
            yield from ((difference, (job.job_id,)) for difference in checked)
    for production in snapshot.productions:
        jobs = tuple(j.job_id for j in snapshot.jobs if j.production_id == production.production_id)
        yield from ((difference, jobs) for difference in check_production(production))


def differences_in_storage(snapshot: Snapshot, sizes_bytes: Mapping[str, int]) -> Iterator[Found]:
    """What does not agree between the rows and the objects that `result_folders` hold."""
    by_path, _ = _attachments(snapshot)
    for job in snapshot.jobs:
        yield from ((difference, (job.job_id,)) for difference in check_objects(job, by_path, sizes_bytes))


def _attachments(snapshot: Snapshot) -> tuple[dict[str, list[Attachment]], dict[UUID, list[Attachment]]]:
    by_path: dict[str, list[Attachment]] = defaultdict(list)
    by_job: dict[UUID, list[Attachment]] = defaultdict(list)
    for attachment in snapshot.attachments:
        by_path[attachment.path].append(attachment)
        by_job[attachment.job_id].append(attachment)
    return by_path, by_job
