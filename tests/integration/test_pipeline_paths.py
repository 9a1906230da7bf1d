"""Which path a job runs on, and what the settings file says of a path: switched off, or so many at once."""

from uuid import uuid4

import yaml

from tests.integration.harness import until
from tests.integration.ledger import assert_books_agree, production_of


def text_job(studio, token, path, images=1, **columns):
    return studio.job(
        "simple_general", {"prompt": token}, total_images=images, member=studio.member(), path=path, **columns
    )


def run(studio, *jobs):
    studio.push(*jobs)
    return [studio.wait([job_id])[job_id] for job_id in jobs]


# The simulator notes an end after the answer has left: its caller may have begun the next call by then.
NOTED_LATE_S = 0.15


def at_once(calls):
    """The largest number of calls that were under way at the same moment."""
    moments = [(call.arrived_at, 1) for call in calls]
    moments += [(max(call.arrived_at, call.finished_at - NOTED_LATE_S), -1) for call in calls]
    level, highest = 0, 0
    for _, step in sorted(moments):
        level += step
        highest = max(highest, level)
    return highest


def settings_file(tmp_path, **worker):
    file = tmp_path / f"{uuid4().hex}.yaml"
    file.write_text(yaml.safe_dump({"worker": worker}))
    return file


def test_a_job_without_a_path_takes_its_productions_and_else_the_default(world, studio, workers):
    tokens = [uuid4().hex for _ in range(3)]
    member = studio.member()
    food = [{"attachId": studio.photograph("coffee.png"), "type": "food"}]
    jobs = [
        studio.job(
            "simple_general",
            {"prompt": token, "uploadedAttachIds": food},
            total_images=1,
            member=member,
            path=path,
            production=studio.production(member, path=productions),
        )
        for token, path, productions in zip(
            tokens, (None, "  EATS ", None), ("eats", "fashion", None), strict=True
        )
    ]
    rows = run(studio, *jobs)
    assert [row["job_status"] for row in rows] == ["completed", "completed", "failed"]
    assert '"food"' in rows[2]["error_message"]  # fashion has no use for a dish
    assert [len(world.calls(token)) for token in tokens] == [1, 1, 0]


def test_an_unknown_path_runs_on_the_default_and_the_row_keeps_its_word(world, studio, workers):
    token = uuid4().hex
    data = {
        "prompt": token,
        "uploadedAttachIds": [{"attachId": studio.photograph("brick.png"), "type": "outer"}],
    }
    job_id = studio.job("simple_general", data, total_images=1, member=studio.member(), path="sculpture")
    [row] = run(studio, job_id)
    assert (row["job_status"], row["quel_production_path"]) == ("completed", "sculpture")
    assert row["error_message"] is None  # fashion knows the type
    assert [len(call.pictures) for call in world.calls(token)] == [1]


def test_an_unknown_path_is_refused_where_the_setting_says_so(world, pipeline):
    pipeline.workers(QUEL_UNKNOWN_PATH="reject", QUEL_DEFAULT_PATH="cartoon")
    studio = pipeline.studio
    refused, default = uuid4().hex, uuid4().hex
    jobs = [
        text_job(studio, refused, "sculpture", images=2),
        text_job(studio, default, None),
    ]
    rows = run(studio, *jobs)
    assert [row["job_status"] for row in rows] == ["failed", "completed"]
    assert rows[0]["failed_images"] == 2
    assert '"sculpture"' in rows[0]["error_message"]
    assert world.calls(refused) == []
    assert "illustration" in world.calls(default)[0].prompt


def test_the_jobs_of_a_disabled_path_wait_as_pending_and_run_when_it_is_enabled(world, pipeline, tmp_path):
    studio = pipeline.studio
    off = settings_file(tmp_path, modules={"beauty": {"enabled": False}})
    first = pipeline.workers(QUEL_CONFIG=off)
    token = uuid4().hex
    waiting, running = text_job(studio, token, "beauty"), text_job(studio, token, "eats")
    run_row = run(studio, running)[0]
    studio.push(waiting)
    until(lambda: studio.redis.llen("jobs:queue") == 0, "the id was taken")
    behind = text_job(studio, token, "eats")
    run(studio, behind)  # what came later has been looked at, so the disabled one has been as well
    assert run_row["job_status"] == "completed"
    assert studio.job_row(waiting)["job_status"] == "pending"
    assert production_of(studio, waiting)["production_status"] == "pending"
    assert first.terminate() == 0
    pipeline.workers(QUEL_STUCK_AFTER_S=1)
    pipeline.sweep_until(lambda: studio.job_row(waiting)["job_status"] == "completed")
    assert_books_agree(studio, waiting)
    assert len(world.calls(token)) == 3


def test_max_workers_bounds_a_path_and_concurrency_bounds_them_all_over_processes(world, pipeline, tmp_path):
    studio = pipeline.studio
    file = settings_file(tmp_path, modules={"fashion": {"max_workers": 2}, "eats": {"max_workers": 3}})
    for _ in range(2):
        pipeline.workers(QUEL_CONFIG=file, QUEL_GEMINI_CONCURRENCY=6)
    ordered = {"fashion": 8, "eats": 8, "cartoon": 20}  # the last one still has work when it is alone
    tokens = {path: uuid4().hex for path in ordered}
    world.gemini.configure(latency_s=0.5)
    try:
        jobs = [text_job(studio, tokens[path], path, images=count) for path, count in ordered.items()]
        rows = run(studio, *jobs)
    finally:
        world.gemini.configure(latency_s=0.0)
    assert [row["completed_images"] for row in rows] == list(ordered.values())
    calls = {path: world.calls(token) for path, token in tokens.items()}
    assert {path: len(each) for path, each in calls.items()} == ordered
    assert at_once(calls["fashion"]) == 2
    assert at_once(calls["eats"]) <= 3
    assert at_once(calls["cartoon"]) > 2
    assert at_once([call for each in calls.values() for call in each]) <= 6


def test_a_path_without_a_name_counts_as_the_default_under_its_limit(world, pipeline, tmp_path):
    studio = pipeline.studio
    file = settings_file(tmp_path, modules={"fashion": {"max_workers": 1}})
    pipeline.workers(QUEL_CONFIG=file)
    token = uuid4().hex
    world.gemini.configure(latency_s=0.2)
    try:
        rows = run(
            studio, *[text_job(studio, token, path, images=2) for path in (None, "fashion", " ", "unknown")]
        )
    finally:
        world.gemini.configure(latency_s=0.0)
    assert [row["completed_images"] for row in rows] == [2] * 4
    assert at_once(world.calls(token)) == 1
