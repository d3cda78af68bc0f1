"""What Linux tells of a process: time on and off its core, memory. Other systems have no /proc, and no load tool."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
NS = 1e-9
MIB = 1024 * 1024
_UTIME, _STIME = 11, 12
"""Fields of /proc/<pid>/stat after the name in brackets, which may hold blanks (proc(5))."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One moment of a process."""

    at: float
    """monotonic seconds"""
    cpu_s: float
    """of all threads, kernel included"""
    waited_s: float
    """of the main thread: ready to run, and no core free"""
    rss_bytes: int


def read_process(pid: int, now: float) -> Reading:
    """Raises OSError if the process is gone, or where there is no /proc."""
    process = PROC / str(pid)
    fields = (process / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    ticks_s = os.sysconf("SC_CLK_TCK")
    resident_pages = int((process / "statm").read_text(encoding="ascii").split()[1])
    return Reading(
        now,
        (int(fields[_UTIME]) + int(fields[_STIME])) / ticks_s,
        int((process / "schedstat").read_text(encoding="ascii").split()[1]) * NS,
        resident_pages * os.sysconf("SC_PAGE_SIZE"),
    )


@dataclass(frozen=True, slots=True)
class Cores:
    """Which cores who runs on; None: wherever there is room."""

    subject: frozenset[int] | None
    generator: frozenset[int] | None

    def __str__(self) -> str:
        if self.subject is None or self.generator is None:
            return "gateway and generator share what cores there are"
        return f"gateway on core {_names(self.subject)}, generator on {_names(self.generator)}"


def _names(cores: frozenset[int]) -> str:
    return ", ".join(map(str, sorted(cores)))


def share_cores(available: set[int], *, pinned: bool) -> Cores:
    """The first core is the gateway's alone, the others are the generator's; one core can not be shared out."""
    if not pinned or len(available) < 2:  # noqa: PLR2004 - one each
        return Cores(None, None)
    first, *others = sorted(available)
    return Cores(frozenset({first}), frozenset(others))
