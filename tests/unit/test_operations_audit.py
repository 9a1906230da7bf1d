"""The audit as a program calls it: what is reported, what is looked at again, and where it looks."""

from uuid import UUID

from quel.core.credits import PayerKind
from quel.core.operations.balances import check_balance, check_sum
from quel.operations.audit import audit
from tests.unit.operator_services import GivenServices

PAYER = UUID(int=1)


class Rows:
    """No job and one payer, whose balance is another at each look."""

    def __init__(self, *balances):
        self.looks = list(balances)

    def walk(self, *_, by_owner):
        return []

    def strays(self, _):
        return []

    def payers(self, _):
        return [(PayerKind.MEMBER, PAYER)]

    def check_account(self, _kind, _account, _since, starting_balance, *, rises):
        balance = self.looks.pop(0)
        found = list(check_balance("Member", balance))
        if starting_balance is not None:
            found += check_sum("Member", balance, starting_balance, 0)
        return found


def kinds(rows, **options):
    services = GivenServices(audit=rows)
    found = audit(services, objects=False, look_again_after_s=0.0, **options)
    return [difference.kind for difference in found]


def test_what_is_still_there_at_the_second_look_is_reported():
    assert kinds(Rows(-1, -1)) == ["balance"]


def test_what_is_gone_by_then_or_new_is_not():
    assert kinds(Rows(-1, 0)) == []
    assert kinds(Rows(-1, -2)) == []


def test_what_agrees_is_not_looked_at_twice():
    rows = Rows(5, -1)
    assert kinds(rows) == []
    assert len(rows.looks) == 1


def test_a_known_start_makes_balances_agree_to_the_credit():
    assert kinds(Rows(5, 5), starting_balances={PAYER: 5}) == []
    assert kinds(Rows(5, 5), starting_balances={PAYER: 6}) == ["balance"]
