"""Every row under tests/rows is parsed and planned to the end that its `expect` gives."""

import json
import uuid
from pathlib import Path

import pytest

from quel.core.job import JobPlan, JobRequest, JobType, Problem
from quel.core.kind import MADE_HERE, foreign_reason, kind_of
from quel.core.kinds import read_input
from quel.core.plan import make_plan
from quel.core.request import decode_input, read_once_more

ROWS = Path(__file__).parents[1] / "rows"
FIXTURES = sorted((ROWS / "fixtures").glob("*.json"))
HOSTILE = sorted((ROWS / "hostile").glob("*.json"))
MAX_IMAGES = 100


def read_row(file: Path) -> dict:
    row = decode_input(file.read_text("utf-8"))
    assert isinstance(row, dict)
    return row


def plan_of(row: dict) -> JobPlan | tuple[Problem, ...]:
    total_images = row["total_images"]
    kind = kind_of(row["job_type"], row["quel_production_path"], keys_of(row))
    request = read_input(kind, row["job_type"], input_of(row), total_images=total_images)
    if not isinstance(request, JobRequest):
        return request
    job_id = uuid.UUID(row["job_id"])
    return make_plan(request, total_images=total_images, job_id=job_id, max_images=MAX_IMAGES)


def input_of(row: dict) -> object:
    return read_once_more(row["job_input_data"])


def keys_of(row: dict) -> list[str] | None:
    data = input_of(row)
    return list(data) if isinstance(data, dict) else None


def attach_ids_of(plan: JobPlan) -> set[int | None]:
    asked = [ask for stage in plan.request.stages for ask in stage.references]
    return {ask.attach_id for ask in asked if not ask.place}


@pytest.mark.parametrize("file", HOSTILE, ids=lambda file: file.stem)
def test_a_hostile_row_ends_as_it_says(file):
    row = read_row(file)
    expect = row["expect"]
    kind = kind_of(row["job_type"], row["quel_production_path"], keys_of(row))
    assert (kind in MADE_HERE) == (expect["failed_by"] != "kind")
    plan = plan_of(row)
    if expect["failed_by"] == "kind":
        assert expect["error_names"] in foreign_reason(kind)
    elif expect["failed_by"] == "input":
        assert isinstance(plan, tuple)
        assert any(expect["error_names"] in problem.message for problem in plan)
    elif expect["failed_by"] == "references":
        assert isinstance(plan, JobPlan)
        assert attach_ids_of(plan) <= {None, *row.get("missing_attach_ids", ())}
        assert attach_ids_of(plan)
    else:
        assert isinstance(plan, JobPlan), plan
        assert len(plan.images) == expect["images"]


@pytest.mark.parametrize("file", FIXTURES, ids=lambda file: file.stem)
def test_a_row_of_the_front_end_makes_what_was_ordered(file):
    row = read_row(file)
    plan = plan_of(row)
    assert isinstance(plan, JobPlan), plan
    assert len(plan.images) == plan.ordered == row["total_images"]
    assert None not in attach_ids_of(plan)


@pytest.mark.parametrize("file", HOSTILE, ids=lambda file: file.stem)
def test_a_hostile_row_is_one_the_database_takes(file):
    row = read_row(file)
    is_pipeline = row["job_type"] == "pipeline_stage"
    assert (row["stage_index"] is None, row["batch_index"] is None) == (not is_pipeline, is_pipeline)
    assert len(row["quel_production_path"] or "") <= 50
    assert -(2**31) <= row["total_images"] < 2**31
    as_sent = json.dumps(row["job_input_data"], allow_nan=False, ensure_ascii=False)
    assert as_sent.encode("utf-8"), "half a surrogate pair would not encode"
    assert "\\u0000" not in as_sent.replace("\\\\", ""), "jsonb takes no NUL"


@pytest.mark.parametrize("file", HOSTILE, ids=lambda file: file.stem)
def test_what_a_hostile_row_expects_is_consistent(file):
    expect = read_row(file)["expect"]
    assert set(expect) == {"status", "images", "error_names", "failed_by", "because"}
    assert (expect["status"] == "failed") == (expect["failed_by"] is not None) == (expect["images"] == 0)
    assert expect["failed_by"] in (None, "kind", "input", "references")


def test_the_rows_cover_every_path_and_every_job_type():
    rows = [read_row(file) for file in HOSTILE]
    assert {"fashion", "beauty", "eats", "cinema", "cartoon"} <= {row["quel_production_path"] for row in rows}
    assert {row["job_type"] for row in rows} == set(JobType)
    assert len({row["job_id"] for row in rows}) == len({row["production_id"] for row in rows}) == len(rows)
