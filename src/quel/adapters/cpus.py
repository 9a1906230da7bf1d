"""The CPUs this process may use: its affinity and its container's quota, not what the node has."""

import math
import os
from collections.abc import Iterator
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_OWN_GROUPS = Path("/proc/self/cgroup")


def usable_cpus(cgroups: Path = _CGROUPS, own_groups: Path = _OWN_GROUPS) -> int:
    """At least 1; a quota of one and a half CPUs counts as two.

    Reads cgroup v2's `cpu.max` and v1's `cpu.cfs_quota_us` of the process's own group and all above it. The
    paths are parameters for tests.
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [quota for group in _groups(cgroups, own_groups) if (quota := _quota(group)) is not None]
    return max(1, min([affinity, *(math.ceil(quota) for quota in quotas)]))


def _groups(cgroups: Path, own_groups: Path) -> Iterator[Path]:
    """Directories that may hold a quota. Inside a container the mount's root often is its own group."""
    yield from (cgroups, cgroups / "cpu", cgroups / "cpu,cpuacct")
    for line in _read(own_groups).splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = cgroups / controllers
        group = root / path.lstrip("/")
        yield from (each for each in (group, *group.parents) if each.is_relative_to(root))


def _quota(group: Path) -> float | None:
    """CPUs a second of wall time, None where nothing limits them."""
    limit, _, period = _read(group / "cpu.max").partition(" ")
    if not limit:
        limit, period = _read(group / "cpu.cfs_quota_us"), _read(group / "cpu.cfs_period_us")
    try:
        quota = int(limit) / int(period)
    except (ValueError, ZeroDivisionError):
        return None  # "max", or no such file
    return quota if quota > 0 else None  # v1 says -1 for no limit


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
