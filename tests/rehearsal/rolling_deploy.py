"""`python -m tests.rehearsal.rolling_deploy --old REF`: a release replaces another under load, and is undone.

Every role of the deployment runs as processes of the code at REF, on that code's schema. While orders keep
coming, the schema is migrated and one process after the other is replaced by one of the working tree, as a
rolling update does: the new one is ready, then the old one gets SIGTERM. Then all of it is rolled back. Old
and new serve side by side throughout. Exit code 1 when an image was lost, made twice or charged twice, a job
stayed open, or a process did not end with 0.
"""

import argparse
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import quantiles

import quel.sandbox
from quel.sandbox.processes import REPOSITORY, QuelProcess, scheduler, workers
from quel.sandbox.studio import Studio
from tests.chaos.audit import audit
from tests.rehearsal.orders import CREDITS, Orders

ROLES: dict[str, tuple[str, ...]] = {
    "intake": ("fetch_job",),
    "prepare": ("prepare_inputs",),
    "generate 1": ("generate_image",),
    "generate 2": ("generate_image",),
    "persist": ("persist_output",),
    "finalize": ("finalize_job", "sweep_stuck_jobs"),
}
PROVIDER_S = 1.5
THREADS = 8
STEADY_S = 12.0
PAUSE_S = 1.5
QUIET_S = 120.0


@dataclass(frozen=True)
class Release:
    """Code to run: the working tree, or another tree whose `src` goes before it."""

    name: str
    tree: Path

    def environment(self) -> dict[str, str]:
        return {"PYTHONPATH": str(self.tree / "src")}

    def migrate(self, environment: dict[str, str]) -> None:
        """This release's `alembic upgrade head`."""
        subprocess.run(
            [str(Path(sys.executable).with_name("alembic")), "upgrade", "head"],
            cwd=self.tree,
            env=os.environ | environment | self.environment(),
            check=True,
            capture_output=True,
        )


@dataclass
class Fleet:
    """One process a role, and the scheduler."""

    environment: dict[str, str]
    directory: Path
    running: dict[str, QuelProcess] = field(default_factory=dict)
    ended_s: list[float] = field(default_factory=list)
    exit_codes: list[int] = field(default_factory=list)

    def start(self, release: Release) -> None:
        for role in ROLES:
            self.running[role] = self._worker(release, role)
        for process in self.running.values():
            process.await_ready()
        self.running["scheduler"] = self._scheduler(release)

    def roll(self, release: Release) -> None:
        """Each role in turn: ready first, SIGTERM then; the scheduler ends before its successor starts."""
        for role in ROLES:
            old, self.running[role] = self.running[role], self._worker(release, role)
            self.running[role].await_ready()
            self._end(old)
            time.sleep(PAUSE_S)
        self._end(self.running["scheduler"])
        self.running["scheduler"] = self._scheduler(release)

    def stop(self) -> None:
        for process in self.running.values():
            process.kill()

    def _end(self, process: QuelProcess) -> None:
        began = time.monotonic()
        self.exit_codes.append(process.terminate(timeout_s=90))
        self.ended_s.append(time.monotonic() - began)

    def _worker(self, release: Release, role: str) -> QuelProcess:
        environment = self.environment | release.environment()
        return workers(environment, self._log(release, role), queues=ROLES[role], threads=THREADS).start()

    def _scheduler(self, release: Release) -> QuelProcess:
        environment = self.environment | release.environment()
        return scheduler(environment, self._log(release, "scheduler")).start()

    def _log(self, release: Release, role: str) -> Path:
        return self.directory / f"{len(self.ended_s):03d}-{release.name}-{role.replace(' ', '-')}.log"


def main() -> int:
    """Rehearses once."""
    parser = argparse.ArgumentParser(prog="python -m tests.rehearsal.rolling_deploy")
    parser.add_argument(
        "--old", required=True, metavar="REF", help="the release that runs now, as git names it"
    )
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="rehearsal-") as directory,
        quel.sandbox.World(appendonly=True, ready_made=True, latency_s=PROVIDER_S) as world,
    ):
        old = Release("old", unpack(options.old, Path(directory) / "old"))
        new = Release("new", REPOSITORY)
        (logs := Path(directory) / "logs").mkdir()
        return rehearse(world, old, new, logs)


