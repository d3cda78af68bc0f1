"""Is the process itself in good health? Without an answer no latency can be judged.

*Loop lag*: how late a timer fires, because the event loop was busy. *Run-queue wait*: how long the process was
ready to run and had no core, because of neighbours; a busy neighbour costs a call more than any code does. *Memory*:
what the process holds, against what its container or its machine has.
"""

from __future__ import annotations

import asyncio
import math
import re
import resource
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from gateway.capacity.admission import Vitals
from gateway.telemetry.logs import dropped_lines
from gateway.telemetry.metrics import GatewayMetrics

SAMPLE_S = 0.1
LAGS = 50
"""Samples that the process is judged by: five seconds."""
MEMORY_EVERY = 10
"""Samples between two looks at the memory."""
STATM = Path("/proc/self/statm")
LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
MEMINFO = Path("/proc/meminfo")
SCHEDSTAT = Path("/proc/self/schedstat")
NS = 1e-9


def run_queue_wait_s(path: Path = SCHEDSTAT) -> float | None:
    """Seconds the main thread has waited for a core since it began; None where Linux does not tell.

    Source: Documentation/scheduler/sched-stats.rst of the kernel: the second field, in nanoseconds.
    """
    try:
        return int(path.read_bytes().split()[1]) * NS
    except (OSError, ValueError, IndexError):
        return None


def memory_limit_bytes(limits: Sequence[Path] = LIMITS, meminfo: Path = MEMINFO) -> float:
    """What the container may use, or all the machine has; infinite where Linux does not tell."""
    found = [number for path in limits if (number := _first_number(path)) is not None]
    total_kib = _first_number(meminfo)
    if total_kib is not None:
        found.append(total_kib * 1024)
    return min(found, default=math.inf)


def memory_bytes(path: Path = STATM) -> float:
    """What the process holds (resident set); 0 where Linux does not tell."""
    try:
        return float(path.read_bytes().split()[1]) * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        return 0.0


def _first_number(path: Path) -> float | None:
    """Of a file of the kernel; None for "max", and where there is none."""
    try:
        found = re.search(rb"\d+", path.read_bytes())
    except OSError:
        return None
    return None if found is None else float(found[0])


class ProcessWatch:
    """Samples the process; its owner runs `run` as a task."""

    def __init__(
        self,
        metrics: GatewayMetrics,
        clock: Callable[[], float],
        read_wait_s: Callable[[], float | None] = run_queue_wait_s,
    ) -> None:
        """`clock`: seconds, of the event loop that `run` runs on."""
        self._metrics = metrics
        self._clock = clock
        self._read_wait_s = read_wait_s
        self._waited_s = read_wait_s()
        self._lines_dropped = 0
        self._lags: deque[float] = deque(maxlen=LAGS)
        self._memory_limit = memory_limit_bytes()
        self._memory = 0.0
        self._samples = 0

    @property
    def vitals(self) -> Vitals:
        """How the process is; its lag is the 95th percentile of the last five seconds."""
        lags = sorted(self._lags)
        return Vitals(self._memory, lags[int(0.95 * (len(lags) - 1))] if lags else 0.0)

    async def run(self) -> None:
        """Sample until cancelled."""
        while True:
            due = self._clock() + SAMPLE_S
            await asyncio.sleep(SAMPLE_S)
            self.sample(max(0.0, self._clock() - due))

    def sample(self, lag_s: float) -> None:
        self._metrics.loop_lag.observe(lag_s)
        self._lags.append(lag_s)
        if self._samples % MEMORY_EVERY == 0:
            self._memory = memory_bytes() / self._memory_limit
            self._metrics.memory.set(self._memory)
        self._samples += 1
        self._fold_dropped_lines()
        waited_s = self._read_wait_s()
        if waited_s is None:
            return
        if self._waited_s is not None and waited_s > self._waited_s:
            self._metrics.run_queue_wait.inc(waited_s - self._waited_s)
        self._waited_s = waited_s

    def _fold_dropped_lines(self) -> None:
        dropped = dropped_lines()
        if dropped > self._lines_dropped:
            self._metrics.log_lines_dropped.inc(dropped - self._lines_dropped)
        self._lines_dropped = dropped
