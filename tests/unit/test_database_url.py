"""Connection strings as dashboards and people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import make_url

from quel.core.database_url import client_url
from quel.core.errors import SettingsError
from quel.environment import read_settings

FOREIGN = [
    "pgbouncer=true",
    "pgbouncer=true&connection_limit=1",
    "supa=base-pooler.x",
    "schema=public",
    "sslmode=require&supa=base-pooler.x&pgbouncer=true",
    "statement_cache_size=0&pool_timeout=0",
    "PGBOUNCER=true",
]


@pytest.mark.parametrize("query", FOREIGN)
@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_parameters_of_other_libraries_fall_away_and_the_clients_own_stay(scheme, query):
    url = make_url(client_url(f" {scheme}://me:s%40cret@db.example:6543/quel?{query}\n"))
    assert (url.host, url.port, url.database, url.password) == ("db.example", 6543, "quel", "s@cret")
    assert set(url.query) <= {"sslmode"}


@pytest.mark.parametrize(
    "raw", ["a?hidden", "?hidden", "a?hidden=1", "a?b=hidden&c=hidden", "?sslmod=hidden"]
)
def test_the_rest_of_a_password_with_a_raw_question_mark_is_no_parameters_name(raw):
    with pytest.raises(SettingsError, match="percent-encoded") as wrong:
        client_url(f"postgres://me:{raw}@db.example:5432/quel?sslmode=require")
    assert "hidden" not in str(wrong.value)


@pytest.mark.parametrize("name", ["sslmod", "pgbouncr", "Host", "x" * 500])
def test_a_parameter_nobody_knows_is_named_and_its_value_is_not(name):
    with pytest.raises(SettingsError) as wrong:
        client_url(f"postgres://me@db/quel?{name}=hidden")
    assert name[:40] in str(wrong.value)
    assert "hidden" not in str(wrong.value)


@pytest.mark.parametrize("character", list("#/?[@]"))
def test_a_password_that_is_not_encoded_is_told_how_to_be(character):
    with pytest.raises(SettingsError, match="percent-encoded") as wrong:
        read_settings({"DATABASE_URL": f"postgres://me:hid{character}den@db:5432/quel"})
    assert "hid" not in str(wrong.value)


@pytest.mark.parametrize("password", ["a:b", "100%", "a%zb", "%"])
def test_what_a_password_may_hold_as_it_is_passes(password):
    assert make_url(client_url(f"postgres://me:{password}@db:5432/quel")).password == password


@pytest.mark.parametrize(
    ("option", "mode"),
    [
        ("ssl=true", "require"),
        ("ssl=require", "require"),
        ("ssl=false", "prefer"),
        ("sslmode=no-verify", "require"),
    ]
    + [(f"sslmode={mode}", mode) for mode in ("disable", "prefer", "require", "verify-full")],
)
def test_tls_is_asked_for_in_every_spelling(option, mode):
    assert make_url(client_url(f"postgres://me@db/quel?{option}")).query == {"sslmode": mode}


def test_an_sslmode_that_is_none_is_told_the_ones_there_are():
    with pytest.raises(SettingsError, match="verify-full"):
        client_url("postgres://me@db/quel?sslmode=strict")


def test_several_hosts_are_tried_in_order():
    url = make_url(client_url("postgres://me:pw@one:5432,two:5433/quel?target_session_attrs=read-write"))
    assert url.query["host"] == ("one:5432", "two:5433")
    assert (url.username, url.database) == ("me", "quel")


@pytest.mark.parametrize(
    "dsn", ["postgres://u@[::1]:5432/quel", "postgres:///quel?host=/run/pg", "postgres://h/q"]
)
def test_ordinary_addresses_are_left_alone(dsn):
    assert make_url(client_url(dsn)) == make_url(dsn.replace("postgres:", "postgresql+psycopg2:"))


@given(st.text(max_size=60))
def test_whatever_stands_there_is_read_or_refused_in_a_sentence(text):
    refused = "."
    try:
        client_url("postgresql://" + text)
    except SettingsError as error:
        refused = str(error)
    assert refused.endswith(".")
