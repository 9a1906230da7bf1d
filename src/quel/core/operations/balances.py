"""Whether a balance agrees with its ledger, without knowing what the balance was at the start.

What can be asserted, and why it is no false alarm:

- quel's deductions of one account are in true order by attach_id: the deduction locks the account's row, the
  attachment's id is drawn under that lock. created_at is the start of the transaction and orders nothing.
- Each of them says the balance after it, and with its amount the balance before. Between the end of one and
  the beginning of the next, and between the last and today's balance, the balance may have risen: somebody
  bought credits, whether or not that stands in the ledger. It may have fallen only if the ledger has another
  row of that time; their amounts are not compared, since other servers' signs and capped rows differ.
- A balance_after at the cap of the column says "at least that much": a rise above it is never a fall.
- No balance is below zero.

Where the starting balance is known, as in tests, everything must agree to the credit.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, pairwise
from uuid import UUID

from quel.core.credits import MAX_BALANCE_AFTER, PayerKind
from quel.core.operations.audit import Difference

UNBOOKED_RISE = "unbooked_rise"
"""The kind that is worth knowing and no fault of quel's, which gives no credits."""

_NEAR = timedelta(minutes=1)
"""Rows of others count as between two deductions within this: created_at is a transaction's start."""


@dataclass(frozen=True)
class Entry:
    """A ledger row of one account. `attach_id` is given for quel's own rows only."""

    attach_id: int | None
    amount: int
    balance_after: int
    created_at: datetime


@dataclass(frozen=True)
class Account:
    """A payer, today's balance (None where its row is gone), and its ledger rows in any order."""

    kind: PayerKind
    account_id: UUID
    balance: int | None
    entries: tuple[Entry, ...]

    @property
    def name(self) -> str:
        """The account in a sentence."""
        return f"{self.kind.capitalize()} {self.account_id}"


def check_account(account: Account, starting_balance: int | None = None) -> Iterator[Difference]:
    """Today's balance and every deduction of quel's against each other (see above)."""
    if account.balance is None:
        return
    own = sorted(
        (entry for entry in account.entries if entry.attach_id is not None), key=lambda e: e.attach_id or 0
    )
    others = [entry.created_at for entry in account.entries if entry.attach_id is None and entry.amount]
    yield from check_balance(account.name, account.balance)
    for gap in gaps(own, account.balance):
        if not any(_within(moment, gap) for moment in others):
            yield gap.difference(account.name)
    if starting_balance is not None:
        booked = sum(entry.amount for entry in account.entries)
        yield from check_sum(account.name, account.balance, starting_balance, booked)


def check_balance(name: str, balance: int) -> Iterator[Difference]:
    """No balance is below zero."""
    if balance < 0:
        yield Difference("balance", f"{name} has a balance of {balance} credits.")


def check_sum(name: str, balance: int, starting_balance: int, booked: int) -> Iterator[Difference]:
    """A balance whose start is known is that start plus its whole ledger."""
    if starting_balance + booked != balance:
        yield Difference(
            "balance",
            f"{name} began with {starting_balance} credits and its ledger sums to {booked},"
            f" but the balance is {balance}.",
        )


@dataclass(frozen=True)
class _Step:
    """A point of an account's history: what the balance was before and after, and when."""

    before: int
    after: int
    at: datetime | None
    name: str


@dataclass(frozen=True)
class Gap:
    """Credits that left a balance between two steps, unless somebody else's row accounts for them.

    Fewer than none have come to it.
    """

    gone: int
    begin: _Step
    end: _Step

    @property
    def since(self) -> datetime | None:
        """From when on a row of somebody else accounts for it; None for any time before."""
        return None if self.begin.at is None else self.begin.at - _NEAR

    @property
    def until(self) -> datetime | None:
        """Until when; None for any time after."""
        return None if self.end.at is None else self.end.at + _NEAR

    def difference(self, account: str) -> Difference:
        """The gap where nobody's row accounts for it."""
        if self.gone < 0:
            return Difference(
                UNBOOKED_RISE,
                f"{account}: {-self.gone} credits came to the balance without a ledger row between"
                f" {self.begin.name} and {self.end.name}.",
            )
        return Difference(
            "ledger_chain",
            f"{account}: {self.gone} credits left the balance without a ledger row between"
            f" {self.begin.name} and {self.end.name}.",
        )


def gaps(own: Iterable[Entry], balance: int, *, rises: bool = False) -> Iterator[Gap]:
    """Where credits left between quel's deductions, in order of attach_id, and up to today's balance.

    With `rises` also where credits came, but for what the column's cap hides. One entry is held at a time,
    however long the ledger is.
    """
    today = _Step(balance, balance, None, "today's balance")
    for one, next_ in pairwise(chain(map(_step, own), (today,))):
        gone = one.after - next_.before
        if gone > 0 or (rises and gone < 0 and one.after < MAX_BALANCE_AFTER):
            yield Gap(gone, one, next_)


def _step(entry: Entry) -> _Step:
    before, name = entry.balance_after - entry.amount, f"attachment {entry.attach_id}"
    return _Step(before, entry.balance_after, entry.created_at, name)


def _within(moment: datetime, gap: Gap) -> bool:
    return (gap.since is None or moment >= gap.since) and (gap.until is None or moment <= gap.until)
