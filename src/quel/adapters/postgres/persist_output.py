"""Delivers one image in one transaction: attach row, deduction, ledger row, image row and the job's progress.

Either all of it happens or nothing; a second output of the same image finds it stored and does nothing.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Connection, TextClause, Uuid, bindparam, func, select, text, update
from sqlmodel import col

from quel.adapters.postgres.database import Database
from quel.adapters.postgres.image_state import (
    BEGIN_TO_STORE,
    CHARGED_OF_JOB,
    FAIL_TO_STORE,
    MAKE_AGAIN,
    ONE_IMAGE,
    POSTPONE,
    RUN_DRY,
    STORE,
    move,
)
from quel.adapters.postgres.job_status import STATUS
from quel.adapters.postgres.progress import count_progress, lock_job
from quel.adapters.postgres.schema.pipeline_tables import PipelineImage
from quel.adapters.postgres.schema.product_tables import Job, Member, Organization
from quel.core import credits
from quel.core.credits import PayerKind
from quel.core.generate_image import InsufficientCredits, Progress
from quel.core.job import JobStatus
from quel.core.kinds import ledger_description, result_path
from quel.core.persist_output import (
    FIRST_PAUSE_S,
    LEASE_S,
    LONGEST_PAUSE_S,
    Delivered,
    OutputToPersist,
    PersistEnd,
    Stale,
)
from quel.core.pipeline import ImageState

_THIS_IMAGE = (
    col(PipelineImage.job_id) == bindparam("job_id"),
    col(PipelineImage.image_no) == bindparam("image_no"),
)

_IMAGE = """
SELECT {starts} AS starts, extract(epoch FROM now() - i.created_at)::float8 AS age_s,
       i.object_bytes, i.state, i.run, i.path, i.stage, i.broken_answers, i.engine, i.series,
       coalesce(jsonb_array_length(i.request -> 'picture_keys'), 0) AS references_shown,
       coalesce(CAST(i.request ->> 'as_given' AS boolean), false) AS as_given,
       coalesce(j.job_status, 'pending') AS job_status, j.production_id,
       q.payer_kind, q.payer_id, q.ledger_member_id, q.price, q.result_owner, i.is_free, i.degrees
FROM quel.image i
JOIN quel.job q ON q.job_id = i.job_id
JOIN public.quel_production_jobs j ON j.job_id = i.job_id
WHERE i.job_id = :job_id AND i.image_no = :image_no
"""

_LOAD = text(_IMAGE.format(starts="CAST(NULL AS integer)"))

_BEGIN = text(f"""
WITH begun AS (
    UPDATE quel.image i SET {BEGIN_TO_STORE.set}
    WHERE {ONE_IMAGE} AND {BEGIN_TO_STORE.applies()} AND i.not_before <= now()
      AND (i.lease_until IS NULL OR i.lease_until < now() OR i.lease_owner = :owner)
      AND EXISTS (SELECT 1 FROM public.quel_production_jobs j
                  WHERE j.job_id = i.job_id AND j.job_status = 'processing')
    RETURNING i.starts
){_IMAGE.format(starts="(SELECT b.starts FROM begun b)")}
""")  # noqa: S608 - constants of ours

_LOCK = (
    select(STATUS.label("job_status"), col(PipelineImage.state))
    .select_from(Job)
    .join(PipelineImage, col(PipelineImage.job_id) == col(Job.job_id))
    .where(*_THIS_IMAGE)
    .with_for_update(of=[Job, PipelineImage], key_share=True)
)

_PRICE, _PAYER = bindparam("the_price", type_=BigInteger), bindparam("the_payer", type_=Uuid)

_PAY = {
    PayerKind.ORGANIZATION: update(Organization)
    .where(col(Organization.org_id) == _PAYER, func.coalesce(col(Organization.org_credit), 0) >= _PRICE)
    .values({col(Organization.org_credit): func.coalesce(col(Organization.org_credit), 0) - _PRICE})
    .returning(col(Organization.org_credit)),
    PayerKind.MEMBER: update(Member)
    .where(col(Member.quel_member_id) == _PAYER, func.coalesce(col(Member.quel_member_credit), 0) >= _PRICE)
    .values({col(Member.quel_member_credit): func.coalesce(col(Member.quel_member_credit), 0) - _PRICE})
    .returning(col(Member.quel_member_credit)),
}

_ATTACHED = """
WITH attached AS (
    INSERT INTO public.quel_attach (attach_original_name, attach_file_name, attach_file_path,
                                    attach_directory, attach_file_size, attach_file_type, attach_storage_type)
    VALUES (:name, :name, :path, :path, :size_bytes, 'image/webp', 'supabase')
    RETURNING attach_id
)"""
_STORED = f"""
UPDATE quel.image i SET {STORE.set} FROM attached WHERE {ONE_IMAGE} AND {STORE.applies()}
RETURNING attached.attach_id
"""  # noqa: S608 - constants of ours

_ATTACH = text(_ATTACHED + _STORED)
_RECORD = text(f"""{_ATTACHED}, booked AS (
    INSERT INTO public.quel_credits (user_id, transaction_type, amount, balance_after, description,
                                     attach_idx, production_idx, org_id, used_by_member_id, api_provider)
    SELECT :member_id, :transaction_type, -:price, least(:balance, :max_balance_after), :description,
           attach_id, :production_id, :org_id, :used_by, :api_provider
    FROM attached
){_STORED}""")  # noqa: S608 - constants of ours

_FOLLOWERS = text("""
SELECT image_no FROM quel.image i
WHERE job_id = :job_id AND series = :series AND state = 'ready' AND NOT EXISTS (
    SELECT 1 FROM quel.image s
    WHERE s.job_id = i.job_id AND s.series = i.series AND s.state = 'stored' AND s.image_no <> :image_no)
