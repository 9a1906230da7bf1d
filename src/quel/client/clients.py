"""The two clients: one waits for what it does, the other awaits it. What is done stands in `steps`."""

import time
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, TypeVar
from uuid import UUID

import anyio
import httpx

from quel.client import steps
from quel.client.models import Job, JobDetail, JobPage, Preview, Retried, Submitted
from quel.client.steps import Answer, Doing, Pause, Send, Tell, Telling

T = TypeVar("T")

TIMEOUT_S = 30.0


def _options(url: str, token: str, timeout_s: float) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}", "User-Agent": "quel-client"}
    return {"base_url": url, "headers": headers, "timeout": timeout_s, "follow_redirects": False}


class Client:
    """Speaks to the API at `url` as the holder of `token`; closed by `close` or the end of a `with` block.

    Every method raises ApiProblem where the API does not do what was asked, and ValueError for an answer that
    is none of the API's. A request that may be sent twice is tried four times while the server is away.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        timeout_s: float = TIMEOUT_S,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._http = httpx.Client(**_options(url, token, timeout_s), transport=transport)

    def submit(
        self,
        row: Mapping[str, Any],
        *,
        pictures: Mapping[str, bytes] | None = None,
        callback_url: str | None = None,
        idempotency_key: str | None = None,
    ) -> Submitted:
        """Orders a job: its row, and the pictures that its references name, by those names.

        Under one `idempotency_key` it is one job for a week; where none is given one is made for this call.
        """
        return self._do(
            steps.submit(row, pictures=pictures, callback_url=callback_url, idempotency_key=idempotency_key)
        )

    def preview(self, row: Mapping[str, Any]) -> Preview:
        """What a job would make and cost; nothing is written."""
        return self._do(steps.preview(row))

    def job(self, job_id: UUID) -> JobDetail:
        """A job with its images."""
        return self._do(steps.job(job_id))

    def cancel(self, job_id: UUID) -> Job:
        """Cancels a job: nothing new is begun, what was delivered is kept; the job as it stands."""
        return self._do(steps.cancel(job_id))

    def retry(
        self, job_id: UUID, images: list[int] | None = None, *, failed_only: bool = False, again: bool = False
    ) -> Retried:
        """Makes again what is missing of a job that has ended, or of that these images (from 1).

        With `again` one more of each of these images, which were delivered and stay as they are.
        """
        return self._do(steps.retry(job_id, images, failed_only=failed_only, again=again))

    def jobs(self, **query: Any) -> JobPage:
        """A page of jobs; `query` are the parameters of GET /api/v1/jobs: status, path, since, limit, …"""
        return self._do(steps.jobs(query))

    def pages(self, **query: Any) -> Iterator[JobPage]:
        """Every page of jobs, each asked for when it is wanted."""
        return self._tell(steps.pages(query))

    def watch(self, job_id: UUID, *, poll_s: float = 2.0) -> Iterator[JobDetail]:
        """The job now, and each time it has changed, to its end; a server that is away is waited for."""
        return self._tell(steps.watch(job_id, poll_s))

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _do(self, doing: Doing[T]) -> T:
        answer = None
        while True:
            try:
                step = doing.send(answer)
            except StopIteration as end:
                value: T = end.value
                return value
            answer = self._step(step)

    def _tell(self, telling: Telling[T]) -> Iterator[T]:
        answer = None
        while True:
            try:
                step = telling.send(answer)
            except StopIteration:
                return
            answer = None
            if isinstance(step, Tell):
                yield step.value
            else:
                answer = self._step(step)

    def _step(self, step: Send | Pause) -> Answer | None:
        if isinstance(step, Pause):
            time.sleep(step.seconds)
            return None
        try:
            return self._http.request(**step.options())
        except httpx.TransportError as error:
            return error


class AsyncClient:
    """The same, awaited; under asyncio and trio."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        timeout_s: float = TIMEOUT_S,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._http = httpx.AsyncClient(**_options(url, token, timeout_s), transport=transport)

    async def submit(
        self,
        row: Mapping[str, Any],
        *,
        pictures: Mapping[str, bytes] | None = None,
        callback_url: str | None = None,
        idempotency_key: str | None = None,
    ) -> Submitted:
        """As Client.submit."""
        return await self._do(
            steps.submit(row, pictures=pictures, callback_url=callback_url, idempotency_key=idempotency_key)
        )

    async def preview(self, row: Mapping[str, Any]) -> Preview:
        """As Client.preview."""
        return await self._do(steps.preview(row))

    async def job(self, job_id: UUID) -> JobDetail:
        """As Client.job."""
        return await self._do(steps.job(job_id))

    async def cancel(self, job_id: UUID) -> Job:
        """As Client.cancel."""
        return await self._do(steps.cancel(job_id))

    async def retry(
        self, job_id: UUID, images: list[int] | None = None, *, failed_only: bool = False, again: bool = False
    ) -> Retried:
        """As Client.retry."""
        return await self._do(steps.retry(job_id, images, failed_only=failed_only, again=again))

    async def jobs(self, **query: Any) -> JobPage:
        """As Client.jobs."""
        return await self._do(steps.jobs(query))

    def pages(self, **query: Any) -> AsyncIterator[JobPage]:
        """As Client.pages."""
        return self._tell(steps.pages(query))

    def watch(self, job_id: UUID, *, poll_s: float = 2.0) -> AsyncIterator[JobDetail]:
        """As Client.watch."""
        return self._tell(steps.watch(job_id, poll_s))

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _do(self, doing: Doing[T]) -> T:
        answer = None
        while True:
            try:
                step = doing.send(answer)
            except StopIteration as end:
                value: T = end.value
                return value
            answer = await self._step(step)

    async def _tell(self, telling: Telling[T]) -> AsyncIterator[T]:
        answer = None
        while True:
            try:
                step = telling.send(answer)
            except StopIteration:
                return
            answer = None
            if isinstance(step, Tell):
                yield step.value
            else:
                answer = await self._step(step)

    async def _step(self, step: Send | Pause) -> Answer | None:
        if isinstance(step, Pause):
            await anyio.sleep(step.seconds)
            return None
        try:
            return await self._http.request(**step.options())
        except httpx.TransportError as error:
            return error
