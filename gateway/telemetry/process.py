"""Is the process itself in good health? Without an answer no latency can be judged.

*Loop lag*: how late a timer fires, because the event loop was busy. *Run-queue wait*: how long the process was
ready to run and had no core, because of neighbours; a busy neighbour costs a call more than any code does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from gateway.telemetry.logs import dropped_lines
from gateway.telemetry.metrics import GatewayMetrics

SAMPLE_S = 0.1
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

    async def run(self) -> None:
        """Sample until cancelled."""
        while True:
            due = self._clock() + SAMPLE_S
            await asyncio.sleep(SAMPLE_S)
            self.sample(max(0.0, self._clock() - due))

    def sample(self, lag_s: float) -> None:
        self._metrics.loop_lag.observe(lag_s)
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
