"""Who pays in the demonstration, and what balance and ledger say afterwards."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from quel.sandbox.demo.orders import Order
from quel.sandbox.studio import Studio

START_CREDITS = 1_000

_STUDIO = "SELECT org_credit AS balance FROM public.quel_organization WHERE org_id = %s"
_STUDIO_LEDGER = "FROM public.quel_credits WHERE org_id = %s"
_MEMBER = "SELECT quel_member_credit AS balance FROM public.quel_member WHERE quel_member_id = %s"
_MEMBER_LEDGER = "FROM public.quel_credits WHERE user_id = %s AND org_id IS NULL"


@dataclass(frozen=True)
class Account:
    """One payer after the jobs have ended: `ordered` images, the balance, and its ledger's lines and sum."""

    title: str
    ordered: int
    balance: int
    lines: int
    total: int

    def disagreements(self, price: int) -> list[str]:
        """Where orders, ledger and balance do not agree, as sentences."""
        found = []
        if self.lines != self.ordered:
            found.append(f"{self.title}: the ledger has {self.lines} lines for {self.ordered} images.")
        if self.total != -self.ordered * price:
            found.append(f"{self.title}: the ledger adds up to {self.total}, not to {-self.ordered * price}.")
        if self.balance != START_CREDITS + self.total:
            found.append(
                f"{self.title}: the balance is {self.balance}, the ledger says {START_CREDITS + self.total}."
            )
        return found


@dataclass(frozen=True)
class Payers:
    """The member who orders, and the studio that pays for all but what is personal."""

    member: UUID
    org: UUID

    def of(self, order: Order) -> UUID | None:
        """The organization that pays for the order, None where the member does."""
        return None if order.personal else self.org

    def accounts(self, studio: Studio, orders: Iterable[Order]) -> list[Account]:
        """Both accounts as the rows hold them."""
        every = list(orders)
        return [
            _account(
                "The studio", studio, self.org, _STUDIO, _STUDIO_LEDGER, _ordered(every, personal=False)
            ),
            _account(
                "The member", studio, self.member, _MEMBER, _MEMBER_LEDGER, _ordered(every, personal=True)
            ),
        ]


def make_payers(studio: Studio) -> Payers:
    """A member and a studio, each with START_CREDITS."""
    member = studio.member(START_CREDITS)
    return Payers(member, studio.organization(member, START_CREDITS))


def _ordered(orders: Iterable[Order], *, personal: bool) -> int:
    return sum(order.charged for order in orders if order.personal is personal)


def _account(title: str, studio: Studio, payer: UUID, balance: str, ledger: str, ordered: int) -> Account:
    sums = studio.rows(f"SELECT count(*) AS lines, coalesce(sum(amount), 0) AS total {ledger}", payer)[0]
    return Account(title, ordered, studio.rows(balance, payer)[0]["balance"], sums["lines"], sums["total"])