ORDER BY image_no
""")

_RUN_DRY = move(RUN_DRY, CHARGED_OF_JOB)
_FAIL = move(FAIL_TO_STORE, ONE_IMAGE)
_MAKE_AGAIN = move(MAKE_AGAIN, ONE_IMAGE)
_POSTPONE = text(f"""
UPDATE quel.image i SET {POSTPONE.set} WHERE {ONE_IMAGE} AND {POSTPONE.applies()}
RETURNING extract(epoch FROM i.not_before - i.updated_at)::float8
""")  # noqa: S608 - constants of ours

_LOCK_TIMEOUT_S = 1.0  # a row that somebody holds is worth a later try, not a thread


class PersistOutputRows:
    """The rows persist_output reads and writes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self, job_id: UUID, image_no: int) -> OutputToPersist | None:
        """An image with its payer and its path in the bucket; None where quel has no such image."""
        return self._read(_LOAD, job_id, image_no)

    def begin(self, job_id: UUID, image_no: int, owner: str) -> OutputToPersist | None:
        """As `load`; one that is made is leased to `owner`, who may begin again: others find it not begun."""
        return self._read(_BEGIN, job_id, image_no, owner=owner, lease_s=LEASE_S)

    def _read(
        self, statement: TextClause, job_id: UUID, image_no: int, **values: object
    ) -> OutputToPersist | None:
        keys = {"job_id": job_id, "image_no": image_no} | values
        row = self._database.run(lambda connection: connection.execute(statement, keys).one_or_none())
        if row is None:
            return None
        return OutputToPersist(
            job_id=job_id,
            image_no=image_no,
            state=ImageState(row.state),
            job_status=JobStatus(row.job_status),
            path=row.path,
            stage=row.stage,
            broken_answers=row.broken_answers,
            production_id=row.production_id,
            payer_kind=PayerKind(row.payer_kind),
            payer_id=row.payer_id,
            ledger_member_id=row.ledger_member_id,
            price=0 if row.is_free else row.price,
            result_path=result_path(row.path, row.result_owner, job_id, image_no, row.degrees, run=row.run),
            references_shown=row.references_shown,
            begun=row.starts is not None,
            starts=row.starts or 0,
            object_bytes=row.object_bytes,
            age_s=row.age_s,
            engine=row.engine,
            series=row.series,
            is_free=row.is_free,
            as_given=row.as_given,
        )

    def deliver(self, output: OutputToPersist, size_bytes: int) -> PersistEnd:
        """Attach row, deduction, ledger, image and progress at once, for an object already stored.

        Raises RowLocked where the job's or the payer's row is not free within a second.
        """
        return self._database.run(
            lambda connection: _deliver(connection, output, size_bytes), lock_timeout_s=_LOCK_TIMEOUT_S
        )

    def postpone(self, output: OutputToPersist, *, object_bytes: int | None) -> float | None:
        """Lets go of an image that cannot be stored or delivered now; the seconds until its next try.

        `object_bytes` is the size of its object where that is stored. None when it waits no longer.
        """
        values = _keys(output) | {
            "object_bytes": object_bytes,
            "first_s": FIRST_PAUSE_S,
            "longest_s": LONGEST_PAUSE_S,
        }
        pause_s: float | None = self._database.run(lambda connection: connection.scalar(_POSTPONE, values))
        return pause_s

    def fail(self, output: OutputToPersist, *, code: str, reason: str) -> Progress | None:
        """Ends a made image as failed and counts the job; None when it is no longer waiting."""

        def work(connection: Connection) -> Progress | None:
            if lock_job(connection, output.job_id) != JobStatus.PROCESSING:
                return None
            values = _keys(output) | {"code": code, "reason": reason}
            if connection.execute(_FAIL, values).rowcount == 0:
                return None
            return count_progress(connection, output.job_id, output.stage)

        return self._database.run(work)

    def make_again(self, output: OutputToPersist, *, broken: bool) -> None:
        """Sends a made image back to the provider: its bytes are gone, or (`broken`) are no picture."""
        values = _keys(output) | {"broken": int(broken)}
        self._database.run(lambda connection: connection.execute(_MAKE_AGAIN, values))


