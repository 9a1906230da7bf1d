"""Every call ends: against servers on the loopback that hang, dribble, flood, cut off or refuse."""

import contextlib
import gzip
import socket
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, repeat

import httpx
import pytest

from quel.adapters.bounded_http import (
    AnswerTooLargeError,
    DeadlineExceededError,
    UnreadableAnswerError,
    bounded_client,
)
from quel.adapters.storage import SupabaseStorage
from quel.core.errors import ReferenceUnavailable, ServiceUnavailable
from quel.sandbox import faults
from quel.sandbox.http_server import Delivery, LoopbackServer, Reply
from quel.sandbox.storage.client import Storage

DEADLINE_S = 0.3
"""Of calls that are to be late. The others get PATIENCE_S, so that a busy machine does not make them late."""
PATIENCE_S = 30.0
SHARED_DEADLINE_S = 3.0
"""Of clients that make late calls and others: short enough to wait for, long enough for a busy machine."""
LIMIT_BYTES = 100_000

HELLO = Reply(body=b"hello")
OK = b"HTTP/1.1 200 OK\r\n"
HANGING = Reply(delivery=Delivery.HANG)
DRIBBLING = Reply(body=b"x" * 90_000, delivery=Delivery.DRIBBLE, pace_s=0.02)
ENDLESS = Reply(delivery=Delivery.ENDLESS)
CUT_OFF = Reply(body=b"half and half", delivery=Delivery.CUT_DURING)


def raw(data, pace_s=0.0):
    return Reply(body=data, delivery=Delivery.RAW, pace_s=pace_s)


DRIBBLING_HEAD = raw(OK + b"X-Long: " + b"x" * 5_000, pace_s=0.02)
DRIBBLING_CHUNKS = raw(OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 5_000, pace_s=0.02)


class Replies:
    """Gives the replies in turn, the last one for ever, and remembers the requests."""

    def __init__(self, replies):
        self.requests = []
        self._replies = chain(replies, repeat(replies[-1]))

    def answer(self, request):
        self.requests.append(request)
        return next(self._replies)


@contextlib.contextmanager
def server(*replies, **options):
    server = LoopbackServer(Replies(replies), **options)
    server.start()
    try:
        yield server
    finally:
        server.close()


