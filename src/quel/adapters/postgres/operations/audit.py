"""What an audit compares, read a page of jobs at a time: each page is one snapshot, and little is held.

Jobs are walked in order of time, or by the folder their results lie in, attachments by their ids, accounts
one by one: a database of any size is read through within the timeout of a statement and some megabytes.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, TextClause, text

from quel.adapters.postgres.database import Database
from quel.core.credits import API_PROVIDERS, PayerKind
from quel.core.job import JobStatus
from quel.core.operations.audit import (
    Attachment,
    AuditedImage,
    AuditedJob,
    AuditedProduction,
    Charge,
    Difference,
)
from quel.core.operations.balances import Account, Entry, check_balance, check_sum, gaps
from quel.core.operations.snapshot import Snapshot
from quel.core.pipeline import ImageState
from quel.core.request.values import attach_ids

_EVER = timedelta(days=36_500)
_BEGINNING = datetime(1, 1, 2, tzinfo=UTC)
ATTACHMENTS_AT_ONCE = 20_000
_ENTRIES_AT_ONCE = 2_000

_ONE_SNAPSHOT = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")

_WALK_BY_TIME = text("""
SELECT q.created_at, q.job_id FROM quel.job q
WHERE (q.created_at, q.job_id) > (CAST(:at AS timestamptz), CAST(:job_id AS uuid))
  AND q.created_at >= now() - make_interval(secs => :since_s)
ORDER BY q.created_at, q.job_id LIMIT :most
""")
_WALK_BY_OWNER = text("""
SELECT q.result_owner, q.job_id FROM quel.job q
WHERE (q.result_owner, q.job_id) > (:owner, CAST(:job_id AS uuid))
  AND q.created_at >= now() - make_interval(secs => :since_s)
ORDER BY q.result_owner, q.job_id LIMIT :most
""")

_JOBS = text("""
SELECT q.job_id, j.job_status, j.completed_at IS NOT NULL AS is_closed, j.total_images,
       coalesce(j.completed_images, 0) AS completed, coalesce(j.failed_images, 0) AS failed,
       j.generated_attach_ids, j.production_id, q.price, q.payer_kind, q.payer_id, q.ledger_member_id,
       q.result_owner, q.extra_attach_ids, q.ended_elsewhere, q.path,
       (SELECT jsonb_agg(jsonb_build_array(i.image_no, i.state, i.attach_id, i.request IS NULL,
                                            i.cost_usd IS NOT NULL, i.is_free, i.degrees, i.run)
                         ORDER BY i.image_no)
        FROM quel.image i WHERE i.job_id = q.job_id) AS images
FROM quel.job q JOIN public.quel_production_jobs j ON j.job_id = q.job_id
WHERE q.job_id = ANY(:job_ids) AND j.job_status <> 'pending'
""")

# The path of an attachment of quel's names its job and image (see core/kinds). There are millions of them: a
# LIKE tells them apart, and no row pays for a regular expression in the database.
_UUID = "________-____-____-____-____________"
_SHAPED = f"""(
    a.attach_file_path LIKE 'generated-images/user-%/generated\\_{_UUID}\\_%.webp'
    OR a.attach_file_path LIKE 'multiview-images/user-%/multiview\\_{_UUID}\\_angle%.webp'
)"""
_OWN_PATH = re.compile(
    r"/(?:generated|multiview)_([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
    r"_(?:[0-9]{3,6}|angle[0-9]{1,3})(?:-[0-9]{1,6})?\.webp$"
)

_ATTACHMENTS = text(f"""
SELECT a.attach_id, a.attach_file_path AS path, a.attach_file_size AS size_bytes
FROM public.quel_attach a WHERE a.attach_id = ANY(:ids) AND {_SHAPED} ORDER BY a.attach_id
""")  # noqa: S608 - constants of ours

_PAGE_OF_ATTACHMENTS = text("""
SELECT min(a.attach_id) AS first, max(a.attach_id) AS last, max(a.created_at) AS newest FROM (
    SELECT attach_id, created_at FROM public.quel_attach
    WHERE CAST(:before AS bigint) IS NULL OR attach_id < :before
    ORDER BY attach_id DESC LIMIT :most) a
