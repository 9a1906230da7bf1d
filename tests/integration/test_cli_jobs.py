"""`quel jobs` lists, and `quel backfill-paths` writes, what a null path counts for."""

import json

import pytest

from quel.adapters.postgres.database import Database
from quel.adapters.postgres.operations.backfill_paths import BATCH, BackfillPathsRows
from quel.sandbox.studio import Studio
from tests.integration.quel_command import run_quel


@pytest.fixture
def studio(world, database_url, redis_url):
    return Studio(database_url, redis_url, world.storage)


def job(studio, path, *, production_path=None, **columns):
    production = studio.production(None, path=production_path)
    data = {"basePrompt": "x"}
    return studio.job(
        "single_batch", data, total_images=2, member=None, path=path, production=production, **columns
    )


def quel(world, studio, *arguments, **settings):
    environment = world.environment(studio.database_url, "redis://nowhere.invalid", "redis://nowhere.invalid")
    return run_quel(environment | settings, *arguments)


def listed(world, studio, *arguments, **settings):
    answer = quel(world, studio, "jobs", "--json", *arguments, **settings)
    assert answer.returncode == 0, answer.stderr
    return [(row["job_id"], row["path"]) for row in json.loads(answer.stdout)]


def test_pending_jobs_of_a_path_come_oldest_first_and_null_counts_as_the_default(world, studio):
    newest = job(studio, None)
    oldest = job(studio, "fashion", created_at="2026-01-01")
    middle = job(studio, " Fashion ", created_at="2026-01-02")
    unknown = job(studio, "zoo", created_at="2026-01-03")
    beauty = job(studio, None, production_path="beauty")
    job(studio, "fashion", job_status="completed")
    expected = [(str(one), "fashion") for one in (oldest, middle, unknown, newest)]
    assert listed(world, studio, "--path", "fashion") == expected
    assert listed(world, studio, "--path", "fashion", "--limit", "2") == expected[:2]
    assert listed(world, studio, "--path", "BEAUTY") == [(str(beauty), "beauty")]
    assert listed(world, studio, "--path", "eats", QUEL_DEFAULT_PATH="eats") == [
        (str(unknown), "eats"),
        (str(newest), "eats"),
    ]


def test_the_table_shows_age_and_progress(world, studio):
    done = job(studio, "eats", job_status="failed", completed_images=0, failed_images=2)
    answer = quel(world, studio, "jobs", "--status", "failed")
    assert answer.returncode == 0
    line = next(line for line in answer.stdout.splitlines() if str(done) in line)
    assert "eats" in line
    assert "0 of 2" in line
    assert line.rstrip().endswith("s")
    assert "1 failed jobs" in answer.stdout


def test_wrong_usage_and_missing_settings_end_with_2(world, studio):
    unknown = quel(world, studio, "jobs", "--path", "zoo")
    assert unknown.returncode == 2
    assert "beauty" in unknown.stderr
    assert quel(world, studio, "jobs", "--status", "lost").returncode == 2
    missing = quel(world, studio, "jobs", DATABASE_URL="")
    assert missing.returncode == 2
    assert "DATABASE_URL must be set" in missing.stderr


def paths(studio):
    jobs = studio.rows("SELECT job_id AS id, quel_production_path AS path FROM quel_production_jobs")
    productions = studio.rows(
        "SELECT production_id AS id, quel_production_path AS path FROM quel_production_photo"
    )
    return {row["id"]: row["path"] for row in (*jobs, *productions)}


def test_backfill_writes_what_a_null_counts_for_and_touches_nothing_else(world, studio):
    plain = job(studio, None)
    of_beauty = job(studio, None, production_path="beauty")
    cinema = job(studio, "cinema")
    dry = quel(world, studio, "backfill-paths", "--dry-run")
    assert dry.stdout.strip() == "2 jobs and 2 productions have no path."
    assert paths(studio)[plain] is None
    answer = quel(world, studio, "backfill-paths")
    assert answer.returncode == 0
    assert answer.stdout.strip() == "2 jobs and 2 productions have their path now."
    written = paths(studio)
    assert (written[plain], written[of_beauty], written[cinema]) == ("fashion", "beauty", "cinema")
    productions = {one: studio.job_row(one)["production_id"] for one in (plain, of_beauty, cinema)}
    assert written[productions[plain]] == "fashion"
    assert written[productions[of_beauty]] == "beauty"
    assert written[productions[cinema]] == "cinema"  # what all its jobs are: nothing counts otherwise


def test_backfill_leaves_other_kinds_and_their_productions_as_they_are(world, studio):
    def foreign(data, **columns):
        return studio.job("simple_general", data, total_images=1, member=None, path=None, **columns)

    mask = {"maskDataUrl": "data:image/png;base64,iVBO", "prompt": "a hat"}
    left = [
        foreign(mask),
        foreign({"imageBase64": "iVBO", "prompt": "waves"}),
        foreign({"script": "none of quel's"}),
        job(studio, None, production_path="video"),
    ]
    mixed = studio.production(None)
    left.append(foreign(mask, production=mixed))
    of_quel = job(studio, None)
    beside = studio.job(
        "single_batch", {"basePrompt": "x"}, total_images=1, member=None, path=None, production=mixed
    )
    empty = studio.production(None)
    rows = studio.rows("SELECT * FROM quel_production_jobs WHERE job_id = ANY(%s) ORDER BY job_id", left)
    before = paths(studio)
    dry = quel(world, studio, "backfill-paths", "--dry-run")
    assert dry.stdout.strip() == "2 jobs and 2 productions have no path."
    answer = quel(world, studio, "backfill-paths")
    assert (answer.returncode, answer.stdout.strip()) == (
        0,
        "2 jobs and 2 productions have their path now.",
    )
    written = {of_quel, beside, empty, studio.job_row(of_quel)["production_id"]}
    assert paths(studio) == before | dict.fromkeys(written, "fashion")
    assert rows == studio.rows(
        "SELECT * FROM quel_production_jobs WHERE job_id = ANY(%s) ORDER BY job_id", left
    )


def test_backfill_goes_on_past_one_batch_and_waits_for_nobody(studio):
    production = studio.production(None, path="fashion")
    studio.rows(
        "INSERT INTO quel_production_jobs"
        " (production_id, job_type, batch_index, total_images, job_input_data)"
        " SELECT %s, 'single_batch', n, 1, '{}' FROM generate_series(1, %s) n",
        production,
        2 * BATCH + 3,
    )
    held = studio.rows("SELECT job_id FROM quel_production_jobs LIMIT 1")[0]["job_id"]
    database, other = Database(studio.database_url, pool_size=1), Database(studio.database_url, pool_size=1)
    with other.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE quel_production_jobs SET retry_count = 1 WHERE job_id = %s", (str(held),)
        )
        assert BackfillPathsRows(database, "fashion").backfill_jobs() == 2 * BATCH + 2
        assert BackfillPathsRows(database, "fashion").without_path() == (1, 0)
    assert BackfillPathsRows(database, "fashion").backfill_jobs() == 1
    database.close()
    other.close()
