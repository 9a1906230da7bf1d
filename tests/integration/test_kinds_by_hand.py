"""Kinds with a path of their own, as an operator plans and submits them."""

import json
from pathlib import Path
from uuid import UUID

import pytest

from tests.integration.ledger import PRICE
from tests.integration.quel_command import run_quel

ROWS = Path(__file__).parents[1] / "rows" / "fixtures"


@pytest.mark.parametrize(
    "file", sorted([*ROWS.glob("multiview*.json"), *ROWS.glob("landing*.json")]), ids=lambda file: file.stem
)
def test_plan_takes_a_row_as_the_front_end_writes_it(pipeline, file):
    answer = run_quel(pipeline.environment(), "plan", str(file), "--json")
    assert answer.returncode == 0, answer.stderr
    told = json.loads(answer.stdout)
    assert told["path"] == file.stem.split("_")[0]
    assert told["credits"] == sum(not image["is_free"] for image in told["images"]) * PRICE
    assert "iVBOR" not in answer.stdout + answer.stderr


def test_submit_takes_a_file_of_it(world, pipeline, tmp_path):
    studio = pipeline.studio
    member = studio.member(100)
    source = tmp_path / "me.png"
    source.write_bytes(world.photograph("astronaut.png"))
    row = {
        "job_type": "simple_general",
        "quel_production_path": "multiview",
        "total_images": 2,
        "job_input_data": {"sourceAttachId": "me.png", "angles": [0, 90], "userId": str(member)},
    }
    (tmp_path / "row.json").write_text(json.dumps(row))
    pipeline.workers()
    answer = run_quel(pipeline.environment(), "submit", str(tmp_path / "row.json"), "--member", str(member))
    assert answer.returncode == 0, answer.stderr
    job_id = UUID(answer.stdout.split()[-1])
    assert studio.wait([job_id])[job_id]["completed_images"] == 2
