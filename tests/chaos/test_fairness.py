"""One customer's backlog is that customer's own: a newcomer's single image does not wait behind it.

Each prints its figures; docs/reliability.md has them from before and since.
"""

import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from uuid import UUID

import psycopg2
import pytest

from quel.sandbox import World
from quel.sandbox.faults import slow
from quel.sandbox.processes import migrate
from tests.chaos.case import Case
from tests.preloaded import Preloaded

DOWNLOAD_S, CALL_S, CALLS_AT_ONCE = 0.6, 1.0, 4
PATIENCE_S = 240.0
SMALL_CACHE_BYTES = 24_000_000  # half of it for inputs: the pictures of some dozen jobs
MANY_JOBS = """
WITH made AS (
    INSERT INTO public.quel_production_photo (quel_member_id)
    SELECT %(member)s FROM generate_series(1, %(jobs)s) RETURNING production_id
)
INSERT INTO public.quel_production_jobs
    (production_id, job_type, batch_index, total_images, job_input_data, quel_member_id, quel_production_path)
SELECT production_id, 'simple_general', 0, %(images)s, %(data)s, %(member)s, %(path)s FROM made
RETURNING job_id
"""


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    with World(ready_made=True, latency_s=CALL_S) as world:
        world.storage.fail_when("uploads/", slow(DOWNLOAD_S), operation="read")
        migrate(world.environment())
        with Preloaded() as preloaded, closing(Case(world, preloaded, tmp_path, credits=10_000)) as case:
            case.environment["QUEL_GEMINI_CONCURRENCY"] = str(CALLS_AT_ONCE)
            case.environment["QUEL_STUCK_AFTER_S"] = "600"
            yield case


def backlog(case: Case, jobs: int, *, images: int = 1, references: int = 1, path: str = "fashion") -> UUID:
    """Orders all of it at once, of one customer with credits enough."""
    member = case.studio.member(10 * jobs * images)
    values = {"member": member, "jobs": jobs, "images": images, "path": path}
    values["data"] = json.dumps(input_data(case, member, references))
    with (
        closing(psycopg2.connect(case.database_url)) as connection,
        connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(MANY_JOBS, values)
        ids = [str(job_id) for (job_id,) in cursor.fetchall()]
    case.studio.redis.lpush("jobs:queue", *ids)
    return member


class Wait(NamedTuple):
    """Seconds: from the push until the list was empty, and from then until the image was delivered."""

    on_the_list: float
    since: float


def newcomer(case: Case, *, references: int = 1, path: str = "fashion") -> Wait:
    """What one image of somebody new waits for."""
    member = case.studio.member()
    data = input_data(case, member, references)
    job_id = case.studio.job("simple_general", data, total_images=1, member=member, path=path)
    began = time.monotonic()
    case.studio.push(job_id)
    while case.studio.redis.llen("jobs:queue"):
        assert time.monotonic() < began + PATIENCE_S, case.log()[-3_000:]
        time.sleep(0.01)
    read_at = time.monotonic()
    while (row := case.studio.job_row(job_id))["completed_at"] is None:
        assert time.monotonic() < began + PATIENCE_S, case.log()[-3_000:]
        time.sleep(0.05)
    assert row["completed_images"] == 1, row["error_message"]
    return Wait(read_at - began, time.monotonic() - read_at)


def input_data(case: Case, member: UUID, references: int) -> dict[str, object]:
    photographs = [case.studio.photograph(name) for name in ("brick.png", "grass.png")[:references]]
    return {
        "prompt": case.marker,
        "userId": str(member),
        "uploadedAttachIds": [{"attachId": attach_id, "type": "top"} for attach_id in photographs],
    }


@pytest.mark.parametrize(("jobs", "images"), [(150, 1), (5_000, 1), (50, 100)])
def test_a_newcomers_image_does_not_wait_behind_one_customers_backlog(
    case: Case, jobs: int, images: int
) -> None:
    with case.workers(threads=8):
        idle = idle_times(case)
        backlog(case, jobs, images=images)
        beside = several(case)
    assert_does_not_wait_behind_it(f"{jobs} jobs of {images}", idle, beside)


def test_words_alone_wait_for_no_room_that_a_backlog_takes(case: Case) -> None:
    case.environment["QUEL_BLOB_BUDGET_BYTES"] = str(SMALL_CACHE_BYTES)
    with case.workers(threads=8):
        idle = idle_times(case, references=0)
        backlog(case, 150, references=2)
        beside = several(case, references=0)
    assert_does_not_wait_behind_it("words alone, the cache full", idle, beside)


def test_a_newcomer_with_pictures_gets_room_that_a_backlog_takes(case: Case) -> None:
    case.environment["QUEL_BLOB_BUDGET_BYTES"] = str(SMALL_CACHE_BYTES)
    with case.workers(threads=8):
        idle = idle_times(case)
        backlog(case, 150, references=2)
        beside = several(case)
    assert_does_not_wait_behind_it("pictures, the cache full", idle, beside)


def test_a_paused_path_with_its_pictures_in_the_cache_holds_nobody_up(case: Case) -> None:
    case.environment["QUEL_BLOB_BUDGET_BYTES"] = str(SMALL_CACHE_BYTES)
    with case.workers(threads=8):
        idle = idle_times(case, path="beauty")
        backlog(case, 150, references=2)
        time.sleep(5)
        case.studio.rows("INSERT INTO quel.paused_path (path) VALUES ('fashion')")
        time.sleep(5)
        beside = several(case, path="beauty")
    assert_does_not_wait_behind_it("another path is paused, the cache full", idle, beside)


def test_a_backlog_is_made_once_in_the_end(case: Case) -> None:
    with case.workers(threads=8):
        member = backlog(case, 60)
        newcomer(case)
        case.wait_until(lambda: not case.is_open(), PATIENCE_S)
    stored = case.studio.rows("SELECT count(*) AS n FROM quel.image WHERE state = 'stored'")
    left = case.studio.rows(
        "SELECT quel_member_credit AS n FROM quel_member WHERE quel_member_id = %s", member
    )
    reads = [call for call in case.world.storage.calls() if call.operation == "read"]
    assert (stored, left) == ([{"n": 61}], [{"n": 60 * (10 - 5)}])
    assert case.provider_calls() == len(reads) == 61


def idle_times(case: Case, **columns: Any) -> list[Wait]:
    """What several take one after the other while nobody else orders; the first one warms up."""
    newcomer(case, **columns)
    return [newcomer(case, **columns) for _ in range(5)]


def several(case: Case, **columns: Any) -> list[Wait]:
    """Four, of which the first is pushed while the backlog is read off the list."""
    beside = [newcomer(case, **columns)]
    while len(beside) < 4 and beside[-1].since < 60:
        time.sleep(2)
        beside.append(newcomer(case, **columns))
    return beside


def assert_does_not_wait_behind_it(what: str, idle: list[Wait], beside: list[Wait]) -> None:
    """All on the list wait for it to be read: how long that takes hangs on the machine, and is only told."""
    bound_s = 2 * median(wait.since for wait in idle) + 2 * CALL_S
    print(f"{what}: alone {told(idle)}; behind the backlog {told(beside)}; bound {bound_s:.1f} s")
    assert max(wait.since for wait in beside) <= bound_s


def told(waits: list[Wait]) -> str:
    return ", ".join(f"{wait.on_the_list:.2f} + {wait.since:.2f}" for wait in waits) + " s"
