"""The cancel keys the front end sets: `job:{job_id}:cancelled` = `true`, gone after an hour.

A key that was seen is written to the job's row before anything follows from it: it outlasts the key. It is
looked at again while the row is locked: a job that was taken up again meanwhile is not cancelled once more.
"""

from collections.abc import Callable, Sequence
from typing import Protocol
from uuid import UUID

import redis

from quel.adapters.redis.client import redis_errors

_NO = {b"", b"0", b"false"}


class Rows(Protocol):
    """Where a key that was seen is written."""

    def mark_in_hand(
        self, job_ids: Sequence[UUID], still: Callable[[Sequence[UUID]], set[UUID]]
    ) -> set[UUID]:
        """Marks those that quel has in hand: a key may be set for another program's job as well."""

    def mark(self, job_id: UUID, still: Callable[[Sequence[UUID]], set[UUID]]) -> None:
        """Marks a job that is known to be quel's."""


class Cancellations:
    """Asks whether jobs were cancelled by key; `rows` has it written to those that quel has in hand."""

    def __init__(self, client: redis.Redis, rows: Rows | None = None) -> None:
        self._client = client
        self._rows = rows

    def is_cancelled(self, job_id: UUID) -> bool:
        """Whether the job's key is set. Raises ServiceUnavailable."""
        return bool(self.cancelled_among([job_id]))

    def cancelled_among(self, job_ids: Sequence[UUID]) -> set[UUID]:
        """Those whose key is set, and still is with their rows locked. Raises ServiceUnavailable."""
        cancelled = self._set_among(job_ids)
        if cancelled and self._rows is not None:
            return self._rows.mark_in_hand(sorted(cancelled), self._set_among)
        return cancelled

    def is_set(self, job_id: UUID) -> bool:
        """Whether the job's key is set; nothing is written. Raises ServiceUnavailable."""
        return bool(self._set_among([job_id]))

    def write(self, job_id: UUID) -> None:
        """Writes to the row of a job that is quel's that it was cancelled. Raises ServiceUnavailable."""
        if self._rows is not None:
            self._rows.mark(job_id, self._set_among)

    def _set_among(self, job_ids: Sequence[UUID]) -> set[UUID]:
        if not job_ids:
            return set()
        with redis_errors():
            values = self._client.mget([_key(job_id) for job_id in job_ids])
        return {job_id for job_id, value in zip(job_ids, values, strict=True) if _says_yes(value)}

    def cancel(self, job_id: UUID) -> None:
        """Sets the key as the front end does. Raises ServiceUnavailable."""
        with redis_errors():
            self._client.set(_key(job_id), "true", ex=3600)

    def clear(self, job_id: UUID) -> None:
        """Removes the key, so that a job may be taken up again. Raises ServiceUnavailable."""
        with redis_errors():
            self._client.delete(_key(job_id))


def _key(job_id: UUID) -> str:
    return f"job:{job_id}:cancelled"


def _says_yes(value: object) -> bool:
    return isinstance(value, bytes) and value.strip().lower() not in _NO
