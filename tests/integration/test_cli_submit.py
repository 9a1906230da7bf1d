"""`quel submit` against real rows, a real list and a bucket."""

import json
import shutil
from uuid import UUID, uuid4

import pytest

from quel.sandbox.studio import PHOTOGRAPHS
from tests.integration.quel_command import run_quel

UNREACHABLE_REDIS = "redis://127.0.0.1:1/0"


@pytest.fixture
def member(pipeline):
    return pipeline.studio.member(100)


@pytest.fixture
def folder(tmp_path):
    shutil.copy(PHOTOGRAPHS / "astronaut.png", tmp_path)
    (tmp_path / "sub").mkdir()
    shutil.copy(PHOTOGRAPHS / "rocket.jpg", tmp_path / "sub")
    return tmp_path


def a_row(**columns):
    row = {
        "job_type": "single_batch",
        "total_images": 2,
        "quel_production_path": "fashion",
        "job_input_data": {
            "basePrompt": "An evening.",
            "individualImageAttachIds": [
                {"attachId": "astronaut.png", "type": "model"},
                {"attachId": "sub/rocket.jpg", "type": "bg"},
            ],
        },
    }
    return row | columns


def write(folder, row):
    file = folder / "job.json"
    file.write_text(json.dumps(row))
    return str(file)


def rows_written(pipeline):
    tables = ("quel_production_jobs", "quel_production_photo", "quel_attach")
    return {table: pipeline.studio.rows(f"SELECT count(*) AS n FROM {table}")[0]["n"] for table in tables}


NOTHING = {"quel_production_jobs": 0, "quel_production_photo": 0, "quel_attach": 0}


def test_prints_the_id_of_a_pending_job_that_is_on_the_first_list(pipeline, member, folder):
    answer = run_quel(pipeline.environment(), "submit", write(folder, a_row()), "--member", str(member))
    assert answer.returncode == 0, answer.stderr
    job = pipeline.studio.job_row(UUID(answer.stdout.strip()))
    assert (job["job_status"], job["quel_member_id"], job["total_images"]) == ("pending", member, 2)
    assert pipeline.studio.redis.lrange("jobs:queue", 0, -1) == [str(job["job_id"]).encode()]


def test_uploads_the_pictures_and_names_their_attachments(pipeline, member, folder):
    answer = run_quel(pipeline.environment(), "submit", write(folder, a_row()), "--member", str(member))
    job = pipeline.studio.job_row(UUID(answer.stdout.strip()))
    references = job["job_input_data"]["individualImageAttachIds"]
    for reference, file in zip(references, ("astronaut.png", "sub/rocket.jpg"), strict=True):
        attach = pipeline.studio.rows(
            "SELECT * FROM quel_attach WHERE attach_id = %s", reference["attachId"]
        )[0]
        stored = pipeline.world.storage.get(f"uploads/{attach['attach_file_path']}")
        assert stored == (folder / file).read_bytes()
        assert attach["attach_file_size"] == len(stored)
    assert [reference["type"] for reference in references] == ["model", "bg"]


def test_what_it_submits_runs_to_its_end(pipeline, member, folder):
    pipeline.workers()
    file = write(folder, a_row(quel_member_id=str(member)))
    submitted = run_quel(pipeline.environment(), "submit", file)
    watched = run_quel(pipeline.environment(), "watch", submitted.stdout.strip())
    assert watched.returncode == 0, watched.stdout + watched.stderr
    assert "completed, 2 of 2" in watched.stdout


def test_reads_standard_input_and_finds_pictures_in_the_current_folder(pipeline, member, folder):
    row = json.dumps(a_row(quel_member_id=str(member)))
    answer = run_quel(pipeline.environment(), "submit", "-", stdin=row, folder=folder)
    assert answer.returncode == 0, answer.stderr


def test_a_picture_used_twice_is_uploaded_once(pipeline, member, folder):
    data = {"individualImageAttachIds": [{"attachId": "astronaut.png"}, {"attachId": "astronaut.png"}]}
    file = write(folder, a_row(job_input_data=data))
    run_quel(pipeline.environment(), "submit", file, "--member", str(member))
    assert rows_written(pipeline)["quel_attach"] == 1


