"""Webhooks by Standard Webhooks: signature, receivers that are allowed, waits, and what is said."""

import base64
import json
from datetime import UTC, datetime
from uuid import UUID

import pytest

from quel.core.deliver_webhook import SPREAD, WAITS_S, Answer, Delivered, GiveUp, TryAgain, decide
from quel.core.errors import SettingsError
from quel.core.job import JobStatus
from quel.core.webhooks.address import may_receive, read_networks
from quel.core.webhooks.event import EndedJob, event_body, event_type
from quel.core.webhooks.signature import read_secrets, signed_headers
from quel.core.webhooks.target import WebhookPolicy
from quel.environment import read_settings

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + base64.b64encode(bytes(range(32))).decode()


def test_the_published_vector_of_standard_webhooks_is_met():
    body = b'{"test": 2432232314}'
    headers = signed_headers(read_secrets(SECRET), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_two_secrets_make_two_signatures_of_which_each_is_its_own():
    def signatures(secrets):
        headers = signed_headers(read_secrets(secrets), "msg_1", 1, b"{}")
        return headers["webhook-signature"].split(" ")

    assert signatures(f"{OTHER}, {SECRET}") == signatures(OTHER) + signatures(SECRET)


@pytest.mark.parametrize("secret", ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2hvcnQ=", "whsec_ä!"])
def test_what_is_no_secret_is_named_without_being_quoted(secret):
    with pytest.raises(SettingsError, match="QUEL_WEBHOOK_SECRET") as error:
        read_settings({"QUEL_WEBHOOK_SECRET": secret})
    assert secret.removeprefix("whsec_") not in str(error.value)


def test_a_prefix_alone_is_no_secret():
    with pytest.raises(SettingsError, match="QUEL_WEBHOOK_SECRET"):
        read_settings({"QUEL_WEBHOOK_SECRET": "whsec_"})


PUBLIC = ["93.184.216.34", "1.1.1.1", "172.15.0.1", "172.32.0.1", "2606:2800:220:1::1", "2a00:1450:4001::5"]
NOT_PUBLIC = [
    *("127.0.0.1", "127.8.9.1", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255"),
    *("192.168.1.1", "169.254.169.254", "169.254.0.1", "100.64.0.1", "100.127.255.255", "100.100.100.200"),
    *("168.63.129.16", "192.0.0.192", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1"),
    *("224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::ffff:93.184.216.34", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::5db8:d822"),
    *("64:ff9b:1::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fd20:ce::254", "ff02::1"),
    *("2001::1", "2001:db8::1", "2002:7f00:1::1", "3fff::1", "100::1", "no address", ""),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_receive(address):
    assert may_receive(address)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_what_is_not_plainly_public_may_not(address):
    assert not may_receive(address)


def test_a_network_that_is_named_may_receive_but_never_metadata_or_a_disguise():
    everything = read_networks(["0.0.0.0/0", "::/0"])
    assert all(may_receive(address, everything) for address in ("127.0.0.1", "10.0.0.1", "fc00::1", "::1"))
    for address in ("169.254.169.254", "168.63.129.16", "fd00:ec2::254", "::ffff:10.0.0.1", "0.0.0.0"):
        assert not may_receive(address, everything)


POLICY = WebhookPolicy(hosts=frozenset({"hooks.example.com", "other.example.com:8443"}))


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com/quel?tenant=1",
        "https://HOOKS.example.com:444/",
        "https://hooks.example.com./",
        "https://other.example.com:8443/x",
    ],
)
def test_a_callback_of_a_host_that_is_named_is_taken(url):
    assert POLICY.callback_problem(url) is None


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://hooks.example.com/", "https://"),
        ("ftp://hooks.example.com/", "https://"),
        ("hooks.example.com", "name a host"),
        ("https://", "name a host"),
        ("https://hooks.example.com:99999/", "no URL"),
        ("https://[::1/", "no URL"),
        ("https://user:secret@hooks.example.com/", "no password"),
        ("https://hooks.example.com@evil.example/", "no password"),
        ("https://hooks.example.com.evil.example/", "QUEL_WEBHOOK_HOSTS"),
        ("https://evil.example/hooks.example.com", "QUEL_WEBHOOK_HOSTS"),
        ("https://other.example.com/", "QUEL_WEBHOOK_HOSTS"),
        ("https://127.0.0.1/", "QUEL_WEBHOOK_HOSTS"),
        ("https://hooks.example.com/\r\nx: y", "plain characters"),
        ("https://hooks.example.com/" + "x" * 2000, "2000"),
        (7, "text"),
    ],
)
def test_any_other_callback_is_refused_with_what_is_wrong(url, said):
    assert said in (POLICY.callback_problem(url) or "")


def test_where_no_host_is_named_no_callback_is_taken():
    assert "QUEL_WEBHOOK_HOSTS" in (WebhookPolicy().callback_problem("https://hooks.example.com/") or "")


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "http://localhost/", "http://[::1]/"])
def test_http_is_for_this_machine_alone_and_only_where_its_network_is_named(url):
    assert WebhookPolicy().url_problem(url)
    assert WebhookPolicy(networks=read_networks(["127.0.0.0/8", "::1/128"])).url_problem(url) is None
    assert WebhookPolicy(networks=read_networks(["10.0.0.0/8"])).url_problem("http://10.0.0.1/")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("QUEL_WEBHOOK_URL", "http://hooks.example.com/"),
        ("QUEL_WEBHOOK_URL", "nothing"),
        ("QUEL_WEBHOOK_HOSTS", "https://hooks.example.com/"),
        ("QUEL_WEBHOOK_HOSTS", "a b"),
        ("QUEL_WEBHOOK_NETWORKS", "10.0.0.1/8"),
        ("QUEL_WEBHOOK_NETWORKS", "everything"),
    ],
)
def test_a_setting_that_is_wrong_is_named(variable, value):
    with pytest.raises(SettingsError, match=variable):
        read_settings({variable: value})


