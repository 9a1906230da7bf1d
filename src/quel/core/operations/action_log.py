"""Who did what: one record an act, whoever it came from."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


class Channel(StrEnum):
    """Where an act came from."""

    CLI = "cli"
    API = "api"
    CONSOLE = "console"


class ActionEnd(StrEnum):
    """How an act ended."""

    DONE = "done"
    DECLINED = "declined"
    FAILED = "failed"


@dataclass(frozen=True)
class Actor:
    """Who acts: a name for people, the channel, and the request where there is one."""

    name: str
    channel: Channel
    request_id: str | None = None


@dataclass(frozen=True)
class Action:
    """What was done. `detail` is what the actor was told where it was not done; no prompt is in it."""

    at: datetime
    actor: str
    channel: str
    verb: str
    job_id: UUID | None
    target: Mapping[str, Any]
    outcome: str
    detail: str
