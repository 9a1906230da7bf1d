"""`quel audit`: compares what was delivered with what was stored, booked, counted and charged.

`audit` is the same for other programs. A difference is reported when it is still there a moment later: an
image that is being delivered at the time of the first look is none.
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from quel.cli.console import out
from quel.cli.durations import read_duration
from quel.cli.tables import show_json, show_table
from quel.core.operations.audit import (
    Attachment,
    Difference,
    check_images,
    check_job,
    check_objects,
    check_production,
    check_strays,
)
from quel.core.operations.balances import check_account

if TYPE_CHECKING:
    from quel.adapters.postgres.operations.audit import AuditRows, Snapshot
    from quel.core.ports import ObjectStorage

_LOOK_AGAIN_AFTER_S = 2.0


def audit_command(
    since: Annotated[
        timedelta | None,
        typer.Option(
            parser=read_duration, metavar="DURATION", help="Only jobs planned within it: 24h, 7d; else all."
        ),
    ] = None,
    objects: Annotated[bool, typer.Option(help="Also compare the objects in Storage.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print the differences as JSON.")] = False,
) -> None:
    """Compare objects, attachments, ledger, balances, counters and productions; exits 1 on a difference."""
    from quel.services import Services
    from quel.settings import settings

    settings().require("DATABASE_URL", *(("SUPABASE_URL", "SUPABASE_SERVICE_KEY") if objects else ()))
    world = Services(settings())
    differences = audit(settings().database_url, storage=world.storage if objects else None, since=since)
    world.close()
    if as_json:
        show_json(differences)
    elif differences:
        show_table(
            ("kind", "job", "#image", "difference"),
            ((each.kind, each.job_id, each.image, each.message) for each in differences),
            title=f"{len(differences)} differences",
        )
    else:
        out.print("No difference.")
    if differences:
        raise typer.Exit(1)


def audit(
    database_url: str,
    *,
    storage: "ObjectStorage | None" = None,
    since: timedelta | None = None,
    starting_balances: Mapping[UUID, int] | None = None,
    look_again_after_s: float = _LOOK_AGAIN_AFTER_S,
) -> list[Difference]:
    """Every difference that is there now and `look_again_after_s` later; objects only with a `storage`.

    `starting_balances` by organization or member, for ledgers that are whole: then balances must agree to the
    credit. Raises ServiceUnavailable.
    """
    from quel.adapters.postgres.database import Database
    from quel.adapters.postgres.operations.audit import AuditRows

    database = Database(database_url, pool_size=1)
    try:
        rows = AuditRows(database)
        found = _differences(rows, storage, since, starting_balances or {})
        if not found:
            return []
        time.sleep(look_again_after_s)
        later = set(_differences(rows, storage, since, starting_balances or {}))
        return [difference for difference in found if difference in later]
    finally:
        database.close()


def _differences(
    rows: "AuditRows",
    storage: "ObjectStorage | None",
    since: timedelta | None,
    starting_balances: Mapping[UUID, int],
) -> list[Difference]:
    snapshot = rows.read(since)
    found = [*_in_rows(snapshot, starting_balances)]
    if storage is not None:  # after the rows: what they say is delivered has been stored before
        found += _in_storage(snapshot, storage)
    return found


def _in_rows(snapshot: "Snapshot", starting_balances: Mapping[UUID, int]) -> Iterator[Difference]:
    by_path, by_job = _attachments(snapshot)
    for job in snapshot.jobs:
        yield from check_job(job)
        yield from check_images(job, by_path, snapshot.charges)
        yield from check_strays(job, by_job.get(job.job_id, ()))
    for production in snapshot.productions:
        yield from check_production(production)
    for account in snapshot.accounts:
        yield from check_account(account, starting_balances.get(account.account_id))


def _in_storage(snapshot: "Snapshot", storage: "ObjectStorage") -> Iterator[Difference]:
    by_path, _ = _attachments(snapshot)
    folders = {job.path_of(image).rpartition("/")[0] for job in snapshot.jobs for image in job.images[:1]}
    sizes_bytes: dict[str, int] = {}
    for folder in sorted(folders):
        sizes_bytes |= storage.sizes_bytes(folder)
    for job in snapshot.jobs:
        yield from check_objects(job, by_path, sizes_bytes)


def _attachments(snapshot: "Snapshot") -> tuple[dict[str, list[Attachment]], dict[UUID, list[Attachment]]]:
    by_path: dict[str, list[Attachment]] = defaultdict(list)
    by_job: dict[UUID, list[Attachment]] = defaultdict(list)
    for attachment in snapshot.attachments:
        by_path[attachment.path].append(attachment)
        by_job[attachment.job_id].append(attachment)
    return by_path, by_job