def _keys(output: OutputToPersist) -> dict[str, Any]:
    return {"job_id": output.job_id, "image_no": output.image_no}


def _deliver(connection: Connection, output: OutputToPersist, size_bytes: int) -> PersistEnd:
    row = connection.execute(_LOCK, _keys(output)).one_or_none()
    if row is None:
        return Stale(ImageState.FAILED)
    if row.state != ImageState.MADE:
        return Stale(ImageState(row.state))
    if row.job_status == JobStatus.PENDING:
        return Stale(ImageState.MADE)
    if row.job_status != JobStatus.PROCESSING:
        return Stale(ImageState.CANCELLED)
    balance = None if output.is_free else _pay(connection, output)
    if balance is None and not output.is_free:
        return _run_dry(connection, output)
    record = _ATTACH if output.is_free else _RECORD
    attach_id = connection.scalar(record, _record(output, balance, size_bytes))
    progress, followers = _progress(connection, output), _followers(connection, output)
    return Delivered(int(attach_id or 0), balance, progress, followers)


def _pay(connection: Connection, output: OutputToPersist) -> int | None:
    """The payer's balance after the deduction, None where it has not enough."""
    payment = {"the_payer": output.payer_id, "the_price": output.price}
    balance = connection.scalar(_PAY[output.payer_kind], payment)
    return None if balance is None else int(balance)


def _run_dry(connection: Connection, output: OutputToPersist) -> InsufficientCredits:
    reason = credits.ran_dry(output.payer_kind, output.price)
    values = {"job_id": output.job_id, "code": "ran_dry", "reason": reason}
    failed = connection.execute(_RUN_DRY, values).rowcount
    return InsufficientCredits(_progress(connection, output), failed, reason)


def _followers(connection: Connection, output: OutputToPersist) -> tuple[int, ...]:
    if output.series is None:
        return ()
    return tuple(connection.scalars(_FOLLOWERS, _keys(output) | {"series": output.series}))


def _progress(connection: Connection, output: OutputToPersist) -> Progress:
    progress = count_progress(connection, output.job_id, output.stage)
    assert progress is not None, "the job is locked and processing"  # noqa: S101 - says why, to mypy as well
    return progress


def _record(output: OutputToPersist, balance: int | None, size_bytes: int) -> dict[str, Any]:
    organization = output.payer_id if output.payer_kind is PayerKind.ORGANIZATION else None
    return _keys(output) | {
        "name": output.result_path.rsplit("/", 1)[-1],
        "path": output.result_path,
        "size_bytes": size_bytes,
        "member_id": output.ledger_member_id,
        "transaction_type": credits.TRANSACTION_TYPE,
        "price": output.price,
        "balance": balance,
        "max_balance_after": credits.MAX_BALANCE_AFTER,
        "description": ledger_description(output.path, output.image_no),
        "production_id": output.production_id,
        "org_id": organization,
        "used_by": output.ledger_member_id if organization else None,
        "api_provider": credits.API_PROVIDERS[output.engine],
    }
