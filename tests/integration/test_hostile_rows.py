"""Every row of tests/rows through the real pipeline at once; each ends the way its `expect` says."""

import json
from pathlib import Path

import pytest

from quel.sandbox.studio import PHOTOGRAPHS
from tests.integration.harness import Pipeline
from tests.integration.ledger import PRICE, assert_books_agree, ledger_of_production, production_of

ROWS = Path(__file__).parents[1] / "rows"
FREE = ("modify_", "multiview_")  # some of their images cost nothing: test_kinds and test_modify count those
FILES = sorted(file for file in ROWS.glob("*/*.json") if not file.stem.startswith(FREE))
CREDITS = 10**6
FIRST_RESULT_ID = 10**12  # far above the ids that rows name
LARGEST_ID = 2**63 - 1


def read(file):
    row = json.loads(file.read_text())
    if "expect" not in row:  # a row as the front end writes it
        row["expect"] = {"status": "completed", "images": row["total_images"], "error_names": None}
    return row


def whole_numbers(value):
    """Every whole number in an input, however it is written: any of them may be an attach id."""
    if isinstance(value, dict | list):
        parts = value.values() if isinstance(value, dict) else value
        return {number for part in parts for number in whole_numbers(part)}
    try:
        number = int(str(value).strip().removesuffix(".0"))
    except ValueError:
        return set()
    return {number} if 0 < number <= LARGEST_ID else set()


def name_of(file):
    return f"{file.parent.name}-{file.stem}"


@pytest.fixture(scope="module")
def played(world, tmp_path_factory):
    """The pipeline and the job id of every row, all of them ended."""
    pipeline = Pipeline(world, tmp_path_factory.mktemp("rows"))
    try:
        yield pipeline, _play(pipeline)
    finally:
        pipeline.close()


def _play(pipeline):
    studio = pipeline.studio
    rows = {name_of(file): read(file) for file in FILES}
    path = "pictures/everything.png"
    studio.storage.put(path, (PHOTOGRAPHS / "brick.png").read_bytes())
    missing = {attach_id for row in rows.values() for attach_id in row.get("missing_attach_ids", ())}
    named = {attach_id for row in rows.values() for attach_id in whole_numbers(row["job_input_data"])}
    studio.rows(
        "INSERT INTO quel_attach (attach_id, attach_file_path) OVERRIDING SYSTEM VALUE"
        " SELECT unnest(%s::bigint[]), %s",
        sorted(named - missing),
        path,
    )
    studio.rows(f"ALTER TABLE quel_attach ALTER COLUMN attach_id RESTART WITH {FIRST_RESULT_ID}")
    member = studio.member(0)
    org = studio.organization(member, CREDITS)
    jobs = {name: studio.insert_row(row, member=member, org=org) for name, row in rows.items()}
    pipeline.workers()
    studio.push(*jobs.values())
    studio.wait(list(jobs.values()), timeout_s=300)
    return jobs


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_a_row_ends_as_it_should(played, file):
    pipeline, jobs = played
    studio, job_id = pipeline.studio, jobs[name_of(file)]
    expect, row = read(file)["expect"], studio.job_row(job_id)
    said = row["error_message"] or ""
    assert (row["job_status"], row["completed_images"]) == (expect["status"], expect["images"]), said
    assert (expect["error_names"] or "") in said
    assert_books_agree(studio, job_id)
    assert len(ledger_of_production(studio, job_id)) == expect["images"]
    assert production_of(studio, job_id)["production_status"] == expect["status"]
    if expect["status"] == "failed":
        assert said
        assert row["failed_images"] == max(row["total_images"], 0)


def test_the_workers_survive_and_the_balance_is_what_the_images_cost(played):
    pipeline, _ = played
    images = sum(read(file)["expect"]["images"] for file in FILES)
    [left] = pipeline.studio.rows("SELECT org_credit AS credits FROM quel_organization")
    assert left["credits"] == CREDITS - PRICE * images
    assert pipeline.processes[0].exit_code is None
    assert "Traceback" not in pipeline.processes[0].log.read_text()