def test_attach_ids_stay_as_they_are(pipeline, member, folder):
    entries = [{"attachId": 7}, {"attachId": "8"}, {"attachId": "9.0"}, {"attachId": None}]
    file = write(folder, a_row(job_input_data={"individualImageAttachIds": entries}))
    answer = run_quel(pipeline.environment(), "submit", file, "--member", str(member))
    job = pipeline.studio.job_row(UUID(answer.stdout.strip()))
    assert job["job_input_data"]["individualImageAttachIds"] == entries


def test_an_organization_can_be_named(pipeline, member, folder):
    org = pipeline.studio.organization(member)
    file = write(folder, a_row(org_id=str(uuid4())))
    answer = run_quel(pipeline.environment(), "submit", file, "--member", str(member), "--org", str(org))
    assert pipeline.studio.job_row(UUID(answer.stdout.strip()))["org_id"] == org


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ([], "one JSON object"),
        (a_row(job_type="a_batch"), "job_type"),
        (a_row(total_images="2"), "total_images"),
        (a_row(total_images=2**40), "total_images"),
        (a_row(job_input_data=[1]), "job_input_data"),
        (a_row(stage_index="one"), "stage_index"),
        (a_row(quel_production_path="x" * 51), "quel_production_path"),
        (a_row(quel_member_id="me"), "quel_member_id"),
        (a_row(quel_member_id=str(uuid4())), "There is no member"),
        (a_row(org_id=str(uuid4())), "There is no organization"),
        (a_row(job_input_data={"mergedImageAttachId": "gone.png"}), "gone.png"),
        (a_row(job_input_data={"mergedImageAttachId": "job.json"}), "is no picture file"),
    ],
)
def test_what_is_wrong_is_named_before_anything_is_written(pipeline, folder, row, named):
    answer = run_quel(pipeline.environment(), "submit", write(folder, row))
    assert (answer.returncode, answer.stdout) == (2, "")
    assert named in answer.stderr
    assert rows_written(pipeline) == NOTHING


@pytest.mark.parametrize("text", ["{", "\udcff", "[" * 100_000])
def test_what_is_no_json_is_said_to_be_none(pipeline, folder, text):
    (folder / "job.json").write_text(text, errors="surrogateescape")
    answer = run_quel(pipeline.environment(), "submit", str(folder / "job.json"))
    assert answer.returncode == 2
    assert "is no JSON" in answer.stderr


def test_a_missing_file_is_named(pipeline, tmp_path):
    answer = run_quel(pipeline.environment(), "submit", str(tmp_path / "none.json"))
    assert answer.returncode == 2
    assert "none.json cannot be read" in answer.stderr


@pytest.mark.parametrize("setting", ["DATABASE_URL", "SUPABASE_URL", "SUPABASE_SERVICE_KEY"])
def test_a_missing_setting_is_named(pipeline, member, folder, setting):
    file = write(folder, a_row(quel_member_id=str(member)))
    answer = run_quel(pipeline.environment(**{setting: ""}), "submit", file)
    assert answer.returncode == 2
    assert setting in answer.stderr


def test_nothing_is_written_while_redis_is_away(pipeline, member, folder):
    file = write(folder, a_row(quel_member_id=str(member)))
    answer = run_quel(pipeline.environment(REDIS_URL=UNREACHABLE_REDIS), "submit", file)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "Redis cannot answer" in answer.stderr
    assert rows_written(pipeline) == NOTHING


def test_no_row_is_written_when_storage_refuses_a_picture(pipeline, member, folder):
    file = write(folder, a_row(quel_member_id=str(member)))
    answer = run_quel(pipeline.environment(SUPABASE_SERVICE_KEY="another"), "submit", file)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "SUPABASE_SERVICE_KEY" in answer.stderr
    assert rows_written(pipeline) == NOTHING
    assert pipeline.studio.redis.llen("jobs:queue") == 0
