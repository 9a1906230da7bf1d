"""Large bodies: one caller cannot hold every turn, and one that trickles loses the turn it has."""

from types import SimpleNamespace

import anyio
import pytest

from quel.http import guard, limits
from quel.http.services import LARGE_BODIES_AT_ONCE
from tests.unit.http_world import TOKENS, an_api

KIND = b"multipart/form-data; boundary=b"
HEAD = b'--b\r\nContent-Disposition: form-data; name="a.png"; filename="a.png"\r\n\r\n'
TAIL = b"\r\n--b--\r\n"


class Clock:
    """The time as the bounds of a body read it; only what is sent moves it."""

    now = 1_000.0

    def monotonic(self):
        return self.now


async def order(app, token, receive):
    """The status and headers of a form sent to the app by its holder."""
    told: dict[str, object] = {}

    async def send(message):
        if message["type"] == "http.response.start":
            told.update(status=message["status"], headers=dict(message["headers"]))

    headers = [(b"authorization", f"Bearer {TOKENS[token].token}".encode()), (b"content-type", KIND)]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/api/v1/jobs",
        "raw_path": b"/api/v1/jobs",
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("localhost", 80),
    }
    await app(scope, receive, send)
    return SimpleNamespace(**told)


def message(body, more=True):
    return {"type": "http.request", "body": body, "more_body": more}


def whole():
    left = [message(HEAD), message(TAIL, more=False)]

    async def receive():
        return left.pop(0) if left else await anyio.sleep_forever()

    return receive


def paced(clock, pieces):
    """A form that comes in pieces of so many bytes, each so many seconds after the one before."""
    left = iter([(HEAD, 0.0), *((b"x" * size, seconds) for size, seconds in pieces)])

    async def receive():
        piece, seconds = next(left, (None, 0.0))
        clock.now += seconds
        return message(TAIL, more=False) if piece is None else message(piece)

    return receive


def test_whoever_holds_his_share_of_turns_waits_and_everybody_else_is_served(tmp_path, monkeypatch):
    monkeypatch.setattr(guard, "_ACT_WITHIN_S", 0.2)

    async def play(app):
        begun, ended = [], anyio.Event()

        async def hanging():
            begun.append(1)
            await ended.wait()
            return message(TAIL, more=False)

        async with anyio.create_task_group() as tasks:
            for _ in range(LARGE_BODIES_AT_ONCE):
                tasks.start_soon(order, app, "client", hanging)
            with anyio.fail_after(10):
                while len(begun) < LARGE_BODIES_AT_ONCE - 1:
                    await anyio.sleep(0.01)
            beyond, other = await order(app, "client", whole()), await order(app, "operator", whole())
            held = len(begun)
            ended.set()
        return beyond, other, held, await order(app, "client", whole())

    with an_api(tmp_path) as (client, _):
        beyond, other, held, later = anyio.run(play, client.app)
    assert (beyond.status, beyond.headers[b"retry-after"]) == (503, b"5")
    assert held == LARGE_BODIES_AT_ONCE - 1
    assert [other.status, later.status] == [422, 422]  # it was read, and lacks the job's row


@pytest.mark.parametrize(
    ("pieces", "status"),
    [
        ([(40_000, 1.0)] * 60, 422),  # faster than the least: all of it is read, and lacks the job's row
        ([(30_000, 1.0)] * 60, 408),
        ([(1, 5.0)] * 60, 408),
        ([(2_000_000, 0.0), *[(1, 5.0)] * 60], 408),  # quick at first, and then it trickles
        ([(1, 5.0)] * 3, 422),  # small, and there before anybody asks how fast
    ],
)
def test_a_form_that_trickles_is_cut_off_long_before_its_whole_time(tmp_path, monkeypatch, pieces, status):
    clock = Clock()
    monkeypatch.setattr(limits, "time", clock)
    with an_api(tmp_path) as (client, _):
        answer = anyio.run(order, client.app, "client", paced(clock, pieces))
    assert answer.status == status
    if status == 408:
        assert clock.now - 1_000.0 <= 36.0
