"""Where Redis is (SPEC 1.1): of its parts or as given, with TLS where it must be, for lists and broker."""

import pytest
import redis
from redis.connection import Connection, SSLConnection, UnixDomainSocketConnection

from quel.core.errors import SettingsError
from quel.environment import read_settings

TLS, PLAIN = "rediss", "redis"
ELSEWHERE = [
    "redis.example.com",
    "redis",
    "localhost.example.com",
    "10.0.0.7",
    "128.0.0.1",
    "169.254.1.1",
    "2001:db8::7",
    "[2001:db8::7]",
    "::2",
]
LOOPBACK = [
    "localhost",
    "LocalHost",
    "localhost.",
    "redis.localhost",
    "127.0.0.1",
    "127.0.0.53",
    "127.255.255.254",
    "::1",
    "[::1]",
    "0:0:0:0:0:0:0:1",
    "::ffff:127.0.0.1",
]
YES, NO = ["true", "True", "1", "yes", "on"], ["false", "FALSE", "0", "no", "off"]


def schemes(**variables):
    settings = read_settings(variables)
    return {url.split("://")[0] for url in (settings.redis, settings.broker_redis)}


def connections(**variables):
    """What redis-py makes of both URLs: the class of the connection and where it leads."""
    settings = read_settings(variables)
    for url in (settings.redis, settings.broker_redis):
        pool = redis.ConnectionPool.from_url(url)
        yield pool.connection_class, pool.connection_kwargs


@pytest.mark.parametrize("host", ELSEWHERE)
def test_a_password_for_another_machine_is_sent_over_tls(host):
    assert schemes(REDIS_HOST=host, REDIS_PASSWORD="p") == {TLS}


@pytest.mark.parametrize("host", ELSEWHERE)
def test_without_a_password_there_is_no_tls(host):
    assert schemes(REDIS_HOST=host) == {PLAIN}
    assert schemes(REDIS_HOST=host, REDIS_USERNAME="u", REDIS_PASSWORD="  ") == {PLAIN}


@pytest.mark.parametrize("host", [*LOOPBACK, ""])
def test_on_this_machine_there_is_no_tls(host):
    assert schemes(REDIS_HOST=host, REDIS_PASSWORD="p") == {PLAIN}


@pytest.mark.parametrize("host", [*ELSEWHERE, *LOOPBACK])
@pytest.mark.parametrize("password", ["", "p"])
def test_the_switch_wins_in_every_usual_spelling(host, password):
    for said in YES:
        assert schemes(REDIS_HOST=host, REDIS_PASSWORD=password, REDIS_USE_TLS=said) == {TLS}
    for said in NO:
        assert schemes(REDIS_HOST=host, REDIS_PASSWORD=password, REDIS_USE_TLS=said) == {PLAIN}


def test_an_empty_switch_is_none():
    assert schemes(REDIS_HOST="r", REDIS_PASSWORD="p", REDIS_USE_TLS=" ") == {TLS}


def test_a_switch_that_says_neither_is_an_error():
    with pytest.raises(SettingsError, match="REDIS_USE_TLS"):
        read_settings({"REDIS_USE_TLS": "perhaps"})


@pytest.mark.parametrize("switch", ["", "true", "false"])
@pytest.mark.parametrize(
    ("url", "scheme"),
    [
        ("redis://:p@redis.example.com:6379/0", PLAIN),
        ("rediss://redis.example.com:6380", TLS),
        ("rediss://:p@localhost", TLS),
        ("redis://", PLAIN),
    ],
)
def test_a_url_decides_by_its_scheme_whatever_the_parts_say(url, scheme, switch):
    parts = {"REDIS_HOST": "elsewhere", "REDIS_PASSWORD": "p", "REDIS_USE_TLS": switch}
    assert schemes(REDIS_URL=url, **parts) == {scheme}
    assert read_settings({"REDIS_URL": url, **parts}).redis == url


def test_the_certificate_is_verified():
    for variables in ({"REDIS_HOST": "r", "REDIS_PASSWORD": "p"}, {"REDIS_URL": "rediss://r"}):
        for kind, options in connections(**variables):
            connection = kind(**{name: options[name] for name in ("host", "port") if name in options})
            assert isinstance(connection, SSLConnection)
            assert connection.cert_reqs.name == "CERT_REQUIRED"
            assert connection.check_hostname


