"""Every thread gets the answer to its own request, however many call over however few connections."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import pytest

from quel.adapters.bounded_http import AnswerTooLargeError, bounded_client
from quel.core.aspect import AspectRatio
from quel.core.outcome import GenerateRequest
from quel.core.prepare_inputs import DOWNLOADS_AT_ONCE
from quel.environment import read_settings
from quel.sandbox.http_server import LoopbackServer, Reply
from quel.services import Services

LONG_S = 60.0


class Echo:
    """Answers each request with its own number."""

    def answer(self, request):
        return Reply(body=request.query["number"].encode(), content_type="text/plain")


class Together:
    """Answers nobody before `count` requests are there at once."""

    def __init__(self, count):
        self._barrier = threading.Barrier(count, timeout=LONG_S)

    def answer(self, request):
        self._barrier.wait()
        return Reply(body=b"all there")


class Held:
    """Answers nobody until it is told, and counts who is there."""

    def __init__(self):
        self.arrived = threading.Semaphore(0)
        self.told = threading.Event()

    def answer(self, request):
        self.arrived.release()
        self.told.wait(LONG_S)
        return Reply(body=b"late")


@contextmanager
def serving(application):
    with closing(LoopbackServer(application)) as server:
        server.start()
        yield server.url


@pytest.fixture
def hasty_threads():
    """Threads change every 10 µs, so that what can go wrong between them does within a few hundred calls."""
    usual_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(usual_s)


@pytest.mark.usefixtures("hasty_threads")
@pytest.mark.parametrize(("callers", "connections"), [(16, 4), (24, 10), (16, 1)])
def test_no_answer_is_lost_or_mixed_up(callers, connections):
    with (
        serving(Echo()) as one,
        serving(Echo()) as other,
        bounded_client(timeout_s=LONG_S, max_answer_bytes=1_000, max_connections=connections) as http,
        ThreadPoolExecutor(callers) as threads,
    ):

        def call(number):
            url = (one, other)[number % 2] if number < 400 else one
            return http.get(url, params={"number": number}).text

        assert list(threads.map(call, range(800))) == [str(number) for number in range(800)]


def test_no_more_calls_run_at_once_than_there_are_connections():
    held = Held()
    with (
        serving(held) as url,
        bounded_client(timeout_s=LONG_S, max_answer_bytes=1_000, max_connections=4) as http,
        ThreadPoolExecutor(6) as threads,
    ):
        calls = [threads.submit(http.get, url) for _ in range(6)]
        assert all(held.arrived.acquire(timeout=LONG_S) for _ in range(4))
        assert not held.arrived.acquire(timeout=0.2)
        held.told.set()
        assert [call.result().text for call in calls] == ["late"] * 6


def test_a_call_that_fails_frees_its_connection():
    with (
        serving(Echo()) as url,
        bounded_client(timeout_s=LONG_S, max_answer_bytes=3, max_connections=1) as http,
    ):
        for _ in range(3):
            with pytest.raises(AnswerTooLargeError):
                http.get(url, params={"number": 1_000})
        assert http.get(url, params={"number": 7}).text == "7"


def settings(url):
    return read_settings(
        {"SUPABASE_URL": url, "SUPABASE_SERVICE_KEY": "k", "GEMINI_API_KEY": "k", "GEMINI_BASE_URL": url}
    )


def test_every_download_of_every_thread_has_a_connection():
    downloads = 4 * DOWNLOADS_AT_ONCE
    with (
        serving(Together(downloads)) as url,
        closing(Services(settings(url), threads=4)) as services,
        ThreadPoolExecutor(downloads) as threads,
    ):
        pictures = threads.map(services.storage.read_reference, [f"{n}.png" for n in range(downloads)])
        assert list(pictures) == [b"all there"] * downloads


def test_every_thread_that_makes_images_has_a_connection():
    request = GenerateRequest("a shirt", (), AspectRatio(1, 1), seed=7)
    with (
        serving(Together(8)) as url,
        closing(Services(settings(url), threads=8)) as services,
        ThreadPoolExecutor(8) as threads,
    ):
        outcomes = threads.map(services.engine.generate, [request] * 8)
        codes = [getattr(outcome, "code", "") for outcome in outcomes]
        assert codes == ["unreadable_answer"] * 8  # it is no picture
