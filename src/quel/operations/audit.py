"""Compares what was delivered with what was stored, booked, counted and charged, a page of jobs at a time.

A difference is reported when it is still there a moment later: an image that is being delivered at the time
of the first look is none. What is held is a page, the names of one customer's objects, and the differences.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import groupby
from uuid import UUID

from quel.core.credits import PayerKind
from quel.core.operations.audit import Attachment, Difference
from quel.core.operations.snapshot import Found, Snapshot, differences_in_rows, differences_in_storage
from quel.core.ports import ObjectStorage
from quel.operations.services import OperatorServices

JOBS_AT_ONCE = 1_000
MOST_SUSPECTS = 10_000
"""Differences after which nothing further is looked for: then it is no single row that is wrong."""

_LOOK_AGAIN_AFTER_S = 2.0

Told = Callable[[str, int], object]
"""Is told what has been looked through, and how much of it so far."""

_Payer = tuple[PayerKind, UUID]


def audit(
    services: OperatorServices,
    *,
    objects: bool,
    since: timedelta | None = None,
    starting_balances: Mapping[UUID, int] | None = None,
    rises: bool = False,
    look_again_after_s: float = _LOOK_AGAIN_AFTER_S,
    tell: Told = lambda _what, _count: None,
) -> list[Difference]:
    """Every difference that is there now and `look_again_after_s` later; in Storage only with `objects`.

    `since`: only jobs planned within it. `starting_balances` by organization or member, for ledgers that are
    whole: then balances must agree to the credit. `rises`: also credits that came without a ledger row, which
    are no fault of quel's (UNBOOKED_RISE). At most MOST_SUSPECTS are looked for. Raises SettingsError,
    ServiceUnavailable, DatabaseError.
    """
    look = _Look(services, services.storage if objects else None, since, starting_balances or {}, rises, tell)
    strays = look.strays()
    in_jobs, in_accounts = look.through_jobs(strays), look.through_accounts()
    if not in_jobs and not in_accounts:
        return []
    time.sleep(look_again_after_s)
    there = look.again_at_jobs(in_jobs) | look.again_at_accounts(in_accounts)
    return [difference for difference in (*in_jobs, *in_accounts) if difference in there]


@dataclass
class _Look:
    """One audit's way through everything there is."""

    services: OperatorServices
    storage: ObjectStorage | None
    since: timedelta | None
    starting_balances: Mapping[UUID, int]
    rises: bool
    tell: Told
    _folders: dict[str, dict[str, int]] = field(default_factory=dict)

    def strays(self) -> dict[UUID, list[Attachment]]:
        """Attachments that name an image which is not theirs, by its job."""
        found: dict[UUID, list[Attachment]] = {}
        for number, page in enumerate(self.services.audit.strays(self.since), start=1):
            for stray in page:
                found.setdefault(stray.job_id, []).append(stray)
            self.tell("pages of attachments", number)
            if sum(map(len, found.values())) >= MOST_SUSPECTS:
                break
        return found

    def through_jobs(self, strays: Mapping[UUID, Sequence[Attachment]]) -> dict[Difference, tuple[UUID, ...]]:
        """What differs, and the jobs to look at again for it."""
        suspects: dict[Difference, tuple[UUID, ...]] = {}
        looked_at = 0
        for job_ids in self._pages():
            suspects |= self._differences(self.services.audit.read(job_ids, strays))
            looked_at += len(job_ids)
            self.tell("jobs", looked_at)
            if len(suspects) >= MOST_SUSPECTS:
                break
        return suspects

    def _pages(self) -> Iterator[list[UUID]]:
        """Jobs in pages; of one owner each where objects are compared: one folder's are held at a time."""
        after, by_owner = None, self.storage is not None
        while places := self.services.audit.walk(self.since, after, JOBS_AT_ONCE, by_owner=by_owner):
            after = places[-1]
            for _, together in groupby(places, key=lambda place: place[0] if by_owner else None):
                yield [job_id for _, job_id in together]

    def _differences(self, snapshot: Snapshot) -> dict[Difference, tuple[UUID, ...]]:
        found: list[Found] = list(differences_in_rows(snapshot))
        if self.storage is not None:  # after the rows: what they say is delivered has been stored before
            sizes_bytes: dict[str, int] = {}
            for folder in snapshot.result_folders:
                sizes_bytes |= self._objects(folder, self.storage)
            found += differences_in_storage(snapshot, sizes_bytes)
        return dict(found)

    def _objects(self, folder: str, storage: ObjectStorage) -> dict[str, int]:
        if folder not in self._folders:
            self._folders = {folder: storage.sizes_bytes(folder)}  # only the one that is looked through
        return self._folders[folder]

    def through_accounts(self) -> dict[Difference, _Payer]:
        """What differs between balances and ledgers, and whose."""
        suspects: dict[Difference, _Payer] = {}
        for number, payer in enumerate(self.services.audit.payers(self.since), start=1):
            suspects |= dict.fromkeys(self._of_account(payer), payer)
            self.tell("accounts", number)
            if len(suspects) >= MOST_SUSPECTS:
                break
        return suspects

    def _of_account(self, payer: _Payer) -> list[Difference]:
        kind, account_id = payer
        start = self.starting_balances.get(account_id)
        return self.services.audit.check_account(kind, account_id, self.since, start, rises=self.rises)

    def again_at_jobs(self, suspects: Mapping[Difference, tuple[UUID, ...]]) -> set[Difference]:
        """What differs now of the jobs that differed."""
        job_ids = sorted({job_id for jobs in suspects.values() for job_id in jobs})
        strays = self.strays() if any(each.kind == "stray_attachment" for each in suspects) else {}
        self._folders = {}
        there: set[Difference] = set()
        for start in range(0, len(job_ids), JOBS_AT_ONCE):
            page = job_ids[start : start + JOBS_AT_ONCE]
            there |= self._differences(self.services.audit.read(page, strays)).keys()
        return there

    def again_at_accounts(self, suspects: Mapping[Difference, _Payer]) -> set[Difference]:
        """What differs now of the accounts that differed."""
        return {difference for payer in set(suspects.values()) for difference in self._of_account(payer)}
