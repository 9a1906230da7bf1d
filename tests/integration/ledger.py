"""What a job left behind, read from outside: rows, objects, ledger, balances; and whether they agree."""

import io
from typing import Any
from uuid import UUID

from PIL import Image

from quel.sandbox.storage.client import HeldObject
from quel.sandbox.studio import Studio

PRICE = 5
"""Credits an image costs where IMAGE_PER_PRICE is not set."""


def ledger(studio: Studio, attach_ids: list[int]) -> list[dict[str, Any]]:
    """The ledger rows of these images, the first deduction first."""
    return studio.rows(
        "SELECT * FROM quel_credits WHERE attach_idx = ANY(%s) ORDER BY balance_after DESC", attach_ids
    )


def ledger_of_production(studio: Studio, job_id: UUID) -> list[dict[str, Any]]:
    """The ledger rows of the job's production."""
    return studio.rows(
        "SELECT c.* FROM quel_credits c JOIN quel_production_jobs j ON j.production_id = c.production_idx"
        " WHERE j.job_id = %s ORDER BY c.balance_after DESC",
        job_id,
    )


def production_of(studio: Studio, job_id: UUID) -> dict[str, Any]:
    """The row of the job's production."""
    return studio.rows(
        "SELECT p.* FROM quel_production_photo p JOIN quel_production_jobs j USING (production_id)"
        " WHERE j.job_id = %s",
        job_id,
    )[0]


def member_balance(studio: Studio, member: UUID) -> int:
    """The personal credits of a member."""
    row = studio.rows("SELECT quel_member_credit AS it FROM quel_member WHERE quel_member_id = %s", member)[0]
    return int(row["it"])


def organization_balance(studio: Studio, org: UUID) -> int:
    """The credits of an organization."""
    return int(studio.rows("SELECT org_credit AS it FROM quel_organization WHERE org_id = %s", org)[0]["it"])


def stored_pictures(studio: Studio, attach_ids: list[int]) -> list[Image.Image]:
    """The results as pictures, in the order of the ids."""
    rows = studio.rows("SELECT * FROM quel_attach WHERE attach_id = ANY(%s)", attach_ids)
    paths = {row["attach_id"]: row["attach_file_path"] for row in rows}
    return [Image.open(io.BytesIO(studio.storage.get(paths[attach_id]))) for attach_id in attach_ids]


def results_of(studio: Studio, job_id: UUID) -> list[HeldObject]:
    """The job's objects in the bucket."""
    return [held for held in studio.storage.objects("generated-images/") if str(job_id) in held.path]


def assert_books_agree(studio: Studio, job_id: UUID, *, price: int = PRICE) -> None:
    """Counts, ids, attach rows, objects and ledger of one ended job tell the same story, to the unit."""
    row = studio.job_row(job_id)
    ids = row["generated_attach_ids"]
    assert row["completed_at"] is not None
    assert len(ids) == len(set(ids)) == row["completed_images"]
    attachments = studio.rows("SELECT * FROM quel_attach WHERE attach_id = ANY(%s)", ids)
    objects = {held.path: held for held in studio.storage.objects("generated-images/")}
    assert len({attachment["attach_file_path"] for attachment in attachments}) == len(ids)
    for attachment in attachments:
        _assert_stored(attachment, objects[attachment["attach_file_path"]])
    lines = ledger(studio, ids)
    assert sorted(line["attach_idx"] for line in lines) == sorted(ids)
    for line in lines:
        assert (line["transaction_type"], line["amount"]) == ("DEDUCT", -price)
        assert line["api_provider"] == "gemini-banana"
        assert line["production_idx"] == row["production_id"]
        assert line["description"]
    production = production_of(studio, job_id)
    assert set(ids) <= set(production["attach_ids"] or [])
    assert len(production["attach_ids"] or []) == len(set(production["attach_ids"] or []))


def _assert_stored(attachment: dict[str, Any], held: Any) -> None:
    name = held.path.rsplit("/", 1)[-1]
    assert attachment["attach_directory"] == held.path
    assert attachment["attach_file_name"] == attachment["attach_original_name"] == name
    assert attachment["attach_file_size"] == held.size_bytes
    assert attachment["attach_file_type"] == held.content_type == "image/webp"
    assert attachment["attach_storage_type"] == "supabase"
    assert "3600" in held.cache_control
