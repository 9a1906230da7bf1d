"""Many who order and watch over HTTP while server and PostgreSQL end: no job twice, nobody left waiting."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from quel.core.operations.api_tokens import Role
from quel.operations.api_tokens import make_token
from quel.sandbox import World
from quel.sandbox.faults import slow
from quel.sandbox.processes import QuelProcess, scheduler, workers
from quel.sandbox.studio import Studio
from tests.integration.api_load import Watcher, submit_under_kills
from tests.integration.api_world import Api
from tests.integration.harness import until

SUBMITS_A_KEY, KEYS, THREADS, KILLS = 10, 20, 8, 5
LISTENERS, A_TOKEN, IMAGES = 100, 20, 20
TOLD_WITHIN_S = 5.0
CALL_S = 1.0
SWEPT_WITHIN_S = 180.0  # a lease of 30 s, a sweep a minute


class Served:
    """What `Api` asks of a pipeline, over a sandbox's world."""

    def __init__(self, world: World, folder: Path) -> None:
        self._world, self._folder = world, folder
        self.studio = Studio(world.database_url, world.redis_url, world.storage)

    def environment(self) -> dict[str, str]:
        return dict(self._world.environment())

    def serve(self, **settings: Any) -> QuelProcess:
        environment = self.environment() | {name: str(value) for name, value in settings.items()}
        return QuelProcess(["quel", "serve"], environment, self._folder / "serve.log").start()


@pytest.fixture
def api(own_world: World, tmp_path: Path) -> Iterator[Api]:
    api = Api(Served(own_world, tmp_path), tmp_path)
    for number in range(LISTENERS // A_TOKEN):
        api.tokens[f"client {number}"] = make_token(f"studio-{number}", Role.CLIENT, api.org)
    api.file.write_text("\n".join(token.line for token in api.tokens.values()))
    api.start()
    yield api
    api.process.kill()


def test_two_hundred_submissions_under_twenty_keys_are_twenty_jobs_each_charged_once(
    api: Api, own_world: World, tmp_path: Path
) -> None:
    rows = {f"key-{number}": api.row(org_id=str(api.org)) for number in range(KEYS)}
    made = submit_under_kills(api, rows, times=SUBMITS_A_KEY, threads=THREADS, kills=KILLS)
    assert sorted(made) == sorted(rows)
    assert all(len(ids) == 1 for ids in made.values())
    with workers(own_world.environment(), tmp_path / "workers.log"):
        until(lambda: len(api.studio.rows("SELECT 1 FROM quel_credits")) >= KEYS, "all are delivered")
        open_rows = "SELECT 1 FROM quel_production_jobs WHERE completed_at IS NULL"
        until(lambda: not api.studio.rows(open_rows), "all are closed")
    counted = {
        table: api.studio.rows(f"SELECT count(*) FROM {table}")[0]["count"]
        for table in ("quel_production_jobs", "quel_production_photo", "quel_credits")
    }
    assert counted == dict.fromkeys(counted, KEYS)
    [organization] = api.studio.rows("SELECT org_credit FROM quel_organization WHERE org_id = %s", api.org)
    assert organization["org_credit"] == 10_000 - 5 * KEYS


def test_a_hundred_listeners_learn_the_true_end_though_server_and_postgresql_restart(
    api: Api, own_world: World, tmp_path: Path
) -> None:
    own_world.gemini.fail_when("", slow(CALL_S))
    job = api.job(total=IMAGES)
    watchers = [Watcher(api, job, f"client {number // A_TOKEN}") for number in range(LISTENERS)]
    for watcher in watchers:
        watcher.start()
    until(lambda: all(watcher.names for watcher in watchers), "all listen")
    environment = own_world.environment()
    with (
        workers(environment, tmp_path / "workers.log", threads=4),
        scheduler(environment, tmp_path / "scheduler.log"),
    ):
        api.studio.push(job)
        until(lambda: any("image" in watcher.names for watcher in watchers), "an image is told")
        assert api.process.terminate(30) == 0
        own_world.servers.stop_postgres()
        time.sleep(CALL_S + 0.5)  # the calls under way end meanwhile: what they made waits for a sweep
        own_world.servers.start_postgres()
        api.start()
        row = until(
            lambda: (row := api.studio.job_row(job))["completed_at"] and row,
            "the job has ended",
            timeout_s=SWEPT_WITHIN_S,
        )
        for watcher in watchers:
            watcher.join(60)
    late_s = max(watcher.ended_at for watcher in watchers) - row["completed_at"].timestamp()
    print(f"{LISTENERS} listeners were told the end within {late_s:.1f} s of the row")
    assert {watcher.end["status"] for watcher in watchers} == {row["job_status"]} == {"completed"}
    assert all(watcher.end["attach_ids"] == row["generated_attach_ids"] for watcher in watchers)
    assert late_s <= TOLD_WITHIN_S
