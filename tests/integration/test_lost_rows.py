"""Open rows that quel never had in hand and the sweep leaves alone: listed with the reason, run by retry."""

import json
from uuid import uuid4

import pytest

from quel.adapters.postgres.database import Database
from quel.adapters.postgres.fetch_job import FetchJobRows
from quel.adapters.postgres.operations.lost_jobs import LostJobsRows
from quel.adapters.redis.queues import Queues
from quel.sandbox.studio import Studio
from tests.integration.harness import until
from tests.integration.ledger import PRICE, assert_books_agree, member_balance, production_of
from tests.integration.quel_command import run_quel

DAY_S = 86_400
ANCIENT = "2026-01-01"
VIDEO = {"imageBase64": "data:image/png;base64,iVBO", "prompt": "waves", "userId": str(uuid4())}
MANY = {f"key {number:05}": number for number in range(5_000)}
FOREIGN = {
    "video": (None, VIDEO),
    "unknown": ("eats", MANY),
}


@pytest.fixture
def studio(world, database_url, redis_url):
    return Studio(database_url, redis_url, world.storage)


@pytest.fixture
def database(studio):
    database = Database(studio.database_url, pool_size=1)
    yield database
    database.close()


@pytest.fixture
def lost(database):
    return LostJobsRows(database, stuck_after_s=600, adopt_within_s=DAY_S)


def job(studio, data=None, *, path="eats", member=None, images=2, **columns):
    return studio.job(
        "simple_general", data or {"prompt": "soup"}, total_images=images, member=member, path=path, **columns
    )


def silent(studio, job_id):
    """Makes a row's last change long past, as no writer of the row can."""
    studio.rows(
        "ALTER TABLE quel_production_jobs DISABLE TRIGGER USER;"
        " UPDATE quel_production_jobs SET updated_at = now() - interval '2 hours' WHERE job_id = %s;"
        " ALTER TABLE quel_production_jobs ENABLE TRIGGER USER",
        job_id,
    )
    return job_id


def whole(studio):
    return studio.rows("SELECT * FROM quel_production_jobs ORDER BY job_id")


def quel(world, studio, *arguments):
    environment = world.environment(studio.database_url, "redis://nowhere.invalid", "redis://nowhere.invalid")
    return run_quel(environment, *arguments)


def test_jobs_of_other_kinds_and_old_ones_are_found_with_the_reason_and_nothing_is_written(studio, lost):
    foreign = {kind: job(studio, data, path=path) for kind, (path, data) in FOREIGN.items()}
    old = job(studio, created_at=ANCIENT)
    old_without_status = job(studio, created_at=ANCIENT, job_status=None)
    old_list = job(studio, [{"maskDataUrl": 1}], created_at=ANCIENT)
    left_behind = silent(studio, job(studio, job_status="processing", created_at=ANCIENT))
    foreign_left_behind = silent(studio, job(studio, VIDEO, job_status="processing"))
    before = whole(studio)
    found = {one.job_id: one for one in lost.jobs()}
    assert {foreign[kind]: kind for kind in FOREIGN} | {foreign_left_behind: "video"} == {
        job_id: one.kind for job_id, one in found.items() if "not of a kind" in one.reason
    }
    assert {old, old_without_status, old_list, left_behind} == {
        job_id for job_id, one in found.items() if "QUEL_ADOPT_WITHIN_S" in one.reason
    }
    assert whole(studio) == before


def test_what_the_sweep_or_quel_minds_is_not_lost(studio, lost, database):
    job(studio)  # fresh and pending: the sweep takes it up
    job(studio, job_status="processing", created_at=ANCIENT)  # another server works on it
    silent(studio, job(studio, job_status="processing"))  # silent and young: the sweep adopts it
    for status in ("completed", "failed", "cancelled", "user_cancelled"):
        job(studio, job_status=status, created_at=ANCIENT)
        job(studio, VIDEO, job_status=status)
    deferred = job(studio, created_at=ANCIENT)
    FetchJobRows(database).defer(deferred)
    FetchJobRows(database).defer(deferred)
    FetchJobRows(database).defer(uuid4())  # its row is gone
    assert lost.jobs() == []


