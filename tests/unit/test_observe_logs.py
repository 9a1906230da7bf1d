import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from quel.observe.events import Event, emit, level_of
from quel.observe.logs import configure_logs, log_context


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_an_event_is_one_line_of_json_that_begins_with_when_and_what(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs("info", "json")
    with log_context(job_id="j", path="eats", stage=0, image=None):
        emit(Event.IMAGE_STORED, attach_id=7, bytes=10, credits=5, balance=20)
    [line] = lines(capsys)
    assert list(line)[:3] == ["timestamp", "level", "event"]
    assert line["event"] == "image.stored"
    assert {name: line[name] for name in ("job_id", "path", "stage", "attach_id")} == {
        "job_id": "j", "path": "eats", "stage": 0, "attach_id": 7,
    }  # fmt: skip
    assert "image" not in line


def test_what_a_block_is_about_ends_with_the_block(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "json")
    with log_context(job_id="j"):
        pass
    emit(Event.PROCESS_STARTED)
    assert "job_id" not in lines(capsys)[0]


def test_lines_of_libraries_have_the_same_shape_and_chatty_ones_are_silent(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs("info", "json")
    logging.getLogger("dramatiq.worker").warning("Restarting consumer.")
    logging.getLogger("httpx").info("GET https://storage.example/user-7/picture.png")
    [line] = lines(capsys)
    assert (line["event"], line["logger"]) == ("Restarting consumer.", "dramatiq.worker")


def test_a_traceback_shows_no_value_of_a_variable(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "json")
    key = "a-key-" + "of-the-account"
    try:
        int(len(key) * "x")
    except ValueError:
        logging.getLogger("quel").exception("It failed.")
    [line] = lines(capsys)
    assert "ValueError" in line["exception"]
    assert key not in line["exception"]


@pytest.mark.parametrize("event", Event)
def test_an_event_is_logged_at_its_level(event: Event, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "json")
    emit(event)
    assert [line["level"] for line in lines(capsys)] == [level_of(event)]
