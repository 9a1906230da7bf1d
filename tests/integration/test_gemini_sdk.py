"""Whatever the SDK makes of a request and its answer, the call comes to the same and is paid for once.

Every way of misbehaving is planted around the real SDK: outside and inside its retries, and at the HTTP
client it is given.
"""

import gc
import threading
from contextlib import closing, contextmanager, suppress
from datetime import timedelta

import httpx
import pytest
from google.genai._api_client import BaseApiClient

from quel.adapters.gemini import GeminiEngine, ModelState
from quel.core.aspect import AspectRatio
from quel.core.outcome import GenerateRequest, Made, PictureBytes, QuotaScope, Refused, Transient, Wait
from quel.sandbox import faults
from quel.sandbox.gemini import faults as gemini_faults
from quel.sandbox.gemini.client import Gemini

PROMPT = "A garment nobody else may read about"
LONG_S = 30.0


class SdkError(Exception):
    """One the engine has never heard of."""


def wraps(original):
    def request(*args, **kwargs):
        try:
            return original(*args, **kwargs)
        except Exception as error:
            raise SdkError from error

    return request


def raises_after_the_answer(original):
    def request(*args, **kwargs):
        original(*args, **kwargs)
        raise SdkError

    return request


def swallows(original):
    def request(*args, **kwargs):
        with suppress(Exception):
            original(*args, **kwargs)

    return request


def retries_what_fails(original):
    def request(*args, **kwargs):
        for _ in range(3):
            try:
                return original(*args, **kwargs)
            except Exception as error:  # noqa: BLE001  that is what is planted
                last = error
        raise last

    return request


def sends_everything_three_times(original):
    def request(*args, **kwargs):
        return [original(*args, **kwargs) for _ in range(3)][-1]

    return request


def calls_in_another_thread(original):
    def request(*args, **kwargs):
        answers = []
        thread = threading.Thread(target=lambda: answers.append(original(*args, **kwargs)))
        thread.start()
        thread.join()
        return answers[0]

    return request


MISBEHAVIOURS = [
    wraps,
    raises_after_the_answer,
    swallows,
    retries_what_fails,
    sends_everything_three_times,
    calls_in_another_thread,
]
PLACES = [(BaseApiClient, "request"), (BaseApiClient, "_request_once"), (httpx.Client, "send")]


@pytest.fixture(scope="module")
def gemini():
    with Gemini(in_process=True, ready_made=True) as gemini:
        yield gemini


@pytest.fixture(autouse=True)
def fresh(gemini):
    gemini.reset()


@contextmanager
def engine_of(gemini, timeout_s=LONG_S):
    engine = GeminiEngine(
        api_key=gemini.api_key, model="gemini-nano-banana-2.1", base_url=gemini.url, timeout_s=timeout_s
    )
    with closing(engine):
        yield engine


@pytest.fixture(scope="module")
def engine(gemini):
    with engine_of(gemini) as engine:
        yield engine


@pytest.fixture
def plant(monkeypatch):
    def replace(place, misbehaviour):
        owner, name = place
        monkeypatch.setattr(owner, name, misbehaviour(getattr(owner, name)))

    return replace


@pytest.fixture(params=PLACES, ids=lambda place: f"{place[0].__name__}.{place[1]}")
def place(request):
    return request.param


@pytest.fixture(params=MISBEHAVIOURS, ids=lambda misbehaviour: misbehaviour.__name__)
def misbehaviour(request):
    return request.param


def order():
    return GenerateRequest(PROMPT, (PictureBytes(b"a shirt", "image/png"),), AspectRatio(16, 9), seed=7)


