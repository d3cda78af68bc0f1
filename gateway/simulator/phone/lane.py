"""The phone network's playout buffer for one source of sound: a queue that is consumed at real time.

Playing depends on nothing that is still to come, so every stretch of sound gets its place on the time axis when it
arrives; StopAudio and an overflow only take back what has its place in the future. Pure: `now` is an argument.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from gateway.audio.pcm import Int16Array
from gateway.simulator.phone.switches import PhoneSwitches

SPURT_BREAK_S = 0.5
"""A longer hole between two stretches is a pause of the sender; a shorter one is an underrun inside a spurt."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message with audio."""

    at: float
    length_s: float
    lateness_s: float
    """against the even grid that begins with the first message of its spurt; negative: ahead, the sender's lead"""


@dataclass(frozen=True, slots=True)
class Gap:
    """A hole inside a spurt, as the caller heard it."""

    at: float
    length_s: float


@dataclass(frozen=True, slots=True)
class Stop:
    """One StopAudio."""

    received_at: float
    silence_at: float | None
    """when the ear had heard the last of what came before; None: nothing had come since the last stop"""
    discarded_s: float


@dataclass(frozen=True, slots=True, eq=False)
class Unheard:
    """Sound that was sent and never heard."""

    why: str
    """early, stop, overflow or hang_up"""
    received_at: float
    would_start_at: float
    """when the ear would have heard its beginning"""
    samples: Int16Array


@dataclass(slots=True, eq=False)
class _Stretch:
    start: int
    samples: Int16Array

    @property
    def end(self) -> int:
        return self.start + len(self.samples)


class Lane:
    """See the module.

    Args:
        rate_hz: of the sound.
        origin: the time at which sample 0 of the axis is played.
        switches: far-end delay, buffer depth and overflow, lag of a stop. Times in the facts are times at the ear
            where they say "heard".
    """

    def __init__(self, rate_hz: int, origin: float, switches: PhoneSwitches) -> None:
        self._rate_hz = rate_hz
        self._origin = origin
        self._delay_s = switches.far_end_delay_s
        depth_s = switches.buffer_depth_s
        self._depth = None if depth_s is None else round(depth_s * rate_hz)
        self._overflow = switches.overflow
        self._stop_lag_s = switches.stop_lag_s
        self._queue: deque[_Stretch] = deque()
        self._read = 0
        self._end = 0
        """end of the last stretch placed, in samples since the origin"""
        self._read_end = 0
        """end of the last stretch that was read to its end"""
        self._spurt_at: float | None = None
        self._spurt_samples = 0
        self.arrivals: list[Arrival] = []
        self.gaps: list[Gap] = []
        self.stops: list[Stop] = []
        self.unheard: list[Unheard] = []

    def index_at(self, now: float) -> int:
        return round((now - self._origin) * self._rate_hz)

    def heard_at(self, index: int) -> float:
        """The time at the ear of a place on the axis."""
        return self._origin + index / self._rate_hz + self._delay_s

    def waiting_s(self, now: float) -> float:
        """Sound that has come and has not begun to play."""
        return max(0, self._end - self.index_at(now)) / self._rate_hz

    def receive(self, samples: Int16Array, now: float) -> float:
        """Queue sound of shape (n,); returns the time at the ear at which all that is queued will have been heard."""
        index = self.index_at(now)
        self._note_arrival(max(index, self._end), len(samples), now)
        kept = self._make_room(samples, index, now)
        if len(kept):
            start = max(index, self._end)
            self._queue.append(_Stretch(start, kept))
            self._end = start + len(kept)
        return self.heard_at(self._end)

    def lose(self, samples: Int16Array, now: float) -> None:
        """Sound that came before the network played anything for us."""
        self._note_unheard("early", samples, max(self.index_at(now), self._end), now)

    def stop(self, now: float) -> Stop:
        """Throw away what waits; the lag later, what still plays then."""
        cut = self.index_at(now + self._stop_lag_s)
        discarded = self._cut_from(cut)
        if len(discarded):
            self._note_unheard("stop", discarded, cut, now)
        silence_at = None if self._spurt_at is None else self.heard_at(self._end)
        self._spurt_at = None
        stop = Stop(now, silence_at, len(discarded) / self._rate_hz)
        self.stops.append(stop)
        return stop

    def hang_up(self, now: float) -> None:
        """The call is over: what waits is never played."""
        cut = self.index_at(now)
        discarded = self._cut_from(cut)
        if len(discarded):
            self._note_unheard("hang_up", discarded, cut, now)

    def read(self, until: int) -> Int16Array:
        """The sound played since the last read up to the place `until`, silence included."""
        played = np.zeros(max(0, until - self._read), np.int16)
        while self._queue and self._queue[0].start < until:
            stretch = self._queue[0]
            part = stretch.samples[: until - stretch.start]
            played[stretch.start - self._read : stretch.start - self._read + len(part)] = part
            if len(part) == len(stretch.samples):
                self._read_end = self._queue.popleft().end
            else:
                stretch.start, stretch.samples = until, stretch.samples[len(part) :]
        self._read = max(self._read, until)
        return played

    def _note_arrival(self, start: int, length: int, now: float) -> None:
        hole_s = (start - self._end) / self._rate_hz
        if self._spurt_at is None or hole_s > SPURT_BREAK_S:
            self._spurt_at, self._spurt_samples = now, 0
        elif hole_s > 0:
            self.gaps.append(Gap(self.heard_at(self._end), hole_s))
        lateness_s = now - self._spurt_at - self._spurt_samples / self._rate_hz
        self.arrivals.append(Arrival(now, length / self._rate_hz, lateness_s))
        self._spurt_samples += length

    def _make_room(self, samples: Int16Array, index: int, now: float) -> Int16Array:
        """What of `samples` may be queued; the overflow policy decides what goes when both do not fit."""
        if self._depth is None:
            return samples
        excess = max(0, self._end - index) + len(samples) - self._depth
        if excess <= 0:
            return samples
        if self._overflow == "drop_new":
            keep = max(0, len(samples) - excess)
            self._note_unheard("overflow", samples[keep:], max(index, self._end) + keep, now)
            return samples[:keep]
        oldest = self._cut_from(index)
        excess = max(0, len(oldest) + len(samples) - self._depth)
        everything = np.concatenate([oldest, samples])
        self._note_unheard("overflow", everything[:excess], index, now)
        return everything[excess:]

    def _cut_from(self, cut: int) -> Int16Array:
        """Take everything placed at or after `cut` out of the queue."""
        taken: list[Int16Array] = []
        while self._queue and self._queue[-1].end > cut:
            stretch = self._queue.pop()
            keep = max(0, cut - stretch.start)
            taken.append(stretch.samples[keep:])
            if keep:
                self._queue.append(_Stretch(stretch.start, stretch.samples[:keep]))
        self._end = self._queue[-1].end if self._queue else self._read_end
        return np.concatenate(taken[::-1]) if taken else np.empty(0, np.int16)

    def _note_unheard(self, why: str, samples: Int16Array, index: int, now: float) -> None:
        self.unheard.append(Unheard(why, now, self.heard_at(index), samples))
