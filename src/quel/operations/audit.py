"""Compares what was delivered with what was stored, booked, counted and charged.

A difference is reported when it is still there a moment later: an image that is being delivered at the time
of the first look is none.
"""

import time
from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from quel.core.operations.audit import Difference
from quel.core.operations.snapshot import differences_in_rows, differences_in_storage
from quel.core.ports import ObjectStorage
from quel.operations.services import OperatorServices

_LOOK_AGAIN_AFTER_S = 2.0


def audit(
    services: OperatorServices,
    *,
    objects: bool,
    since: timedelta | None = None,
    starting_balances: Mapping[UUID, int] | None = None,
    look_again_after_s: float = _LOOK_AGAIN_AFTER_S,
) -> list[Difference]:
    """Every difference that is there now and `look_again_after_s` later; in Storage only with `objects`.

    `since`: only jobs planned within it. `starting_balances` by organization or member, for ledgers that are
    whole: then balances must agree to the credit. Raises SettingsError, ServiceUnavailable, DatabaseError.
    """
    storage = services.storage if objects else None
    found = _differences(services, storage, since, starting_balances or {})
    if not found:
        return []
    time.sleep(look_again_after_s)
    later = set(_differences(services, storage, since, starting_balances or {}))
    return [difference for difference in found if difference in later]


def _differences(
    services: OperatorServices,
    storage: ObjectStorage | None,
    since: timedelta | None,
    starting_balances: Mapping[UUID, int],
) -> list[Difference]:
    snapshot = services.audit.read(since)
    found = [*differences_in_rows(snapshot, starting_balances)]
    if storage is not None:  # after the rows: what they say is delivered has been stored before
        sizes_bytes: dict[str, int] = {}
        for folder in snapshot.result_folders:
            sizes_bytes |= storage.sizes_bytes(folder)
        found += differences_in_storage(snapshot, sizes_bytes)
    return found
