"""What is measured of the calls of one run, by one clock."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field


def _floats() -> array[float]:
    return array("d")


@dataclass(slots=True)
class Samples:
    """Seconds; taken only while `open`, which is the measured time with all calls up."""

    open: bool = False
    uplink: array[float] = field(default_factory=_floats)
    """frame sent by the phone to append received by the model"""
    downlink: array[float] = field(default_factory=_floats)
    """first delta of the agent sent by the model, nothing being played, to the first frame received by the phone"""
    lateness: array[float] = field(default_factory=_floats)
    """frame received by the phone, against the 20 ms grid through the earliest frame of the spurt so far"""
    barge_in: array[float] = field(default_factory=_floats)
    """speech_started sent by the model to StopAudio received by the phone"""
    generator_late: array[float] = field(default_factory=_floats)
    """this process did what was due so late"""
    frames_up: int = 0
    """appended frames that were recognised"""
    frames_down: int = 0
    deltas: int = 0
    gaps: int = 0
    """frames that came too late for a phone network that plays a spurt one frame after it began"""
    unknown_appends: int = 0
    """appends that hold something else than the next frame of a call"""

    def forget(self) -> None:
        """Begin anew; what was taken is gone."""
        for times in (self.uplink, self.downlink, self.lateness, self.barge_in, self.generator_late):
            del times[:]
        self.frames_up = self.frames_down = self.deltas = self.gaps = self.unknown_appends = 0


@dataclass(frozen=True, slots=True)
class Spread:
    """Quantiles of a set of samples, in seconds; not a number where there are none."""

    count: int
    p50: float
    p99: float
    p999: float
    longest: float


def spread(samples: Iterable[float]) -> Spread:
    ordered = sorted(samples)
    p50, p99, p999 = (quantile(ordered, share) for share in (0.5, 0.99, 0.999))
    return Spread(len(ordered), p50, p99, p999, longest=ordered[-1] if ordered else math.nan)


def quantile(ordered: list[float], share: float) -> float:
    """Nearest rank: the smallest sample that at least `share` of all are not above."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan
