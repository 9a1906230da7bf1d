"""Whatever ends the process that started a world, no process and no file of the world outlives it."""

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

import quel
from quel.sandbox import Servers
from quel.sandbox.servers.account import Account
from quel.sandbox.servers.binaries import find_postgres, find_redis

PATIENCE_S = 60

STARTS_A_WORLD = """
import json, os, sys, time
from quel.sandbox import World
world = World().start()
servers = world.servers
print(json.dumps({
    "directory": servers.directory,
    "uid": os.getuid(),
    "pids": [servers.supervisor_pid, servers.postgres_pid, servers.redis_pid,
             world.storage.pid, world.gemini.pid],
}), flush=True)
how = sys.argv[1]
if how == "stop":
    world.stop()
elif how == "raise":
    raise RuntimeError("on purpose")
elif how == "fork":
    if os.fork() == 0:  # holds every pipe to the world open
        os.closerange(1, 3)
        time.sleep(60)
    time.sleep(60)
elif how == "kill":
    time.sleep(60)
"""


def is_running(pid):
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return state.stdout.strip()[:1] not in ("", "Z")


def children_of(pid):
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    ).stdout
    pairs = [tuple(map(int, line.split())) for line in listed.splitlines()]
    return [child for child, parent in pairs if parent == pid]


def owner_of(pid):
    listed = subprocess.run(["ps", "-o", "uid=", "-p", str(pid)], capture_output=True, text=True, check=True)
    return int(listed.stdout)


def eventually(condition):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"still not so after {PATIENCE_S} s"
        time.sleep(0.02)


def link_or_copy(source, target):
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


@pytest.fixture(scope="module")
def ordinary_user():
    """The Python and the Popen options of an ordinary user: this one, or `nobody` where this one is root.

    This Python may lie in a home closed to nobody, so its files are linked into a directory that is open.
    """
    if os.geteuid() != 0:
        yield sys.executable, {}
        return
    opened = Path(tempfile.mkdtemp(prefix="open-python-", dir="/tmp"))
    opened.chmod(0o755)
    stdlib = Path(sysconfig.get_path("stdlib"))
    trees = {
        stdlib: opened / "lib" / stdlib.name,
        Path(sysconfig.get_path("purelib")): opened / "packages",
        Path(quel.__file__).parent: opened / "source" / "quel",
    }
    for source, target in trees.items():
        unneeded = shutil.ignore_patterns(
            "test", "__pycache__", *(["site-packages"] if source == stdlib else [])
        )
        shutil.copytree(source, target, copy_function=link_or_copy, ignore=unneeded)
    python = opened / "python"
    link_or_copy(Path(sys.executable).resolve(), python)
    for library in Path(sysconfig.get_config_var("LIBDIR")).glob("libpython*"):
        link_or_copy(library, opened / "lib" / library.name)
    environment = {
        "PYTHONHOME": str(opened),
        "PYTHONPATH": f"{opened / 'source'}:{opened / 'packages'}",
        "LD_LIBRARY_PATH": str(opened / "lib"),
    }
    nobody = pwd.getpwnam("nobody")
    account = Account(nobody.pw_uid, nobody.pw_gid)
    yield python, {"env": {"PATH": os.defpath} | environment, **account.popen_options()}
    shutil.rmtree(opened)


def start_world(how, python=sys.executable, **user):
    process = subprocess.Popen(
        [python, "-P", "-c", STARTS_A_WORLD, how],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
        **user,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        pytest.fail(process.communicate()[1])
    return process, json.loads(line)


def assert_nothing_is_left(world):
    eventually(lambda: not any(map(is_running, world["pids"] + world["helpers"])))
    eventually(lambda: not Path(world["directory"]).exists())


@pytest.mark.parametrize("how", ["stop", "raise", "kill"])
def test_nothing_is_left_behind(how):
    end_world(how, *start_world(how))


def test_nothing_is_left_behind_by_an_ordinary_user(ordinary_user):
    python, options = ordinary_user
    process, world = start_world("kill", python, **options)
    assert world["uid"] != 0
    end_world("kill", process, world)


def end_world(how, process, world):
    world["helpers"] = []
    if how == "kill":
        assert all(map(is_running, world["pids"]))
        assert 0 not in map(owner_of, world["pids"][1:3])
        world["helpers"] = children_of(world["pids"][1])
        assert world["helpers"]
        process.send_signal(signal.SIGKILL)
    process.communicate(timeout=PATIENCE_S)
    assert_nothing_is_left(world)


def test_a_forked_child_that_holds_the_pipes_does_not_keep_the_world_alive():
    process, world = start_world("fork")
    eventually(lambda: set(children_of(process.pid)) - set(world["pids"]))
    (forked,) = set(children_of(process.pid)) - set(world["pids"])
    world["helpers"] = children_of(world["pids"][1])
    try:
        process.kill()
        process.communicate(timeout=PATIENCE_S)
        assert_nothing_is_left(world)
        assert is_running(forked)
    finally:
        os.kill(forked, signal.SIGKILL)


def test_the_servers_end_even_with_a_killed_supervisor():
    servers = Servers().start()
    pids = [servers.postgres_pid, servers.redis_pid]
    directory = Path(servers.directory)
    os.kill(servers.supervisor_pid, signal.SIGKILL)
    eventually(lambda: not any(map(is_running, pids)))
    servers.stop()
    assert not directory.exists()


def test_a_supervisor_told_to_terminate_cleans_up():
    servers = Servers().start()
    pids, directory = [servers.postgres_pid, servers.redis_pid], Path(servers.directory)
    os.kill(servers.supervisor_pid, signal.SIGTERM)
    eventually(lambda: not any(map(is_running, pids)) and not directory.exists())
    servers.stop()


def test_a_killed_postgres_leaves_no_shared_memory():
    with Servers() as servers:
        lock_file = Path(servers.directory) / "postgres" / "postmaster.pid"
        segment = lock_file.read_text().splitlines()[6].split()[-1]
        assert segment in segments()
        servers.kill_postgres()
    assert segment not in segments()


def segments():
    listed = subprocess.run(["ipcs", "-m"], capture_output=True, text=True, check=True).stdout
    return [line.split()[1] for line in listed.splitlines() if len(line.split()) > 5]


@pytest.fixture
def closed_binaries(tmp_path):
    """PostgreSQL and Redis as they lie in a home that is closed to everybody else."""
    closed = tmp_path / "closed"
    package = find_postgres().parents[1]
    for tree in (package, package.with_name(f"{package.name}.libs")):
        if tree.is_dir():
            shutil.copytree(tree, closed / tree.name, copy_function=link_or_copy)
    link_or_copy(find_redis(), closed / "redis-server")
    closed.chmod(0o700)
    return closed / package.name / find_postgres().relative_to(package), closed / "redis-server"


def test_binaries_out_of_reach_are_copied_and_never_opened(closed_binaries, monkeypatch):
    bindir, server = closed_binaries
    monkeypatch.setenv("QUEL_SANDBOX_PG_BINDIR", str(bindir))
    monkeypatch.setenv("QUEL_SANDBOX_REDIS_SERVER", str(server))
    with Servers() as servers, closing(psycopg2.connect(servers.database_url)) as connection:
        assert connection.server_version >= 150000
    assert server.parent.stat().st_mode & 0o077 == 0


STARTS_A_COMMAND = """
import pathlib, time
from quel.sandbox.processes import QuelProcess
forever = ["python", "-c", "import time; time.sleep(600)"]
print(QuelProcess(forever, {}, pathlib.Path("/dev/null")).ending_with_parent().start().pid, flush=True)
time.sleep(600)
"""


def test_a_command_of_quel_ends_when_whoever_started_it_is_killed():
    with subprocess.Popen([sys.executable, "-c", STARTS_A_COMMAND], stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        assert is_running(pid)
        starter.kill()
    eventually(lambda: not is_running(pid))
