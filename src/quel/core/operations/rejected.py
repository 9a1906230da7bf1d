"""Entries of raw lists that were no job's id, or the id of no job, as an operator looks at them."""

from dataclasses import dataclass
from uuid import UUID

from quel.core.job_id import read_job_id


@dataclass(frozen=True)
class Rejected:
    """An entry that was rejected: when, from which list, why, its length, and its beginning."""

    at: str
    source: str
    reason: str
    size_bytes: int
    entry: str
    note: bytes

    @property
    def job_id(self) -> UUID | None:
        """The job's id where the entry is one: then it can be pushed again."""
        return read_job_id(self.entry.encode())