def test_a_job_on_the_path_of_its_production_is_of_that_kind(studio, lost):
    production = studio.production(None, path=" Video ")
    job_id = job(studio, path="  ", production=production)
    assert [(one.job_id, one.kind, one.path) for one in lost.jobs()] == [(job_id, "video", "Video")]


def test_the_list_comes_oldest_first_as_json_and_as_a_table(world, studio):
    newest, oldest = job(studio, VIDEO, path=None), job(studio, created_at=ANCIENT)
    answer = quel(world, studio, "jobs", "--lost", "--json")
    assert answer.returncode == 0, answer.stderr
    listed = json.loads(answer.stdout)
    assert [(row["job_id"], row["kind"], row["path"]) for row in listed] == [
        (str(oldest), "images", "eats"),
        (str(newest), "video", None),
    ]
    one = json.loads(quel(world, studio, "jobs", "--lost", "--json", "--limit", "1").stdout)
    assert [row["job_id"] for row in one] == [str(oldest)]
    table = quel(world, studio, "jobs", "--lost").stdout
    assert "2 of 2 jobs that the sweep leaves alone" in table
    line = next(line for line in table.splitlines() if str(oldest) in line)
    assert "quel retry" in line
    assert "waves" not in table + answer.stdout


def test_a_smaller_setting_leaves_more_alone(world, studio):
    job(studio)
    environment = world.environment(studio.database_url, "redis://nowhere.invalid", "redis://nowhere.invalid")
    answer = run_quel(environment | {"QUEL_ADOPT_WITHIN_S": "0"}, "jobs", "--lost", "--json")
    assert len(json.loads(answer.stdout)) == 1


@pytest.mark.parametrize("beside", [("--path", "eats"), ("--status", "pending")])
def test_lost_beside_a_filter_is_wrong_usage(world, studio, beside):
    answer = quel(world, studio, "jobs", "--lost", *beside)
    assert answer.returncode == 2
    assert "--lost" in answer.stderr


def test_the_doctor_counts_what_is_left_alone_in_a_note(pipeline):
    studio = pipeline.studio

    def finding():
        answer = run_quel(pipeline.environment(), "doctor", "--json")
        assert answer.returncode == 0
        [line] = [each for each in json.loads(answer.stdout) if each["check"] == "Jobs left alone"]
        return line["state"], line["message"]

    assert finding() == ("ok", "none")
    for data in (VIDEO, VIDEO, FOREIGN["unknown"][1]):
        job(studio, data)
    job(studio, created_at=ANCIENT)
    state, message = finding()
    assert state == "note"
    assert "1 older than 86400 s and 1 unknown, 2 video of other kinds" in message
    assert "quel jobs --lost" in message


def test_retry_runs_an_old_pending_job_and_only_once(world, pipeline):
    studio, token = pipeline.studio, uuid4().hex
    member = studio.member(100)
    old = job(studio, {"prompt": token}, member=member, created_at=ANCIENT)
    assert run_quel(pipeline.environment(), "retry", str(old)).returncode == 0
    again = run_quel(pipeline.environment(), "retry", str(old))  # it waits now, quel has it in hand
    assert (again.returncode, "still pending" in again.stderr) == (1, True)
    assert json.loads(run_quel(pipeline.environment(), "jobs", "--lost", "--json").stdout) == []
    pipeline.workers()
    row = studio.wait([old])[old]
    assert (row["job_status"], row["completed_images"]) == ("completed", 2)
    assert len(world.calls(token)) == 2
    assert member_balance(studio, member) == 100 - 2 * PRICE
    assert_books_agree(studio, old)


