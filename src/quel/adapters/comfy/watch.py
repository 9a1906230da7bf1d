"""Follows a prompt over HTTP until it ends, or until waiting for it makes no sense.

A server is judged by whether it gets on, not by whether it answers: one whose worker thread has died goes on
to accept prompts and to answer every question.
"""

import time

from quel.adapters.comfy.take import Take
from quel.core.comfy.answers import Stand, Standing
from quel.core.errors import QuelError
from quel.core.outcome import Outcome, Postponed, Transient

_SILENT_S = 10.0  # then the thread is worth more elsewhere: the prompt is asked for again later
_WITHDRAWN_S = 5.0
_FIRST_POLL_S, _POLL_SHARE = 0.05, 0.05
_DEAR_POLL_S = 2.0
_WANTED_EVERY_S = 1.0
_LATER_S = 5.0
_BUSY_S = 30.0

_Progress = tuple[int | None, frozenset[str] | None]


class Watch:
    """Of one take. Its methods may raise QuelError of the rows or of Redis."""

    def __init__(self, take: Take) -> None:
        self._take = take
        self._began_at = self._heard_at = time.monotonic()
        self._started_at: float | None = None
        self._when_waiting: _Progress | None = None

    def until_it_ends(self) -> Standing | Outcome:
        """The standing of a prompt that neither waits nor runs; or why it is not followed any more."""
        asked_at = self._began_at
        while True:
            self._take.engine.sleep(self._pause_s())
            standing = self._take.standing()
            outcome = self._judge(standing.stand)
            if outcome is not None:
                return outcome
            if standing.stand not in (Stand.PENDING, Stand.RUNNING, Stand.SILENT):
                return standing
            if self._take.engine.is_stopping():
                return Postponed("worker_stops", "Another worker goes on with the image.", 0.0)
            if time.monotonic() - asked_at >= _WANTED_EVERY_S:
                asked_at = time.monotonic()
                if not self._is_wanted():
                    return self._withdraw()

    def _pause_s(self) -> float:
        """A share of the time that passed, so that no image is seen to be ready much later than it is."""
        if not self._take.client.asks_cheaply:
            return _DEAR_POLL_S
        longest_s = self._take.engine.poll_s
        return min(longest_s, max(_FIRST_POLL_S, _POLL_SHARE * (time.monotonic() - self._began_at)))

    def _judge(self, stand: Stand) -> Outcome | None:
        now, workflow = time.monotonic(), self._take.workflow
        if stand is Stand.SILENT:
            return self._silent() if now - self._heard_at > _SILENT_S else None
        self._heard_at = now
        if stand is Stand.PENDING:
            if self._when_waiting is None:
                self._when_waiting = self._progress()
                self._holds_up(self._when_waiting[1] or frozenset())
            too_long = now - self._began_at > min(workflow.wait_s, workflow.timeout_s)
            return self._give_up_waiting() if too_long else None
        if stand is Stand.RUNNING:
            self._started_at = self._started_at or now
            return self._stop() if now - self._started_at > workflow.timeout_s else None
        return None

    def _silent(self) -> Outcome:
        self._take.servers.silent(self._take.server)
        return Postponed("server_silent", self._take.told("does not answer"), _LATER_S)

    def _progress(self) -> _Progress:
        return self._take.client.load(), self._take.client.running()

    def _give_up_waiting(self) -> Outcome:
        """The prompt never began: behind other people's, or at a server that runs nothing any more.

        One long prompt of theirs looks like a dead worker thread until it has had more time than ours get.
        """
        take, now = self._take, self._progress()
        take.client.cancel(take.submission.prompt_id)
        if now[1] and (now != self._when_waiting or not self._holds_up(now[1])):
            take.servers.rest(take.server, _BUSY_S, "it is busy with other people's prompts")
            return take.ended(Postponed("server_busy", take.told("is busy with other people's prompts"), 0.0))
        take.servers.hung(take.server, "it accepts prompts and does not run them")
        return take.ended(Postponed("server_hung", take.told("accepts prompts and does not run them"), 0.0))

    def _holds_up(self, running: frozenset[str]) -> bool:
        """Whether one of these has been running for longer than a prompt of ours may."""
        stays_s = [self._take.servers.stays_s(self._take.server, prompt_id) for prompt_id in running]
        return max(stays_s, default=0.0) > self._take.workflow.timeout_s

    def _stop(self) -> Outcome:
        """The execution takes too long."""
        take = self._take
        take.client.cancel(take.submission.prompt_id)
        if not self._lets_go(take.engine.lets_go_s):
            take.servers.hung(take.server, f"the prompt {take.submission.prompt_id} does not end")
            take.servers.stays_s(take.server, take.submission.prompt_id)
        late = take.told(f"did not finish the image within {take.workflow.timeout_s:g} s")
        return take.ended(Transient("timeout", late))

    def _withdraw(self) -> Outcome:
        """Nobody wants the picture any more."""
        self._take.client.cancel(self._take.submission.prompt_id)
        self._lets_go(_WITHDRAWN_S)
        return self._take.ended(Postponed("not_wanted", "The job has ended.", 0.0))

    def _lets_go(self, within_s: float) -> bool:
        give_up_at = time.monotonic() + within_s
        while time.monotonic() < give_up_at:
            if self._take.standing().stand not in (Stand.PENDING, Stand.RUNNING):
                return True
            self._take.engine.sleep(self._take.engine.poll_s)
        return False

    def _is_wanted(self) -> bool:
        try:
            return self._take.call.wanted()
        except QuelError:
            return True
