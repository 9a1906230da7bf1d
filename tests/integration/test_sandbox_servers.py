import shutil
import socket
from contextlib import ExitStack, closing
from dataclasses import replace

import psycopg2
import pytest
import redis

from quel.sandbox import Servers
from quel.sandbox.errors import SandboxError
from quel.sandbox.servers import supervisor
from quel.sandbox.servers.account import server_account


@pytest.fixture(scope="module")
def servers():
    with Servers(appendonly=True) as servers:
        yield servers


def run(url, statement):
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else None


def redis_at(url):
    return closing(redis.Redis.from_url(url))


def test_the_database_is_a_real_postgresql_for_many_connections(servers):
    assert run(servers.database_url, "SHOW max_connections") == [("200",)]
    assert run(servers.database_url, "SELECT current_setting('server_version_num')::int >= 150000") == [
        (True,)
    ]
    assert run(servers.database_url, "SHOW timezone") == [("UTC",)]


def test_both_listen_on_loopback_alone_and_want_a_password(servers):
    assert run(servers.database_url, "SHOW listen_addresses") == [("127.0.0.1",)]
    with redis_at(servers.redis_url) as client:
        assert client.config_get("bind")["bind"] == "127.0.0.1"
    with pytest.raises(psycopg2.OperationalError):
        run(servers.database_url.replace("postgres:", "postgres:wrong", 1), "SELECT 1")
    stranger = redis_at(servers.redis_url.replace("redis://:", "redis://:wrong"))
    with stranger as client, pytest.raises(redis.AuthenticationError):
        client.ping()


def test_redis_refuses_rather_than_forgets(servers):
    with redis_at(servers.redis_url) as client:
        assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
        assert client.config_get("appendonly")["appendonly"] == "yes"


def test_a_fresh_database_is_empty_or_a_copy(servers):
    template = servers.fresh_database()
    run(template, "CREATE TABLE cup AS SELECT 7 AS sugar")
    copy, empty = servers.fresh_database(template), servers.fresh_database()
    assert run(copy, "SELECT sugar FROM cup") == [(7,)]
    with pytest.raises(psycopg2.errors.UndefinedTable):
        run(empty, "SELECT sugar FROM cup")


def test_a_database_can_be_dropped_under_its_users(servers):
    url = servers.fresh_database()
    with closing(psycopg2.connect(url)):
        servers.drop_database(url)
    with pytest.raises(psycopg2.OperationalError):
        run(url, "SELECT 1")


def test_a_redis_pair_is_nobody_elses_and_empty_whatever_it_held(servers):
    with ExitStack() as all_of_them:
        pairs = [all_of_them.enter_context(servers.redis_pair()) for _ in range(63)]
        assert len({url for pair in pairs for url in pair}) == 126
        with pytest.raises(SandboxError, match="in use"), servers.redis_pair():
            pass
        for url in pairs[0]:
            with redis_at(url) as client:
                client.set("left", "over")
    with ExitStack() as all_of_them:
        assert pairs[0] in [all_of_them.enter_context(servers.redis_pair()) for _ in range(63)]
        for url in pairs[0]:
            with redis_at(url) as client:
                assert client.dbsize() == 0


def test_postgres_comes_back_where_it_was_after_stop_and_kill(servers):
    url = servers.fresh_database()
    run(url, "CREATE TABLE cup (sugar int)")
    for number, end in enumerate((servers.stop_postgres, servers.kill_postgres), 1):
        run(url, f"INSERT INTO cup VALUES ({number})")
        end()
        assert servers.postgres_pid is None
        with pytest.raises(psycopg2.OperationalError):
            run(url, "SELECT 1")
        servers.start_postgres()
        assert run(url, "SELECT count(*) FROM cup") == [(number,)]


def test_postgres_comes_back_from_a_kill_under_load(servers):
    url = servers.fresh_database()
    with closing(psycopg2.connect(url)) as busy:
        with busy.cursor() as cursor:
            cursor.execute("BEGIN; CREATE TABLE half_done (n int)")
        servers.kill_postgres()
        servers.start_postgres()
    assert run(url, "SELECT to_regclass('half_done')") == [(None,)]


def test_redis_with_its_log_loses_nothing_to_a_kill(servers):
    with redis_at(servers.redis_url) as client:
        client.set("cup", "full")
        servers.kill_redis()
        assert servers.redis_pid is None
        with pytest.raises(redis.ConnectionError):
            client.ping()
        servers.start_redis()
        assert client.get("cup") == b"full"
        servers.restart_redis(keep_data=True)
        assert client.get("cup") == b"full"
        servers.restart_redis(keep_data=False)
        assert client.get("cup") is None


def test_what_was_lost_stays_lost():
    with Servers() as servers, redis_at(servers.redis_url) as client:
        client.set("cup", "full")
        servers.restart_redis(keep_data=True)
        assert client.get("cup") == b"full"
        servers.kill_redis()
        servers.start_redis()
        assert client.get("cup") is None
        url = servers.fresh_database()
        servers.restart_postgres(keep_data=False)
        with pytest.raises(psycopg2.OperationalError):
            run(url, "SELECT 1")
        assert run(servers.database_url, "SELECT 1") == [(1,)]


def test_a_wrong_order_is_answered_and_the_next_is_obeyed(servers):
    with pytest.raises(SandboxError, match="no order 'explode'"):
        servers._order("redis", "explode")
    servers.restart_redis()


def test_servers_that_do_not_run_say_so():
    with pytest.raises(SandboxError, match="not running"):
        Servers().restart_redis()


def test_a_missing_binary_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("QUEL_SANDBOX_PG_BINDIR", str(tmp_path))
    with pytest.raises(SandboxError, match="QUEL_SANDBOX_PG_BINDIR"):
        Servers().start()


def test_a_server_that_cannot_start_shows_the_end_of_its_log(monkeypatch, tmp_path):
    broken = tmp_path / "redis-server"
    broken.write_text("#!/bin/sh\necho the reason is here\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("QUEL_SANDBOX_REDIS_SERVER", str(broken))
    with pytest.raises(SandboxError, match="the reason is here"):
        Servers().start()


@pytest.fixture(params=["redis", "postgres"])
def unstarted(request):
    """A server that has not been started yet."""
    account = server_account()
    directory = supervisor.make_directory(account)
    server = supervisor.make_servers(directory, account, appendonly=False)[request.param]
    yield server
    server.dispose()
    shutil.rmtree(directory)


def test_a_server_whose_port_was_taken_since_it_was_chosen_starts_on_another(unstarted):
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        taken = somebody.getsockname()[1]
        unstarted.seat = replace(unstarted.seat, port=taken)
        unstarted.start_first()
        assert unstarted.seat.port != taken
        assert unstarted.pid is not None
        with socket.create_connection(("127.0.0.1", unstarted.seat.port)):
            pass
