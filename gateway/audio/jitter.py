"""The uplink's timeline, rebuilt without adding delay.

The transport is TCP: nothing is lost or reordered on the way, frames come late or in bursts, and the far side leaves
gaps. A frame in order is forwarded at once; the model takes bursts faster than real time, and its turn detection
counts samples, so the timeline must not have holes:

1. In order (the stamp is where it was expected, within half a frame): forward at once.
2. The stamps skip: on TCP the gap will not be filled later, so it is filled at once, up to 500 ms; a longer one starts
   the timeline anew.
3. Once reordering was seen, a window of one frame is held for 10 s. Older than the window: dropped. Same stamp and
   same body: dropped.
4. A stall (no frame at all) is not filled for 400 ms, because the data is still coming; after that it is filled at
   real time, and when the backlog arrives, as much of its silence is dropped as was filled, never speech.
5. Stamps that jump by more than a second, or go on from an earlier time, start a new epoch. A sender whose clock runs
   fast or slow is followed by dropping or adding one silent frame.
6. When more than 5 % of the steps of 2 s are off by half a frame or more, stamps are not trusted: arrival order, no
   gap filling, until 2 s were clean.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from msgspec import Struct

from gateway.audio.pcm import FRAME_S
from gateway.audio.stamps import Drift, Trust

T = TypeVar("T")

HALF_FRAME_S = FRAME_S / 2
MAX_GAP_S = 0.5
EPOCH_S = 1.0
STALL_S = 0.4
MAX_STALL_S = 10.0
"""After this long without a frame the leg is somebody else's problem; inventing more audio would help nobody."""
PACED_S = 0.75 * FRAME_S
"""A backlog comes at once. Frames this far apart come at real time again: what silence owes by then is forgiven."""
REORDER_S = 10.0
DRIFT_EVERY = 7
"""One frame in so many tells the drift of the clocks; no sender is known to send heaps of seven."""
ROUNDING_S = 1e-6


class Timed(Struct, Generic[T], frozen=True, gc=False):
    """A frame as it came."""

    body: T
    sent_at: float | None
    """the sender's stamp, in seconds; None: missing"""
    samples: int
    silent: bool
    """the sender said that it holds nothing"""
    quiet: bool
    """silent, or nothing above the line's noise: may be left out to make up for silence that was filled in"""


class Forward(Struct, Generic[T], frozen=True, gc=False):
    """Pass this frame on as it is."""

    body: T


class Silence(Struct, frozen=True, gc=False):
    """A silent frame: this many samples of nothing."""

    samples: int


class Fill(Struct, frozen=True, gc=False):
    """Samples to be made up; `cause` is gap, stall or drift."""

    samples: int
    cause: str


Emit: TypeAlias = Forward[T] | Silence | Fill


@dataclass(slots=True)
class JitterStats:
    """Counts since the start, in samples unless named otherwise.

    What came in is accounted for: samples_in = forwarded + silent + late + duplicate + backlog + drift_dropped + held.
    What went out: forwarded + silent + filled_gap + filled_stall + drift_added.
    """

    samples_in: int = 0
    forwarded: int = 0
    silent: int = 0
    filled_gap: int = 0
    filled_stall: int = 0
    late: int = 0
    duplicate: int = 0
    backlog: int = 0
    """quiet audio dropped because its time had been filled"""
    drift_dropped: int = 0
    drift_added: int = 0
    reordered_frames: int = 0
    resyncs: int = 0
    """gaps that were too long to fill"""
    epochs: int = 0
    distrusted: int = 0


