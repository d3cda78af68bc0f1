"""How forecasts turned out: each is compared, a minute later, with what was consumed.

A forecast takes every live call to go on for the whole minute, with its grown prompt; some end, and the calls that
follow them begin small. So a steady load takes less than was forecast, by as much as its calls are short.
"""

from __future__ import annotations

from collections import deque

LATER_S = 60.0
EVERY_S = 1.0
HALF_LIFE_S = 300.0
LEAST = 0.8
"""A forecast is never believed to be more wrong than by a fifth. Nor too low: while calls become more, the minute that
follows has calls that no forecast could know."""
PRIOR = 30.0
"""Comparisons that say the forecast was right, to begin with."""


class Calibration:
    """Of one deployment. Times in seconds, never going back."""

    def __init__(self) -> None:
        self._made: deque[tuple[float, float]] = deque()
        self._forecast = 0.0
        self._consumed = 0.0
        self._weight = 0.0
        self._compared_at = 0.0

    def __repr__(self) -> str:
        return f"<Calibration {self.factor:.2f}>"

    def look(self, forecast: float, consumed: float, now: float) -> None:
        """Take note of a forecast for the minute to come, and of what the minute behind consumed."""
        if self._made and now - self._made[-1][0] < EVERY_S:
            return
        self._made.append((now, forecast))
        while now - self._made[0][0] >= LATER_S:
            _, said = self._made.popleft()
            if said <= 0:
                continue
            kept = 0.5 ** (max(0.0, now - self._compared_at) / HALF_LIFE_S) if self._weight else 0.0
            self._forecast = self._forecast * kept + said
            self._consumed = self._consumed * kept + consumed
            self._weight = self._weight * kept + 1.0
            self._compared_at = now

    @property
    def factor(self) -> float:
        """What a forecast is to be multiplied by; LEAST to 1."""
        if not self._weight:
            return 1.0
        prior = PRIOR * self._forecast / self._weight
        return min(1.0, max(LEAST, (self._consumed + prior) / (self._forecast + prior)))