@pytest.mark.parametrize(
    ("given", "lists", "broker"),
    [
        ({}, "redis://localhost:6379/0", "redis://localhost:6379/1"),
        ({"REDIS_HOST": "::1"}, "redis://[::1]:6379/0", "redis://[::1]:6379/1"),
        ({"REDIS_HOST": "[2001:db8::7]"}, "redis://[2001:db8::7]:6379/0", "redis://[2001:db8::7]:6379/1"),
        (
            {"REDIS_HOST": "r", "REDIS_PORT": "1", "REDIS_USERNAME": "u/@", "REDIS_PASSWORD": "p:?"},
            "rediss://u%2F%40:p%3A%3F@r:1/0",
            "rediss://u%2F%40:p%3A%3F@r:1/1",
        ),
        ({"REDIS_URL": "redis://r"}, "redis://r", "redis://r/1"),
        ({"REDIS_URL": "redis:///0"}, "redis:///0", "redis:///1"),
        ({"REDIS_URL": "redis://r/7"}, "redis://r/7", "redis://r/1"),
        ({"REDIS_URL": "redis://r?db=0"}, "redis://r?db=0", "redis://r/1"),
        (
            {"REDIS_URL": "rediss://:p@r:1/0?ssl_ca_certs=/etc/ca.pem&db=3"},
            "rediss://:p@r:1/0?ssl_ca_certs=/etc/ca.pem&db=3",
            "rediss://:p@r:1/1?ssl_ca_certs=/etc/ca.pem",
        ),
        (
            {"REDIS_URL": "unix:///run/r.sock?password=p&db=0"},
            "unix:///run/r.sock?password=p&db=0",
            "unix:///run/r.sock?password=p&db=1",
        ),
        ({"REDIS_HOST": "/run/r.sock"}, "unix:///run/r.sock?db=0", "unix:///run/r.sock?db=1"),
        (
            {"REDIS_HOST": "/run/r.sock", "REDIS_PASSWORD": "p@"},
            "unix://:p%40@/run/r.sock?db=0",
            "unix://:p%40@/run/r.sock?db=1",
        ),
        (
            {"REDIS_URL": "redis://r/0", "QUEL_BROKER_REDIS_URL": "rediss://b/4"},
            "redis://r/0",
            "rediss://b/4",
        ),
    ],
)
def test_the_broker_has_database_1_of_the_same_server(given, lists, broker):
    settings = read_settings(given)
    assert (settings.redis, settings.broker_redis) == (lists, broker)
    assert settings.redis_urls == {"REDIS_URL": lists, "QUEL_BROKER_REDIS_URL": broker}


def test_redis_py_reads_what_the_parts_say():
    given = {"REDIS_HOST": "2001:db8::7", "REDIS_USERNAME": "u@", "REDIS_PASSWORD": "p/:%?#"}
    for number, (kind, options) in enumerate(connections(**given)):
        assert kind is SSLConnection
        assert (options["host"], options["port"], options.get("db")) == ("2001:db8::7", 6379, number)
        assert (options["username"], options["password"]) == ("u@", "p/:%?#")


def test_redis_py_reads_a_socket_with_its_login():
    given = {"REDIS_HOST": "/run/my redis?.sock", "REDIS_USERNAME": "u", "REDIS_PASSWORD": "p@"}
    for number, (kind, options) in enumerate(connections(**given)):
        assert kind is UnixDomainSocketConnection
        assert (options["path"], options["db"]) == ("/run/my redis?.sock", number)
        assert (options["username"], options["password"]) == ("u", "p@")


def test_redis_py_reads_the_default():
    assert [kind for kind, _ in connections()] == [Connection, Connection]


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"REDIS_HOST": "r:6380"}, "REDIS_PORT"),
        ({"REDIS_HOST": "redis://:hush@r"}, "REDIS_URL"),
        ({"REDIS_HOST": "u:hush@r"}, "REDIS_HOST"),
        ({"REDIS_HOST": "[r]"}, "REDIS_HOST"),
        ({"REDIS_HOST": "two words"}, "REDIS_HOST"),
        ({"REDIS_HOST": "/run/r.sock", "REDIS_USE_TLS": "true"}, "REDIS_USE_TLS"),
        ({"REDIS_PORT": "70000"}, "REDIS_PORT"),
    ],
)
def test_parts_that_cannot_be_are_named_without_what_they_hold(given, named):
    with pytest.raises(SettingsError, match=named) as error:
        read_settings(given)
    assert "hush" not in str(error.value)


@pytest.mark.parametrize("host", ["fe80::1%/x", "fe80::1%a?db=2", "[fe80::1%@h]", "fe80::1%", "127.0.0.1%x"])
def test_a_zone_that_is_none_is_no_part_of_a_host(host):
    with pytest.raises(SettingsError, match="REDIS_HOST must be a name, an address"):
        read_settings({"REDIS_HOST": host})
    assert read_settings({"REDIS_HOST": "fe80::1%eth0"}).redis == "redis://[fe80::1%eth0]:6379/0"
