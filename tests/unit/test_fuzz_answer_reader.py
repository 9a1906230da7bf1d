"""A short run of the fuzzer, always the same: it lives through every kind of outcome, and notices a fault."""

import pytest

from quel.core.outcome import Broken, Made, Refused, Stalled, Transient, Wait
from tests.fuzz.answer_reader import PROMPT, Lives


@pytest.fixture
def lives():
    lives = Lives(seed=1)
    yield lives
    lives.close()


def test_hostile_answers_bring_every_kind_of_outcome_and_no_exception(lives):
    for number in range(60):
        lives.live(number)
    assert set(lives.seen) == {kind.__name__ for kind in (Broken, Made, Refused, Stalled, Transient, Wait)}


def test_an_outcome_that_quotes_the_prompt_is_noticed(lives, monkeypatch):
    told = Refused("bad_request", f"It said: {PROMPT}")
    monkeypatch.setattr("quel.adapters.gemini.engine.judge_answer", lambda *_: told)
    monkeypatch.setattr("quel.adapters.gemini.engine.judge_error", lambda *_: told)
    with pytest.raises(AssertionError):
        lives.live(0)
