"""Job ids on their way in: both lists, any spelling, any number of times, and whatever else lies there."""

import json
from uuid import uuid4

from tests.integration.harness import until
from tests.integration.ledger import assert_books_agree

REJECTED = "quel:ingest:rejected"


def text_job(studio, token, images=1):
    return studio.job("simple_general", {"prompt": token}, total_images=images, member=studio.member())


def notes_of(studio):
    return [json.loads(note) for note in studio.redis.lrange(REJECTED, 0, -1)]


def test_both_lists_are_read_and_emptied(world, studio, workers):
    token = uuid4().hex
    jobs = [text_job(studio, token) for _ in range(4)]
    studio.push(*jobs[:2])
    studio.push(*jobs[2:], queue="quel_jobs_queue")
    rows = studio.wait(jobs)
    assert {row["job_status"] for row in rows.values()} == {"completed"}
    assert len(world.calls(token)) == 4
    for name in ("jobs:queue", "quel_jobs_queue"):
        assert studio.redis.llen(name) == 0
    until(lambda: not list(studio.redis.scan_iter("quel:ingest:moving:*")), "nothing is left in transit")


def test_an_id_pushed_five_times_is_one_job(world, studio, workers):
    token = uuid4().hex
    job_id = text_job(studio, token, images=2)
    studio.push(*[job_id] * 3)
    studio.push(*[job_id] * 2, queue="quel_jobs_queue")
    studio.wait([job_id])
    studio.push(job_id)  # and once more when it has ended
    later = text_job(studio, token)
    studio.push(later)
    studio.wait([later])
    assert studio.job_row(job_id)["completed_images"] == 2
    assert len(world.calls(token)) == 3
    assert_books_agree(studio, job_id)


def test_an_id_is_read_in_capitals_and_with_blanks_around_it(studio, workers):
    jobs = [text_job(studio, "a hill") for _ in range(2)]
    studio.redis.lpush("jobs:queue", str(jobs[0]).upper(), f"  {jobs[1]}\n")
    rows = studio.wait(jobs)
    assert {row["job_status"] for row in rows.values()} == {"completed"}


def test_an_id_is_read_out_of_an_object(studio, workers):
    jobs = [text_job(studio, "a hill") for _ in range(2)]
    studio.redis.lpush("jobs:queue", json.dumps({"job_id": str(jobs[0])}), f'{{"job_id":"{jobs[1]}"}}')
    rows = studio.wait(jobs)
    assert {row["job_status"] for row in rows.values()} == {"completed"}


def test_junk_is_rejected_where_an_operator_finds_it_and_stops_nothing(studio, workers):
    marker = f"no id {uuid4()}"
    unknown = str(uuid4())
    junk = [
        marker,
        "",
        "x" * 3_000_000,
        b"\x00\xff\xfe" + marker.encode(),
        json.dumps({"job": marker}),
        unknown,
    ]
    job_id = text_job(studio, "a hill")
    studio.redis.lpush("jobs:queue", *junk, str(job_id))
    row = studio.wait([job_id])[job_id]
    assert row["job_status"] == "completed"

    def all_are_noted():
        entries = [note["entry"] for note in notes_of(studio)]
        return unknown in entries and sum(marker in entry for entry in entries) >= 3

    until(all_are_noted, "the junk has been rejected")
    notes = notes_of(studio)
    long = next(note for note in notes if note["bytes"] == 3_000_000)
    assert len(long["entry"]) <= 4_096
    assert {note["list"] for note in notes} <= {"jobs:queue", "fetch_job"}
    assert all(note["reason"] for note in notes)


def test_a_key_of_another_type_in_place_of_one_list_does_not_stop_the_other(pipeline):
    studio = pipeline.studio
    studio.redis.set("quel_jobs_queue", "a string where a list should be")
    pipeline.workers()
    job_id = text_job(studio, "a hill")
    studio.push(job_id)
    assert studio.wait([job_id])[job_id]["job_status"] == "completed"
    studio.redis.delete("quel_jobs_queue")
    late = text_job(studio, "a hill")
    studio.push(late, queue="quel_jobs_queue")
    assert studio.wait([late])[late]["job_status"] == "completed"


def test_the_lists_named_in_the_environment_replace_the_usual_ones(pipeline):
    studio = pipeline.studio
    pipeline.workers(QUEL_INGEST_QUEUES="orders, more:orders")
    jobs = [text_job(studio, "a hill") for _ in range(3)]
    studio.push(jobs[0], queue="orders")
    studio.push(jobs[1], queue="more:orders")
    studio.push(jobs[2])
    studio.wait(jobs[:2])
    assert studio.redis.llen("jobs:queue") == 1
    assert studio.job_row(jobs[2])["job_status"] == "pending"