def test_a_picture_that_was_paid_for_is_kept_and_bought_once(gemini, engine, plant, place, misbehaviour):
    plant(place, misbehaviour)
    outcome = engine.generate(order())
    assert isinstance(outcome, Made)
    assert outcome.cost_usd == 0.0336
    assert [call.outcome for call in gemini.calls()] == ["made"]


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (gemini_faults.quota_minute("53s"), Wait(QuotaScope.MINUTE, timedelta(seconds=53))),
        (
            gemini_faults.server_error(503),
            Transient("overloaded", "Gemini is overloaded (503).", overloaded=True),
        ),
        (
            faults.cut_during_answer(),
            Transient("connection_broken", "The connection to Gemini broke."),
        ),
        (gemini_faults.blocked_prompt(), Refused),
        (faults.gateway_page(307), Refused),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_every_other_answer_is_told_as_it_was_and_not_asked_for_again(
    gemini, engine, plant, misbehaviour, fault, outcome
):
    gemini.fail_when(PROMPT, fault)
    plant(PLACES[0], misbehaviour)
    told = engine.generate(order())
    assert told == outcome or isinstance(told, outcome)
    assert len(gemini.calls()) == 1


def test_a_deadline_stays_a_deadline(gemini, plant, misbehaviour):
    gemini.fail_when(PROMPT, faults.hang())
    plant(PLACES[0], misbehaviour)
    with engine_of(gemini, timeout_s=0.3) as engine:
        told = engine.generate(order())
    assert told == Transient("timeout", "Gemini did not answer within 0.3 s.")
    assert len(gemini.calls()) == 1


def test_the_model_is_asked_for_past_the_sdk_as_well(engine, plant, place, misbehaviour):
    plant(place, misbehaviour)
    assert engine.check_model().state is ModelState.OK


def test_an_sdk_that_fails_before_it_sends_buys_nothing(gemini, engine, plant):
    def fails(original):
        def request(*args, **kwargs):
            raise SdkError(PROMPT)

        return request

    plant(PLACES[0], fails)
    outcome = engine.generate(order())
    assert outcome.code == "not_sent"
    assert PROMPT not in outcome.message
    assert gemini.calls() == []


def test_an_sdk_that_sends_after_its_call_is_over_buys_nothing(gemini, engine, plant):
    late = []

    def postpones(original):
        def request(*args, **kwargs):
            late.append(lambda: original(*args, **kwargs))
            raise SdkError

        return request

    plant(PLACES[0], postpones)
    assert engine.generate(order()).code == "not_sent"
    late[0]()
    assert gemini.calls() == []


def test_threads_with_a_misbehaving_sdk_get_each_their_own_answer(gemini, engine, plant):
    plant(PLACES[1], calls_in_another_thread)
    plant(PLACES[0], raises_after_the_answer)
    gemini.fail_when("blocked", gemini_faults.blocked_prompt())
    outcomes = {}

    def generate(number):
        prompt = "blocked" if number % 2 else "fine"
        outcomes[number] = engine.generate(GenerateRequest(prompt, (), AspectRatio(16, 9), seed=number))

    threads = [threading.Thread(target=generate, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [isinstance(outcomes[number], Refused if number % 2 else Made) for number in range(16)] == [
        True
    ] * 16
    assert len(gemini.calls()) == 16


def test_the_sdk_never_sees_the_megabytes(engine, plant):
    seen = []

    def looks(original):
        def request(*args, **kwargs):
            answer = original(*args, **kwargs)
            seen.append(answer.body)
            return answer

        return request

    plant(PLACES[0], looks)
    assert isinstance(engine.generate(order()), Made)
    assert seen == ["{}"]


@pytest.mark.parametrize("fault", [gemini_faults.server_error(503), faults.cut_before_answer()])
def test_no_request_with_its_key_survives_a_failed_call(gemini, engine, fault):
    gemini.fail_next(fault)
    assert isinstance(engine.generate(order()), Transient)
    gc.collect()
    kept = [thing for thing in gc.get_objects() if isinstance(thing, httpx.Request)]
    assert [thing for thing in kept if thing.headers.get("x-goog-api-key") == gemini.api_key] == []
