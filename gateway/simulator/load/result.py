"""What one run measured."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from gateway.simulator.load.samples import Spread

STARVED = 0.03
"""Share of the time a process waited for its core above which no latency can be judged."""
GENERATOR_LATE_S = 0.0025
"""Half of the tightest target: a generator that is this late itself measures itself."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a process used while it was measured; shares are of one core."""

    cpu_share: float
    waited_share: float
    rss_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One subject; seconds, but where named otherwise."""

    subject: str
    calls: int
    measured_s: float
    cpu_per_call_s: float
    """CPU seconds for one call for one second"""
    memory_per_call_bytes: float
    idle_rss_bytes: int
    process: Load
    generator: Load
    uplink: Spread
    downlink: Spread
    lateness: Spread
    barge_in: Spread
    gap_share: float
    """of the frames that came"""
    frames_up_per_call_s: float
    frames_down_per_call_s: float
    deltas_per_call_s: float
    generator_late: Spread
    unknown_appends: int
    failures: dict[str, int]
    """calls by what went wrong; a call may stand in several lines"""
    failed_calls: int
    loop_lag_p99_s: float
    """upper bound of the bucket, while measured; not a number where the subject tells nothing"""
    loop_lag_longest_s: float
    """the same over the whole run, call set-up included"""
    strangers: dict[str, int] = field(default_factory=dict)
    """what strangers were answered meanwhile, by status"""

    @property
    def doubts(self) -> list[str]:
        """Why the latencies of this run should not be believed; empty if they can be."""
        found = []
        for name, load in (("the process", self.process), ("the load generator", self.generator)):
            if load.waited_share > STARVED:
                found.append(f"{name} waited for its core {load.waited_share:.1%} of the time")
        if self.generator_late.p99 > GENERATOR_LATE_S:
            found.append(f"the load generator itself was late, p99 {self.generator_late.p99 * 1000:.1f} ms")
        return found


def count_failures(problems: list[list[str]]) -> tuple[dict[str, int], int]:
    """Calls by problem, and how many had any."""
    counts = Counter(name for names in problems for name in names)
    return dict(counts.most_common()), sum(bool(names) for names in problems)