class JitterBuffer(Generic[T]):
    """Rebuilds one timeline. `now` is monotonic seconds."""

    def __init__(self, frame_samples: int, rate_hz: int) -> None:
        self._frame_samples = frame_samples
        self._rate_hz = rate_hz
        self._expected: float | None = None
        """stamp of the next frame in order"""
        self._last: Timed[T] | None = None
        self._last_at: float | None = None
        self._filled_to: float | None = None
        """while a stall is being filled: up to which moment"""
        self._owed = 0
        """samples filled for a stall whose backlog may still come"""
        self._held: Timed[T] | None = None
        self._reorder_until = -math.inf
        self._gap = (math.inf, math.inf)
        """stamps that were skipped last: from, to"""
        self._earlier: float | None = None
        """stamp after a frame that came from an earlier time: what goes on from there was sent by a clock set back"""
        self._trust = Trust()
        self._drift = Drift()
        self._until_drift = DRIFT_EVERY
        self._out_samples = 0
        self.stats = JitterStats()

    def __repr__(self) -> str:
        return f"<JitterBuffer {'trusted' if self._trust.trusted else 'untrusted'} held={self.held_samples}>"

    @property
    def held_samples(self) -> int:
        """Audio that waits for a frame that may have been overtaken."""
        return 0 if self._held is None else self._held.samples

    # --- frames -------------------------------------------------------------------------------------------------------

    def push(self, frame: Timed[T], now: float) -> list[Emit[T]]:
        """Take a frame; returns what goes on, in order."""
        last, self._last = self._last, frame
        self._note_arrival(frame, now)
        sent_at, expected = frame.sent_at, self._expected
        if expected is None or sent_at is None or not math.isfinite(sent_at):
            return self._unplaced(frame, now)
        off_s = sent_at - expected
        if -HALF_FRAME_S < off_s < HALF_FRAME_S:
            self._trust.in_order()
            self._expected = sent_at + frame.samples / self._rate_hz
            out = self._emit(frame, now)
            return out if self._held is None else [*out, *self._release(now)]
        if last is not None and last.sent_at == sent_at:
            return self._same_stamp(frame, last, now)
        return self._out_of_order(frame, off_s, now)

    def on_tick(self, now: float) -> list[Emit[T]]:
        """Fill what a stall owes, and let go what has been held for long enough."""
        last_at = self._last_at
        if last_at is None or now - last_at < FRAME_S:
            return []
        out: list[Emit[T]] = [] if self._held is None else self._release(now)
        if not STALL_S <= now - last_at <= MAX_STALL_S:
            return out
        if self._filled_to is None:
            self._filled_to = last_at + STALL_S
        frames = int((now - self._filled_to) / FRAME_S + ROUNDING_S)
        if frames > 0:
            self._filled_to += frames * FRAME_S
            self._owed += frames * self._frame_samples
            self.stats.filled_stall += frames * self._frame_samples
            out.append(self._fill(frames * self._frame_samples, "stall"))
        return out

    def _note_arrival(self, frame: Timed[T], now: float) -> None:
        last_at, self._last_at = self._last_at, now
        self.stats.samples_in += frame.samples
        if self._filled_to is not None:
            self._filled_to = None
        elif self._owed and last_at is not None and now - last_at >= PACED_S:
            self._owed = 0

    def _unplaced(self, frame: Timed[T], now: float) -> list[Emit[T]]:
        """The first frame, or one without a usable stamp: it follows what came before it."""
        out = self._release(now)
        if frame.sent_at is not None and math.isfinite(frame.sent_at):
            self._expect_after(frame)
        elif self._expected is not None:
            self._expected += frame.samples / self._rate_hz
        return [*out, *self._emit(frame, now)]

    def _same_stamp(self, frame: Timed[T], last: Timed[T], now: float) -> list[Emit[T]]:
        """The same frame again, or another under a clock that stands still."""
        if not frame.silent and frame.body == last.body:
            self.stats.duplicate += frame.samples
            return []
        self._off()
        return [*self._release(now), *self._emit(frame, now)]

    def _out_of_order(self, frame: Timed[T], off_s: float, now: float) -> list[Emit[T]]:
        self._off()
        if not self._trust.trusted or abs(off_s) > EPOCH_S or self._goes_on_from_earlier(frame):
            if self._trust.trusted:
                self.stats.epochs += 1
                self._drift.restart()
            out = self._release(now)
            self._expect_after(frame)
            return [*out, *self._emit(frame, now)]
        return self._ahead(frame, now) if off_s > 0 else self._behind(frame, now)

    def _goes_on_from_earlier(self, frame: Timed[T]) -> bool:
        earlier, self._earlier = self._earlier, None
        return earlier is not None and abs((frame.sent_at or 0.0) - earlier) < HALF_FRAME_S

    def _ahead(self, frame: Timed[T], now: float) -> list[Emit[T]]:
        """The stamps skip: something is missing, or was overtaken."""
        held = self._held
        if held is None and now < self._reorder_until:
            self._held = frame
            return []
        if held is not None and (held.sent_at or 0.0) > (frame.sent_at or 0.0):
            return [*self._after_gap(frame, now), *self._release(now)]
        out = self._release(now)
        return [*out, *self._after_gap(frame, now)]

    def _behind(self, frame: Timed[T], now: float) -> list[Emit[T]]:
        """A frame that was overtaken and comes too late to be put back, or the first of a clock that was set back.

        What was overtaken belongs where something was missing; a clock that was set back tells times once more.
        """
        sent_at = frame.sent_at or 0.0
        if not self._gap[0] - HALF_FRAME_S < sent_at < self._gap[1]:
            self._earlier = sent_at + frame.samples / self._rate_hz
        self.stats.reordered_frames += 1
        self._reorder_until = now + REORDER_S
        self.stats.late += frame.samples
        return []

    def _release(self, now: float) -> list[Emit[T]]:
        held, self._held = self._held, None
        return [] if held is None else self._after_gap(held, now)

    def _after_gap(self, frame: Timed[T], now: float) -> list[Emit[T]]:
        """Pass a frame on, with what is missing before it."""
        out: list[Emit[T]] = []
        self._gap = (self._expected or 0.0, frame.sent_at or 0.0)
        gap_s = self._gap[1] - self._gap[0]
        if gap_s > MAX_GAP_S:
            self.stats.resyncs += 1
        elif gap_s >= HALF_FRAME_S:
            samples = round(gap_s * self._rate_hz)
            already = min(samples, self._owed)  # its time was filled as a stall
            self._owed -= already
            if samples > already:
                self.stats.filled_gap += samples - already
                out.append(self._fill(samples - already, "gap"))
        self._expect_after(frame)
        return [*out, *self._emit(frame, now)]

    # --- out ----------------------------------------------------------------------------------------------------------

    def _emit(self, frame: Timed[T], now: float) -> list[Emit[T]]:
        stats, samples = self.stats, frame.samples
        made_up: list[Emit[T]] = []
        if frame.quiet and (self._owed or self._drift.frames_due):
            if self._left_out(frame):
                return made_up
            made_up = self._make_up_drift()
        self._until_drift -= 1
        if not self._until_drift:
            self._until_drift = DRIFT_EVERY
            self._drift.observe(self._out_samples / self._rate_hz, now)
        self._out_samples += samples
        if frame.silent:
            stats.silent += samples
            return [*made_up, Silence(samples)]
        stats.forwarded += samples
        return [*made_up, Forward(frame.body)] if made_up else [Forward(frame.body)]

    def _left_out(self, frame: Timed[T]) -> bool:
        """A quiet frame whose time was filled already, or that a slow clock of ours has no time for."""
        if frame.samples <= self._owed:
            self._owed -= frame.samples
            self.stats.backlog += frame.samples
            return True
        if self._drift.frames_due < 0:
            self._drift.frames_due = 0
            self.stats.drift_dropped += frame.samples
            return True
        return False

    def _make_up_drift(self) -> list[Emit[T]]:
        if self._drift.frames_due <= 0:
            return []
        self._drift.frames_due = 0
        self.stats.drift_added += self._frame_samples
        return [self._fill(self._frame_samples, "drift")]

    def _fill(self, samples: int, cause: str) -> Fill:
        self._out_samples += samples
        return Fill(samples, cause)

    def _expect_after(self, frame: Timed[T]) -> None:
        if frame.sent_at is not None:
            self._expected = frame.sent_at + frame.samples / self._rate_hz

    def _off(self) -> None:
        if self._trust.off():
            self.stats.distrusted += 1
