"""CPU time and memory of a process with all its descendants, as Linux counts them."""

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


@dataclass(frozen=True)
class _Status:
    parent: int
    cpu_ticks: int


def cpu_s(*roots: int | None) -> float:
    """Seconds of CPU that these processes and their descendants have used, the ended ones included."""
    processes = _processes()
    family = _family(processes, {root for root in roots if root is not None})
    return sum(processes[pid].cpu_ticks for pid in family) / _TICKS_PER_S


def largest_peak_bytes(root: int) -> int:
    """The peak resident memory of the largest process among `root` and its descendants."""
    return max(_peak_bytes(pid) for pid in _family(_processes(), {root}))


def resident_mb(pid: int) -> float:
    """The resident memory of one process now, in megabytes."""
    lines = (_PROC / str(pid) / "status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def _processes() -> dict[int, _Status]:
    found = {}
    for directory in _PROC.iterdir():
        if directory.name.isdigit():
            try:
                stat = (directory / "stat").read_text()
            except OSError:
                continue  # it has just ended
            fields = stat.rpartition(")")[2].split()
            # Fields 14 to 17 of proc_pid_stat(5): its own time and that of the children it has waited for.
            found[int(directory.name)] = _Status(int(fields[1]), sum(map(int, fields[11:15])))
    return found


def _family(processes: dict[int, _Status], roots: set[int]) -> set[int]:
    family = roots & processes.keys()
    while True:
        more = {pid for pid, status in processes.items() if status.parent in family} - family
        if not more:
            return family
        family |= more


def _peak_bytes(pid: int) -> int:
    try:
        lines = (_PROC / str(pid) / "status").read_text().splitlines()
    except OSError:
        return 0  # it has just ended
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)
