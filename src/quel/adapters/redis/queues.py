"""Looks into the queues: how many messages wait for a stage, and which jobs are on their way to fetch_job."""

import json
from uuid import UUID

import redis

from quel.adapters.redis.client import redis_errors
from quel.adapters.redis.ingest import ids_on, waiting_ids
from quel.core.pipeline import Step

_NAMESPACE = "dramatiq"
_MOST = 5_000
"""Entries of one queue that are looked through; with more, nobody can say that a job is on none."""


class Queues:
    """Reads the broker's database (`broker`) and the raw lists. Every method raises ServiceUnavailable.

    `sources` are the lists quel takes ids from, `foreign` those of other consumers.
    """

    def __init__(
        self,
        broker: redis.Redis,
        lists: redis.Redis,
        sources: tuple[str, ...],
        foreign: tuple[str, ...] = (),
    ) -> None:
        self._broker = broker
        self._lists = lists
        self._sources = sources
        self._foreign = foreign

    def backlog(self, stage: Step) -> int:
        """The messages of a stage that no worker has fetched; neither running nor delayed ones."""
        with redis_errors():
            return int(self._broker.llen(f"{_NAMESPACE}:{stage.value}"))

    def jobs_to_fetch(self) -> set[UUID] | None:
        """The jobs on a raw list, or in a message to fetch_job that waits, runs or is delayed."""
        messages = self._messages()
        entries = waiting_ids(self._lists, self._sources, most=_MOST)
        return None if messages is None or entries is None else messages | entries

    def foreign_ids(self) -> set[UUID] | None:
        """The jobs on the lists of other consumers; None where there are too many to look through."""
        return ids_on(self._lists, self._foreign, most=_MOST)

    def _messages(self) -> set[UUID] | None:
        jobs: set[UUID] = set()
        with redis_errors():
            for queue in (Step.FETCH_JOB.value, f"{Step.FETCH_JOB.value}.DQ"):
                key = f"{_NAMESPACE}:{queue}.msgs"
                if int(self._broker.hlen(key)) > _MOST:
                    return None
                jobs |= {UUID(json.loads(message)["args"][0]) for message in self._broker.hvals(key)}
        return jobs
