"""Everything an audit compares, read in one snapshot: what changes meanwhile is seen whole or not at all."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from quel.adapters.postgres.database import Database
from quel.core.credits import API_PROVIDERS, PayerKind
from quel.core.finalize_job import OPEN_STATUSES
from quel.core.job import JobStatus
from quel.core.operations.audit import Attachment, AuditedImage, AuditedJob, AuditedProduction, Charge
from quel.core.operations.balances import Account, Entry
from quel.core.operations.snapshot import Snapshot
from quel.core.pipeline import ImageState
from quel.core.request.values import attach_ids

_EVER = timedelta(days=36_500)

_ONE_SNAPSHOT = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")

_JOBS = text("""
SELECT q.job_id, j.job_status, j.completed_at IS NOT NULL AS is_closed, j.total_images,
       coalesce(j.completed_images, 0) AS completed, coalesce(j.failed_images, 0) AS failed,
       j.generated_attach_ids, j.production_id, q.price, q.payer_kind, q.payer_id, q.ledger_member_id,
       q.result_owner, q.extra_attach_ids, q.ended_elsewhere,
       (SELECT jsonb_agg(jsonb_build_array(i.image_no, i.state, i.attach_id, i.request IS NULL)
                         ORDER BY i.image_no)
        FROM quel.image i WHERE i.job_id = q.job_id) AS images
FROM quel.job q JOIN public.quel_production_jobs j ON j.job_id = q.job_id
WHERE q.created_at >= now() - make_interval(secs => :since_s) AND j.job_status <> 'pending'
""")

# The path of an attachment of quel's names its job and image (see core/object_path.py).
_OWN_PATH = "'/generated_([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})_([0-9]{3,6})[.]webp$'"

_ATTACHMENTS = text(f"""
SELECT attach_id, attach_file_path AS path, attach_file_size AS size_bytes,
       CAST((regexp_match(attach_file_path, {_OWN_PATH}))[1] AS uuid) AS job_id,
       CAST((regexp_match(attach_file_path, {_OWN_PATH}))[2] AS int) AS image_no
FROM public.quel_attach
WHERE created_at >= now() - make_interval(secs => :since_s)
  AND attach_file_path LIKE 'generated-images/user-%'
  AND attach_file_path ~ {_OWN_PATH}
ORDER BY attach_id
""")  # noqa: S608 - the pattern is a constant of this module

_LEDGER = text("""
SELECT attach_idx, amount, balance_after, user_id, org_id, production_idx, created_at,
       api_provider = ANY(:providers) AS is_provider
FROM public.quel_credits WHERE created_at >= now() - make_interval(secs => :since_s) ORDER BY attach_idx
""")

_PRODUCTIONS = text("""
SELECT p.production_id, p.production_status, p.attach_ids,
       coalesce(p.generated_image_count, 0) AS image_count,
       array_agg(coalesce(j.job_status::text, 'pending')) AS job_statuses
FROM public.quel_production_photo p JOIN public.quel_production_jobs j ON j.production_id = p.production_id
WHERE p.production_id = ANY(:production_ids) GROUP BY p.production_id
""")

_BALANCES = {
    PayerKind.ORGANIZATION: text("""
SELECT org_id AS id, coalesce(org_credit, 0) AS balance FROM public.quel_organization WHERE org_id = ANY(:ids)
"""),
    PayerKind.MEMBER: text("""
SELECT quel_member_id AS id, coalesce(quel_member_credit, 0) AS balance FROM public.quel_member
WHERE quel_member_id = ANY(:ids)
"""),
}


class AuditRows:
    """Reads snapshots. All of it is held in memory: on a large database give it a span of time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, since: timedelta | None) -> Snapshot:
        """The jobs planned within `since` (None: all) with everything that hangs on them."""

        def work(connection: Connection) -> Snapshot:
            connection.execute(_ONE_SNAPSHOT)
            return _read(connection, (since or _EVER).total_seconds())

        return self._database.run(work)


