"""What others take from a deployment of ours, told from Azure Monitor's utilisation and our own count.

Monitor sees the whole deployment, a minute or more late and one number a minute; we see our own calls, at once. The
difference of the two in the same minute is what we do not know: another client of the deployment, responses that
failed and told no usage, weights that are wrong. It is estimated slowly, within bounds, and forgotten when Monitor
falls silent, so that nothing Monitor says can do more than it is worth:

    corrected utilisation = (our last 60 s + others) / capacity

**The filter.** One difference is noisy: the reading itself, and responses that Azure charges when they begin and we
when they end (about 1.7 % of capacity at half load). Inside a band of 5 % of capacity around the estimate a quarter of
the distance is taken: noise of a few percent then moves the estimate by little more than a third of itself. A client
that comes or goes is a step, for which a quarter a minute is too slow: two readings in a row that lie beyond the
band on the same side are believed at once, with their mean. If they differ by more than the band the step fell into
the first of them, whose minute was only partly full, and the nearer one is taken until the next comes. A single
wrong reading can thus do no more than any other inside the band. After a step the first readings weigh more (a
running mean), because the old ones say nothing any more.

Reached in simulations (`tests/capacity/test_correction.py`; Monitor one minute late, read once a minute): a hidden
client of 20 to 40 % of capacity is in the corrected utilisation after five minutes to within 5 % of capacity; with
nobody hidden and readings that are wrong by 3 % (standard deviation) the error is at most 2 % in 95 of 100 seconds.
Five minutes hold two whole minutes of readings at worst, so nothing slower than "believe two" could do it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import fsum

MINUTE_S = 60.0
GAIN = 0.25
"""Part of the distance that a reading inside the band is worth in the long run: noise falls to sqrt(g / (2 - g)),
38 %."""
BAND = 0.05
"""Of capacity; readings that are further away from the estimate than this belong to a step, or are wrong."""
STEP = 0.4
"""Of capacity; the most a reading can move the estimate. Smaller, and a client of 40 % would take longer than five
minutes."""
LEAST_OF_OWN = -0.3
"""Of our own last minute. Our weights may be too high by so much; if the difference says more, something else is
wrong, and a deployment must not look emptier than it can be."""
HOLD_S = 450.0
"""Age of the newest reading up to which the estimate is taken in full. Monitor is always minutes late."""
UNKNOWN_S = 900.0
"""Age at which nothing is left of it; it fades evenly in between."""
KEPT_MINUTES = 30
"""Older readings are forgotten: a quarter a minute leaves 0.02 % of them."""
LEAST_USE = 0.01
"""Of capacity; below it a ratio says nothing."""
FULL = 1.0
"""From here on requests are refused, and the reading is a lower bound of what was wanted."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One minute of the monitor."""

    minute: int
    """since the epoch: which one it is, however often it is read and whatever the clocks do meanwhile"""
    start_s: float
    """on our clock"""
    utilisation: float
    """average of the minute; 1.0 is all"""
    peak: float = 0.0
    """its maximum"""

    @property
    def end_s(self) -> float:
        return self.start_s + MINUTE_S


@dataclass(frozen=True, slots=True)
class _Kept:
    reading: Reading
    own: float
    """ours in the same minute, of the capacity"""
    told_at: float


