"""Rows of the shared table that quel does not make: passed on untouched or refused, and never made."""

import json
from uuid import UUID, uuid4

import pytest

from tests.integration.harness import until
from tests.integration.ledger import PRICE, ledger_of_production, member_balance, production_of

PIXELS = "data:image/png;base64," + "iVBORw0KGgo" * 20_000
FORWARD = "jobs:go"


def inputs(token):
    """An input of each kind that quel does not make, by kind, with the path its row has."""
    user = {"userId": str(uuid4())}
    return {
        "video": (None, {"imageBase64": PIXELS, "prompt": token} | user),
        "video as JSON text": (None, json.dumps({"image_base64": PIXELS, "prompt": token} | user)),
        "video by path": ("video", {"prompt": token} | user),
        "unknown": ("fashion", {"script": token, "voiceId": 3, "aspect-ratio": "1:1"} | user),
    }


def foreign_jobs(studio, token, member, **columns):
    return {
        kind: studio.job("simple_general", data, total_images=2, member=member, path=path, **columns)
        for kind, (path, data) in inputs(token).items()
    }


def ordinary_job(studio, token):
    return studio.job("simple_general", {"prompt": token}, total_images=1, member=studio.member(100))


def whole_rows(studio, jobs):
    """Every column of the jobs and of their productions, and whatever the pipeline has of its own."""
    ids = list(jobs.values())
    return (
        [studio.job_row(job_id) for job_id in ids],
        [production_of(studio, job_id) for job_id in ids],
        studio.rows("SELECT * FROM quel.job WHERE job_id = ANY(%s)", ids),
        studio.rows("SELECT * FROM quel.pending_job WHERE job_id = ANY(%s)", ids),
        [ledger_of_production(studio, job_id) for job_id in ids],
    )


def forwarded(studio):
    return [entry.decode() for entry in studio.redis.lrange(FORWARD, 0, -1)]


def all_are_handled(studio):
    """Whether every id has left the lists and every message to fetch_job is done with."""
    until(lambda: not studio.redis.llen("jobs:queue"), "the list is empty")
    until(lambda: not list(studio.redis.scan_iter("quel:ingest:moving:*")), "nothing is in transit")


def push_and_wait_for_the_last(studio, token, *job_ids):
    """Pushes the jobs with an ordinary one before and behind them; the ordinary ones complete."""
    first, last = ordinary_job(studio, token), ordinary_job(studio, token)
    studio.push(first, *job_ids, last)
    rows = studio.wait([first, last])
    assert {row["job_status"] for row in rows.values()} == {"completed"}
    all_are_handled(studio)


def test_without_a_list_they_are_refused_with_a_sentence_and_nobody_pays(world, pipeline):
    studio, token = pipeline.studio, uuid4().hex
    poor = studio.member(1)  # the payer is never looked at: this is no job without credits
    pipeline.workers()
    jobs = foreign_jobs(studio, token, poor)
    push_and_wait_for_the_last(studio, token, *jobs.values())
    rows = studio.wait(list(jobs.values()))
    for kind, job_id in jobs.items():
        row = rows[job_id]
        assert (row["job_status"], row["completed_images"], row["failed_images"]) == ("failed", 0, 2), kind
        named = "does not know this kind" if kind == "unknown" else f"a {kind.split()[0]} job"
        assert named in row["error_message"], kind
        assert "charged nothing" in row["error_message"]
        assert row["completed_at"] is not None
        assert production_of(studio, job_id)["production_status"] == "failed"
        assert ledger_of_production(studio, job_id) == []
    assert len(world.calls(token)) == 2  # those of the ordinary jobs
    assert member_balance(studio, poor) == 1
    assert len(studio.rows("SELECT * FROM quel_credits")) == 2
    assert pipeline.processes[0].log.read_text().count('"code": "foreign_kind"') == len(jobs)


