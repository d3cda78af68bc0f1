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
5. Stamps that jump by more than a second, or backwards by more than a frame, start a new epoch. A sender whose clock
   runs fast or slow is followed by dropping or repeating one silent frame.
6. When more than 5 % of the steps of 2 s are off by half a frame or more, stamps are not trusted: arrival order, no
   gap filling, until 2 s were clean.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from msgspec import Struct

from gateway.audio.pcm import FRAME_S

T = TypeVar("T")

HALF_FRAME_S = FRAME_S / 2
MAX_GAP_S = 0.5
EPOCH_S = 1.0
STALL_S = 0.4
MAX_STALL_S = 10.0
"""After this long without a frame the leg is somebody else's problem; inventing more audio would help nobody."""
DEBT_S = 2.0
"""A backlog comes as soon as the stall ends; silence that was filled longer ago is owed by nobody any more."""
REORDER_S = 10.0
TRUST_STEPS = 100
"""Steps in 2 s of frames."""
MAX_OFF_STEPS = 5
DRIFT_WINDOW_S = 30.0
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
    """nothing above the line's noise: may be left out to make up for silence that was filled in"""


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

    frames: int = 0
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
    longest_stall_s: float = 0.0


class _Trust:
    """Whether the stamps of the last two seconds were worth anything."""

    def __init__(self) -> None:
        self._off: deque[bool] = deque(maxlen=TRUST_STEPS)
        self._off_steps = 0
        self.trusted = True

    def judge(self, *, in_order: bool) -> bool:
        """Count a step; True if it cost the stamps their trust."""
        off = self._off
        if len(off) == TRUST_STEPS and off[0]:
            self._off_steps -= 1
        off.append(not in_order)
        self._off_steps += not in_order
        if len(off) < TRUST_STEPS:
            return False
        if self.trusted and self._off_steps > MAX_OFF_STEPS:
            self.trusted = False
            return True
        if not self.trusted and self._off_steps == 0:
            self.trusted = True
        return False


class _Drift:
    """How far the sender's clock runs away from ours, by the fastest frames of each half minute."""

    def __init__(self) -> None:
        self._base: float | None = None
        self._fastest = math.inf
        self._window_ends: float | None = None
        self.frames_due = 0
        """1: a frame of silence is missing; -1: one is too many"""

    def observe(self, position_s: float, now: float) -> None:
        """A frame ended at `position_s` of the timeline and came at `now`."""
        self._fastest = min(self._fastest, now - position_s)
        if self._window_ends is None:
            self._window_ends = now + DRIFT_WINDOW_S
        elif now >= self._window_ends:
            if self._base is None:
                self._base = self._fastest
            shift_s = self._fastest - self._base
            self.frames_due = 1 if shift_s >= FRAME_S else -1 if shift_s <= -FRAME_S else 0
            self._fastest, self._window_ends = math.inf, now + DRIFT_WINDOW_S

    def restart(self) -> None:
        self._base, self._fastest, self._window_ends, self.frames_due = None, math.inf, None, 0


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
        self._trust = _Trust()
        self._drift = _Drift()
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
        if sent_at is None or not math.isfinite(sent_at):
            return self._emit(frame, now)
        if expected is None:
            self._expect_after(frame)
            return self._emit(frame, now)
        off_s = sent_at - expected
        if -HALF_FRAME_S < off_s < HALF_FRAME_S:
            self._judge(in_order=True)
            self._expect_after(frame)
            out = self._emit(frame, now)
            return out if self._held is None else [*out, *self._release(now)]
        if last is not None and last.sent_at == sent_at:
            return self._same_stamp(frame, last, now)
        return self._out_of_order(frame, off_s, now)

    def on_tick(self, now: float) -> list[Emit[T]]:
        """Fill what a stall owes, and let go what has been held for long enough."""
        out: list[Emit[T]] = []
        if self._last_at is None:
            return out
        waited_s = now - self._last_at
        if self._held is not None and waited_s >= FRAME_S:
            out += self._release(now)
        if not STALL_S <= waited_s <= MAX_STALL_S:
            return out
        start = self._filled_to if self._filled_to is not None else self._last_at
        frames = int((now - start) / FRAME_S + ROUNDING_S)
        if frames > 0:
            self._filled_to = start + frames * FRAME_S
            self._owed += frames * self._frame_samples
            self.stats.filled_stall += frames * self._frame_samples
            out.append(self._fill(frames * self._frame_samples, "stall"))
        return out

    def _note_arrival(self, frame: Timed[T], now: float) -> None:
        stats = self.stats
        stats.frames += 1
        stats.samples_in += frame.samples
        if self._last_at is not None:
            gap_s = now - self._last_at
            stats.longest_stall_s = max(stats.longest_stall_s, gap_s)
            if self._owed and self._filled_to is not None and now - self._filled_to > DEBT_S:
                self._owed = 0
        self._last_at = now
        if self._owed == 0:
            self._filled_to = None

    def _same_stamp(self, frame: Timed[T], last: Timed[T], now: float) -> list[Emit[T]]:
        """The same frame again, or another under a clock that stands still."""
        if not frame.silent and frame.body == last.body:
            self.stats.duplicate += frame.samples
            return []
        self._judge(in_order=False)
        return [*self._release(now), *self._emit(frame, now)]

    def _out_of_order(self, frame: Timed[T], off_s: float, now: float) -> list[Emit[T]]:
        self._judge(in_order=False)
        if not self._trust.trusted or abs(off_s) > EPOCH_S:
            if self._trust.trusted:
                self.stats.epochs += 1
                self._drift.restart()
            out = self._release(now)
            self._expect_after(frame)
            return [*out, *self._emit(frame, now)]
        return self._ahead(frame, now) if off_s > 0 else self._behind(frame, now)

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
        """A frame that was overtaken, and comes too late to be put back."""
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
        gap_s = (frame.sent_at or 0.0) - (self._expected or 0.0)
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
        quiet = frame.silent or frame.quiet
        if self._owed and quiet and frame.samples <= self._owed:
            self._owed -= frame.samples
            self.stats.backlog += frame.samples
            return []
        self._drift.observe(self._out_samples / self._rate_hz, now)
        before: list[Emit[T]] = []
        if quiet and self._drift.frames_due:
            if self._drift.frames_due < 0:
                self._drift.frames_due = 0
                self.stats.drift_dropped += frame.samples
                return []
            self._drift.frames_due = 0
            self.stats.drift_added += self._frame_samples
            before.append(self._fill(self._frame_samples, "drift"))
        self._out_samples += frame.samples
        if frame.silent:
            self.stats.silent += frame.samples
            before.append(Silence(frame.samples))
        else:
            self.stats.forwarded += frame.samples
            before.append(Forward(frame.body))
        return before

    def _fill(self, samples: int, cause: str) -> Fill:
        self._out_samples += samples
        return Fill(samples, cause)

    def _expect_after(self, frame: Timed[T]) -> None:
        if frame.sent_at is not None:
            self._expected = frame.sent_at + frame.samples / self._rate_hz

    def _judge(self, *, in_order: bool) -> None:
        if self._trust.judge(in_order=in_order):
            self.stats.distrusted += 1
