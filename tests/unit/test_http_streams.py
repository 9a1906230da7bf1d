"""Streams of events: the present state first, then what is new, and nobody is forgotten."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest

from quel.core.errors import ServiceUnavailable
from quel.core.operations.job_progress import ImageProgress, JobProgress, changes
from quel.http import streams as module
from quel.http.problems import Problem
from quel.http.streams import MOST_A_PROCESS, MOST_A_TOKEN, Streams, all_news, job_news, tell
from quel.observe.events import hearing
from tests.unit.http_world import OURS, THEIRS, an_api, asks_as

WAITS = ImageProgress(1, "ready", None, None)
STORED = ImageProgress(1, "stored", 7, None)
FAILED = ImageProgress(2, "failed", None, "blocked")


def a_job(org=OURS, path="fashion", **more):
    job = JobProgress(uuid4(), org, path, "processing", 0, 0, 2, (), False, (WAITS,))
    return replace(job, **more)


def ended(job):
    return replace(
        job, status="completed", completed=1, attach_ids=(7,), is_settled=True, images=(STORED, FAILED)
    )


class Rows:
    """Jobs as they stand; counts how often it is asked for some, and for all."""

    def __init__(self, *jobs, window=500):
        self.jobs, self.looks, self.away = {job.job_id: job for job in jobs}, 0, False
        self.window, self.looks_at_all = window, 0

    async def seen_by_all(self):
        """Returns once the poller has looked at all of them, from now on, and told it."""
        before = self.looks_at_all
        while self.looks_at_all < before + 3:  # one may have begun before, and the last one has only begun
            await asyncio.sleep(0.005)

    def of(self, job_ids):
        self.looks += 1
        if self.away:
            raise ServiceUnavailable("PostgreSQL is away.")
        return [self.jobs[job_id] for job_id in job_ids if job_id in self.jobs]

    def open(self, most, followed=()):
        self.looks_at_all += 1
        opened = [job for job in self.jobs.values() if job.status in ("pending", "processing")]
        named = [job for job_id, job in self.jobs.items() if job_id in followed]
        newest = opened[::-1][: min(most, self.window)]
        return [*newest, *(job for job in named if job not in newest)]


def test_a_change_is_told_once_and_the_end_last():
    job = a_job()
    assert [name for name, _ in changes(None, job)] == ["job", "image"]
    assert list(changes(job, job)) == []
    told = list(changes(job, ended(job)))
    assert [name for name, _ in told] == ["job", "image", "image", "end"]
    assert told[1][1] == {"job_id": str(job.job_id), "no": 1, "state": "stored", "attach_id": 7}
    assert told[2][1] == {"job_id": str(job.job_id), "no": 2, "state": "failed", "reason": "blocked"}
    assert told[3][1]["attach_ids"] == [7]


@pytest.fixture(autouse=True)
def _fast(monkeypatch):
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(module, "PING_EVERY_S", 0.05)


def names_of(chunks):
    lines = b"".join(chunks).decode().splitlines()
    return [line.removeprefix("event: ") for line in lines if line.startswith(("event: ", ": ping"))]


def run_with(rows, script):
    """Runs `script(streams)` beside the poller."""

    async def run():
        streams = Streams(rows.of, lambda followed: rows.open(500, followed))
        poller = asyncio.create_task(streams.run())
        try:
            return await asyncio.wait_for(script(streams), 20)
        finally:
            streams.close()
            await poller

    return asyncio.run(run())


async def heard(streams, job, name="studio", may_go_on=lambda: True):
    events = tell(streams.listening(name, job), news=job_news, may_go_on=may_go_on)
    return [chunk async for chunk in events]


def test_many_hear_of_one_end_by_one_look_and_nothing_stays_behind():
    job = a_job()
    rows = Rows(job)

    async def script(streams):
        listening = [asyncio.create_task(heard(streams, job, f"token-{n}")) for n in range(50)]
        await asyncio.sleep(0.1)
        before = rows.looks
        await asyncio.sleep(0.1)
        assert rows.looks - before <= 11
        rows.jobs[job.job_id] = ended(job)
        told = await asyncio.gather(*listening)
        assert streams._of_job == {}
        return told

    for chunks in run_with(rows, script):
        names = [name for name in names_of(chunks) if name != ": ping"]
        assert names == ["job", "image", "job", "image", "image", "end"]
        assert chunks[0] == b"retry: 2000\n\n"


def test_an_outage_is_told_once_and_waited_out():
    job = a_job()
    rows = Rows(job)
    told: list[tuple[object, str]] = []

    async def script(streams):
        rows.away = True
        listening = asyncio.create_task(heard(streams, job))
        while not told:
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.1)
        rows.away, rows.jobs[job.job_id] = False, ended(job)
        return await listening

    with hearing(lambda event, fields: told.append((event, fields["reason"]))):
        names = names_of(run_with(rows, script))
    assert names[-1] == "end"
    assert ": ping" in names
    assert told == [("api.streams_blind", "PostgreSQL is away.")]


def test_goodbye_is_said_when_the_server_ends_a_token_is_gone_or_the_job_is():
    job = a_job()
    rows = Rows(job)

    async def script(streams):
        gone_token = await heard(streams, job, may_go_on=lambda: False)
        listening = asyncio.create_task(heard(streams, job))
        await asyncio.sleep(0.05)
        del rows.jobs[job.job_id]
        gone_job = await listening
        rows.jobs[job.job_id] = job
        closing = asyncio.create_task(heard(streams, job, may_go_on=lambda: not streams.is_closing))
        await asyncio.sleep(0.05)
        streams.close()
        return gone_token, gone_job, await closing

    for chunks in run_with(rows, script):
        assert names_of(chunks)[-1] == "bye"


def test_a_token_and_a_process_hold_only_so_many():
    job = a_job()

    async def script(streams):
        places = [streams.listening("studio", job) for _ in range(MOST_A_TOKEN)]
        for place in places:
            place.__enter__()
        with pytest.raises(Problem) as told, streams.listening("studio", job):
            pass
        assert told.value.status_code == 503
        places[0].__exit__(None, None, None)
        with streams.listening("studio", job):
            others = [streams.listening(f"n{n}", job) for n in range(MOST_A_PROCESS - MOST_A_TOKEN)]
            for place in others:
                place.__enter__()
            with pytest.raises(Problem), streams.listening("one more", job):
                pass

    run_with(Rows(job), script)


def test_who_watches_all_hears_of_jobs_that_come_move_and_end_on_a_path():
    old, other, young = a_job(), a_job(path="eats"), a_job()
    rows = Rows(old, other)

    async def script(streams):
        place = streams.listening_to_all("ops", rows.open(500))
        events = tell(place, news=all_news("fashion"), may_go_on=lambda: not streams.is_closing)
        chunks = []

        async def listen():
            async for chunk in events:
                chunks.append(chunk)

        listening = asyncio.create_task(listen())
        await rows.seen_by_all()
        rows.jobs[young.job_id] = young
        await rows.seen_by_all()
        rows.jobs |= {old.job_id: ended(old), other.job_id: ended(other)}
        await rows.seen_by_all()
        streams.close()
        await listening
        return b"".join(chunks).decode()

    text = run_with(rows, script)
    data = [line for line in text.splitlines() if line.startswith("data: ") and "job_id" in line]
    assert [str(old.job_id) in line for line in data] == [True, False, True]
    assert str(young.job_id) in data[1]
    assert '"completed"' in data[2]
    assert str(other.job_id) not in text


def test_who_watches_all_hears_the_end_of_a_job_that_many_younger_ones_have_overtaken():
    old = a_job()
    rows = Rows(old, window=2)

    async def script(streams):
        place = streams.listening_to_all("ops", rows.open(500))
        events = tell(place, news=all_news(None), may_go_on=lambda: not streams.is_closing)
        chunks = []

        async def listen():
            async for chunk in events:
                chunks.append(chunk)

        listening = asyncio.create_task(listen())
        await rows.seen_by_all()
        for _ in range(3):
            young = a_job()
            rows.jobs[young.job_id] = young
            await rows.seen_by_all()
        rows.jobs[old.job_id] = replace(old, status="user_cancelled")  # its images are still to end
        await rows.seen_by_all()
        rows.jobs[old.job_id] = replace(old, status="user_cancelled", completed=1, is_settled=True)
        await rows.seen_by_all()
        assert {job_id for job_id, job in streams._all.items() if job.is_settled} == {old.job_id}
        streams.close()
        await listening
        return b"".join(chunks).decode().splitlines()

    lines = [line for line in run_with(rows, script) if str(old.job_id) in line]
    assert ['"user_cancelled"' in line for line in lines] == [False, True, True]
    assert '"completed": 1' in lines[-1]


def test_a_stream_over_http_ends_with_its_job_and_is_only_for_those_who_may(tmp_path):
    ours, theirs = ended(a_job()), ended(a_job(THEIRS))
    with an_api(tmp_path, job_progress=Rows(ours, theirs)) as (client, _):
        answer = client.get(f"/api/v1/jobs/{ours.job_id}/events", headers=asks_as("client"))
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert (answer.headers["cache-control"], answer.headers["x-accel-buffering"]) == ("no-store", "no")
        assert names_of([answer.content]) == ["job", "image", "image", "end"]
        for job_id in (theirs.job_id, uuid4()):
            other = client.get(f"/api/v1/jobs/{job_id}/events", headers=asks_as("client"))
            assert other.status_code == 404
        assert client.get("/api/v1/events", headers=asks_as("client")).status_code == 403
