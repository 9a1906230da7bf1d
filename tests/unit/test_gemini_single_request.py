"""One request a call goes out, and what came back is kept whatever the sender makes of it."""

import threading

import httpx
import pytest

from quel.adapters.bounded_http import AnswerTooLargeError, DeadlineExceededError
from quel.adapters.gemini.error_answer import HttpAnswer
from quel.adapters.gemini.single_request import SingleRequestTransport
from quel.core.outcome import Broken, Transient

URL = "http://gemini.test/"


class Wire:
    """Stands for the network: gives, raises or asks for `answer`, and remembers every request."""

    def __init__(self):
        self.answer = httpx.Response(200, content=b"a picture")
        self.sent = []
        self.requests = SingleRequestTransport(httpx.MockTransport(self), timeout_s=7)
        self.http = httpx.Client(transport=self.requests)

    def __call__(self, request):
        self.sent.append(request)
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer() if callable(self.answer) else self.answer

    def get(self, headers):
        return self.http.get(URL, headers=headers)


@pytest.fixture
def wire():
    return Wire()


PICTURE = HttpAnswer(200, b"a picture")


def test_the_answer_is_kept_and_the_sender_sees_an_empty_one(wire):
    seen = []
    assert wire.requests.reply_to(lambda headers: seen.append(wire.get(headers))) == PICTURE
    assert [(answer.status_code, answer.json()) for answer in seen] == [(200, {})]


def test_the_name_of_the_call_is_never_sent(wire):
    names = []

    def send(headers):
        names.extend(headers)
        wire.get(headers)

    wire.requests.reply_to(send)
    assert names
    assert not set(names) & set(wire.sent[0].headers)


def test_status_and_retry_after_are_kept(wire):
    wire.answer = httpx.Response(429, content=b"later", headers={"retry-after": "4"})
    assert wire.requests.reply_to(wire.get) == HttpAnswer(429, b"later", "4")


def test_the_answer_is_kept_when_the_sender_raises_something_of_its_own(wire):
    def send(headers):
        wire.get(headers)
        raise RuntimeError("mine")

    assert wire.requests.reply_to(send) == PICTURE


def test_the_request_is_sent_as_it_was_completed(wire):
    wire.requests.reply_to(wire.get, lambda request: httpx.Request("POST", request.url, content=b"all of it"))
    assert [(request.method, request.content) for request in wire.sent] == [("POST", b"all of it")]


def test_a_request_that_cannot_be_completed_is_not_sent(wire):
    def cannot(request):
        raise ValueError("A garment nobody else may read about")

    outcome = wire.requests.reply_to(wire.get, cannot)
    assert outcome == Broken("not_sent", "The request could not be sent to Gemini (ValueError).")
    assert not wire.sent


def test_only_the_first_of_several_requests_goes_out(wire):
    def send(headers):
        wire.get(headers)
        wire.answer = httpx.Response(500)
        wire.get(headers)
        wire.get(headers)

    assert wire.requests.reply_to(send) == PICTURE
    assert len(wire.sent) == 1


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (DeadlineExceededError("late"), Transient("timeout", "Gemini did not answer within 7 s.")),
        (httpx.ConnectError("nobody"), Transient("unreachable", "Gemini could not be reached.")),
        (httpx.ReadError("cut"), Transient("connection_broken", "The connection to Gemini broke.")),
        (
            AnswerTooLargeError("huge"),
            Broken("answer_too_large", "Gemini's answer was larger than any picture should be."),
        ),
    ],
)
def test_a_broken_connection_is_an_outcome_the_sender_never_hears_of(wire, error, outcome):
    wire.answer = error
    heard = []
    assert wire.requests.reply_to(lambda headers: heard.append(wire.get(headers).status_code)) == outcome
    assert heard == [200]


def test_a_request_from_another_thread_belongs_to_its_call(wire):
    def send(headers):
        thread = threading.Thread(target=wire.get, args=(headers,))
        thread.start()
        thread.join()

    assert wire.requests.reply_to(send) == PICTURE


def test_a_sender_that_gives_up_before_the_answer_does_not_lose_it(wire):
    arrived, given_up = threading.Event(), threading.Event()

    def answer():
        arrived.set()
        given_up.wait(30)
        return httpx.Response(200, content=b"a picture")

    wire.answer = answer

    def send(headers):
        threading.Thread(target=wire.get, args=(headers,)).start()
        arrived.wait(30)
        threading.Timer(0.05, given_up.set).start()
        raise TimeoutError

    assert wire.requests.reply_to(send) == PICTURE


def test_a_call_that_sends_nothing_says_so(wire):
    def send(headers):
        raise ValueError("with the prompt in it")

    assert wire.requests.reply_to(send) == Broken(
        "not_sent", "The request could not be sent to Gemini (ValueError)."
    )
    assert wire.requests.reply_to(lambda headers: None).code == "not_sent"


def test_a_request_after_its_call_goes_nowhere(wire):
    seen: list[dict[str, str]] = []
    assert wire.requests.reply_to(seen.append).code == "not_sent"
    assert wire.get(seen[0]).json() == {}
    assert wire.sent == []


def test_a_request_that_names_no_call_goes_nowhere(wire):
    assert wire.requests.reply_to(lambda headers: wire.get({})).code == "not_sent"
    assert wire.sent == []


def test_a_request_that_is_interrupted_leaves_nobody_waiting(wire):
    wire.answer = KeyboardInterrupt()

    def send(headers):
        try:
            wire.get(headers)
        except KeyboardInterrupt:
            raise RuntimeError from None

    assert wire.requests.reply_to(send).code == "connection_broken"


def test_an_interruption_of_the_call_gets_through(wire):
    wire.answer = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        wire.requests.reply_to(wire.get)
