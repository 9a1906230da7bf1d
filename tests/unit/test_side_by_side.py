"""Many are asked at once; those who are silent cost one deadline together."""

import threading
import time

import pytest

from quel.operations.side_by_side import within_deadline


def test_answers_come_in_the_order_of_the_questions_and_none_for_the_silent():
    silent = threading.Event()
    questions = {"a": lambda: 1, "b": silent.wait, "c": silent.wait, "d": lambda: 2}
    began = time.monotonic()
    answers = dict(within_deadline(questions, deadline_s=0.3))
    assert answers == {"a": 1, "b": None, "c": None, "d": 2}
    assert list(answers) == list(questions)
    assert 0.3 <= time.monotonic() - began < 5
    silent.set()


def test_what_a_question_raises_is_raised_in_its_turn():
    def fails():
        raise ValueError("no")

    answers = within_deadline({"a": lambda: 1, "b": fails}, deadline_s=5)
    assert next(answers) == ("a", 1)
    with pytest.raises(ValueError, match="no"):
        next(answers)
