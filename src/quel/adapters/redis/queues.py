"""Looks into the queues: how many messages wait for a step, and for which jobs and images."""

import json
from uuid import UUID

import redis

from quel.adapters.redis.client import redis_errors
from quel.adapters.redis.ingest import ids_on, waiting_ids
from quel.core.pipeline import Step

_NAMESPACE = "dramatiq"
_MOST = 5_000
"""Entries of one raw list that are looked through; with more, nobody can say that a job is on none."""

_MOST_MESSAGES = 50_000
"""Messages of one queue that are looked through, about 20 MB; with more, nobody can say that one is lost."""


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

    def backlog(self, step: Step) -> int:
        """The messages of a step that no worker has fetched; neither running nor delayed ones."""
        with redis_errors():
            return int(self._broker.llen(f"{_NAMESPACE}:{step.value}"))

    def jobs_to_fetch(self) -> set[UUID] | None:
        """The jobs on a raw list, or in a message to fetch_job that waits, runs or is delayed."""
        messages = self.waiting(Step.FETCH_JOB)
        entries = waiting_ids(self._lists, self._sources, most=_MOST)
        if messages is None or entries is None:
            return None
        return {job_id for job_id, _ in messages} | entries

    def waiting(self, step: Step) -> set[tuple[UUID, int | None]] | None:
        """The (job_id, image_no) of a step's messages that wait, run or are delayed; None for too many."""
        found: set[tuple[UUID, int | None]] = set()
        with redis_errors():
            for queue in (step.value, f"{step.value}.DQ"):
                key = f"{_NAMESPACE}:{queue}.msgs"
                if int(self._broker.hlen(key)) > _MOST_MESSAGES:
                    return None
                for message in self._broker.hvals(key):
                    job_id, image_no = (*json.loads(message)["args"], None)[:2]
                    found.add((UUID(job_id), image_no))
        return found

    def foreign_ids(self) -> set[UUID] | None:
        """The jobs on the lists of other consumers; None where there are too many to look through."""
        return ids_on(self._lists, self._foreign, most=_MOST)
