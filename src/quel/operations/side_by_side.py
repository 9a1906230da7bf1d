"""Asks many neighbours side by side, so that those who are silent cost one deadline together."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, wait
from typing import TypeVar

T = TypeVar("T")

DEADLINE_S = 8.0
"""Of all questions together; a command that asks them ends within 15 s, its own start included."""


def within_deadline(
    questions: Mapping[str, Callable[[], T]], deadline_s: float = DEADLINE_S
) -> Iterator[tuple[str, T | None]]:
    """The answer to each question in order, None where there was none in time.

    What a question raises is raised when its turn comes. A question that is never answered ends with the
    process, which does not wait for it.
    """
    asked = {name: _ask(question) for name, question in questions.items()}
    ends_at = time.monotonic() + deadline_s
    for name, future in asked.items():
        wait([future], timeout=max(0.0, ends_at - time.monotonic()))
        yield name, future.result() if future.done() else None


def _ask(question: Callable[[], T]) -> Future[T]:
    future: Future[T] = Future()
    # Daemons, unlike a pool's threads: nobody waits for those that hang.
    threading.Thread(target=_answer, args=(future, question), daemon=True).start()
    return future


def _answer(future: Future[T], question: Callable[[], T]) -> None:
    try:
        future.set_result(question())
    except Exception as error:  # noqa: BLE001 - raised again where the answer is taken
        future.set_exception(error)
