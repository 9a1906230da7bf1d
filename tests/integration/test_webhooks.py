"""Webhooks and real receivers: each end is told at least once, by one id, and never to an address inside."""

import json
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import dramatiq
import pytest

from quel.adapters.bounded_http import tls_context
from quel.adapters.postgres.database import Database
from quel.adapters.postgres.deliver_webhook import DeliverWebhookRows
from quel.adapters.postgres.finalize_job import FinalizeJobRows
from quel.adapters.webhook import WebhookSender
from quel.core.deliver_webhook import Answer, Delivered, Delivery, GiveUp, TryAgain
from quel.core.errors import InvalidInput
from quel.core.operations.submit_job import read_job
from quel.core.webhooks.address import read_networks
from quel.core.webhooks.signature import read_secrets
from quel.core.webhooks.target import WebhookPolicy
from quel.environment import read_settings
from quel.operations.services import OperatorServices
from quel.operations.submit_job import submit_job
from quel.sandbox.http_server import Delivery as Delivered_by
from quel.sandbox.http_server import Reply
from quel.sandbox.processes import REPOSITORY
from tests.integration.harness import broker_of, until
from tests.integration.quel_command import run_quel
from tests.integration.test_bounded_http import server
from tests.integration.tls_front import tls_front

NEW, OLD = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
LOOPBACK = read_networks(["127.0.0.0/8"])
BODY = '{"type":"job.completed"}'
OK, HANGING = Reply(204), Reply(delivery=Delivered_by.HANG)


def verifier():
    """The function that docs/operate/webhooks.md gives to receivers."""
    page = (REPOSITORY / "docs/operate/webhooks.md").read_text()
    [code] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict = {}
    exec(code, names)
    return names["verify"]


def delivery(url: str | None = None) -> Delivery:
    return Delivery(UUID(int=1), UUID(int=2), "job.completed", url, BODY, 1)


def sender(url: str = "", *, hosts: str = "", networks=LOOPBACK, within_s: float = 30.0) -> WebhookSender:
    policy = WebhookPolicy(url, frozenset(hosts.split()), networks)
    return WebhookSender(policy, read_secrets(NEW), within_s=within_s)


def age(pipeline, seconds: float = 200_000) -> None:
    """Every wait for a webhook is over."""
    pipeline.studio.rows(
        "UPDATE quel.webhook SET not_before = not_before - make_interval(secs => %s)", seconds
    )


def test_a_receiver_that_fails_hangs_and_comes_back_hears_of_the_end_under_one_id(pipeline):
    moved = Reply(302, headers=(("Location", "/elsewhere"),))
    prompt = uuid4().hex
    with server(Reply(500), Reply(503, body=b"x" * 200_000), moved, HANGING, OK) as receiver:
        told = receiver.application.requests
        settings = {
            "QUEL_WEBHOOK_URL": f"{receiver.url}/quel",
            "QUEL_WEBHOOK_NETWORKS": "127.0.0.0/8",
            "QUEL_WEBHOOK_SECRET": f"{NEW},{OLD}",
        }
        pipeline.workers(threads=4, **settings)
        member = pipeline.studio.member(credits=100)
        job_id = pipeline.studio.job("simple_general", {"prompt": prompt}, total_images=1, member=member)
        pipeline.studio.push(job_id)
        until(lambda: told, "the first try")
        for tries in (2, 3):
            until(lambda: waits(pipeline), "the answer is written down")
            age(pipeline)
            pipeline.send("deliver_webhook", str(job_id))
            until(lambda: len(told) >= tries, "the next try")  # noqa: B023 - called at once
        until(lambda: waits(pipeline), "the answer is written down")
        age(pipeline)
        with broker_of(pipeline.broker_redis_url) as broker:
            broker.enqueue(dramatiq.Message("deliver_webhook", "deliver_webhook", (str(job_id),), {}, {}))
        until(lambda: len(told) == 4, "the try that is not answered")
        pipeline.kill()  # in the middle of it
        age(pipeline)
        pipeline.workers(threads=4, **settings)
        pipeline.sweep_until(lambda: len(told) == 5)
        [row] = until(lambda: rows(pipeline, "delivered"), "it is written down as delivered")

        environment = pipeline.environment(**settings)
        listed = json.loads(run_quel(environment, "webhooks", "list", "--job", str(job_id), "--json").stdout)
        assert [(each["state"], each["tries"], each["last_status"]) for each in listed] == [
            ("delivered", 5, 204)
        ]
        again = run_quel(environment, "webhooks", "send-again", listed[0]["id"][:12])
        assert (again.returncode, again.stdout) == (0, "1 webhook is sent again.\n")
        until(lambda: len(told) == 6, "it is sent again")

    assert row["tries"] == 5
    assert {request.target for request in told} == {"/quel"}  # no redirect was followed
    assert len({request.headers["webhook-id"] for request in told}) == 1
    assert len({request.body for request in told}) == 1
    verify = verifier()
    for request in told:
        headers = {name.lower(): value for name, value in request.headers.items()}
        for secret in (NEW, OLD):
            verify(secret, headers, request.body)
        with pytest.raises(ValueError, match="secret"):
            verify(NEW, headers, request.body + b" ")
    body = json.loads(told[0].body)
    assert (body["type"], body["data"]["job_id"]) == ("job.completed", str(job_id))
    assert (body["data"]["completed_images"], len(body["data"]["attach_ids"])) == (1, 1)
    assert prompt not in told[0].body.decode()
    log = "".join(path.read_text() for path in Path(pipeline._directory).glob("workers-*.log"))
    assert "webhook.delivered" in log
    assert not any(secret in log for secret in (prompt, NEW, OLD, '/quel"'))


