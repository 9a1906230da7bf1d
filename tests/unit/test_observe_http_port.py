"""The port of health and metrics answers whoever asks, however many sit on it and say nothing."""

import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from prometheus_client import CollectorRegistry

from quel.observe.health import Check
from quel.observe.http_port import HttpPort

SILENT = 40


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("", 0)) as free:
        number = int(free.getsockname()[1])
    http = HttpPort(live=lambda: [Check("process", ok=True)], ready=list, metrics=lambda: CollectorRegistry())
    assert http.open(number)
    yield number
    http.close()


def answered(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/livez", timeout=30) as answer:
        return str(answer.read().decode())


def test_connections_that_say_nothing_take_few_threads_and_keep_no_probe_from_its_answer(port: int) -> None:
    before = threading.active_count()
    with ExitStack() as stack:
        for _ in range(SILENT):
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        assert "process" in answered(port)
        assert threading.active_count() - before <= 9
        assert all("process" in answered(port) for _ in range(10))


def test_threads_are_given_back(port: int) -> None:
    before = threading.active_count()
    for _ in range(30):
        answered(port)
    until = time.monotonic() + 30
    while threading.active_count() > before and time.monotonic() < until:
        time.sleep(0.01)
    assert threading.active_count() <= before
