"""Ten ComfyUI servers of two seconds each make every image once, and never two of quel's at one of them.

How many a second is for `python -m bench comfyui` to say: that hangs on how fast the machine is.
"""

import json
import time
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

from bench.measurements.comfyui import ordered

from quel.sandbox.comfy.client import Comfy
from quel.sandbox.studio import Studio

IMAGES = 25
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
            time.sleep(0.02)  # what is looked at needs the CPU more
    for connection in connections:
        connection.close()
    return most, samples


def _load(connection: HTTPConnection) -> int:
    """The prompts that run or wait at a server."""
    connection.request("GET", "/api/prompt")
    return int(json.load(connection.getresponse())["exec_info"]["queue_remaining"])


def test_ten_servers_make_every_image_once_and_one_at_a_time() -> None:
    with ordered(IMAGES) as (bed, servers, jobs), closing(bed.studio.redis):
        bed.studio.push(*jobs)
        most, samples = _sample(servers, bed.studio)
        rows = bed.studio.wait(jobs, timeout_s=300).values()
        runs = [run for server in servers for run in server.runs()]
        print(f"{len(runs)} images, {samples} samples")
        assert [row["completed_images"] for row in rows] == [IMAGES] * len(jobs)
        assert len({run["prompt_id"] for run in runs}) == len(runs) == IMAGES * len(jobs)
        assert {run["beside"] for run in runs} == {0}
        assert most == 1
        assert samples >= LEAST_SAMPLES
