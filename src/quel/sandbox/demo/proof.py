"""Checks the demonstration's result from the outside: rows, stored objects and the pictures themselves."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from PIL import Image

from quel.sandbox.demo.orders import Order
from quel.sandbox.storage.client import Storage
from quel.sandbox.studio import Studio

_IN_PLAN_ORDER = "SELECT attach_id FROM quel.image WHERE job_id = %s ORDER BY image_no"
_PRODUCTION = "SELECT attach_ids FROM public.quel_production_photo WHERE production_id = %s"
_STORED = """
SELECT attach_file_path, attach_file_size FROM public.quel_attach a
JOIN unnest(%s::bigint[]) WITH ORDINALITY AS ids (attach_id, place) USING (attach_id) ORDER BY place
"""


def save_results(studio: Studio, jobs: Mapping[UUID, Order], folder: Path) -> dict[UUID, list[Path]]:
    """Writes each job's pictures, in the order of its ids, into `folder`; the files by job."""
    saved: dict[UUID, list[Path]] = {}
    for place, (job_id, order) in enumerate(jobs.items(), start=1):
        name = f"{place:02d}-{order.path}-{order.title.replace(',', '').replace(' ', '-')}"
        ids = studio.job_row(job_id)["generated_attach_ids"]
        saved[job_id] = []
        for number, row in enumerate(studio.rows(_STORED, ids), start=1):
            file = folder / f"{name}-{number}.webp"
            file.write_bytes(studio.storage.get(row["attach_file_path"]))
            saved[job_id].append(file)
    return saved


def save_beside(jobs: Mapping[UUID, Order], saved: Mapping[UUID, list[Path]]) -> dict[UUID, list[Path]]:
    """The files of each job as the contact sheet shows them: what an order shows beside, then the results."""
    shown = {}
    for job_id, files in saved.items():
        shown[job_id] = list(files)
        if files and jobs[job_id].beside:
            beside = files[0].with_name(f"{files[0].stem.removesuffix('-1')}-marked.png")
            beside.write_bytes(jobs[job_id].beside)
            shown[job_id].insert(0, beside)
    return shown


def job_disagreements(studio: Studio, job_id: UUID, order: Order, files: list[Path]) -> list[str]:
    """Every way in which a job is not what was ordered, as sentences."""
    row: dict[str, Any] = studio.job_row(job_id)
    ids = row["generated_attach_ids"]
    found = []
    if row["job_status"] != "completed" or row["failed_images"] or row["completed_images"] != order.images:
        made = f"{row['completed_images']} of {order.images} images"
        found.append(f"The job is {row['job_status']} with {made}. {row['error_message'] or ''}".rstrip())
    if row["error_message"] and not found:
        found.append(f"The job completed, but warns: {row['error_message']}")
    if len(set(ids)) != order.images or ids != [
        image["attach_id"] for image in studio.rows(_IN_PLAN_ORDER, job_id)
    ]:
        found.append("Its ids are not distinct and in the plan's order.")
    if studio.rows(_PRODUCTION, row["production_id"])[0]["attach_ids"] != ids:
        found.append("The production does not hold the job's ids.")
    sizes = [stored["attach_file_size"] for stored in studio.rows(_STORED, ids)]
    if [file.stat().st_size for file in files] != sizes:
        found.append("The rows name other sizes than the stored files have.")
    found += [
        f"{file.name} is no WebP that can be read." for file in files if not _is_webp(file.read_bytes())
    ]
    return [f"{order.path}, {order.title}: {sentence}" for sentence in found]


def object_disagreements(storage: Storage, images: int) -> list[str]:
    """Whether the bucket holds exactly one object an image."""
    held = sum(len(storage.objects(prefix)) for prefix in ("generated-images/", "multiview-images/"))
    return [] if held == images else [f"The bucket holds {held} results for {images} images."]


def _is_webp(data: bytes) -> bool:
    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()
            return picture.format == "WEBP"
    except OSError:
        return False
