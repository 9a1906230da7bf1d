"""Reads a job's row with all that decides about it, and has it claimed, deferred or passed on."""

from uuid import UUID

from sqlalchemy import Connection, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from quel.adapters.postgres.claim_job import claim_job
from quel.adapters.postgres.database import Database
from quel.adapters.postgres.job_status import STATUS
from quel.adapters.postgres.kind_columns import KIND_COLUMNS, KIND_PARAMETERS, kind_of_row
from quel.adapters.postgres.schema.pipeline_tables import PendingJobInHand
from quel.adapters.postgres.schema.product_tables import Job, Member, Organization, Production
from quel.core import credits
from quel.core.fetch_job import ClaimEnd, JobFacts, Start, as_uuid
from quel.core.job import JobStatus
from quel.core.kind import FORWARDED, Kind
from quel.core.request import read_once_more, user_id_of
from quel.core.request.values import attach_ids

_LOAD = (
    select(
        STATUS.label("status"),
        col(Job.job_type),
        col(Job.total_images),
        col(Job.job_input_data),
        col(Job.production_id),
        col(Job.quel_member_id),
        col(Job.quel_production_path).label("job_path"),
        col(Job.generated_attach_ids),
        col(Production.quel_production_path).label("production_path"),
        col(Organization.org_id),
        col(Organization.org_status),
        func.coalesce(col(Organization.org_credit), 0).label("org_credit"),
        col(Organization.owner_id),
    )
    .select_from(Job)
    .outerjoin(Production, col(Production.production_id) == col(Job.production_id))
    .outerjoin(Organization, col(Organization.org_id) == col(Job.org_id))
    .where(col(Job.job_id) == bindparam("job_id"))
)

_MEMBERS = select(col(Member.quel_member_id), func.coalesce(col(Member.quel_member_credit), 0)).where(
    col(Member.quel_member_id).in_(bindparam("ids", expanding=True))
)

_JOB_ID = select(col(Job.job_id)).where(col(Job.job_id) == bindparam("deferred"))
_DEFER = (
    insert(PendingJobInHand)
    .from_select([col(PendingJobInHand.job_id)], _JOB_ID)
    .on_conflict_do_update(
        index_elements=[col(PendingJobInHand.job_id)], set_={col(PendingJobInHand.recoveries): 0}
    )
)

_UNCLAIMED = text(f"""
SELECT {KIND_COLUMNS}, (SELECT k.kind FROM quel.job_kind k WHERE k.job_id = j.job_id) AS remembered
FROM public.quel_production_jobs j
LEFT JOIN public.quel_production_photo p ON p.production_id = j.production_id
WHERE j.job_id = :job_id AND NOT EXISTS (SELECT 1 FROM quel.job q WHERE q.job_id = j.job_id)
""")  # noqa: S608 - a constant of ours


_LEAVE = text("""
INSERT INTO quel.job_kind (job_id, kind, row_updated_at)
SELECT job_id, :kind, updated_at FROM public.quel_production_jobs WHERE job_id = :job_id
ON CONFLICT (job_id) DO UPDATE SET kind = excluded.kind, row_updated_at = excluded.row_updated_at
""")


class FetchJobRows:
    """The rows fetch_job reads and writes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self, job_id: UUID) -> JobFacts | None:
        """The facts of a job, or None where there is no such row."""
        return self._database.run(lambda connection: _load(connection, job_id))

    def claim(self, facts: JobFacts, start: Start, *, price: int, result_owner: str) -> ClaimEnd:
        """Turns the job from pending to processing and writes its plan, one row an image.

        A job that was set back to pending by hand keeps its plan, its payer and the images it has; the others
        are made again, but for those that are being made or wait to be stored. Unless it is Claimed nothing
        is written: another message was faster, or the payer cannot cover it besides what is held for its
        other jobs.
        """
        return self._database.run(lambda connection: claim_job(connection, facts, start, price, result_owner))

    def defer(self, job_id: UUID) -> None:
        """Notes that quel has a pending job in hand, which waits: recoveries so far count for nothing."""
        self._database.run(lambda connection: connection.execute(_DEFER, {"deferred": job_id}))

    def leave(self, job_id: UUID) -> None:
        """Remembers that a job was passed on: no sweep takes it up, whatever its maker does to its row."""
        values = {"job_id": job_id, "kind": FORWARDED}
        self._database.run(lambda connection: connection.execute(_LEAVE, values))

    def unclaimed_kind(self, job_id: UUID) -> Kind | None:
        """The kind of a job quel has no plan of; None where it has one, or there is no such row.

        UNKNOWN where it was passed on: it is its new maker's, whatever it looks like.
        """
        values = KIND_PARAMETERS | {"job_id": job_id}
        row = self._database.run(lambda connection: connection.execute(_UNCLAIMED, values).one_or_none())
        if row is None:
            return None
        return Kind.UNKNOWN if row.remembered == FORWARDED else kind_of_row(row)


def _load(connection: Connection, job_id: UUID) -> JobFacts | None:
    row = connection.execute(_LOAD, {"job_id": job_id}).one_or_none()
    if row is None:
        return None
    input_data = read_once_more(row.job_input_data)
    candidates = [row.quel_member_id, row.owner_id, as_uuid(user_id_of(input_data))]
    members = connection.execute(_MEMBERS, {"ids": [id for id in candidates if id]}).all()
    organization = None
    if row.org_id is not None:
        organization = credits.Organization(row.org_id, row.org_status, int(row.org_credit), row.owner_id)
    return JobFacts(
        job_id=job_id,
        status=JobStatus(row.status),
        job_type=row.job_type,
        total_images=row.total_images,
        input_data=input_data,
        production_id=row.production_id,
        member_id=row.quel_member_id,
        job_path=row.job_path,
        production_path=row.production_path,
        organization=organization,
        members={member_id: int(credit) for member_id, credit in members if member_id is not None},
        stored_attach_ids=attach_ids(row.generated_attach_ids),
    )