@contextlib.contextmanager
def silence():
    """The address of a server that takes connections and never says or reads a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def client(timeout_s=PATIENCE_S, max_connections=2):
    return bounded_client(timeout_s=timeout_s, max_answer_bytes=LIMIT_BYTES, max_connections=max_connections)


@pytest.mark.parametrize("reply", [HANGING, DRIBBLING_HEAD, DRIBBLING, DRIBBLING_CHUNKS])
def test_a_server_that_hangs_or_dribbles_ends_at_the_deadline(reply):
    with server(reply) as slow, client(DEADLINE_S) as http, pytest.raises(DeadlineExceededError):
        http.get(slow.url)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_server_that_says_nothing_ends_at_the_deadline(scheme):
    with silence() as address, client(DEADLINE_S) as http, pytest.raises(DeadlineExceededError):
        http.get(f"{scheme}://{address}/")


def test_a_server_that_takes_the_request_slowly_ends_at_the_deadline():
    # 60 MB take it 18 s, about half a second a part: each within the deadline, all of them far beyond it.
    with server(HELLO, reads_every_s=0.02) as slow, client(timeout_s=1.0) as http:
        began_s = time.monotonic()
        with pytest.raises(DeadlineExceededError):
            http.post(slow.url, content=b"x" * 60_000_000)
        assert time.monotonic() - began_s < 10


def test_calls_that_wait_for_a_connection_end_at_their_deadline():
    with (
        server(HANGING) as hanging,
        client(DEADLINE_S, max_connections=1) as http,
        ThreadPoolExecutor(3) as threads,
    ):
        calls = [threads.submit(http.get, hanging.url) for _ in range(3)]
        assert [type(call.exception()) for call in calls] == [DeadlineExceededError] * 3


def test_an_answer_beyond_its_bound_is_cut_off():
    with server(ENDLESS) as flood, client() as http, pytest.raises(AnswerTooLargeError):
        http.get(flood.url)


def gzipped(body):
    return gzip.compress(body, mtime=0)  # the same bytes each time: they name the tests


def packed(body, encoding="gzip"):
    return Reply(body=body, headers=(("Content-Encoding", encoding),))


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (gzipped(b"hello"), "gzip"),
        (gzipped(b"hello"), "X-GZIP"),
        (gzipped(gzipped(b"hello")), "gzip, gzip"),
        (zlib.compress(b"hello"), "deflate"),
        (zlib.compress(b"hello")[2:-4], "deflate"),
        (b"hello", "identity"),
        (b"hello", "gzip"),
    ],
)
def test_a_compressed_answer_that_nobody_asked_for_is_unpacked(body, encoding):
    with server(packed(body, encoding)) as gateway, client() as http:
        assert http.get(gateway.url).content == b"hello"
        (request,) = gateway.application.requests
    assert request.headers["accept-encoding"] == "identity"


def test_a_compressed_answer_is_unpacked_within_its_bound():
    bomb = gzipped(b"\x00" * 10_000_000)
    for body, encoding in ((bomb, "gzip"), (gzipped(bomb), "gzip,gzip")):
        with server(packed(body, encoding)) as gateway, client() as http, pytest.raises(AnswerTooLargeError):
            http.get(gateway.url)


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (gzipped(b"hello" * 100)[:-9], "gzip"),
        (b"\x1f\x8b and no more", "gzip"),
        (b"hello", "deflate"),
        (b"hello", "br"),
        (b"hello", "zstd, gzip"),
    ],
)
def test_an_answer_that_cannot_be_unpacked_is_an_answer_all_the_same(body, encoding):
    with server(packed(body, encoding)) as gateway, client() as http, pytest.raises(UnreadableAnswerError):
        http.get(gateway.url)


def test_no_more_is_read_than_was_announced():
    with server(raw(OK + b"Content-Length: 5\r\n\r\nhello and more")) as lying, client() as http:
        assert http.get(lying.url).content == b"hello"


@pytest.mark.parametrize(
    "reply", [CUT_OFF, Reply(delivery=Delivery.CUT_BEFORE), raw(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")]
)
def test_a_broken_answer_is_a_transport_error(reply):
    with (
        server(reply) as broken,
        client() as http,
        pytest.raises((httpx.ProtocolError, httpx.NetworkError)),
    ):
        http.get(broken.url)


def test_nobody_listening_is_a_connect_error():
    with silence() as address:
        pass
    with client() as http, pytest.raises(httpx.ConnectError):
        http.get(f"http://{address}/")


def test_a_name_that_does_not_resolve_is_a_connect_error():
    with client() as http, pytest.raises(httpx.ConnectError):
        http.get("http://no-such-host.invalid/")


def test_redirects_are_not_followed():
    away = Reply(302, headers=(("Location", "http://127.0.0.1:1/"),))
    with server(away) as redirecting, client() as http:
        assert http.get(redirecting.url).status_code == 302


def test_a_client_goes_on_after_calls_that_failed():
    with server(DRIBBLING, ENDLESS, CUT_OFF, HELLO) as fickle, client(SHARED_DEADLINE_S) as http:
        for _ in range(3):
            with pytest.raises(httpx.TransportError):
                http.get(fickle.url)
        assert [http.get(fickle.url).text for _ in range(3)] == ["hello"] * 3


def test_the_deadline_of_one_thread_is_not_anothers():
    with (
        server(HELLO) as fine,
        server(DRIBBLING) as slow,
        client(SHARED_DEADLINE_S) as http,
        ThreadPoolExecutor(1) as thread,
    ):
        late = thread.submit(http.get, slow.url)
        assert [http.get(fine.url).text for _ in range(20)] == ["hello"] * 20
        assert isinstance(late.exception(), DeadlineExceededError)


@pytest.fixture
def simulator():
    with Storage(in_process=True) as storage:
        storage.put("a/b.png", b"x" * LIMIT_BYTES)
        yield storage


@contextlib.contextmanager
def storage_client(simulator, timeout_s):
    storage = SupabaseStorage(
        url=simulator.url,
        service_key=simulator.service_key,
        timeout_s=timeout_s,
        max_reference_bytes=LIMIT_BYTES,
    )
    with contextlib.closing(storage):
        yield storage


def test_storage_takes_a_dribbling_reference_for_a_neighbour_that_is_down(simulator):
    simulator.fail_when("a/b.png", faults.dribble(0.02))
    with (
        storage_client(simulator, DEADLINE_S) as storage,
        pytest.raises(ServiceUnavailable, match="in time"),
    ):
        storage.read_reference("a/b.png")


def test_storage_does_not_trust_the_announced_length_of_a_reference(simulator):
    simulator.fail_when("a/b.png", faults.endless())
    with (
        storage_client(simulator, PATIENCE_S) as storage,
        pytest.raises(ReferenceUnavailable, match=r"larger than 0\.1 MB"),
    ):
        storage.read_reference("a/b.png")
