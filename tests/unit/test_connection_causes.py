"""Why a neighbour cannot be reached, in words an operator can act on, and never in the driver's own."""

import pytest
from redis.exceptions import AuthenticationError, ResponseError

from quel.adapters.postgres.cause import cause_of
from quel.adapters.redis.client import redis_errors
from quel.core.errors import ServiceUnavailable, SettingsError
from quel.environment import read_settings


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ('FATAL:  password authentication failed for user "me"', "the password is refused"),
        ('FATAL:  role "no_such_role" does not exist', "there is no such role"),
        ('FATAL:  database "nowhere" does not exist', "there is no such database"),
        ("FATAL:  Tenant or user not found", "the pooler knows no such tenant or user"),
        (
            'could not translate host name "db.x" to address: Name or service not known',
            "its host is not known",
        ),
        ("connection to server at 10.0.0.1 failed: Connection refused", "nobody listens at its address"),
        ("server does not support SSL, but SSL was required", "TLS could not be agreed on"),
        ("FATAL:  sorry, too many clients already", "it has no connection left"),
        ("timeout expired", "it does not answer in time"),
        ("received invalid response to SSL negotiation: H", "that is no PostgreSQL"),
        ("expected authentication request from server, but received H", "that is no PostgreSQL"),
        ("SSL error: certificate verify failed", "TLS could not be agreed on"),
        ("SSL SYSCALL error: EOF detected", None),  # what a server that goes away looks like
        ("SSL connection has been closed unexpectedly", None),
        ("something new", None),
    ],
)
def test_postgresqls_words_become_a_cause(text, cause):
    assert cause_of(text) == cause


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (AuthenticationError("WRONGPASS hidden"), "password is refused or missing"),
        (AuthenticationError("Authentication required."), "password is refused or missing"),
        (ResponseError("DB index is out of range"), "no database of that number"),
        (ResponseError("hidden"), "ResponseError"),
    ],
)
def test_so_do_rediss(error, words):
    with pytest.raises(ServiceUnavailable, match=words) as raised, redis_errors():
        raise error
    assert "hidden" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("redis://h:6379?ssl_cert_reqs=none", "rediss://"),
        ("redis://h:6379?db=x", "number"),
        ("redis://h:6379/first", "number"),
        ("redis://h:6379?colour=hidden", "colour"),
        ("redis://h:6379?socket_timeout=hidden", "socket_timeout"),
        ("redis://h:6379?protocol=hidden", "2 or 3"),
        ("redis://h:6379?health_check_interval=1.5", "whole number"),
        ("rediss://h:6379?ssl_cert_reqs=CERT_NONE", "none, optional or required"),
        ("rediss://h:6379?ssl_min_version=TLSv1.2", "771"),
        ("redis://me:?hidden@h:6379/0", "percent-encoded"),
        ("redis://me:x?y=hidden@h:6379/0", "percent-encoded"),
        ("redis://h:6379?passwordhidden", "percent-encoded"),
        ("redis://:\udcffhidden@h:6379", "UTF-8"),
    ],
)
@pytest.mark.parametrize("name", ["REDIS_URL", "QUEL_BROKER_REDIS_URL"])
def test_an_option_that_redis_stumbles_over_is_named_at_the_start(name, url, words):
    with pytest.raises(SettingsError, match=words) as wrong:
        read_settings({name: url})
    assert name in str(wrong.value)
    assert "hidden" not in str(wrong.value)


@pytest.mark.parametrize(
    "url", ["rediss://:pw@h:6380/2?ssl_cert_reqs=none", "unix:///run/redis.sock?db=1", "redis://h?protocol=3"]
)
def test_what_redis_takes_passes(url):
    assert read_settings({"REDIS_URL": url}).redis_url == url
