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
5. Stamps that jump by more than a second, or backwards, start a new epoch.
6. When more than 5 % of the steps of 2 s are off by half a frame or more, stamps are not trusted: arrival order, no
   gap filling.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from msgspec import Struct

from gateway.audio.pcm import FRAME_S

T = TypeVar("T")

MAX_GAP_S = 0.5
EPOCH_S = 1.0
STALL_S = 0.4
MAX_STALL_S = 10.0
"""After this long without a frame the leg is somebody else's problem; inventing more audio would help nobody."""
REORDER_S = 10.0
TRUST_STEPS = 100
"""Steps in 2 s of frames."""
MAX_OFF_SHARE = 0.05
MIN_STEPS = 20


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
    """Samples to be made up; `cause` is gap or stall."""

    samples: int
    cause: str


Emit: TypeAlias = Forward[T] | Silence | Fill


@dataclass(slots=True)
class JitterStats:
    """Counts since the start; samples in = forwarded + silent + late + duplicate + backlog + held."""

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
    reordered_frames: int = 0
    resyncs: int = 0
    epochs: int = 0
    distrusted: int = 0
    longest_stall_s: float = 0.0


class JitterBuffer(Generic[T]):
    """Rebuilds one timeline. `now` is monotonic seconds."""

    def __init__(self, frame_samples: int, rate_hz: int) -> None:
        self._frame_samples = frame_samples
        self._rate_hz = rate_hz
        self._half_frame_s = FRAME_S / 2
        self._expected: float | None = None
        """stamp of the next frame in order"""
        self._last: Timed[T] | None = None
        self._last_at: float | None = None
        self._filled_to: float | None = None
        """while a stall is being filled: up to which moment"""
        self._owed = 0
        """samples filled for a stall whose backlog may still come"""
        self._held: Timed[T] | None = None
        self._reorder_until = 0.0
        self._off: deque[bool] = deque(maxlen=TRUST_STEPS)
        self._trusted = True
        self.stats = JitterStats()

    def __repr__(self) -> str:
        return f"<JitterBuffer {'trusted' if self._trusted else 'untrusted'} held={self.held_samples}>"

    @property
    def held_samples(self) -> int:
        """Audio that waits for one that was overtaken."""
        return 0 if self._held is None else self._held.samples

    def push(self, frame: Timed[T], now: float) -> list[Emit[T]]:
        """Take a frame; returns what goes on, in order."""
        stats = self.stats
        stats.frames += 1
        stats.samples_in += frame.samples
        if self._last_at is not None:
            stats.longest_stall_s = max(stats.longest_stall_s, now - self._last_at)
        last, self._last, self._last_at = self._last, frame, now
        self._filled_to = None
        if frame.sent_at is None:
            return self._emit(frame)
        if last is not None and last.sent_at == frame.sent_at:
            if not frame.silent and last.body == frame.body:
                stats.duplicate += frame.samples
                return []
            self._judge(in_order=False)  # another frame under the same stamp: a clock that stands still
            return [*self._release(), *self._emit(frame)]
        expected = self._expected
        if expected is None:
            self._expect_after(frame)
            return self._emit(frame)
        off_s = frame.sent_at - expected
        in_order = abs(off_s) < self._half_frame_s
        self._judge(in_order=in_order)
        if not self._trusted or in_order:
            self._expect_after(frame)
            return [*self._release(), *self._emit(frame)]
        if abs(off_s) > EPOCH_S:
            stats.epochs += 1
            self._expect_after(frame)
            return [*self._release(), *self._emit(frame)]
        return self._ahead(frame, off_s, now) if off_s > 0 else self._behind(frame, now)

    def on_tick(self, now: float) -> list[Emit[T]]:
        """Fill what a stall owes, and let go what has been held for long enough."""
        out: list[Emit[T]] = []
        if self._held is not None and self._last_at is not None and now - self._last_at >= FRAME_S:
            out += self._release()
        if self._last_at is None or now - self._last_at < STALL_S or now - self._last_at > MAX_STALL_S:
            return out
        start = self._filled_to if self._filled_to is not None else self._last_at
        frames = int((now - start) / FRAME_S + 1e-6)
        if frames > 0:
            samples = frames * self._frame_samples
            self._filled_to = start + frames * FRAME_S
            self._owed += samples
            self.stats.filled_stall += samples
            out.append(Fill(samples, "stall"))
        return out

    def _ahead(self, frame: Timed[T], off_s: float, now: float) -> list[Emit[T]]:
        """The stamps skip."""
        if now < self._reorder_until and self._held is None:
            self._held = frame
            return []
        out = self._release()
        off_s = (frame.sent_at or 0.0) - (self._expected or 0.0)
        if off_s >= self._half_frame_s:
            if off_s <= MAX_GAP_S:
                samples = round(off_s * self._rate_hz)
                filled = self._pay(samples)
                self.stats.filled_gap += filled
                if filled:
                    out.append(Fill(filled, "gap"))
            else:
                self.stats.resyncs += 1
        self._expect_after(frame)
        return [*out, *self._emit(frame)]

    def _behind(self, frame: Timed[T], now: float) -> list[Emit[T]]:
        """A frame that was overtaken."""
        self.stats.reordered_frames += 1
        self._reorder_until = now + REORDER_S
        self.stats.late += frame.samples
        return []

    def _release(self) -> list[Emit[T]]:
        held, self._held = self._held, None
        if held is None or held.sent_at is None:
            return []
        out: list[Emit[T]] = []
        gap_s = held.sent_at - (self._expected if self._expected is not None else held.sent_at)
        if gap_s >= self._half_frame_s:
            samples = round(gap_s * self._rate_hz)
            self.stats.filled_gap += samples
            out.append(Fill(samples, "gap"))
        self._expect_after(held)
        return [*out, *self._emit(held)]

    def _pay(self, samples: int) -> int:
        """A gap whose time was filled as a stall already needs no filling again."""
        paid = min(samples, self._owed)
        self._owed -= paid
        return samples - paid

    def _emit(self, frame: Timed[T]) -> list[Emit[T]]:
        if self._owed:
            if (frame.silent or frame.quiet) and frame.samples <= self._owed:
                self._owed -= frame.samples
                self.stats.backlog += frame.samples
                return []
            if frame.samples > self._owed:
                self._owed = 0
        if frame.silent:
            self.stats.silent += frame.samples
            return [Silence(frame.samples)]
        self.stats.forwarded += frame.samples
        return [Forward(frame.body)]

    def _expect_after(self, frame: Timed[T]) -> None:
        if frame.sent_at is not None:
            self._expected = frame.sent_at + frame.samples / self._rate_hz

    def _judge(self, *, in_order: bool) -> None:
        self._off.append(not in_order)
        if len(self._off) < MIN_STEPS:
            return
        off_share = sum(self._off) / len(self._off)
        if self._trusted and off_share > MAX_OFF_SHARE and len(self._off) == TRUST_STEPS:
            self._trusted = False
            self.stats.distrusted += 1
        elif not self._trusted and off_share == 0 and len(self._off) == TRUST_STEPS:
            self._trusted = True