def waits(pipeline):
    """The webhooks whose last try has been written down and that wait for the next one."""
    return pipeline.studio.rows(
        "SELECT 1 FROM quel.webhook WHERE state = 'waiting'"
        " AND (last_status IS NOT NULL OR last_code IS NOT NULL)"
        " AND not_before < now() + interval '1 day' AND not_before > now()"
    )


def rows(pipeline, state):
    return pipeline.studio.rows("SELECT * FROM quel.webhook WHERE state = %s", state)


def told_of(closed):
    """To how many receivers the end is to be told."""
    return closed.leftovers.webhooks


@pytest.fixture
def database(pipeline):
    database = Database(pipeline.database_url, pool_size=2)
    yield database
    database.close()


def test_a_submitted_job_may_name_a_receiver_and_only_one_tries_at_a_time(pipeline, database):
    environment = pipeline.environment(QUEL_WEBHOOK_HOSTS="hooks.example.com", QUEL_WEBHOOK_SECRET=NEW)
    services = OperatorServices(read_settings(environment))
    row = {"job_type": "simple_general", "total_images": 1, "job_input_data": {"prompt": "a mast"}}
    member = pipeline.studio.member()

    def submitted(**more):
        return submit_job(services, read_job(row | more, member_id=member), {}).job_id

    with pytest.raises(InvalidInput, match="QUEL_WEBHOOK_HOSTS"):
        submitted(callback_url="https://169.254.169.254/latest/meta-data/")
    named = submitted(callback_url="https://hooks.example.com/quel?tenant=7")
    silent = submitted()
    services.close()

    nobody = FinalizeJobRows(database, WebhookPolicy())
    assert told_of(nobody.refuse(silent, "No.")) == 0
    assert rows(pipeline, "waiting") == []
    closing = FinalizeJobRows(
        database, WebhookPolicy("https://own.example.com/", frozenset({"hooks.example.com"}))
    )
    assert told_of(closing.refuse(named, "It cannot be run.")) == 2
    assert closing.refuse(named, "It cannot be run.") is None
    assert closing.refuse(silent, "No.") is None
    written = rows(pipeline, "waiting")
    assert {each["url"] for each in written} == {None, "https://hooks.example.com/quel?tenant=7"}
    assert {each["type"] for each in written} == {"job.failed"}

    outbox = DeliverWebhookRows(database)
    assert list(outbox.due(10)) == [named]
    first, second = outbox.claim(named), outbox.claim(named)
    assert first is not None
    assert second is not None
    assert first.webhook_id != second.webhook_id
    assert outbox.claim(named) is None  # each is somebody's
    outbox.finish(first, Answer(500), TryAgain(0.0))
    again = outbox.claim(named)
    assert again is not None
    assert (again.webhook_id, again.tries) == (first.webhook_id, 2)
    outbox.finish(first, Answer(code="timeout"), GiveUp())  # too late: another try is under way
    assert len(rows(pipeline, "waiting")) == 2
    outbox.finish(first, Answer(200), Delivered())  # but what was delivered is delivered
    outbox.finish(second, Answer(410), GiveUp())
    assert (len(rows(pipeline, "delivered")), len(rows(pipeline, "given_up"))) == (1, 1)
    assert (list(outbox.due(10)), outbox.forget()) == ([], 0)
    pipeline.studio.rows("UPDATE quel.webhook SET ended_at = ended_at - interval '31 days'")
    assert outbox.forget() == 2


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (OK, Answer(204)),
        (Reply(410), Answer(410)),
        (Reply(302, headers=(("Location", "/elsewhere"),)), Answer(302)),
        (Reply(delivery=Delivered_by.ENDLESS), Answer(200)),
        (Reply(delivery=Delivered_by.ENORMOUS, size_bytes=10**9), Answer(200)),
        (Reply(body=b"half and half", delivery=Delivered_by.CUT_DURING), Answer(200)),
        (Reply(delivery=Delivered_by.CUT_BEFORE), Answer(code="no_http")),
        (Reply(body=b"SSH-2.0-no\r\n\r\n", delivery=Delivered_by.RAW), Answer(code="no_http")),
    ],
    ids=lambda value: getattr(value, "delivery", None),
)
def test_of_an_answer_only_the_status_counts(reply, answer):
    with server(reply) as receiver:
        assert sender(f"{receiver.url}/x").send(delivery()) == answer
        assert [request.target for request in receiver.application.requests] == ["/x"]