""")
_STRAYS = text(f"""
WITH shaped AS MATERIALIZED (
    SELECT a.attach_id, a.attach_file_path AS path, a.attach_file_size AS size_bytes,
           substr(split_part(a.attach_file_path, '/', 3), 11, 36) AS job,
           substr(split_part(a.attach_file_path, '/', 3), 48) AS name,
           split_part(split_part(substr(split_part(a.attach_file_path, '/', 3), 48), '.', 1), '-', 1) AS place
    FROM public.quel_attach a
    WHERE a.attach_id >= :first AND a.attach_id <= :last AND {_SHAPED}
      AND a.created_at >= now() - make_interval(secs => :since_s)
), s AS MATERIALIZED (
    SELECT attach_id, path, size_bytes,
           CAST(CASE WHEN translate(job, '0123456789abcdef', '') = '----' THEN job END AS uuid) AS job_id,
           CAST(CASE WHEN translate(name, '0123456789', '') IN ('.webp', '-.webp')
                      AND length(place) BETWEEN 3 AND 6 THEN place END AS integer) AS image_no,
           CAST(CASE WHEN translate(name, '0123456789', '') IN ('angle.webp', 'angle-.webp')
                      AND length(place) BETWEEN 6 AND 8 THEN substr(place, 6) END AS integer) AS degrees
    FROM shaped
)
SELECT s.attach_id, s.path, s.size_bytes FROM s
LEFT JOIN LATERAL (
    SELECT i.attach_id FROM quel.image i WHERE i.job_id = s.job_id AND i.image_no = s.image_no LIMIT 1
) named ON true
LEFT JOIN LATERAL (
    SELECT i.attach_id FROM quel.image i WHERE i.job_id = s.job_id AND i.degrees = s.degrees LIMIT 1
) seen ON s.degrees IS NOT NULL
WHERE s.job_id IS NOT NULL AND coalesce(s.image_no, s.degrees) IS NOT NULL
  AND coalesce(named.attach_id, seen.attach_id) IS DISTINCT FROM s.attach_id
  AND (SELECT true FROM quel.job q WHERE q.job_id = s.job_id)
ORDER BY s.attach_id
""")  # noqa: S608 - constants of ours

_CHARGES = text("""
SELECT c.attach_idx, c.amount, c.balance_after, c.user_id, c.org_id, c.production_idx
FROM public.quel_credits c WHERE c.attach_idx = ANY(:ids) AND c.api_provider = ANY(:providers)
""")

_PROVIDERS = list(API_PROVIDERS.values())

_PAYERS = text("""
SELECT DISTINCT q.payer_kind, q.payer_id FROM quel.job q
WHERE q.created_at >= now() - make_interval(secs => :since_s) ORDER BY 1, 2
""")

# The ledger names the member in both cases, the organization only where it paid.
_OF_ACCOUNT = {
    PayerKind.ORGANIZATION: "c.org_id = :id",
    PayerKind.MEMBER: "c.user_id = :id AND c.org_id IS NULL",
}
_LEDGER = f"""
FROM public.quel_credits c
LEFT JOIN public.quel_attach a
    ON a.attach_id = c.attach_idx AND c.api_provider = ANY(:providers) AND {_SHAPED}