class Correction:
    """Of one deployment. Times in seconds, monotonic.

    What it says depends on which readings came and when, and not on the order of those that came at one moment.
    """

    def __init__(self, capacity: float, consumed: Callable[[float, float], float], since_s: float) -> None:
        """Args as they are kept.

        Args:
            capacity: normalised tokens a minute.
            consumed: ours in [start, end), by time; of all replicas, and of the last 20 minutes at least.
            since_s: when that count began. Of earlier minutes our part is unknown, so they say nothing about others:
                what the process before us took is no other client.
        """
        self._capacity = capacity
        self._consumed = consumed
        self._since_s = since_s
        self._kept: dict[int, _Kept] = {}
        self._estimate = 0.0

    def __repr__(self) -> str:
        return f"<Correction by {len(self._kept)} minutes, others={self._estimate:.0%}>"

    def told(self, readings: Iterable[Reading], now: float) -> None:
        """Take minutes of the monitor, in any order, known or not.

        One that is known is replaced: the newest minute may still grow. Of two that come at one moment the higher one
        counts. A minute that is not over is left out.
        """
        for reading in readings:
            if reading.end_s <= now:
                self._keep(reading, now)
        newest = max(self._kept, default=0)
        self._kept = {minute: kept for minute, kept in self._kept.items() if minute > newest - KEPT_MINUTES}
        self._estimate = _estimate([kept for _, kept in sorted(self._kept.items()) if self._tells(kept.reading)])

    def newest(self, now: float) -> Reading | None:
        """The newest minute that is known; None: nothing has come for a quarter of an hour."""
        kept = self._kept.get(max(self._kept, default=0))
        return kept.reading if kept is not None and now - kept.reading.end_s < UNKNOWN_S else None

    def others(self, now: float) -> float:
        """Normalised tokens a minute that are not ours; negative where our own estimate is too high; 0: not known.

        Never below LEAST_OF_OWN of our own last minute, never above the capacity.
        """
        newest = self.newest(now)
        if newest is None:
            return 0.0
        worth = min(1.0, (UNKNOWN_S - (now - newest.end_s)) / (UNKNOWN_S - HOLD_S))
        own = self._consumed(now - MINUTE_S, now)
        return min(max(self._estimate * self._capacity * worth, LEAST_OF_OWN * own), self._capacity)

    def ratio(self, now: float) -> float | None:
        """Our own estimate against the monitor, over the last minutes that are known; None: not known."""
        fresh = [
            kept
            for kept in self._kept.values()
            if now - kept.reading.end_s < UNKNOWN_S and kept.reading.utilisation < FULL and self._tells(kept.reading)
        ]
        # Exact sums: the order in which readings came must not be seen in the last digit.
        said = fsum(kept.reading.utilisation for kept in fresh)
        return fsum(kept.own for kept in fresh) / said if said > LEAST_USE * len(fresh) else None

    def _keep(self, reading: Reading, now: float) -> None:
        known = self._kept.get(reading.minute)
        if known is None:
            own = self._consumed(reading.start_s, reading.end_s) / self._capacity
        elif (now, reading.utilisation, reading.peak) <= (known.told_at, known.reading.utilisation, known.reading.peak):
            return
        else:
            own = known.own  # counted once: the history may have let go of that minute since
        self._kept[reading.minute] = _Kept(reading, own, now)

    def _tells(self, reading: Reading) -> bool:
        return reading.start_s >= self._since_s


def _estimate(history: list[_Kept]) -> float:
    """The filter over the differences, oldest first; of capacity."""
    estimate = before = 0.0  # until something else is known nobody else is there
    weighed, last_minute = 1 / GAIN, None
    for kept in history:
        minute = kept.reading.minute
        if last_minute is not None and (minute - last_minute) * MINUTE_S >= UNKNOWN_S:
            estimate, before, weighed = 0.0, 0.0, 1 / GAIN
        last_minute = minute
        difference = kept.reading.utilisation - kept.own
        if kept.reading.utilisation >= FULL:
            difference = max(difference, estimate)
        first, second = before - estimate, difference - estimate
        before = difference
        if first * second > 0 and min(abs(first), abs(second)) > BAND:
            if abs(first - second) <= BAND:
                move, weighed = (first + second) / 2, 2.0
            else:
                move, weighed = min(first, second, key=abs), 1.0
        else:
            weighed = min(weighed + 1, 1 / GAIN)
            move = _within(second, BAND) / weighed
        estimate = _within(estimate + _within(move, STEP), 1.0)
    return estimate


def _within(value: float, most: float) -> float:
    return min(max(value, -most), most)
