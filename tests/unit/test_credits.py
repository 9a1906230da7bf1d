"""Who pays (SPEC 6), and whether they can."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from quel.core.credits import (
    NoPayer,
    Organization,
    Payer,
    PayerKind,
    cannot_afford,
    choose_payer,
)

MEMBER, USER, OWNER, ORG = (UUID(int=number) for number in range(1, 5))


def organization(status="active", credits=100):
    return Organization(ORG, status, credits, OWNER)


def test_an_active_organization_pays_and_the_ledger_names_the_member():
    payer = choose_payer(organization(), MEMBER, USER, {MEMBER: 1, OWNER: 1})
    assert payer == Payer(PayerKind.ORGANIZATION, ORG, 100, MEMBER)


def test_the_owner_stands_in_where_the_member_has_no_row():
    payer = choose_payer(organization(), MEMBER, None, {OWNER: 1})
    assert payer == Payer(PayerKind.ORGANIZATION, ORG, 100, OWNER)


def test_an_organization_without_anybody_to_book_on_is_refused():
    assert isinstance(choose_payer(organization(), MEMBER, None, {}), NoPayer)


def test_the_member_pays_where_the_organization_is_not_active():
    for status in ("pending", "inactive", "suspended", "deleted"):
        payer = choose_payer(organization(status), MEMBER, USER, {MEMBER: 9})
        assert payer == Payer(PayerKind.MEMBER, MEMBER, 9, MEMBER)


def test_the_user_stands_in_where_the_row_names_no_member():
    assert choose_payer(None, None, USER, {USER: 9}) == Payer(PayerKind.MEMBER, USER, 9, USER)


def test_a_member_without_a_row_and_a_job_without_anybody_are_refused():
    assert isinstance(choose_payer(None, MEMBER, USER, {USER: 9}), NoPayer)
    assert isinstance(choose_payer(None, None, None, {}), NoPayer)


@given(st.integers(0, 10**12), st.integers(1, 100), st.integers(0, 1_000), st.integers(0, 10**6))
def test_a_refusal_names_images_price_balance_and_what_is_held_and_comes_only_when_it_must(
    balance, images, price, held
):
    payer = Payer(PayerKind.MEMBER, MEMBER, balance, MEMBER)
    refusal = cannot_afford(payer, images, price, held=held)
    assert (refusal is None) is (images * price == 0 or balance >= images * price + held)
    if refusal is not None:
        assert ("held" in refusal) is (held > 0)
        for figure in (images, price, images * price, balance, *([held] if held else [])):
            assert str(figure) in refusal
