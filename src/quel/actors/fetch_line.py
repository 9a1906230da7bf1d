"""Hands ids on to fetch_job: at once while few wait, else by turns of their customers.

Where a customer pushes thousands of ids at once, they wait in rows (adapters/postgres/fetch_line.py) and are
sent for as they are fetched, so that a newcomer's id is fetched among the next.
"""

import time
from collections.abc import Callable, Sequence
from typing import Protocol
from uuid import UUID

from quel.core.errors import QuelError
from quel.core.pipeline import Step, StepMessage

MOST_WAITING = 4
"""Messages to fetch_job that no worker has taken.

More only where PostgreSQL cannot line the jobs up, or for ids of which no pending row is there.
"""

_LOOK_EVERY_S = 3.0
"""For what another process has lined up and did not live to send for."""


class Line(Protocol):
    """The rows of the line."""

    def line_up(self, job_ids: Sequence[UUID]) -> set[UUID]:
        """Puts pending jobs into the line; those that are in it."""

    def take(self, most: int) -> list[UUID]:
        """Jobs whose turn it is, in order, for a minute."""

    def leave(self, job_ids: Sequence[UUID]) -> None:
        """Takes jobs that were handed on out of the line."""


class FetchLine:
    """Hands a bridge's jobs on to fetch_job, few at a time; the others wait in rows for their turn.

    Not shared. `send` enqueues messages, `backlog` counts those no worker has taken; both and the rows may
    raise QuelError.
    """

    def __init__(
        self, line: Line, *, send: Callable[[list[StepMessage]], None], backlog: Callable[[], int]
    ) -> None:
        self._line, self._send, self._backlog = line, send, backlog
        self._waits = False
        self._look_at = 0.0

    def hand_on(self, job_ids: Sequence[UUID]) -> None:
        """Sends for jobs now or when it is their turn; one that waits in no row is sent for at once."""
        if self._waits or len(job_ids) > self._room():
            try:
                lined_up = self._line.line_up(job_ids)
            except QuelError:  # first come, first served then: nothing is lost by it
                lined_up = set()
            self._waits = self._waits or bool(lined_up)
            job_ids = [job_id for job_id in job_ids if job_id not in lined_up]
        self._send([StepMessage(Step.FETCH_JOB, job_id) for job_id in job_ids])

    def feed(self) -> bool:
        """Sends for those whose turn it is, as far as there is room; whether more may wait."""
        if not self._waits and time.monotonic() < self._look_at:
            return False
        self._look_at = time.monotonic() + _LOOK_EVERY_S
        room = self._room()
        if room > 0:
            taken = self._line.take(room)
            self._send([StepMessage(Step.FETCH_JOB, job_id) for job_id in taken])
            if taken:
                self._line.leave(taken)
            self._waits = len(taken) == room
        return self._waits

    def _room(self) -> int:
        return max(0, MOST_WAITING - self._backlog())
