"""A balance against its ledger: what must be said, and what must not."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quel.core.credits import MAX_BALANCE_AFTER, PayerKind
from quel.core.operations.balances import Account, Entry, check_account

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
PRICE = 5


def own(attach_id, balance_after, minute=0):
    return Entry(attach_id, -PRICE, balance_after, NOON + timedelta(minutes=minute))


def other(amount, balance_after, minute):
    return Entry(None, amount, balance_after, NOON + timedelta(minutes=minute))


def kinds(balance, *entries, start=None):
    account = Account(PayerKind.MEMBER, UUID(int=1), balance, entries)
    return [difference.kind for difference in check_account(account, start)]


def test_deductions_that_follow_on_each_other_agree():
    assert kinds(85, own(1, 95), own(2, 90), own(3, 85), start=100) == []


def test_their_order_is_that_of_the_attachments_not_of_time_or_place():
    assert kinds(85, own(3, 85, minute=0), own(1, 95, minute=9), own(2, 90, minute=5), start=100) == []


def test_credits_that_left_between_two_deductions_are_named():
    account = Account(PayerKind.MEMBER, UUID(int=1), 80, (own(1, 95), own(2, 80)))
    (difference,) = check_account(account)
    assert difference.kind == "ledger_chain"
    assert "10 credits left the balance" in difference.message
    assert "between attachment 1 and attachment 2" in difference.message


def test_credits_that_left_after_the_last_deduction_are_named():
    assert kinds(85, own(1, 95), own(2, 90)) == ["ledger_chain"]


def test_bought_credits_are_no_difference_whether_booked_or_not():
    assert kinds(185, own(1, 95), own(2, 190), own(3, 185)) == []
    assert kinds(190, own(1, 95), other(100, 195, 1), own(2, 190, 2)) == []


def test_what_others_took_and_booked_explains_a_fall():
    assert kinds(60, own(1, 95), other(-30, 65, 5), own(2, 60, 10)) == []


def test_what_others_booked_at_another_time_explains_nothing():
    assert kinds(60, own(1, 95), own(2, 60, 10), other(-30, 65, 30)) == ["ledger_chain"]


def test_a_row_of_nothing_explains_nothing():
    assert kinds(60, own(1, 95), other(0, 95, 5), own(2, 60, 10)) == ["ledger_chain"]


def test_above_the_cap_the_ledger_says_only_at_least():
    huge = MAX_BALANCE_AFTER + 1_000
    assert kinds(huge - 10, own(1, MAX_BALANCE_AFTER), own(2, MAX_BALANCE_AFTER), start=huge) == []
    below = MAX_BALANCE_AFTER - 3
    assert kinds(below, own(1, MAX_BALANCE_AFTER), own(2, below)) == []
    assert kinds(7, own(1, MAX_BALANCE_AFTER)) == ["ledger_chain"]


def test_a_balance_below_zero_is_named():
    assert kinds(-5) == ["balance"]


def test_a_known_start_must_agree_to_the_credit():
    assert kinds(190, own(1, 95), own(2, 190), start=100) == ["balance"]


def test_an_account_that_is_gone_says_nothing():
    assert kinds(None, own(1, 95)) == []


@given(
    st.integers(min_value=0, max_value=2**33),
    st.lists(st.one_of(st.just("image"), st.integers(min_value=1, max_value=10**6)), max_size=30),
    st.randoms(use_true_random=False),
)
def test_no_history_of_deductions_and_top_ups_raises_an_alarm(start, history, random):
    balance, entries = start, []
    for place, change in enumerate(history):
        if change == "image" and balance >= PRICE:
            balance -= PRICE
            entries.append(own(place + 1, min(balance, MAX_BALANCE_AFTER), minute=place))
        elif change != "image":
            balance += change
            if random.random() < 0.5:  # half of them are booked
                entries.append(other(change, min(balance, MAX_BALANCE_AFTER), minute=place))
    random.shuffle(entries)
    assert kinds(balance, *entries) == []


@given(
    st.integers(min_value=200, max_value=10**6),
    st.integers(min_value=1, max_value=20),
    st.integers(min_value=0, max_value=20),
    st.sampled_from(["image without a row", "row without an image"]),
)
def test_where_the_start_is_known_one_deduction_too_many_or_too_few_is_found(start, images, where, fault):
    balance, entries = start, []
    for attach_id in range(1, images + 1):
        balance -= PRICE
        entries.append(own(attach_id, balance))
        if attach_id == min(where, images) or (where == 0 and attach_id == 1):
            balance -= PRICE if fault == "image without a row" else -PRICE
    assert kinds(balance, *entries, start=start) != []


@pytest.mark.parametrize("kind", list(PayerKind))
def test_the_account_is_named(kind):
    (difference,) = check_account(Account(kind, UUID(int=7), -1, ()))
    assert str(UUID(int=7)) in difference.message
    assert kind.capitalize() in difference.message