def test_a_receiver_that_hangs_is_left_when_its_time_is_over():
    with server(HANGING) as receiver:
        began = time.monotonic()
        assert sender(receiver.url, within_s=0.3).send(delivery()) == Answer(code="timeout")
        assert time.monotonic() - began < 5


def test_where_nobody_listens_there_is_no_connection():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert sender(f"http://127.0.0.1:{port}/").send(delivery()) == Answer(code="no_connection")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "0.0.0.0", "[::ffff:127.0.0.1]"]
)
def test_an_address_inside_is_never_connected_to_however_it_is_written(host):
    with socket.create_server(("0.0.0.0", 0)) as listener:
        listener.setblocking(False)
        url = f"https://{host}:{listener.getsockname()[1]}/"
        assert sender(url, networks=()).send(delivery()).code == "address_refused"
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.fixture
def certificates_read_anew() -> Iterator[None]:
    """For whoever names others: the process has read its own before."""
    tls_context.cache_clear()
    yield
    tls_context.cache_clear()


def test_a_name_is_looked_up_once_and_what_was_found_is_connected_to(
    tmp_path, monkeypatch, certificates_read_anew
):
    asked = []
    true_look_up = socket.getaddrinfo

    def look_up(host, port, *rest, **more):
        if not host.endswith(".example.com"):
            return true_look_up(host, port, *rest, **more)
        asked.append(host)
        found = ("10.9.8.7", "127.0.0.1") if len(asked) == 1 else ("10.9.8.7",)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in found]

    with server(OK) as receiver, tls_front(receiver.server_port, tmp_path, "hooks.example.com") as front:
        monkeypatch.setenv("SSL_CERT_FILE", str(front.authority))
        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        url = f"https://hooks.example.com:{front.port}/quel"
        sends = sender(hosts="hooks.example.com")
        assert sends.send(delivery(url)) == Answer(204)
        assert asked == ["hooks.example.com"]
        [request] = receiver.application.requests
        assert request.headers["host"] == f"hooks.example.com:{front.port}"
        assert sends.send(delivery(url)) == Answer(code="address_refused")  # the name leads inside by now
        assert sender(hosts="x.example.com").send(delivery(url)) == Answer(code="receiver_not_allowed")
        by_address = sender(f"https://127.0.0.1:{front.port}/quel")
        assert by_address.send(delivery()) == Answer(code="tls_failed")  # the certificate is the name's
    assert len(receiver.application.requests) == 1
