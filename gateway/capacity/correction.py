"""What other clients of a deployment take, by Azure Monitor's own number: ours, a minute or two late.

Monitor says how full a deployment was in a minute; what our own calls consumed in that minute is known. The difference
is somebody else's, or an error of ours; either way it is not there for our calls. It is followed slowly where it moves
little, because the number is noisy, and quickly where it jumps, because a second client does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

MINUTE_S = 60.0
KEPT_S = 15 * MINUTE_S
"""Of readings. When the newest is as old, nothing is known any more, and nothing is corrected."""
JUMP = 0.05
"""Share of the capacity; a difference that changes by more is followed by QUICK, by less by SLOW. Readings that scatter
by 2 % leave 1 % of error, and a second client that takes 40 % is known to within 4 % after two whole minutes."""
QUICK = 0.7
SLOW = 0.2
LEAST_OF_OWN = -0.3
"""Our own estimate is never believed to be too high by more than this share of itself."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One minute of the monitor."""

    start_s: float
    """on our clock"""
    utilisation: float
    """average of the minute; 1.0 is all"""


class Correction:
    """Of one deployment. Times in seconds, monotonic.

    Args:
        capacity: normalised tokens a minute.
        consumed: ours in [start, end), by time; of all replicas.
    """

    def __init__(self, capacity: float, consumed: Callable[[float, float], float]) -> None:
        self._capacity = capacity
        self._consumed = consumed
        self._readings: dict[float, Reading] = {}

    def __repr__(self) -> str:
        return f"<Correction by {len(self._readings)} minutes>"

    def told(self, readings: Iterable[Reading], now: float) -> None:
        """Minutes of the monitor, in any order; one that is known is replaced: the newest minute may still grow."""
        for reading in readings:
            self._readings[round(reading.start_s / MINUTE_S, 3)] = reading
        self._forget(now)

    def newest(self, now: float) -> Reading | None:
        """The newest minute that is known."""
        self._forget(now)
        return max(self._readings.values(), key=lambda reading: reading.start_s, default=None)

    def others(self, now: float) -> float:
        """Normalised tokens a minute that are not ours; negative where our own estimate is too high; 0: not known."""
        self._forget(now)
        value: float | None = None
        for reading in sorted(self._readings.values(), key=lambda reading: reading.start_s):
            own = self._own(reading)
            said = reading.utilisation * self._capacity - own
            if reading.utilisation >= 1.0 and value is not None:
                said = max(said, value)  # full is full: how much more was wanted is not said
            said = min(max(said, LEAST_OF_OWN * own), self._capacity)
            if value is None:
                value = said
            else:
                value += (QUICK if abs(said - value) > JUMP * self._capacity else SLOW) * (said - value)
        return 0.0 if value is None else value

    def ratio(self, now: float) -> float | None:
        """Our own estimate against the monitor, over the minutes that are known; None: not known."""
        self._forget(now)
        said = sum(reading.utilisation for reading in self._readings.values()) * self._capacity
        return sum(map(self._own, self._readings.values())) / said if said > 0 else None

    def _own(self, reading: Reading) -> float:
        return self._consumed(reading.start_s, reading.start_s + MINUTE_S)

    def _forget(self, now: float) -> None:
        for minute in [key for key, reading in self._readings.items() if now - reading.start_s > KEPT_S + MINUTE_S]:
            del self._readings[minute]
