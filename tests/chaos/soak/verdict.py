"""The figures of a soak and the promises among them: which were broken, what the provider was paid for."""

import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from quel.sandbox import World
from quel.sandbox.processes import REPOSITORY
from quel.sandbox.studio import Studio
from tests.chaos.audit import audit
from tests.chaos.soak.crowd import SECRET_WORDS, Crowd
from tests.chaos.soak.fleet import Fleet
from tests.chaos.soak.trouble import Trouble

PROMISES = ("lost", "stored twice", "charged twice", "not charged", "jobs left open")
MARGIN = 1.05  # calls for an image that was delivered, beside those that are accounted for one by one


@dataclass
class Verdict:
    """Figures in the order they are printed, and sentences about every broken promise."""

    figures: dict[str, object] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def add(self, figures: Mapping[str, object], broken: Sequence[str]) -> None:
        """What somebody else found."""
        self.figures |= figures
        self.broken += broken

    def print(self) -> None:
        width = max(map(len, self.figures))
        for name, figure in self.figures.items():
            print(f"{name:<{width}}  {figure}")
        for sentence in self.broken[:50]:
            print(f"BROKEN  {sentence}")
        print("every promise was kept" if not self.broken else f"{len(self.broken)} promises were broken")


def judge(world: World, studio: Studio, crowd: Crowd, trouble: Trouble, fleet: Fleet) -> Verdict:
    """Looks at everything once all is quiet."""
    verdict = Verdict()
    findings = audit(studio, starting_credits=crowd.starting_credits)
    verdict.broken += findings.sentences()
    figures = verdict.figures
    figures["jobs"] = findings.jobs
    figures["  by status"] = _statuses(studio)
    figures["images ordered"] = crowd.ordered_images
    figures["images of jobs refused"] = crowd.ordered_images - _images(studio)
    figures["images stored"] = findings.stored
    figures["images failed, counted"] = _images(studio, "failed")
    figures["images cancelled"] = _images(studio, "cancelled")
    figures["ids pushed"], figures["cancels"], figures["junk"] = crowd.pushes, crowd.cancels, crowd.junk
    figures["processes killed"], figures["deploys"] = fleet.kills, fleet.deploys
    figures["Redis restarts"], figures["PostgreSQL restarts"] = (
        trouble.redis_restarts,
        trouble.postgres_restarts,
    )
    figures["Redis flushed"], figures["Redis full"] = trouble.redis_flushes, trouble.redis_filled
    figures["processes frozen"], figures["clock jumps"] = fleet.freezes, trouble.clock_jumps
    figures["Storage away"] = trouble.storage_outages
    _storage(verdict, world, findings.stray_objects)
    for promise in PROMISES:
        figures[promise] = len(findings.broken.get(promise, ()))
    figures["ledger - balances"] = _difference(studio, crowd.starting_credits)
    _calls(verdict, world, studio, crowd, trouble)
    verdict.broken += fleet.bad_exits
    verdict.broken += _words_in_logs(world, fleet)
    verdict.broken += _own_audit(world)
    return verdict


def _statuses(studio: Studio) -> str:
    rows = studio.rows("SELECT job_status, count(*) AS n FROM quel_production_jobs GROUP BY 1 ORDER BY 1")
    return ", ".join(f"{row['n']} {row['job_status']}" for row in rows)


def _images(studio: Studio, state: str = "%") -> int:
    return int(studio.rows("SELECT count(*) AS n FROM quel.image WHERE state LIKE %s", state)[0]["n"])


def _storage(verdict: Verdict, world: World, strays: Sequence[str]) -> None:
    calls = world.storage.calls()
    verdict.figures["faults at Storage"] = sum(1 for call in calls if call.outcome != "served")
    verdict.figures["objects nobody names"] = len(strays)


def _difference(studio: Studio, starting: Mapping[UUID, int]) -> int:
    balances = studio.rows(
        "SELECT (SELECT coalesce(sum(org_credit), 0) FROM quel_organization)"
        " + (SELECT coalesce(sum(quel_member_credit), 0) FROM quel_member) AS now,"
        " (SELECT coalesce(sum(amount), 0) FROM quel_credits) AS booked"
    )[0]
    return int(sum(starting.values()) + balances["booked"] - balances["now"])


def _calls(verdict: Verdict, world: World, studio: Studio, crowd: Crowd, trouble: Trouble) -> None:
    """Every call must be an image delivered, a fault put there on purpose, or a death's."""
    calls = world.gemini.calls()
    faults = sum(1 for call in calls if call.outcome != "made")
    made = Counter(
        job_id for job_id, marker in crowd.markers.items() for call in calls if _made_for(call, marker)
    )
    ends = {row["job_id"]: row for row in studio.rows(_ENDS)}
    delivered = sum(row["stored"] for row in ends.values())  # by Gemini
    dropped = sum(
        min(made[job_id] - row["stored"], row["dropped"])
        for job_id, row in ends.items()
        if made[job_id] > row["stored"]
    )
    allowed = MARGIN * delivered + faults + trouble.in_flight + trouble.answers_flushed + dropped
    verdict.figures |= {
        "provider calls": len(calls),
        "  for images delivered": delivered,
        "  answered by a fault": faults,
        "  for images cancelled or dropped": dropped,
        "  in flight when killed, at most": trouble.in_flight,
        "  lost with Redis, at most": trouble.answers_flushed,
        "  bought twice": len(calls) - faults - delivered - dropped,
        "provider calls allowed": round(allowed),
        "provider calls per delivered image": round(len(calls) / max(delivered, 1), 3),
        "  without faults": round((len(calls) - faults) / max(delivered, 1), 3),
    }
    if len(calls) > allowed:
        verdict.broken.append(f"{len(calls)} calls to the provider, {allowed:.0f} are accounted for.")


_ENDS = """
SELECT job_id, count(*) FILTER (WHERE state = 'stored') AS stored,
       count(*) FILTER (WHERE state IN ('failed', 'cancelled')) AS dropped
FROM quel.image WHERE engine = 'gemini' GROUP BY job_id
"""


def _made_for(call: object, marker: str) -> bool:
    return getattr(call, "outcome", "") == "made" and marker in getattr(call, "prompt", "")


def _words_in_logs(world: World, fleet: Fleet) -> list[str]:
    """Neither a secret nor a prompt may stand in what the processes wrote."""
    password = world.database_url.split(":")[2].split("@")[0]
    words = {
        "a service key": world.storage.service_key,
        "an API key": world.gemini.api_key,
        "a password": password,
        "a prompt": SECRET_WORDS,
    }
    text = "".join(_read(log) for log in fleet.logs())
    return [f"{what.capitalize()} stands in the logs." for what, word in words.items() if word in text]


def _read(log: Path) -> str:
    return log.read_text(errors="replace")


def _own_audit(world: World) -> list[str]:
    """quel's own audit must agree."""
    command = [str(Path(sys.executable).with_name("quel")), "audit"]
    done = subprocess.run(
        command,
        env={"PATH": "/usr/bin:/bin", **world.environment()},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    return [] if done.returncode == 0 else [f"quel audit says: {done.stdout[-800:]}{done.stderr[-800:]}"]
