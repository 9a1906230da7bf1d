"""Everything an audit compares, as it stood at one moment, and every difference in it."""

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
from quel.core.operations.balances import Account, check_account


@dataclass(frozen=True)
class Snapshot:
    """The rows of one moment. `attachments` are quel's, of any job; `charges` are by attachment."""

    jobs: tuple[AuditedJob, ...]
    attachments: tuple[Attachment, ...]
    charges: Mapping[int, list[Charge]]
    productions: tuple[AuditedProduction, ...]
    accounts: tuple[Account, ...]

    @property
    def result_folders(self) -> list[str]:
        """The folders of the bucket that the jobs' images are stored in, each once, in order."""
        paths = (job.path_of(image) for job in self.jobs for image in job.images[:1])
        return sorted({path.rpartition("/")[0] for path in paths})


def differences_in_rows(snapshot: Snapshot, starting_balances: Mapping[UUID, int]) -> Iterator[Difference]:
    """What does not agree among the rows; `starting_balances` by account, for ledgers that are whole."""
    by_path, by_job = _attachments(snapshot)
    for job in snapshot.jobs:
        yield from check_job(job)
        yield from check_images(job, by_path, snapshot.charges)
        yield from check_strays(job, by_job.get(job.job_id, ()))
    for production in snapshot.productions:
        yield from check_production(production)
    for account in snapshot.accounts:
        yield from check_account(account, starting_balances.get(account.account_id))


def differences_in_storage(snapshot: Snapshot, sizes_bytes: Mapping[str, int]) -> Iterator[Difference]:
    """What does not agree between the rows and the objects that `result_folders` hold."""
    by_path, _ = _attachments(snapshot)
    for job in snapshot.jobs:
        yield from check_objects(job, by_path, sizes_bytes)


def _attachments(snapshot: Snapshot) -> tuple[dict[str, list[Attachment]], dict[UUID, list[Attachment]]]:
    by_path: dict[str, list[Attachment]] = defaultdict(list)
    by_job: dict[UUID, list[Attachment]] = defaultdict(list)
    for attachment in snapshot.attachments:
        by_path[attachment.path].append(attachment)
        by_job[attachment.job_id].append(attachment)
    return by_path, by_job
