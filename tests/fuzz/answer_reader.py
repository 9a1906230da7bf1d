"""`python -m tests.fuzz.answer_reader`: images live through hostile answers, one after the other.

Whatever the provider sends, no exception leaves the engine, every call is one request, no image is called for
more often than the policy allows, every pause is bounded, and neither key, prompt nor markup shows up in what
is said. A life is repeated by its seed and number (`--seed 7 --first 1234 --lives 1`).
"""

import random
import sys
from collections import Counter
from datetime import timedelta

import httpx

from quel.adapters.gemini import GeminiEngine
from quel.core.aspect import AspectRatio
from quel.core.outcome import GenerateRequest, Outcome, Stalled, Wait
from quel.core.retry import GiveUp, RetryPolicy, Succeed, TryAgain, decide
from tests.fuzz.hostile_answers import HostileAnswer, hostile_answer
from tests.fuzz.runner import run

KEY = "AIzaSyNoRealKeyButShapedLikeOne0000000"
PROMPT = "A garment nobody else may read about"
REQUEST = GenerateRequest(PROMPT, (), AspectRatio(16, 9), 7)
POLICY = RetryPolicy()
MOST_WAITS = 20  # a 429 has no limit of its own: such a life is long enough


class ReadyAnswers(httpx.BaseTransport):
    """Answers every request with the next answer, and counts them."""

    def __init__(self) -> None:
        self.next = HostileAnswer(200, b"", {})
        self.requests = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        return httpx.Response(self.next.status, content=self.next.body, headers=self.next.headers)


class Lives:
    """Images whose calls are answered by dice; `seen` counts how each call and each life ended."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._transport = ReadyAnswers()
        self._engine = GeminiEngine(
            api_key=KEY, model="gemini-nano-banana-2.1", transport=self._transport, concurrency=1
        )
        self.seen: Counter[str] = Counter()

    def live(self, number: int) -> None:
        """One image from its first call to its end. Raises AssertionError, or what left the engine."""
        dice = random.Random(f"{self._seed}:{number}")
        attempts = broken = failing = 0
        for _ in range(MOST_WAITS):
            outcome = self._call(dice)
            decision = decide(
                outcome, attempts=attempts, broken=broken, policy=POLICY, random_fraction=dice.random()
            )
            self.seen[type(outcome).__name__] += 1
            match decision:
                case Succeed() | GiveUp():
                    break
                case TryAgain(delay_s, attempts, broken):
                    failing += 1
                    assert 0 < delay_s <= POLICY.longest_asked_s, delay_s
        assert failing < POLICY.max_attempts, failing
        assert broken < POLICY.max_broken, broken

    def _call(self, dice: random.Random) -> Outcome:
        self._transport.next = hostile_answer(dice)
        before = self._transport.requests
        outcome = self._engine.generate(REQUEST)
        assert self._transport.requests == before + 1, "one call, one request"
        said = " ".join(str(getattr(outcome, name, "")) for name in ("code", "message", "said"))
        assert KEY not in said, said
        assert PROMPT not in said, said
        assert not set("{}<>\n") & set(said), said
        assert len(said) < 600, said
        if isinstance(outcome, Wait) and outcome.retry_after is not None:
            assert timedelta() <= outcome.retry_after <= timedelta(hours=48), outcome
        assert not isinstance(outcome, Stalled) or outcome.fault.sentence
        return outcome

    def close(self) -> None:
        self._engine.close()


if __name__ == "__main__":
    sys.exit(run("answer_reader", Lives))