def _read(connection: Connection, since_s: float) -> Snapshot:
    values = {"since_s": since_s}
    jobs = tuple(_job(row) for row in connection.execute(_JOBS, values))
    attachments = tuple(Attachment(*row) for row in connection.execute(_ATTACHMENTS, values))
    ledger = connection.execute(_LEDGER, values | {"providers": list(API_PROVIDERS.values())}).all()
    own = {attachment.attach_id for attachment in attachments}
    charges: dict[int, list[Charge]] = {}
    for row in ledger:
        if row.is_provider and row.attach_idx in own:
            charge = Charge(
                row.attach_idx, row.amount, row.balance_after, row.user_id, row.org_id, row.production_idx
            )
            charges.setdefault(row.attach_idx, []).append(charge)
    return Snapshot(
        jobs, attachments, charges, _productions(connection, jobs), _accounts(connection, jobs, ledger, own)
    )


def _job(row: Row[Any]) -> AuditedJob:
    return AuditedJob(
        job_id=row.job_id,
        status=JobStatus(row.job_status),
        is_closed=row.is_closed,
        total_images=row.total_images,
        completed=row.completed,
        failed=row.failed,
        attach_ids=row.generated_attach_ids,
        production_id=row.production_id,
        price=row.price,
        payer_kind=PayerKind(row.payer_kind),
        payer_id=row.payer_id,
        ledger_member_id=row.ledger_member_id,
        result_owner=row.result_owner,
        images=tuple(_image(*image) for image in row.images or ()),
        extra_attach_ids=tuple(row.extra_attach_ids),
        ended_elsewhere=row.ended_elsewhere,
    )


def _image(image_no: int, state: str, attach_id: int | None, without_request: bool) -> AuditedImage:
    # What quel makes is prepared first, which writes the request; an adopted image never was.
    adopted = state == ImageState.STORED and without_request
    return AuditedImage(image_no, ImageState(state), attach_id, adopted)


def _productions(connection: Connection, jobs: tuple[AuditedJob, ...]) -> tuple[AuditedProduction, ...]:
    ended_ids: dict[UUID, list[int]] = {}
    for job in jobs:
        if job.production_id is not None:
            ended = job.is_closed and job.status not in OPEN_STATUSES
            ended_ids.setdefault(job.production_id, []).extend(attach_ids(job.attach_ids) if ended else ())
    rows = connection.execute(_PRODUCTIONS, {"production_ids": list(ended_ids)})
    return tuple(
        AuditedProduction(
            production_id=row.production_id,
            status=JobStatus(row.production_status or JobStatus.PENDING),
            attach_ids=row.attach_ids,
            image_count=row.image_count,
            job_statuses=tuple(JobStatus(status) for status in row.job_statuses),
            ended_ids=tuple(ended_ids[row.production_id]),
        )
        for row in rows
    )


def _accounts(
    connection: Connection, jobs: tuple[AuditedJob, ...], ledger: Any, own: set[int]
) -> tuple[Account, ...]:
    payers = {(job.payer_kind, job.payer_id) for job in jobs}
    entries: dict[tuple[PayerKind, UUID], list[Entry]] = {payer: [] for payer in payers}
    for row in ledger:
        payer = (
            (PayerKind.ORGANIZATION, row.org_id) if row.org_id else (PayerKind.MEMBER, row.user_id)
        )  # the ledger names the member in both cases, the organization only where it paid
        if payer in entries:
            attach_id = row.attach_idx if row.is_provider and row.attach_idx in own else None
            entries[payer].append(Entry(attach_id, row.amount, row.balance_after, row.created_at))
    balances = {
        (kind, row.id): int(row.balance)
        for kind, statement in _BALANCES.items()
        for row in connection.execute(statement, {"ids": [id for each, id in payers if each is kind]})
    }
    return tuple(
        Account(kind, account_id, balances.get((kind, account_id)), tuple(entries[kind, account_id]))
        for kind, account_id in sorted(payers, key=str)
    )
