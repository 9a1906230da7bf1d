"""When to come back, in whatever form an answer tells it."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quel.adapters.gemini.retry_hint import LONGEST, retry_hint

NOW = datetime(2026, 11, 26, 1, 0, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)


def info(value, key="retryDelay"):
    return {"details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", key: value}]}


def hint_s(error, header=None):
    hint = retry_hint(error, header, NOW)
    return None if hint is None else hint.total_seconds()


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (info("34s"), 34),
        (info("34.07s"), 34.07),
        (info("34.074824224s"), 34.074824),
        (info("1m30s"), 90),
        (info("1h2m3.5s"), 3723.5),
        (info("500ms"), 0.5),
        (info("34"), 34),
        (info(34), 34),
        (info(3.5), 3.5),
        (info({"seconds": 34}), 34),
        (info({"seconds": "34", "nanos": 70_000_000}), 34.07),
        (info("34s", "retry_delay"), 34),
        (info({"seconds": 34, "nanos": 500_000_000}, "retry_delay"), 34.5),
        ({"retryDelay": "7s"}, 7),
        (info("PT34S"), 34),
        (info("PT1H2M3.5S"), 3723.5),
        ({"details": [{"metadata": {"quotaResetTimeStamp": "2026-11-26T01:05:00Z"}}]}, 300),
        ({"details": [{"metadata": {"quotaResetDelay": "5h59m59.5s"}}]}, 21_599.5),
        ({"message": "You exceeded your current quota. Please retry in 34.074824224s."}, 34.074824),
        ({"message": "Please try again in 20 seconds."}, 20),
        ({"message": "Please retry after 5 minutes, 30 seconds."}, 330),
        ({"message": "Your quota will reset after 5h59m59s."}, 21_599),
        ({"message": "Wait for 2 min before the next call"}, 120),
        ({"message": "429 {'details': [{'retryDelay': '34s'}]}"}, 34),
        ({"message": "429 quota [violations { }, retry_delay {\n  seconds: 34\n}\n]"}, 34),
    ],
)
def test_every_form_is_read(error, seconds):
    assert hint_s(error) == pytest.approx(seconds, abs=1e-5)


@pytest.mark.parametrize(
    "error",
    [
        {},
        info("soon"),
        info("-5s"),
        info({"seconds": "many"}),
        info({"nanos": 5}),
        info(True),
        info("PT"),
        info(None),
        info(float("nan")),
        info(10**400),
        {"message": "Please try again later."},
        {"message": "It failed after 3 retries."},
        {"message": "limit: 20, model: x"},
        {"details": 4, "message": 5},
    ],
)
def test_what_is_no_hint_is_none(error):
    assert hint_s(error) is None


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        (" 7.5 ", 7.5),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST.total_seconds()),
        ("7, 7", 7),
        ("2026-11-26T01:01:30Z", 90),
        ("Thursday, 26-Nov-26 01:01:30 GMT", 90),
        ("soon", None),
        ("", None),
    ],
)
def test_the_header_is_seconds_or_a_date(header, seconds):
    assert hint_s({}, header) == seconds


def test_the_details_count_before_the_header_and_the_header_before_the_sentence():
    sentence = {"message": "Please retry in 3s."}
    assert hint_s(info("1s") | sentence, "2") == 1
    assert hint_s(sentence, "2") == 2
    assert hint_s(info("0s") | sentence) == 3


@given(
    st.dictionaries(st.sampled_from(["message", "details", "retryDelay", "code"]), JSON), st.text(max_size=40)
)
def test_a_hint_is_never_negative_and_never_longer_than_two_days(error, header):
    hint = retry_hint(error, header, NOW)
    assert hint is None or timedelta() <= hint <= LONGEST


@given(JSON)
def test_any_value_of_a_delay_is_survived(value):
    hint = retry_hint(info(value), None, None)
    assert hint is None or timedelta() <= hint <= LONGEST
