"""`quel plan`: a file needs nothing but itself, a job's id only the database."""

import json
from pathlib import Path
from uuid import uuid4

import pytest

from quel.sandbox.studio import Studio
from tests.integration.quel_command import run_quel

FIXTURES = Path(__file__).parents[1] / "rows" / "fixtures"
HOSTILE = Path(__file__).parents[1] / "rows" / "hostile"


@pytest.fixture
def studio(world, database_url, redis_url):
    return Studio(database_url, redis_url, world.storage)


@pytest.fixture
def environment(world, database_url):
    nowhere = "redis://nowhere.invalid"
    return world.environment(database_url, nowhere, nowhere) | {"SUPABASE_URL": "", "GEMINI_API_KEY": ""}


def test_a_file_is_planned_without_a_network(environment):
    answer = run_quel(
        environment | {"DATABASE_URL": ""}, "plan", str(FIXTURES / "fashion_pipeline_two_stages.json")
    )
    assert answer.returncode == 0
    first = answer.stdout.splitlines()[0]
    assert first == (
        "pipeline_stage on fashion: 4 of 4 ordered images in 2 stages, 20 credits,"
        " about US$ 0.1344 at gemini-nano-banana-2.1"
    )
    assert "1 model (39070 model); 2 clothing (39071 top)" in answer.stdout
    assert (
        answer.stdout.count("Image 1: the model; own clothes")
        == answer.stdout.count("One continuous photograph")
        == 4
    )


def test_json_is_the_whole_plan_and_nothing_else(environment):
    row = json.loads((FIXTURES / "eats_single_batch_preedited.json").read_text())
    answer = run_quel(environment, "plan", "-", "--json", stdin=json.dumps(row))
    assert (answer.returncode, answer.stderr) == (0, "")
    plan = json.loads(answer.stdout)
    assert (plan["path"], len(plan["images"])) == ("eats", row["total_images"])
    assert {"prompt", "pictures", "seed", "aspect_ratio"} <= plan["images"][0].keys()


def test_an_input_that_cannot_be_run_ends_with_1_and_its_sentences(environment):
    answer = run_quel(environment, "plan", str(HOSTILE / "input_list.json"))
    assert answer.returncode == 1
    assert answer.stderr.startswith("Problem: job_input_data must be an object")


@pytest.mark.parametrize(
    ("text", "says"),
    [("no json", "one JSON object"), ("[]", "one JSON object"), ('{"total_images": "3"}', "total_images")],
)
def test_what_is_no_row_is_wrong_usage(environment, text, says):
    answer = run_quel(environment, "plan", "-", stdin=text)
    assert (answer.returncode, says in answer.stderr) == (2, True)


def test_a_missing_file_job_or_setting_is_named(environment):
    assert "cannot be read" in run_quel(environment, "plan", "nowhere.json").stderr
    unknown = run_quel(environment, "plan", str(uuid4()))
    assert (unknown.returncode, "There is no job" in unknown.stderr) == (2, True)
    missing = run_quel(environment | {"DATABASE_URL": ""}, "plan", str(uuid4()))
    assert (missing.returncode, "DATABASE_URL must be set" in missing.stderr) == (2, True)


def test_a_job_is_planned_from_its_row_and_its_payer_is_asked(environment, studio):
    member = studio.member(9)
    production = studio.production(member, path="beauty")
    job = studio.job(
        "simple_general", {"prompt": "x"}, total_images=2, member=member, path=None, production=production
    )
    poor = run_quel(environment, "plan", str(job), "--json")
    assert poor.returncode == 1
    plan = json.loads(poor.stdout)
    assert (plan["path"], plan["credits"]) == ("beauty", 10)
    assert "Not enough credits" in plan["problems"][0]
    studio.rows("UPDATE quel_member SET quel_member_credit = 10")
    assert run_quel(environment, "plan", str(job)).returncode == 0
    assert studio.job_row(job)["job_status"] == "pending"