def test_with_a_list_their_ids_are_passed_on_and_not_a_column_changes(world, pipeline):
    studio, token = pipeline.studio, uuid4().hex
    pipeline.workers(QUEL_FORWARD_QUEUE=FORWARD)
    jobs = foreign_jobs(studio, token, studio.member(100))
    before = whole_rows(studio, jobs)
    push_and_wait_for_the_last(studio, token, *jobs.values())
    until(lambda: len(forwarded(studio)) == len(jobs), "all are passed on")
    assert sorted(forwarded(studio)) == sorted(map(str, jobs.values()))
    push_and_wait_for_the_last(studio, token, *jobs.values())  # a second message is passed on as well
    until(lambda: len(forwarded(studio)) == 2 * len(jobs), "all are passed on again")
    assert whole_rows(studio, jobs) == before
    assert len(world.calls(token)) == 4
    assert pipeline.processes[0].log.read_text().count("job.forwarded") == 2 * len(jobs)


@pytest.mark.parametrize("settings", [{}, {"QUEL_FORWARD_QUEUE": FORWARD}], ids=["no list", "a list"])
def test_a_cancelled_or_begun_one_is_left_to_its_own_program(world, pipeline, settings):
    studio, token = pipeline.studio, uuid4().hex
    member = studio.member(100)
    pipeline.workers(**settings)
    jobs: dict[str, UUID] = {}
    for status in ("processing", "completed", "failed", "cancelled", "user_cancelled"):
        of_status = foreign_jobs(studio, token, member, job_status=status)
        jobs |= {f"{status} {kind}": job_id for kind, job_id in of_status.items()}
    pending = foreign_jobs(studio, token, member)
    for job_id in (*jobs.values(), *pending.values()):
        studio.cancel(job_id)
    pushed = (*jobs.values(), *pending.values())
    if settings:  # else nobody would ever get a pending one: it is refused, as if it were not cancelled
        jobs |= pending
    before = whole_rows(studio, jobs)
    push_and_wait_for_the_last(studio, token, *pushed)
    for job_id in jobs.values():
        pipeline.send("finalize_job", str(job_id))
    assert whole_rows(studio, jobs) == before
    if settings:
        until(lambda: len(forwarded(studio)) == len(pending), "the pending ones are passed on")
        assert set(forwarded(studio)) == set(map(str, pending.values()))
    assert len(world.calls(token)) == 2


def test_a_job_of_quels_own_is_closed_when_cancelled_although_a_list_is_set(pipeline):
    studio = pipeline.studio
    member = studio.member(100)
    pipeline.workers(QUEL_FORWARD_QUEUE=FORWARD)
    job_id = studio.job("simple_general", {"prompt": "a hill"}, total_images=1, member=member)
    studio.cancel(job_id)
    studio.push(job_id)
    assert studio.wait([job_id])[job_id]["job_status"] == "user_cancelled"
    assert forwarded(studio) == []
    assert member_balance(studio, member) == 100 >= PRICE


WITHIN_A_SWEEP_S, HALF_A_YEAR_S, LONG_AGO_S = 120, 180 * 86_400, 700


def aged(studio, job_ids, seconds):
    """Makes rows that much older, without their trigger noticing."""
    studio.rows(
        "ALTER TABLE quel_production_jobs DISABLE TRIGGER USER;"
        " UPDATE quel_production_jobs SET created_at = created_at - make_interval(secs => %s),"
        " updated_at = updated_at - make_interval(secs => %s) WHERE job_id = ANY(%s);"
        " ALTER TABLE quel_production_jobs ENABLE TRIGGER USER",
        seconds,
        seconds,
        list(job_ids),
    )


def ordinary_jobs(studio, token, number, **columns):
    """The first of them has its input written as JSON text."""
    member, data = studio.member(1_000), {"prompt": token}
    return {
        no: studio.job(
            "simple_general", data if no else json.dumps(data), total_images=1, member=member, **columns
        )
        for no in range(number)
    }


