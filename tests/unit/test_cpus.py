"""Parallelism follows what the pod may use, not the node: affinity and the quota of its control groups."""

import os

import pytest

from quel.adapters.cpus import usable_cpus


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(8)), raising=False)


def usable(tmp_path, files, own=""):
    for name, text in files.items():
        path = tmp_path / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "own").write_text(own)
    return usable_cpus(tmp_path / "cgroup", tmp_path / "own")


@pytest.mark.parametrize(
    ("text", "cpus"),
    [
        ("max 100000\n", 8),
        ("200000 100000\n", 2),
        ("150000 100000\n", 2),
        ("10000 100000\n", 1),
        ("1600000 100000\n", 8),
        ("nonsense", 8),
        ("", 8),
        ("100000 0", 8),
    ],
)
def test_the_quota_of_cgroup_v2_is_rounded_up(tmp_path, text, cpus):
    assert usable(tmp_path, {"cpu.max": text}) == cpus


@pytest.mark.parametrize(("quota", "cpus"), [("-1", 8), ("300000", 3), ("50000", 1)])
@pytest.mark.parametrize("controllers", ["cpu", "cpu,cpuacct"])
def test_the_quota_of_cgroup_v1_is_read(tmp_path, quota, cpus, controllers):
    files = {f"{controllers}/cpu.cfs_quota_us": quota, f"{controllers}/cpu.cfs_period_us": "100000"}
    assert usable(tmp_path, files, own=f"3:memory:/\n4:{controllers}:/\n") == cpus


def test_a_group_below_the_root_and_the_groups_above_it_count(tmp_path):
    files = {"pod/worker/cpu.max": "max 100000", "pod/cpu.max": "300000 100000"}
    assert usable(tmp_path, files, own="0::/pod/worker\n") == 3


def test_without_control_groups_the_affinity_counts(tmp_path, monkeypatch):
    assert usable_cpus(tmp_path / "none", tmp_path / "none either") == 8
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {3})
    assert usable(tmp_path, {"cpu.max": "400000 100000"}) == 1
