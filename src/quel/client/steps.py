"""What both clients do, without doing it: steps that one carries out by waiting and the other by awaiting.

A generator yields the next step and is sent what came of it. What may be sent twice is tried again while the
server is away or asks for patience; the rest is told as it is.
"""

import json
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid4

import httpx

from quel.client.models import Job, JobDetail, JobPage, Preview, Retried, Submitted, read
from quel.client.problem import problem_of

T = TypeVar("T")

TRIES = 4
_PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
_LATER = frozenset({429, 502, 503, 504})


@dataclass(frozen=True)
class Send:
    """A request: a template of a path of the API, what stands in it, and what goes with it."""

    method: str
    path: str
    ids: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    pictures: Mapping[str, bytes] | None = None
    repeatable: bool = False

    def options(self) -> dict[str, Any]:
        """The request in httpx's words."""
        given: dict[str, Any] = {"method": self.method, "url": self.path.format(**self.ids)}
        given["params"] = {name: value for name, value in self.query.items() if value is not None}
        given["headers"] = dict(self.headers)
        if self.pictures:
            given["data"] = {"job": json.dumps(self.body)}
            given["files"] = {name: (name, data) for name, data in self.pictures.items()}
        elif self.body is not None:
            given["json"] = self.body
        return given


@dataclass(frozen=True)
class Pause:
    """So many seconds are let pass."""

    seconds: float


@dataclass(frozen=True)
class Tell(Generic[T]):
    """A value for whoever goes through it."""

    value: T


Answer = httpx.Response | httpx.TransportError
Doing = Generator[Send | Pause, Any, T]
Telling = Generator[Send | Pause | Tell[T], Any, None]


def submit(
    row: Mapping[str, Any],
    *,
    pictures: Mapping[str, bytes] | None = None,
    callback_url: str | None = None,
    idempotency_key: str | None = None,
) -> Doing[Submitted]:
    """Orders a job under a key, so that it is one job however often it is sent."""
    more = {} if callback_url is None else {"callback_url": callback_url}
    headers = {"Idempotency-Key": idempotency_key or str(uuid4())}
    send = Send(
        "POST", "/api/v1/jobs", headers=headers, body={**row, **more}, pictures=pictures, repeatable=True
    )
    return read(Submitted, (yield from _answered(send)).json())


def preview(row: Mapping[str, Any]) -> Doing[Preview]:
    """Looks at what a job would make."""
    send = Send("POST", "/api/v1/jobs/preview", body=dict(row), repeatable=True)
    return read(Preview, (yield from _answered(send)).json())


def job(job_id: UUID) -> Doing[JobDetail]:
    """Looks at a job."""
    return read(JobDetail, (yield from _answered(_look(job_id))).json())


def cancel(job_id: UUID) -> Doing[Job]:
    """Cancels a job."""
    send = Send("POST", "/api/v1/jobs/{job_id}/cancel", {"job_id": str(job_id)})
    return read(Job, (yield from _answered(send)).json())


def retry(
    job_id: UUID, images: list[int] | None = None, *, failed_only: bool = False, again: bool = False
) -> Doing[Retried]:
    """Makes again what is missing of a job that has ended, or one more of each of these images."""
    asked = {"images": images, "failed_only": failed_only, "again": again}
    send = Send("POST", "/api/v1/jobs/{job_id}/retry", {"job_id": str(job_id)}, body=asked)
    return read(Retried, (yield from _answered(send)).json())


def jobs(query: Mapping[str, Any]) -> Doing[JobPage]:
    """One page of jobs."""
    send = Send("GET", "/api/v1/jobs", query=query, repeatable=True)
    return read(JobPage, (yield from _answered(send)).json())


def pages(query: Mapping[str, Any]) -> Telling[JobPage]:
    """Every page of jobs from that of the query on."""
    cursor = query.get("cursor")
    while True:
        page = yield from jobs({**query, "cursor": cursor})
        yield Tell(page)
        cursor = page.next
        if cursor is None:
            return


def watch(job_id: UUID, poll_s: float) -> Telling[JobDetail]:
    """A job as it stands, again each time it has changed, to its end; a server that is away is waited for."""
    etag, pauses = "", iter(_PAUSES_S)
    while True:
        answer: Answer = yield _look(job_id, etag)
        if _may_come_later(answer):
            yield Pause(_pause_s(answer, next(pauses, _PAUSES_S[-1])))
            continue
        pauses = iter(_PAUSES_S)
        seen = _checked(answer)
        if seen.status_code != httpx.codes.NOT_MODIFIED:
            etag = seen.headers.get("etag", "")
            standing = read(JobDetail, seen.json())
            yield Tell(standing)
            if standing.is_settled:
                return
        yield Pause(poll_s)


def _look(job_id: UUID, etag: str = "") -> Send:
    headers = {"If-None-Match": etag} if etag else {}
    return Send("GET", "/api/v1/jobs/{job_id}", {"job_id": str(job_id)}, headers=headers, repeatable=True)


def _answered(send: Send) -> Doing[httpx.Response]:
    """The answer of success. Raises ApiProblem."""
    pauses: Iterator[float] = iter(_PAUSES_S[: TRIES - 1])
    while True:
        answer: Answer = yield send
        pause_s = next(pauses, None) if send.repeatable and _may_come_later(answer) else None
        if pause_s is None:
            return _checked(answer)
        yield Pause(_pause_s(answer, pause_s))


def _checked(answer: Answer) -> httpx.Response:
    if isinstance(answer, httpx.TransportError) or answer.status_code >= httpx.codes.BAD_REQUEST:
        raise problem_of(answer)
    return answer


def _may_come_later(answer: Answer) -> bool:
    if isinstance(answer, httpx.TransportError):
        return True
    return answer.status_code in _LATER or (
        answer.status_code == 409 and problem_of(answer).code == "still-running"
    )


def _pause_s(answer: Answer, pause_s: float) -> float:
    """What the server asks for (Retry-After, in seconds), at most a minute; else the pause that was due."""
    asked = "" if isinstance(answer, httpx.TransportError) else answer.headers.get("retry-after", "")
    return min(float(asked), 60.0) if asked.isdecimal() else pause_s
