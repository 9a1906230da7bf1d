"""Ten ComfyUI servers of two seconds each make every image once, and never two of quel's at one of them.

How many a second is for `python -m bench comfyui` to say: that hangs on how fast the machine is.
"""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

from quel.sandbox import World
from quel.sandbox.comfy.client import Comfy
from quel.sandbox.processes import migrate, workers
from quel.sandbox.studio import Studio
from tests.integration.comfy_world import settings_file

SERVERS, RUN_S = 10, 2.0
JOBS, IMAGES = 10, 25
PROCESSES, THREADS = 2, 9
LEAST_SAMPLES = 10_000
_ROUNDS = 10


def _sample(servers: list[Comfy], studio: Studio) -> tuple[int, int]:
    """The most prompts seen at one server at the same time until all are made, and how often was looked."""
    connections = [HTTPConnection(urlsplit(server.url).netloc) for server in servers]
    most = samples = 0
    while studio.rows("SELECT 1 FROM quel_production_jobs WHERE completed_at IS NULL"):
        for _ in range(_ROUNDS):
            most = max(most, *map(_load, connections))
            samples += len(connections)
            time.sleep(0.02)  # what is measured needs the CPU more
    for connection in connections:
        connection.close()
    return most, samples


def _load(connection: HTTPConnection) -> int:
    """The prompts that run or wait at a server."""
    connection.request("GET", "/api/prompt")
    return int(json.load(connection.getresponse())["exec_info"]["queue_remaining"])


def _make_all(folder: Path, stack: ExitStack) -> tuple[list[Comfy], Studio, list[UUID]]:
    """Servers, and workers that have been told of all jobs."""
    world = stack.enter_context(World(ready_made=True))
    migrate(world.environment())
    with ThreadPoolExecutor(SERVERS) as pool:
        servers = [Comfy(latency_s=RUN_S) for _ in range(SERVERS)]
        list(pool.map(stack.enter_context, servers))
    settings = settings_file(folder, servers)
    file = Path(settings["QUEL_CONFIG"])
    text = file.read_text().replace("beauty:", "default:")
    file.write_text(text.replace("poll_s: 0.02", "poll_s: 0.5").replace("lost_after_s: 0", ""))
    studio = Studio(world.database_url, world.redis_url, world.storage)
    stack.callback(studio.redis.close)
    for group in (["generate_image"], ["fetch_job", "prepare_inputs", "persist_output", "finalize_job"]):
        log = folder / f"{group[0]}.log"
        started = workers(
            world.environment() | settings, log, queues=group, processes=PROCESSES, threads=THREADS
        )
        stack.enter_context(started).await_ready(PROCESSES)
    jobs = [
        studio.job("simple_general", {"prompt": "a mast"}, total_images=IMAGES, member=studio.member())
        for _ in range(JOBS)
    ]
    studio.push(*jobs)
    return servers, studio, jobs


def test_ten_servers_make_every_image_once_and_one_at_a_time(tmp_path: Path) -> None:
    with ExitStack() as stack:
        servers, studio, jobs = _make_all(tmp_path, stack)
        most, samples = _sample(servers, studio)
        rows = studio.wait(jobs, timeout_s=300).values()
        runs = [run for server in servers for run in server.runs()]
        print(f"{len(runs)} images, {samples} samples")
        assert [row["completed_images"] for row in rows] == [IMAGES] * JOBS
        assert len({run["prompt_id"] for run in runs}) == len(runs) == JOBS * IMAGES
        assert {run["beside"] for run in runs} == {0}
        assert most == 1
        assert samples >= LEAST_SAMPLES
