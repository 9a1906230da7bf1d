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

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID

from quel.core.credits import PayerKind
from quel.core.operations.audit import Difference

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
    if account.balance < 0:
        yield Difference("balance", f"{account.name} has a balance of {account.balance} credits.")
    yield from _check_chain(account, account.balance)
    if starting_balance is not None:
        booked = sum(entry.amount for entry in account.entries)
        if starting_balance + booked != account.balance:
            yield Difference(
                "balance",
                f"{account.name} began with {starting_balance} credits and its ledger sums to {booked},"
                f" but the balance is {account.balance}.",
            )


@dataclass(frozen=True)
class _Step:
    """A point of an account's history: what the balance was before and after, and when."""

    before: int
    after: int
    at: datetime | None
    name: str


def _check_chain(account: Account, balance: int) -> Iterator[Difference]:
    own = sorted(
        (entry for entry in account.entries if entry.attach_id is not None), key=lambda e: e.attach_id or 0
    )
    others = [entry.created_at for entry in account.entries if entry.attach_id is None and entry.amount]
    steps = [
        _Step(e.balance_after - e.amount, e.balance_after, e.created_at, f"attachment {e.attach_id}")
        for e in own
    ]
    steps.append(_Step(balance, balance, None, "today's balance"))
    for one, next_ in pairwise(steps):
        gone = one.after - next_.before
        if gone > 0 and not _between(others, one.at, next_.at):
            yield Difference(
                "ledger_chain",
                f"{account.name}: {gone} credits left the balance without a ledger row between"
                f" {one.name} and {next_.name}.",
            )


def _between(moments: Sequence[datetime], begin: datetime | None, end: datetime | None) -> bool:
    return any(
        (begin is None or moment >= begin - _NEAR) and (end is None or moment <= end + _NEAR)
        for moment in moments
    )
