"""The machine: which cores the server and the load get, and what a process has used of them."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cores:
    """`server` is the core of the process under test; `load` are those of everything else."""

    server: frozenset[int]
    load: frozenset[int]

    @property
    def apart(self) -> bool:
        return not self.server & self.load


def cores() -> Cores:
    """The last core for the server, the others for the load; one and the same where there is only one."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        return Cores(server=frozenset(usable), load=frozenset(usable))
    return Cores(server=frozenset(usable[-1:]), load=frozenset(usable[:-1]))


def pin(pid: int, to: frozenset[int]) -> None:
    """Keep a process on these cores; threads and children that it starts later stay there too."""
    os.sched_setaffinity(pid, to)


def cpu_seconds(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def memory_bytes(pid: int) -> int:
    return psutil.Process(pid).memory_info().rss


def busy(over: float = 1.0) -> float:
    """The share of the machine that others use now, 0 to 1: what a run must be read with."""
    return psutil.cpu_percent(interval=over) / 100


def description() -> dict[str, str]:
    memory = psutil.virtual_memory().total / 2**30
    return {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{memory:.0f} GiB",
        "python": platform.python_version(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else "unknown"