def unpack(ref: str, tree: Path) -> Path:
    """The project's files as they were at `ref`."""
    archive = subprocess.run(["git", "archive", ref], cwd=REPOSITORY, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(tree, filter="data")
    return tree


def rehearse(world: quel.sandbox.World, old: Release, new: Release, logs: Path) -> int:
    """Old, old and new, new, new and old, old; then the books."""
    environment = world.environment() | {"GEMINI_API_VERSION": "v1beta"}  # a release before sent to v1
    old.migrate(environment)
    studio = Studio(world.database_url, world.redis_url, world.storage)
    fleet = Fleet(environment, logs)
    began: dict[str, float] = {}
    try:
        with Orders(studio) as orders:
            began["old alone"] = time.time()
            fleet.start(old)
            time.sleep(STEADY_S)
            began["schema migrated, old replaced"] = time.time()
            new.migrate(environment)
            fleet.roll(new)
            began["new alone"] = time.time()
            time.sleep(STEADY_S)
            began["rolled back"] = time.time()
            fleet.roll(old)
        quiet = await_quiet(studio)
        time.sleep(2)  # what follows a close
        broken = tell(world, studio, orders, fleet, began)
    finally:
        fleet.stop()
    if not quiet:
        broken.append(f"Not every job had ended {QUIET_S:.0f} s after the last order.")
    for sentence in broken[:30]:
        print(f"BROKEN  {sentence}")
    print("no image was lost or made twice" if not broken else f"{len(broken)} promises were broken")
    return 1 if broken else 0


def await_quiet(studio: Studio) -> bool:
    """Whether every job ended in time."""
    until = time.monotonic() + QUIET_S
    while studio.rows("SELECT 1 FROM quel_production_jobs WHERE completed_at IS NULL"):
        if time.monotonic() > until:
            return False
        time.sleep(0.5)
    return True


def tell(
    world: quel.sandbox.World, studio: Studio, orders: Orders, fleet: Fleet, began: dict[str, float]
) -> list[str]:
    """Prints the figures; the promises that were broken."""
    findings = audit(studio, starting_credits={orders.member: CREDITS})
    calls = len(world.gemini.calls())
    stored_at = sorted(
        row["at"]
        for row in studio.rows("SELECT extract(epoch FROM created_at)::float8 AS at FROM quel_credits")
    )
    figures = {
        "jobs": findings.jobs,
        "images ordered": orders.images,
        "images stored": findings.stored,
        "provider calls": calls,
        "processes ended by SIGTERM": len(fleet.exit_codes),
        "  exit codes": sorted(set(fleet.exit_codes)),
        "  slowest to end, s": round(max(fleet.ended_s), 1),
        "longest pause between two stored images, s": round(max(b - a for a, b in pairwise(stored_at)), 1),
        **{kind: len(findings.broken.get(kind, ())) for kind in ("lost", "stored twice", "charged twice")},
        "jobs left open": len(findings.broken.get("jobs left open", ())),
        "objects nobody names": len(findings.stray_objects),
    }
    for name, figure in figures.items():
        print(f"{name:<44}{figure}")
    _tell_phases(studio, began)
    broken = findings.sentences()
    if findings.stored != orders.images or calls != orders.images:
        broken.append(f"{orders.images} images were ordered, {findings.stored} stored, {calls} bought.")
    return broken + [f"A process ended with {code}." for code in fleet.exit_codes if code]


def _tell_phases(studio: Studio, began: dict[str, float]) -> None:
    starts = [*began.values(), time.time()]
    for (name, first), last in zip(began.items(), starts[1:], strict=True):
        seconds = [
            row["seconds"]
            for row in studio.rows(
                "SELECT extract(epoch FROM completed_at - created_at)::float8 AS seconds"
                " FROM quel_production_jobs WHERE extract(epoch FROM created_at) BETWEEN %s AND %s",
                first,
                last,
            )
        ]
        cuts = quantiles(seconds, n=20)
        print(f"  {name:<42}{len(seconds)} jobs, seconds to the end: p50 {cuts[9]:.1f}, p95 {cuts[18]:.1f}")


if __name__ == "__main__":
    sys.exit(main())
