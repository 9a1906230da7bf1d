"""The list that ids of jobs quel does not make are passed on to, for the program that makes them.

{QUEL_FORWARD_QUEUE}   list: plain job ids, pushed the way the front end does; one may come twice
"""

from uuid import UUID

import redis

from quel.adapters.redis.ingest import push


class ForwardList:
    """One raw list that quel writes and never reads from."""

    def __init__(self, client: redis.Redis, name: str) -> None:
        self._client = client
        self.name = name

    def pass_on(self, job_id: UUID) -> None:
        """Pushes an id. Raises ServiceUnavailable."""
        push(self._client, self.name, job_id)