WHERE {{account}} AND c.created_at >= now() - make_interval(secs => :since_s)
"""


def _of(account: str) -> str:
    return _LEDGER.replace("{account}", account)


_OWN_ENTRIES = {
    kind: text(
        f"SELECT c.attach_idx, c.amount, c.balance_after, c.created_at {_of(account)}"
        " AND a.attach_id IS NOT NULL ORDER BY c.attach_idx"
    )
    for kind, account in _OF_ACCOUNT.items()
}
_OTHERS_ENTRY = {
    kind: text(
        f"SELECT EXISTS (SELECT 1 {_of(account)}"
        " AND a.attach_id IS NULL AND c.amount <> 0"
        " AND (CAST(:begin AS timestamptz) IS NULL OR c.created_at >= :begin)"
        " AND (CAST(:finish AS timestamptz) IS NULL OR c.created_at <= :finish))"
    )
    for kind, account in _OF_ACCOUNT.items()
}
_BOOKED = {
    kind: text(f"SELECT coalesce(sum(c.amount), 0) {_of(account)}") for kind, account in _OF_ACCOUNT.items()
}

_PRODUCTIONS = text("""
SELECT p.production_id, p.production_status, p.attach_ids,
       coalesce(p.generated_image_count, 0) AS image_count,
       array_agg(coalesce(j.job_status::text, 'pending')) AS job_statuses,
       jsonb_agg(j.generated_attach_ids) FILTER (
           WHERE q.job_id IS NOT NULL AND j.completed_at IS NOT NULL
             AND j.job_status NOT IN ('pending', 'processing')) AS of_ended_jobs
FROM public.quel_production_photo p JOIN public.quel_production_jobs j ON j.production_id = p.production_id
LEFT JOIN quel.job q ON q.job_id = j.job_id
WHERE p.production_id = ANY(:production_ids) GROUP BY p.production_id
""")

_BALANCES = {
    PayerKind.ORGANIZATION: text("""
SELECT coalesce(o.org_credit, 0) AS balance FROM public.quel_organization o WHERE o.org_id = :id
"""),
    PayerKind.MEMBER: text("""
SELECT coalesce(m.quel_member_credit, 0) AS balance FROM public.quel_member m WHERE m.quel_member_id = :id
"""),
}

Place = tuple[str | datetime, UUID]
"""Where a walk through the jobs stands: the owner of the results or when it was planned, and the job."""


class AuditRows:
    """Reads what an audit compares. `since` everywhere: only what was planned, or written, within it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def walk(self, since: timedelta | None, after: Place | None, most: int, *, by_owner: bool) -> list[Place]:
        """The next jobs of a walk: by the folder of their results, else in order of time, which is faster."""
        begin: Place = ("" if by_owner else _BEGINNING, UUID(int=0))
        first, job_id = after or begin
        values = {"job_id": job_id, "since_s": _since_s(since), "most": most}
        if by_owner:
            rows = self._rows(_WALK_BY_OWNER, values | {"owner": first})
            return [(row.result_owner, row.job_id) for row in rows]
        rows = self._rows(_WALK_BY_TIME, values | {"at": first})
        return [(row.created_at, row.job_id) for row in rows]

    def read(self, job_ids: Sequence[UUID], strays: Mapping[UUID, Sequence[Attachment]]) -> Snapshot:
        """Jobs with everything that hangs on them; `strays` are attachments that name images of theirs."""

        def work(connection: Connection) -> Snapshot:
            connection.execute(_ONE_SNAPSHOT)
            return _read(connection, job_ids, strays)

        return self._database.run(work)

    def strays(self, since: timedelta | None) -> Iterator[list[Attachment]]:
        """Attachments that name an image of quel's which is not theirs, page by page, the newest first."""
        oldest = None if since is None else datetime.now().astimezone() - since
        before: int | None = None
        while True:
            page = self._row(_PAGE_OF_ATTACHMENTS, {"before": before, "most": ATTACHMENTS_AT_ONCE})
            if page.first is None or (oldest is not None and page.newest < oldest):
                return
            values = {"first": page.first, "last": page.last, "since_s": _since_s(since)}
            yield list(_own(self._rows(_STRAYS, values)))
            before = page.first

    def _rows(self, statement: TextClause, values: dict[str, Any]) -> Sequence[Row[Any]]:
        return self._database.run(lambda connection: connection.execute(statement, values).all())

    def _row(self, statement: TextClause, values: dict[str, Any]) -> Row[Any]:
        return self._rows(statement, values)[0]

    def payers(self, since: timedelta | None) -> list[tuple[PayerKind, UUID]]:
        """Whoever pays for a job."""
        rows = self._rows(_PAYERS, {"since_s": _since_s(since)})
        return [(PayerKind(row.payer_kind), row.payer_id) for row in rows]

    def check_account(
        self,
        kind: PayerKind,
        account_id: UUID,
        since: timedelta | None,
        starting_balance: int | None,
        *,
        rises: bool,
    ) -> list[Difference]:
        """What does not agree between a balance and its ledger, in one snapshot (see core balances)."""
        values = {"id": account_id, "since_s": _since_s(since), "providers": _PROVIDERS}
        name = Account(kind, account_id, None, ()).name

        def work(connection: Connection) -> list[Difference]:
            connection.execute(_ONE_SNAPSHOT)
            balance = connection.scalar(_BALANCES[kind], values)
            if balance is None:
                return []
            found = list(check_balance(name, int(balance)))
            for gap in list(gaps(_entries(connection, kind, values), int(balance), rises=rises)):
                moments = values | {"begin": gap.since, "finish": gap.until}
                if not connection.scalar(_OTHERS_ENTRY[kind], moments):
                    found.append(gap.difference(name))
            if starting_balance is not None:
                booked = int(connection.scalar(_BOOKED[kind], values))
                found += check_sum(name, int(balance), starting_balance, booked)
            return found

        return self._database.run(work)


