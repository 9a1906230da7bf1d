"""`python -m bench.million.books [--jobs N]`: the command line at a million jobs: statistics, and the books.

Writes the jobs into a world of its own (some minutes), asks `quel stats` for 90 days, then plants three
differences (a ledger row that is gone, credits that came unbooked, a job without its ids) and audits
all of it. Prints seconds, the peak of resident memory, and what was found. The bucket is left out: it holds
no objects of these jobs.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from bench.machine import cores
from bench.million.rows import write_jobs
from quel.sandbox.processes import migrate
from quel.sandbox.studio import Studio
from quel.sandbox.world import World

_PLANTED = {
    "a ledger row is gone": """
DELETE FROM quel_credits WHERE attach_idx = (SELECT max(attach_idx) FROM quel_credits)
""",
    "credits came unbooked": """
UPDATE quel_organization SET org_credit = org_credit + 5
WHERE org_id = (SELECT min(org_id::text)::uuid FROM quel_organization)
""",
    "a job has lost its ids": """
UPDATE quel_production_jobs SET generated_attach_ids = '[]'
WHERE job_id = (SELECT job_id FROM quel_production_jobs WHERE job_status = 'completed' LIMIT 1)
""",
}


def asked(environment: dict[str, str], *words: str) -> tuple[float, float, str]:
    """Seconds, the peak of resident memory in megabytes, and what `quel` printed."""
    command = [str(Path(sys.executable).with_name("quel")), *words]
    began = time.perf_counter()
    with subprocess.Popen(
        command, env=os.environ | environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        printed = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)  # which tells this one's peak, not that of all before
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):  # 1: differences
        raise RuntimeError(f"quel {words[0]} ended with {process.returncode}.")
    return time.perf_counter() - began, used.ru_maxrss / 1024, printed


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1_000_000)
    jobs = parser.parse_args().jobs
    print(f"{cores()} cores, load {os.getloadavg()[0]:.2f}, {jobs:,} jobs")
    with World() as world:
        environment = world.environment()
        migrate(environment)
        write_jobs(world.database_url, jobs)
        for which in ("at first", "again"):
            seconds, peak_mb, _ = asked(environment, "stats", "--since", "90d", "--json")
            print(f"quel stats --since 90d, {which}: {seconds:.1f} s, {peak_mb:.0f} MB")
        studio = Studio(world.database_url, world.redis_url, world.storage)
        for planted in ({}, _PLANTED):
            for statement in planted.values():
                studio.rows(statement)
            seconds, peak_mb, printed = asked(environment, "audit", "--no-objects", "--json")
            found = sorted({each["kind"] for each in json.loads(printed)})
            what, told = ", ".join(planted) or "nothing is wrong", ", ".join(found) or "nothing"
            print(f"quel audit, {what}: {seconds:.0f} s, {peak_mb:.0f} MB, found: {told}")


if __name__ == "__main__":
    main()
