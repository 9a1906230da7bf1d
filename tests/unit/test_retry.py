"""What follows from a provider call, for every outcome and count."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from quel.core.operator_fault import OperatorFault
from quel.core.outcome import Broken, Made, PictureBytes, QuotaScope, Refused, Stalled, Transient, Wait
from quel.core.retry import (
    GiveUp,
    RetryPolicy,
    Succeed,
    TryAgain,
    WaitForOperator,
    WaitForQuota,
    decide,
    pause_s,
)

POLICY = RetryPolicy()
OVERLOADED = Transient("overloaded", "Gemini is overloaded (503).", overloaded=True)
NO_IMAGE = Broken("no_picture_no_image", "Gemini answered without a picture.")
FRACTIONS = st.floats(min_value=0, max_value=1, exclude_max=True)


def decision(outcome, attempts=0, broken=0, policy=POLICY, random_fraction=0.0):
    return decide(outcome, attempts=attempts, broken=broken, policy=policy, random_fraction=random_fraction)


def calls_until_given_up(outcome, policy=POLICY):
    attempts = broken = 0
    for calls in range(1, 100):
        next_step = decision(outcome, attempts, broken, policy)
        if isinstance(next_step, GiveUp):
            return calls
        attempts, broken = next_step.attempts, next_step.broken
    raise AssertionError("it never gives up")


def test_a_picture_is_success_however_many_calls_failed():
    picture = PictureBytes(b"x", "image/png")
    assert decision(Made(picture, 0.03), attempts=9, broken=2) == Succeed(picture, 0.03)


def test_a_refusal_fails_at_once_with_the_providers_reason():
    refused = Refused("unknown_model", "Gemini does not know the model.", account=True)
    assert decision(refused) == GiveUp("unknown_model", "Gemini does not know the model.", account=True)


def test_a_429_waits_and_spends_nothing_even_when_nearly_all_is_spent():
    wait = Wait(QuotaScope.MINUTE, timedelta(seconds=53))
    assert decision(wait, attempts=9, broken=2) == WaitForQuota(QuotaScope.MINUTE, timedelta(seconds=53))
    assert decision(Wait(QuotaScope.UNKNOWN, None)) == WaitForQuota(QuotaScope.UNKNOWN, None)


@given(st.sampled_from(OperatorFault), st.integers(0, 9), st.integers(0, 2))
def test_what_an_operator_must_mend_waits_and_spends_nothing(fault, attempts, broken):
    assert decision(Stalled(fault), attempts, broken) == WaitForOperator(fault)


@given(st.floats(0, 1e6), st.integers(0, 8), FRACTIONS)
def test_the_provider_may_ask_for_a_longer_pause_within_two_minutes_but_not_for_a_shorter(
    seconds, attempts, fraction
):
    asked = Transient("overloaded", "Overloaded.", retry_after=timedelta(seconds=seconds))
    own_s = pause_s(attempts + 1, POLICY, fraction)
    delay_s = decision(asked, attempts, random_fraction=fraction).delay_s
    assert delay_s == max(own_s, min(timedelta(seconds=seconds).total_seconds(), 120.0))


def test_what_a_retry_can_mend_gets_ten_calls():
    assert calls_until_given_up(OVERLOADED) == 10
    assert calls_until_given_up(OVERLOADED, RetryPolicy(max_attempts=2)) == 2


def test_an_answer_without_a_picture_gets_three_calls():
    assert calls_until_given_up(NO_IMAGE) == 3


def test_other_failures_before_leave_a_pictureless_answer_its_three_calls():
    assert decision(NO_IMAGE, attempts=5, broken=1) == TryAgain(10.0, 6, 2, NO_IMAGE.code, NO_IMAGE.message)
    assert isinstance(decision(NO_IMAGE, attempts=5, broken=2), GiveUp)


def test_pictureless_answers_count_among_the_failing_calls():
    assert isinstance(decision(NO_IMAGE, attempts=9, broken=0), GiveUp)


def test_giving_up_says_how_many_calls_were_made_and_why():
    given_up = decision(OVERLOADED, attempts=9)
    assert given_up.code == "overloaded"
    assert given_up.message == "No picture after 10 calls to the provider. Gemini is overloaded (503)."
    assert "after one call" in decision(OVERLOADED, policy=RetryPolicy(max_attempts=1)).message


def test_pauses_double_from_half_a_second():
    assert [pause_s(n, POLICY, 0.0) for n in range(1, 8)] == [0.5, 1, 2, 4, 8, 10, 10]


@given(st.integers(min_value=1, max_value=10_000), FRACTIONS)
def test_no_pause_is_shorter_than_half_a_second_or_longer_than_twenty(attempts, fraction):
    assert 0.5 <= pause_s(attempts, POLICY, fraction) <= 20


@given(st.integers(min_value=1, max_value=50))
def test_every_pause_is_spread(attempts):
    assert pause_s(attempts, POLICY, 0.9) > pause_s(attempts, POLICY, 0.1) * 1.5
