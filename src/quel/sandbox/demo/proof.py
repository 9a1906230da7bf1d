"""Checks the demonstration's result from the outside: rows, ledger, balance and the stored pictures."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from PIL import Image

from quel.sandbox.demo.orders import Order
from quel.sandbox.storage.client import Storage
from quel.sandbox.studio import Studio


def save_results(
    studio: Studio, storage: Storage, jobs: Mapping[UUID, Order], folder: Path
) -> dict[UUID, list[Path]]:
    """Writes each job's pictures, in plan order, into `folder`; the files by job."""
    saved: dict[UUID, list[Path]] = {}
    for place, (job_id, order) in enumerate(jobs.items(), start=1):
        saved[job_id] = []
        for number, attach_id in enumerate(studio.job_row(job_id)["generated_attach_ids"], start=1):
            row = studio.rows("SELECT attach_file_path FROM quel_attach WHERE attach_id = %s", attach_id)[0]
            name = f"{place:02d}-{order.path}-{order.title.replace(' ', '-').replace(',', '')}-{number}.webp"
            file = folder / name
            file.write_bytes(storage.get(row["attach_file_path"]))
            saved[job_id].append(file)
    return saved


def disagreements(
    studio: Studio,
    jobs: Mapping[UUID, Order],
    saved: Mapping[UUID, Sequence[Path]],
    *,
    price: int,
    start_balance: int,
    org: UUID,
) -> list[str]:
    """Every way in which the result is not what was ordered, as sentences; empty when all is true."""
    found = [sentence for job_id, order in jobs.items() for sentence in _job(studio, job_id, order, saved)]
    images = sum(order.images for order in jobs.values())
    ledger = studio.rows(
        "SELECT count(*) AS lines, coalesce(sum(amount), 0) AS credits FROM quel_credits WHERE org_id = %s",
        org,
    )[0]
    balance = studio.rows("SELECT org_credit FROM quel_organization WHERE org_id = %s", org)[0]["org_credit"]
    if ledger["lines"] != images:
        found.append(f"The ledger has {ledger['lines']} lines for {images} images.")
    if ledger["credits"] != -images * price:
        found.append(f"The ledger adds up to {ledger['credits']} credits, not to {-images * price}.")
    if balance != start_balance + ledger["credits"]:
        found.append(f"The balance is {balance}, the ledger says {start_balance + ledger['credits']}.")
    return found


def _job(studio: Studio, job_id: UUID, order: Order, saved: Mapping[UUID, Sequence[Path]]) -> list[str]:
    row: dict[str, Any] = studio.job_row(job_id)
    found = []
    if row["job_status"] != "completed" or row["completed_images"] != order.images or row["failed_images"]:
        found.append(
            f"{order.title}: {row['job_status']} with {row['completed_images']} of {order.images} images."
        )
    ids = row["generated_attach_ids"]
    production = studio.rows(
        "SELECT * FROM quel_production_photo WHERE production_id = %s", row["production_id"]
    )[0]
    if len(set(ids)) != order.images or production["attach_ids"] != ids:
        found.append(f"{order.title}: the ids of job and production are not the {order.images} ordered ones.")
    for file in saved[job_id]:
        if not _is_webp(file.read_bytes()):
            found.append(f"{order.title}: {file.name} is no WebP.")
    return found


def _is_webp(data: bytes) -> bool:
    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()
            return picture.format == "WEBP"
    except OSError:
        return False