def _since_s(since: timedelta | None) -> float:
    return (since or _EVER).total_seconds()


def _entries(connection: Connection, kind: PayerKind, values: dict[str, Any]) -> Iterator[Entry]:
    """quel's own rows of an account in order of attach_id, through a cursor on the server."""
    options = {"stream_results": True, "yield_per": _ENTRIES_AT_ONCE}
    for row in connection.execute(_OWN_ENTRIES[kind], values, execution_options=options):
        yield Entry(*row)


def _own(rows: Iterable[Row[Any]]) -> Iterator[Attachment]:
    """The attachments whose path names an image of quel's."""
    for row in rows:
        match = _OWN_PATH.search(row.path)
        if match is not None:
            yield Attachment(row.attach_id, row.path, row.size_bytes, UUID(match[1]))


def _read(
    connection: Connection, job_ids: Sequence[UUID], strays: Mapping[UUID, Sequence[Attachment]]
) -> Snapshot:
    jobs = tuple(_job(row) for row in connection.execute(_JOBS, {"job_ids": list(job_ids)}))
    own = [image.attach_id for job in jobs for image in job.images if image.attach_id is not None]
    attachments = list(_own(connection.execute(_ATTACHMENTS, {"ids": own})))
    known = {attachment.attach_id for attachment in attachments}
    attachments += [s for job in jobs for s in strays.get(job.job_id, ()) if s.attach_id not in known]
    values = {"ids": [each.attach_id for each in attachments], "providers": _PROVIDERS}
    charges: dict[int, list[Charge]] = {}
    for row in connection.execute(_CHARGES, values):
        charges.setdefault(row.attach_idx, []).append(Charge(*row))
    ordered = tuple(sorted(attachments, key=lambda each: each.attach_id))
    return Snapshot(jobs, ordered, charges, _productions(connection, jobs))


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
        path=row.path,
    )


def _image(
    image_no: int,
    state: str,
    attach_id: int | None,
    without_request: bool,
    has_cost: bool,
    is_free: bool,
    degrees: int | None,
    run: int,
) -> AuditedImage:
    # What quel makes is prepared first, which writes the request; an adopted image never was.
    adopted = state == ImageState.STORED and without_request
    return AuditedImage(image_no, ImageState(state), attach_id, adopted, has_cost, is_free, degrees, run)


def _productions(connection: Connection, jobs: tuple[AuditedJob, ...]) -> tuple[AuditedProduction, ...]:
    production_ids = list({job.production_id for job in jobs if job.production_id is not None})
    rows = connection.execute(_PRODUCTIONS, {"production_ids": production_ids})
    return tuple(
        AuditedProduction(
            production_id=row.production_id,
            status=JobStatus(row.production_status or JobStatus.PENDING),
            attach_ids=row.attach_ids,
            image_count=row.image_count,
            job_statuses=tuple(JobStatus(status) for status in row.job_statuses),
            ended_ids=tuple(one for ids in row.of_ended_jobs or () for one in attach_ids(ids)),
        )
        for row in rows
    )
