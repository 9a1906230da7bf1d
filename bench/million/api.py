"""`python -m bench.million.api [--jobs N]`: the HTTP API at a million jobs, asked one request after another.

Writes the jobs into a world of its own (some minutes), starts `quel serve`, walks a list by its cursors while
jobs are added, asks for figures of 1 to 90 days, and holds 500 streams. Prints a line a question: the median
and the 95th percentile of the time from the request to the end of its answer.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from bench.machine import cores
from bench.million.rows import write_jobs
from bench.usage import resident_mb
from quel.core.operations.api_tokens import Role
from quel.operations.api_tokens import make_token
from quel.sandbox.processes import QuelProcess, migrate
from quel.sandbox.servers.ports import free_port
from quel.sandbox.studio import Studio
from quel.sandbox.world import World

_STREAMS, _A_TOKEN = 500, 20
_PAGES, _EACH = 400, 50


@contextmanager
def serving(world: World, folder: Path) -> Iterator[tuple[QuelProcess, str, list[str]]]:
    """`quel serve` over the world: its process, its address, and tokens of viewers."""
    made = [make_token(f"viewer-{n}", Role.VIEWER, None) for n in range(_STREAMS // _A_TOKEN)]
    (folder / "tokens").write_text("\n".join(each.line for each in made))
    place = {"QUEL_API_PORT": str(free_port()), "QUEL_API_TOKENS_FILE": str(folder / "tokens")}
    environment = world.environment() | place | {"QUEL_API_RATE": "10000000", "QUEL_LOG_LEVEL": "warning"}
    address = f"http://127.0.0.1:{place['QUEL_API_PORT']}"
    with QuelProcess(["quel", "serve"], environment, folder / "serve.log") as process:
        for _ in range(600):
            try:
                httpx.get(f"{address}/health")
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield process, address, [each.token for each in made]


def told(name: str, seconds: list[float]) -> str:
    """A line of the result."""
    spent = sorted(1000 * each for each in seconds)
    median, p95 = statistics.median(spent), spent[int(0.95 * (len(spent) - 1))]
    return f"{name:44} {median:7.1f} ms median {p95:7.1f} ms p95  ({len(spent)} asked)"


def ask(client: httpx.Client, path: str) -> tuple[float, dict[str, object]]:
    """Seconds and the answer."""
    began = time.perf_counter()
    answer = client.get(f"/api/v1{path}")
    spent = time.perf_counter() - began
    answer.raise_for_status()
    return spent, answer.json()


def walk(client: httpx.Client, query: str, pages: int, between: Callable[[], object]) -> list[float]:
    """Page after page; `between` happens now and then."""
    spent, cursor = [], ""
    for page in range(pages):
        seconds, answer = ask(client, f"/jobs?limit={_EACH}{query}{cursor}")
        spent.append(seconds)
        if page % 10 == 0:
            between()
        if answer["next"] is None:
            break
        cursor = f"&cursor={answer['next']}"
    return spent


async def hold_streams(address: str, tokens: list[str], job_id: str, rss: Callable[[], float]) -> float:
    """Megabytes of the server while as many streams as it takes watch one job."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=address, timeout=60, limits=limits) as client:
        held = []
        for number in range(_STREAMS):
            headers = {"Authorization": f"Bearer {tokens[number // _A_TOKEN]}"}
            request = client.build_request("GET", f"/api/v1/jobs/{job_id}/events", headers=headers)
            answer = await client.send(request, stream=True)
            answer.raise_for_status()
            held.append(answer)
        await asyncio.sleep(10)
        used = rss()
        for answer in held:
            await answer.aclose()
    return used


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1_000_000)
    jobs = parser.parse_args().jobs
    print(f"{cores()} cores, load {os.getloadavg()[0]:.2f}, {jobs:,} jobs")
    with World() as world, tempfile.TemporaryDirectory() as folder:
        migrate(world.environment())
        write_jobs(world.database_url, jobs)
        studio = Studio(world.database_url, world.redis_url, world.storage)
        member = studio.member(1_000)

        def add() -> None:
            for _ in range(25):
                studio.job("simple_general", {"prompt": "one more"}, total_images=1, member=member)

        one = "SELECT job_id, org_id FROM quel_production_jobs WHERE {} LIMIT 1"
        org = studio.rows(one.format("org_id IS NOT NULL"))[0]["org_id"]
        open_job = str(studio.rows(one.format("job_status = 'processing'"))[0]["job_id"])
        with serving(world, Path(folder)) as (process, address, tokens):
            headers = {"Authorization": f"Bearer {tokens[0]}"}
            client = httpx.Client(base_url=address, headers=headers, timeout=120)
            ask(client, "/jobs")
            print(told("pages, newest first, while jobs are added", walk(client, "", _PAGES, add)))
            for query in ("&order=oldest", "&status=failed", "&path=eats", f"&org={org}", "&q=credits"):
                print(told(f"pages {query}", walk(client, query, 60, lambda: None)))
            print(told("one job with its images", [ask(client, f"/jobs/{open_job}")[0] for _ in range(50)]))
            print(
                told("ledger of an organization", [ask(client, f"/ledger?org={org}")[0] for _ in range(50)])
            )
            for span in ("24h", "7d", "30d", "90d"):
                for figure in ("stats", "usage"):
                    first = ask(client, f"/{figure}?since={span}")[0]
                    spent = [ask(client, f"/{figure}?since={span}")[0] for _ in range(20)]
                    print(told(f"{figure} of {span} (at first {1000 * first:.0f} ms)", spent))
            idle_mb = resident_mb(process.pid)
            used = asyncio.run(hold_streams(address, tokens, open_job, lambda: resident_mb(process.pid)))
            print(f"{_STREAMS} streams of one job: {used:.0f} MB resident, {idle_mb:.0f} MB before")


if __name__ == "__main__":
    main()
