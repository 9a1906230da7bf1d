"""What a check of `quel doctor` comes to."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Whether something is well; a NOTE is worth knowing and no trouble."""

    OK = "ok"
    NOTE = "note"
    TROUBLE = "trouble"


@dataclass(frozen=True)
class Finding:
    """One line of the doctor: what was looked at, how it is, and what it says or what to do."""

    check: str
    state: State
    message: str


def redis_memory(policy: str, appendonly: bool) -> tuple[Finding, Finding]:
    """What Redis's eviction policy and persistence mean for queued work (FACTS: AOF everysec, noeviction)."""
    keeps = policy == "noeviction"
    return (
        Finding(
            "Redis eviction",
            State.OK if keeps else State.TROUBLE,
            "noeviction" if keeps else f"The policy is {policy}: set noeviction, or work may be evicted.",
        ),
        Finding(
            "Redis persistence",
            State.OK if appendonly else State.NOTE,
            "AOF is on"
            if appendonly
            else "AOF is off: after a restart of Redis the sweep brings queued jobs back, within minutes.",
        ),
    )