def test_retry_runs_what_another_server_left_behind_and_keeps_what_it_made(world, pipeline):
    studio, token = pipeline.studio, uuid4().hex
    member, made = studio.member(100), studio.photograph("brick.png")
    old = job(
        studio,
        {"prompt": token},
        member=member,
        job_status="processing",
        created_at=ANCIENT,
        generated_attach_ids=json.dumps([made]),
    )
    still_moving = run_quel(pipeline.environment(), "retry", str(old))
    assert (still_moving.returncode, "still processing" in still_moving.stderr) == (1, True)
    silent(studio, old)
    assert run_quel(pipeline.environment(), "retry", str(old)).returncode == 0
    pipeline.workers()
    row = studio.wait([old])[old]
    assert (row["job_status"], row["completed_images"]) == ("completed", 2)
    assert row["generated_attach_ids"][0] == made
    assert len(world.calls(token)) == 1
    assert member_balance(studio, member) == 100 - PRICE
    assert production_of(studio, old)["production_status"] == "completed"


def test_retry_objects_to_other_kinds_whatever_their_state_and_touches_nothing(pipeline):
    studio = pipeline.studio
    jobs = {kind: job(studio, data, path=path) for kind, (path, data) in FOREIGN.items()}
    jobs |= {
        f"{kind}, old": job(studio, data, path=path, created_at=ANCIENT)
        for kind, (path, data) in FOREIGN.items()
    }
    jobs["video, failed"] = job(studio, VIDEO, job_status="failed")
    before = whole(studio)
    for kind, job_id in jobs.items():
        answer = run_quel(pipeline.environment(), "retry", str(job_id))
        assert answer.returncode == 1, kind
        named = "does not know this kind" if "unknown" in kind else f"a {kind.split(',')[0]} job"
        assert named in answer.stderr
    assert whole(studio) == before
    assert studio.rows("SELECT * FROM quel.pending_job") == []


def test_retry_of_an_old_job_that_would_be_refused_says_why_and_leaves_it(pipeline):
    studio = pipeline.studio
    old = job(studio, member=studio.member(9), created_at=ANCIENT)
    before = whole(studio)
    answer = run_quel(pipeline.environment(), "retry", str(old))
    assert answer.returncode == 1
    assert "Not enough credits" in answer.stderr
    assert whole(studio) == before


def test_a_deferred_job_is_in_hand_however_old_it_gets(pipeline, tmp_path):
    studio = pipeline.studio
    off = tmp_path / "quel.yaml"
    off.write_text(json.dumps({"worker": {"modules": {"eats": {"enabled": False}}}}))
    pipeline.workers(QUEL_CONFIG=off)
    deferred = job(studio, member=studio.member(100))
    studio.push(deferred)
    until(lambda: studio.rows("SELECT 1 FROM quel.pending_job WHERE job_id = %s", deferred), "it is deferred")
    pipeline.let_pass(10 * DAY_S)
    assert studio.job_row(deferred)["job_status"] == "pending"
    assert json.loads(run_quel(pipeline.environment(), "jobs", "--lost", "--json").stdout) == []


def test_the_ids_on_other_consumers_lists_are_read_in_every_spelling(studio):
    plain, named, elsewhere, ours = (uuid4() for _ in range(4))
    studio.redis.lpush("jobs:video", str(plain), json.dumps({"job_id": str(named)}), "junk", "x" * 100_000)
    studio.redis.lpush("jobs:go", str(elsewhere))
    studio.redis.lpush("jobs:queue", str(ours))
    queues = Queues(studio.redis, studio.redis, ("jobs:queue",), ("jobs:video", "jobs:go", "jobs:none"))
    assert queues.foreign_ids() == {plain, named, elsewhere}
    studio.redis.set("jobs:none", "a string where a list should be")
    assert queues.foreign_ids() == {plain, named, elsewhere}
    studio.redis.lpush("jobs:go", *[str(uuid4()) for _ in range(5_000)])
    assert queues.foreign_ids() is None
