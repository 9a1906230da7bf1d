"""Every call ends: against servers on the loopback that hang, dribble, flood, cut off or refuse."""

import contextlib
import gzip
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from quel.adapters.bounded_http import AnswerTooLargeError, DeadlineExceededError, bounded_client
from quel.adapters.storage import SupabaseStorage
from quel.core.errors import NeighbourDown, ReferenceUnavailable

DEADLINE_S = 0.3
LIMIT_BYTES = 100_000


@contextlib.contextmanager
def server(behave):
    """Listens on the loopback and lets `behave(connection, stop)` treat each connection in a thread."""
    stop = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    threads = []

    def treat(connection):
        with connection, contextlib.suppress(OSError):
            behave(connection, stop)

    def accept():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threads.append(threading.Thread(target=treat, args=(connection,)))
                threads[-1].start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stop.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join()
        for thread in threads:
            thread.join()


def client(**more):
    options = {"timeout_s": DEADLINE_S, "max_answer_bytes": LIMIT_BYTES, "max_connections": 2} | more
    return bounded_client(**options)


def read_request(connection):
    received = b""
    while b"\r\n\r\n" not in received and (more := connection.recv(65536)):
        received += more
    return received


def dribble(connection, stop, every_s=0.02):
    while not stop.wait(every_s):
        connection.sendall(b"x")


def hang(connection, stop):
    stop.wait()


def hang_after_the_request(connection, stop):
    read_request(connection)
    stop.wait()


def dribble_the_headers(connection, stop):
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
    dribble(connection, stop)


def dribble_the_body(connection, stop):
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n")
    dribble(connection, stop)


def dribble_chunks(connection, stop):
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not stop.wait(0.02):
        connection.sendall(b"1\r\nx\r\n")


def read_slowly(connection, stop):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    while not stop.wait(0.02):
        connection.recv(512)


@pytest.mark.parametrize(
    "behave", [hang, hang_after_the_request, dribble_the_headers, dribble_the_body, dribble_chunks]
)
def test_a_server_that_hangs_or_dribbles_ends_at_the_deadline(behave):
    with server(behave) as url, client() as http, pytest.raises(DeadlineExceededError):
        http.get(url)


def test_a_server_that_takes_the_request_slowly_ends_at_the_deadline():
    with server(read_slowly) as url, client() as http, pytest.raises(DeadlineExceededError):
        http.post(url, content=b"x" * 30_000_000)


def test_calls_that_wait_for_a_connection_end_at_their_deadline():
    with server(hang) as url, client(max_connections=1) as http, ThreadPoolExecutor(3) as threads:
        calls = [threads.submit(http.get, url) for _ in range(3)]
        assert [type(call.exception()) for call in calls] == [DeadlineExceededError] * 3


def endless(connection, stop):
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while not stop.is_set():
        connection.sendall(b"x" * 65536)


def lying_about_its_length(connection, stop):
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more")


def compressed(connection, stop):
    request = read_request(connection)
    assert b"accept-encoding: identity" in request.lower()
    body = gzip.compress(b"\x00" * 10_000_000)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)


def test_an_answer_beyond_its_bound_is_cut_off():
    with server(endless) as url, client(timeout_s=5) as http, pytest.raises(AnswerTooLargeError):
        http.get(url)


def test_a_compressed_answer_is_asked_for_by_nobody_and_never_unpacked():
    with server(compressed) as url, client() as http, pytest.raises(httpx.RemoteProtocolError):
        http.get(url)


def test_no_more_is_read_than_was_announced():
    with server(lying_about_its_length) as url, client() as http:
        assert http.get(url).content == b"hello"


def cut_off(connection, stop):
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf")


def close_at_once(connection, stop):
    read_request(connection)


def speak_something_else(connection, stop):
    read_request(connection)
    connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")


@pytest.mark.parametrize("behave", [cut_off, close_at_once, speak_something_else])
def test_a_broken_answer_is_a_transport_error(behave):
    with server(behave) as url, client() as http, pytest.raises((httpx.ProtocolError, httpx.NetworkError)):
        http.get(url)


def test_nobody_listening_is_a_connect_error():
    with server(hang) as url:
        pass
    with client() as http, pytest.raises(httpx.ConnectError):
        http.get(url)


def test_a_name_that_does_not_resolve_is_a_connect_error():
    with client() as http, pytest.raises(httpx.ConnectError):
        http.get("http://no-such-host.invalid/")


def test_a_tls_handshake_that_dribbles_ends_at_the_deadline():
    with server(hang) as url, client() as http, pytest.raises(DeadlineExceededError):
        http.get(url.replace("http://", "https://"))


def redirect(connection, stop):
    read_request(connection)
    connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")


def test_redirects_are_not_followed():
    with server(redirect) as url, client() as http:
        assert http.get(url).status_code == 302


def greet(connection, stop):
    while read_request(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")


def test_a_client_goes_on_after_calls_that_failed():
    turns = iter([dribble_the_body, endless, cut_off, greet])
    with server(lambda connection, stop: next(turns)(connection, stop)) as url, client() as http:
        for _ in range(3):
            with pytest.raises(httpx.TransportError):
                http.get(url)
        assert [http.get(url).text for _ in range(3)] == ["hello"] * 3


def test_the_deadline_of_one_thread_is_not_anothers():
    with (
        server(greet) as fine,
        server(dribble_the_body) as slow,
        client() as http,
        ThreadPoolExecutor(1) as thread,
    ):
        late = thread.submit(http.get, slow)
        assert [http.get(fine).text for _ in range(20)] == ["hello"] * 20
        assert isinstance(late.exception(), DeadlineExceededError)


def test_storage_takes_a_dribbling_reference_for_a_neighbour_that_is_down():
    with server(dribble_the_body) as url:
        storage = SupabaseStorage(url=url, service_key="k", timeout_s=DEADLINE_S)
        with contextlib.closing(storage), pytest.raises(NeighbourDown, match="in time"):
            storage.read_reference("a/b.png")


def test_storage_does_not_trust_the_announced_length_of_a_reference():
    with server(endless) as url:
        storage = SupabaseStorage(url=url, service_key="k", timeout_s=5, max_reference_bytes=LIMIT_BYTES)
        with contextlib.closing(storage), pytest.raises(ReferenceUnavailable, match=r"larger than 0\.1 MB"):
            storage.read_reference("a/b.png")
