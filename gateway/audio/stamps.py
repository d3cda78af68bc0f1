"""What the sender's time stamps are worth: whether to believe them, and how far the clock behind them runs away."""

from __future__ import annotations

import math
from collections import deque

from gateway.audio.pcm import FRAME_S

TRUST_STEPS = 100
"""Steps in 2 s of frames."""
MAX_OFF_STEPS = 5
DRIFT_WINDOW_S = 30.0


class Trust:
    """Whether the stamps of the last two seconds were worth anything: no more than 5 % of their steps off."""

    def __init__(self) -> None:
        self._steps = 0
        self._off_at: deque[int] = deque()
        """numbers of the steps among the last TRUST_STEPS that were off"""
        self.trusted = True

    def in_order(self) -> None:
        """Count a step that was where it was expected."""
        self._steps += 1
        if self._off_at:
            self._forget_old()
        elif not self.trusted and self._steps >= TRUST_STEPS:
            self.trusted = True

    def off(self) -> bool:
        """Count a step that was off by half a frame or more; True if it cost the stamps their trust."""
        self._steps += 1
        self._off_at.append(self._steps)
        self._forget_old()
        if self.trusted and self._steps >= TRUST_STEPS and len(self._off_at) > MAX_OFF_STEPS:
            self.trusted = False
            return True
        return False

    def _forget_old(self) -> None:
        off_at = self._off_at
        while off_at and off_at[0] <= self._steps - TRUST_STEPS:
            off_at.popleft()
        if not off_at:
            self.trusted = True


class Drift:
    """How far the sender's clock runs away from ours, by the fastest frames of each half minute."""

    def __init__(self) -> None:
        self._base: float | None = None
        self._fastest = math.inf
        self._window_ends = -math.inf
        self.frames_due = 0
        """1: a frame of silence is missing; -1: one is too many"""

    def observe(self, position_s: float, now: float) -> None:
        """A frame began at `position_s` of the timeline and came at `now`."""
        delay_s = now - position_s
        self._fastest = min(self._fastest, delay_s)
        if now >= self._window_ends:
            self._next_window(now)

    def restart(self) -> None:
        self._base, self._fastest, self._window_ends, self.frames_due = None, math.inf, -math.inf, 0

    def _next_window(self, now: float) -> None:
        if self._window_ends > -math.inf:
            if self._base is None:
                self._base = self._fastest
            shift_s = self._fastest - self._base
            self.frames_due = 1 if shift_s >= FRAME_S else -1 if shift_s <= -FRAME_S else 0
            self._fastest = math.inf
        self._window_ends = now + DRIFT_WINDOW_S