def test_waits_grow_from_seconds_to_a_day_and_are_spread_by_a_fifth():
    for tries, wait_s in enumerate(WAITS_S, start=1):
        for fraction, share in ((0.0, 1 - SPREAD), (0.5, 1.0), (0.999, 1 + SPREAD)):
            decision = decide(Answer(500), tries=tries, random_fraction=fraction)
            assert isinstance(decision, TryAgain)
            assert decision.delay_s == pytest.approx(wait_s * share, rel=0.01)
    assert list(WAITS_S) == [5, 30, 120, 600, 3600, 6 * 3600, 24 * 3600]
    assert decide(Answer(500), tries=len(WAITS_S) + 1, random_fraction=0.5) == GiveUp()


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_any_2xx_is_the_end_of_it(status):
    assert decide(Answer(status), tries=1, random_fraction=0.5) == Delivered()


@pytest.mark.parametrize(
    "answer", [Answer(199), Answer(301), Answer(404), Answer(429), Answer(503), Answer(code="timeout")]
)
def test_anything_else_is_tried_again(answer):
    assert isinstance(decide(answer, tries=1, random_fraction=0.5), TryAgain)


def test_410_stops_it_for_good():
    assert decide(Answer(410), tries=1, random_fraction=0.5) == GiveUp()


def test_reasons_are_few():
    assert [Answer(status).reason for status in (301, 404, 503)] == ["status_3xx", "status_4xx", "status_5xx"]
    assert Answer(code="timeout").reason == "timeout"


ENDED_AT = datetime(2026, 5, 4, 10, 0, 0, tzinfo=UTC)
ENDED = EndedJob(
    job_id=UUID(int=1),
    status="completed",
    job_type="single_batch",
    path="fashion",
    production_id=UUID(int=2),
    org_id=None,
    member_id=UUID(int=3),
    total_images=2,
    completed_images=1,
    failed_images=1,
    attach_ids=(7,),
    created_at=ENDED_AT,
    started_at=ENDED_AT,
    completed_at=ENDED_AT,
    updated_at=ENDED_AT,
)


def test_what_is_said_is_type_timestamp_and_data_of_ids_and_counts():
    told = json.loads(event_body("job.completed", ENDED))
    assert (told["type"], told["timestamp"]) == ("job.completed", "2026-05-04T10:00:00Z")
    assert told["data"] == {
        "job_id": str(UUID(int=1)),
        "status": "completed",
        "job_type": "single_batch",
        "path": "fashion",
        "production_id": str(UUID(int=2)),
        "org_id": None,
        "member_id": str(UUID(int=3)),
        "total_images": 2,
        "completed_images": 1,
        "failed_images": 1,
        "attach_ids": [7],
        **dict.fromkeys(("created_at", "started_at", "completed_at", "updated_at"), "2026-05-04T10:00:00Z"),
    }


def test_each_end_has_its_type_and_an_open_job_has_none():
    assert {status.value: event_type(status.value) for status in JobStatus} == {
        "pending": None,
        "processing": None,
        "completed": "job.completed",
        "failed": "job.failed",
        "cancelled": "job.cancelled",
        "user_cancelled": "job.cancelled",
    }
