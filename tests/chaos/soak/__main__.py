"""`python -m tests.chaos.soak --seed N --minutes M`: everything goes wrong at once, then the books are read.

Real processes serve a few hundred images while they are killed, frozen, deployed and starved, while Redis and
PostgreSQL restart, Redis is full once, emptied once and its clock jumps, Storage is away twice, pictures are
poison, and Gemini, ComfyUI servers and Storage fail in every way they know. Then everything is healthy until
all jobs have ended. Exit code 1 when any promise is broken.

Two settings differ from production: QUEL_STUCK_AFTER_S is short, and QUEL_MAX_RECOVERIES is high. A job that
is taken up again three times without a new image is closed, which protects from jobs that kill workers; here
something is killed every few seconds, and a job may be hit that often without being to blame. How such a job
is closed is tested by itself.
"""

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

import quel.sandbox
from quel.sandbox.processes import migrate
from quel.sandbox.studio import Studio
from tests.chaos.soak.crowd import Crowd
from tests.chaos.soak.fleet import Fleet
from tests.chaos.soak.gpus import Gpus, gpus
from tests.chaos.soak.trouble import Trouble
from tests.chaos.soak.verdict import judge

SETTINGS = {
    "QUEL_STUCK_AFTER_S": "20",
    "QUEL_MAX_RECOVERIES": "100000",
    "QUEL_GEMINI_TIMEOUT_S": "8",
    "QUEL_GEMINI_CONCURRENCY": "12",
}
LATENCY_S = 1.0
KILL_EVERY_S = 2.6
ORDER_EVERY_S = 1.1
QUIET_TIMEOUT_S = 300.0
LEAST_KILLS, LEAST_IMAGES = 50, 300


def main() -> int:
    """Runs one soak."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.soak")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000))
    parser.add_argument(
        "--minutes", type=float, default=3.0, help="of trouble; then it takes until all is quiet"
    )
    options = parser.parse_args()
    print(f"soak with seed {options.seed}, {options.minutes:g} minutes of trouble", flush=True)
    with (
        quel.sandbox.World(appendonly=True, ready_made=True, latency_s=LATENCY_S) as world,
        tempfile.TemporaryDirectory(prefix="soak-") as directory,
        gpus(Path(directory)) as servers,
    ):
        return soak(world, servers, Path(directory), options.seed, options.minutes * 60)


def soak(world: quel.sandbox.World, servers: Gpus, directory: Path, seed: int, trouble_s: float) -> int:
    """One soak in a world of its own; the exit code."""
    migrate(world.environment())
    studio = Studio(world.database_url, world.redis_url, world.storage)
    crowd = Crowd(studio, random.Random(seed))
    crowd.move_in()
    fleet = Fleet(world.environment() | SETTINGS | servers.environment, directory)
    try:
        trouble = Trouble(world, studio, fleet, random.Random(seed + 1))
        began = time.monotonic()
        servers.begin()
        make_trouble(crowd, trouble, fleet, trouble_s)
        trouble.end()
        servers.end()
        quiet = await_quiet(studio, fleet)
        verdict = judge(world, studio, crowd, trouble, fleet)
        verdict.add(*servers.judge(studio))
    finally:
        fleet.stop()
    if not quiet:
        verdict.broken.append(f"Not every job had ended {QUIET_TIMEOUT_S:.0f} s after the last trouble.")
    if trouble_s >= 170:
        (planned,) = studio.rows("SELECT count(*) AS images FROM quel.image")
        _enough(verdict.broken, fleet.kills, planned["images"])
    verdict.figures["seconds"] = round(time.monotonic() - began)
    verdict.print()
    return 1 if verdict.broken else 0


def make_trouble(crowd: Crowd, trouble: Trouble, fleet: Fleet, seconds: float) -> None:
    """Orders come and things break, each at its own pace, until the time is over."""
    began = time.monotonic()
    trouble.begin()
    dice = trouble.dice
    single = [  # once each, at these parts of the time
        (0.08, trouble.storage_away),
        (0.13, trouble.storage_back),
        (0.15, trouble.restart_redis),
        (0.20, trouble.freeze),
        (0.25, trouble.restart_postgres),
        (0.30, fleet.thaw),
        (0.35, fleet.second_scheduler),
        (0.38, trouble.fill_redis),
        (0.43, trouble.make_room),
        (0.45, trouble.flush_redis),
        (0.50, trouble.jump_ahead),
        (0.55, trouble.kill_all),
        (0.60, trouble.jump_back),
        (0.65, trouble.restart_postgres),
        (0.68, trouble.freeze),
        (0.75, trouble.restart_redis),
        (0.78, fleet.thaw),
        (0.80, trouble.storage_away),
        (0.85, trouble.storage_back),
    ]
    order_at = kill_at = deploy_at = began
    while (now := time.monotonic()) < began + seconds:
        if single and now >= began + single[0][0] * seconds:
            single.pop(0)[1]()
        if now >= order_at and now < began + 0.85 * seconds:
            order_at = now + ORDER_EVERY_S * dice.uniform(0.3, 1.7)
            crowd.order()
            if dice.random() < 0.15:
                crowd.cancel_one()
            if dice.random() < 0.2:
                crowd.push_again()
        if now >= kill_at:
            kill_at = now + KILL_EVERY_S * dice.uniform(0.3, 1.7)
            trouble.kill()
        if now >= deploy_at:
            deploy_at = now + 25
            fleet.deploy_one(dice)
        fleet.replace_dead()
        time.sleep(0.05)


def await_quiet(studio: Studio, fleet: Fleet) -> bool:
    """Whether every job and production ended in time."""
    until = time.monotonic() + QUIET_TIMEOUT_S
    while time.monotonic() < until:
        fleet.replace_dead()
        if not studio.rows(_OPEN):
            time.sleep(5)  # what follows a close: bytes and objects are dropped
            return True
        time.sleep(1)
    return False


_OPEN = """
SELECT 1 FROM quel_production_jobs WHERE completed_at IS NULL
UNION ALL SELECT 1 FROM quel_production_photo WHERE production_status IN ('pending', 'processing')
"""


def _enough(broken: list[str], kills: int, images: int) -> None:
    if kills < LEAST_KILLS or images < LEAST_IMAGES:
        broken.append(f"Only {kills} kills and {images} images: this soak proves too little.")


if __name__ == "__main__":
    sys.exit(main())
