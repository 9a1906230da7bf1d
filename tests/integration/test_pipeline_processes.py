"""quel's processes as an operator meets them: groups of their own, clear endings, exit codes."""

import os
import signal
from uuid import uuid4

import pytest

from tests.integration.harness import PATIENCE_S, until
from tests.integration.ledger import assert_books_agree

GROUPS = ("fetch_job", "prepare_inputs", "generate_image", "persist_output", "finalize_job")


def test_every_group_runs_as_a_process_of_its_own(world, pipeline):
    studio = pipeline.studio
    own_settings = {
        "fetch_job": ("SUPABASE_URL", "SUPABASE_SERVICE_KEY", "GEMINI_API_KEY"),
        "prepare_inputs": ("GEMINI_API_KEY",),
        "generate_image": ("SUPABASE_URL", "SUPABASE_SERVICE_KEY"),
        "persist_output": ("GEMINI_API_KEY",),
        "finalize_job": ("SUPABASE_URL", "SUPABASE_SERVICE_KEY", "GEMINI_API_KEY"),
    }
    processes = [
        pipeline.workers(group, threads=2, ready=False, **dict.fromkeys(own_settings[group], ""))
        for group in GROUPS
    ]
    for process in processes:
        process.await_ready()
    token = uuid4().hex
    data = {
        "basePrompt": token,
        "individualImageAttachIds": [{"attachId": studio.photograph("brick.png"), "type": "top"}],
        "combinations": [{"angle": "front", "shot": "full", "quantity": 3}],
    }
    job_id = studio.job("single_batch", data, total_images=3, member=studio.member())
    studio.push(job_id)
    row = studio.wait([job_id])[job_id]
    assert (row["job_status"], row["completed_images"], row["error_message"]) == ("completed", 3, None)
    assert_books_agree(studio, job_id)
    assert len(world.calls(token)) == 3
    assert [process.terminate() for process in processes] == [0] * len(GROUPS)


@pytest.mark.parametrize(
    ("group", "missing"),
    [
        ("fetch_job", "DATABASE_URL"),
        ("prepare_inputs", "SUPABASE_URL"),
        ("generate_image", "GEMINI_API_KEY"),
        ("persist_output", "SUPABASE_SERVICE_KEY"),
    ],
)
def test_a_missing_setting_ends_the_process_with_the_variables_name(pipeline, group, missing):
    process = pipeline.workers(group, ready=False, **{missing: ""})
    assert process.wait(PATIENCE_S) == 2
    said = process.log.read_text()
    assert f"{missing} must be set" in said
    assert "Traceback" not in said


def test_a_wrong_setting_ends_the_process_with_the_variables_name(pipeline, tmp_path):
    file = tmp_path / "quel.yaml"
    file.write_text("worker: {modules: {fashion: {max_worker: 5}}}")
    wrong = {"IMAGE_PER_PRICE": "five", "QUEL_CONFIG": file}
    for variable, value in wrong.items():
        process = pipeline.workers(ready=False, **{variable: value})
        assert process.wait(PATIENCE_S) == 2
        assert {"IMAGE_PER_PRICE": variable, "QUEL_CONFIG": "max_worker"}[variable] in process.log.read_text()


def test_a_worker_told_to_end_finishes_what_it_has_begun_and_the_next_one_goes_on(world, pipeline):
    studio = pipeline.studio
    token = uuid4().hex
    first = pipeline.workers(threads=2)
    with world.gemini.holding_back(after=1):
        job_id = studio.job("simple_general", {"prompt": token}, total_images=10, member=studio.member())
        studio.push(job_id)
        until(lambda: studio.job_row(job_id)["completed_images"] >= 1, "an image is there")
        os.kill(first.pid, signal.SIGTERM)
        until(lambda: "Shutting down" in first.log.read_text(), "it is about to end")
    assert first.wait(PATIENCE_S) == 0
    row = studio.job_row(job_id)
    assert row["job_status"] == "processing"
    assert row["completed_images"] < 10
    pipeline.workers()
    row = studio.wait([job_id])[job_id]
    assert (row["job_status"], row["completed_images"]) == ("completed", 10)
    assert len(world.calls(token)) == 10
    assert_books_agree(studio, job_id)


def test_no_prompt_no_person_and_no_secret_is_in_the_log(world, pipeline):
    studio = pipeline.studio
    process = pipeline.workers(as_deployed=True)
    secret_prompt, person = uuid4().hex, f"person-{uuid4().hex}"
    data = {"prompt": secret_prompt, "userId": person}
    job_id = studio.job("simple_general", data, total_images=1, member=studio.member())
    studio.push(job_id)
    assert studio.wait([job_id])[job_id]["job_status"] == "completed"
    assert process.terminate() == 0
    log = process.log.read_text()
    assert str(job_id) in log
    for secret in (
        secret_prompt,
        person,
        world.gemini.api_key,
        world.storage.service_key,
        pipeline.database_url,
        pipeline.redis_url,
    ):
        assert secret not in log
