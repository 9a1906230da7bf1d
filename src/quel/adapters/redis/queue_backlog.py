"""Counts what waits in Redis: queues, dead letters, raw lists, cached bytes; and the signs of life there."""

from collections.abc import Callable, Iterable

import redis

from quel.adapters.redis.blobs import Pool, total_key
from quel.adapters.redis.client import redis_errors
from quel.adapters.redis.ingest import signs_of_life
from quel.adapters.redis.quota import blocked_for_s, breaker_fault
from quel.adapters.redis.rejected import REJECTED
from quel.adapters.redis.sweep_heartbeat import SweepHeartbeat
from quel.core.operations.backlog import QueueBacklog
from quel.core.pipeline import Step

_NAMESPACE = "dramatiq"


class QueueBacklogReader:
    """Reads the broker's database (`broker`) and quel's own (`client`), with a few round trips.

    `pauses` tells the paused paths, which are not in Redis.
    """

    def __init__(
        self,
        broker: redis.Redis,
        client: redis.Redis,
        sources: tuple[str, ...],
        pauses: Callable[[], Iterable[str]],
    ) -> None:
        self._broker, self._client = broker, client
        self._sources = sources
        self._pauses = pauses
        self._heartbeat = SweepHeartbeat(client)

    def read(self) -> QueueBacklog:
        """Everything at one moment. Raises ServiceUnavailable."""
        with redis_errors():
            pipeline = self._client.pipeline(transaction=False)
            for source in self._sources:
                pipeline.llen(source)
            pipeline.llen(REJECTED)
            for pool in Pool:
                pipeline.get(total_key(pool))
            answers = pipeline.execute(raise_on_error=False)  # a key of another type is no number
        lengths = [answer if isinstance(answer, int) else 0 for answer in answers]
        bytes_kept = [int(answer or 0) for answer in answers[-len(Pool) :]]
        return QueueBacklog(
            messages=self._messages(),
            raw=dict(zip(self._sources, lengths, strict=False)),
            ingest_seen_at=signs_of_life(self._client),
            swept_at=self._heartbeat.last_at(),
            rejected=lengths[len(self._sources)],
            paused_paths=frozenset(self._pauses()),
            blocked_for_s=blocked_for_s(self._client),
            provider_fault=breaker_fault(self._client),
            cached_bytes=dict(zip((pool.value for pool in Pool), bytes_kept, strict=True)),
        )

    def _messages(self) -> dict[tuple[str, str], int]:
        """What waits, is delayed (held in some worker's memory or not) or was given up, a queue."""
        kinds = [(stage.value, kind) for stage in Step for kind in ("waiting", "delayed", "dead")]
        with redis_errors():
            pipeline = self._broker.pipeline(transaction=False)
            for stage in Step:
                pipeline.llen(f"{_NAMESPACE}:{stage.value}")
                pipeline.hlen(f"{_NAMESPACE}:{stage.value}.DQ.msgs")
                pipeline.zcard(f"{_NAMESPACE}:{stage.value}.XQ")
            return dict(zip(kinds, pipeline.execute(), strict=True))