def test_three_sweeps_leave_foreign_rows_as_they_are_and_find_the_lost_ordinary_ones(world, pipeline):
    studio, token = pipeline.studio, uuid4().hex
    foreign = {}
    for status in ("pending", "processing", "user_cancelled"):
        for kind, job_id in foreign_jobs(studio, token, studio.member(100), job_status=status).items():
            foreign[f"{status} {kind}"] = job_id
    on_their_list = ordinary_jobs(studio, token, 2)  # what a video server's list names is none of quel's
    old = ordinary_jobs(studio, token, 2)
    old_elsewhere = ordinary_jobs(studio, token, 1, job_status="processing")
    left_alone = {**foreign, "listed": on_their_list[0], "listed as JSON": on_their_list[1]}
    left_alone |= {f"old {number}": job_id for number, job_id in old.items()}
    left_alone |= {"old and begun": old_elsewhere[0]}
    studio.push(on_their_list[0], foreign["pending video"], queue="jobs:video")
    studio.redis.lpush("jobs:video", json.dumps({"job_id": str(on_their_list[1])}))
    aged(studio, [*foreign.values(), *on_their_list.values()], LONG_AGO_S)
    aged(studio, [*old.values(), *old_elsewhere.values()], HALF_A_YEAR_S)
    lost = ordinary_jobs(studio, token, 3)
    begun = ordinary_jobs(studio, token, 1, job_status="processing")
    aged(studio, lost.values(), WITHIN_A_SWEEP_S)
    aged(studio, begun.values(), LONG_AGO_S)
    before = whole_rows(studio, left_alone)
    pipeline.workers()
    pipeline.sweep(times=3)
    rows = studio.wait([*lost.values(), *begun.values()])
    assert {row["job_status"] for row in rows.values()} == {"completed"}
    assert whole_rows(studio, left_alone) == before
    assert len(world.calls(token)) == len(lost) + len(begun)
    assert studio.redis.llen("jobs:video") == 3


def test_a_page_of_another_companys_model_is_its_programs_once_it_was_passed_on(world, pipeline):
    studio, token = pipeline.studio, uuid4().hex
    data = {"templatePrompt": token, "modelId": "seedream-4"}
    passed = [
        studio.job("simple_general", data, total_images=1, member=studio.member(100), path="landing")
        for _ in range(3)
    ]
    pipeline.workers(QUEL_FORWARD_QUEUE=FORWARD)
    push_and_wait_for_the_last(studio, token, *passed)
    until(lambda: len(forwarded(studio)) == len(passed), "all are passed on")
    studio.redis.delete(FORWARD)  # its program has taken them
    for job_id, status in zip(passed, ("pending", "processing", "user_cancelled"), strict=True):
        studio.rows("UPDATE quel_production_jobs SET job_status = %s WHERE job_id = %s", status, job_id)
    jobs = dict(zip(map(str, passed), passed, strict=True))
    aged(studio, passed, LONG_AGO_S)
    before = whole_rows(studio, jobs)
    pipeline.sweep(times=4)
    push_and_wait_for_the_last(studio, token)
    pipeline.send("finalize_job", str(passed[2]))
    push_and_wait_for_the_last(studio, token)
    assert whole_rows(studio, jobs) == before
    assert forwarded(studio) == []


def test_what_quel_had_in_hand_is_found_whatever_its_age(pipeline, tmp_path):
    studio = pipeline.studio
    pipeline.workers("fetch_job", QUEL_CONFIG=disabled_eats(tmp_path))
    member = studio.member(100)
    job_id = studio.job("simple_general", {"prompt": "a pie"}, total_images=1, member=member, path="eats")
    studio.push(job_id)
    until(lambda: studio.rows("SELECT 1 FROM quel.pending_job"), "the job is deferred")
    pipeline.kill()
    aged(studio, [job_id], HALF_A_YEAR_S)
    pipeline.workers()
    pipeline.sweep_until(lambda: studio.job_row(job_id)["completed_at"])
    assert studio.job_row(job_id)["job_status"] == "completed"


def disabled_eats(tmp_path):
    path = tmp_path / "quel.yaml"
    path.write_text("worker: {modules: {eats: {enabled: false}}}")
    return path


def test_a_foreign_list_that_is_too_long_to_read_makes_the_sweep_keep_to_its_own(world, pipeline):
    studio, token = pipeline.studio, uuid4().hex
    studio.redis.lpush("jobs:video", *(str(uuid4()) for _ in range(5_001)))
    [lost] = ordinary_jobs(studio, token, 1).values()
    aged(studio, [lost], WITHIN_A_SWEEP_S)
    pipeline.workers()
    pipeline.sweep(times=2)
    assert studio.job_row(lost)["job_status"] == "pending"
    studio.redis.delete("jobs:video")
    pipeline.sweep()
    assert studio.wait([lost])[lost]["job_status"] == "completed"
