"""Our own ears: a light energy detector that finds the true beginning and end of the caller's voice.

The service's end of turn is late by its silence setting; every latency the caller feels starts here instead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from gateway.audio.level import NoiseFloor
from gateway.audio.pcm import FRAME_S

ABOVE_NOISE = 3.5
"""Voice is this many times (11 dB) the noise floor ..."""
MIN_VOICE_RMS = 0.004 * 32768
"""... and at least about -48 dBFS: below it nobody is speaking to us."""
ONSET_FRAMES = 3
"""60 ms: a click is shorter."""
FLOOR_FRAMES = 5
"""The noise floor needs four frames with sound; a line that sends exact zeros has none."""
HANGOVER_S = 0.22
"""Gaps inside words are shorter; the end is dated back to the last voiced frame."""


@dataclass(frozen=True, slots=True)
class Onset:
    at: float
    """when the first voiced frame began"""


@dataclass(frozen=True, slots=True)
class End:
    at: float
    """when the last voiced frame ended"""


class Ears:
    """Hears one caller, frame by frame; `now` is when a frame's last sample was spoken, as far as we know."""

    def __init__(self) -> None:
        self._floor = NoiseFloor()
        self._frames = 0
        self._threshold_rms = math.inf  # nobody speaks before the line's own noise is known
        self._voiced_run = 0
        self._run_began_at = 0.0
        self._speaking = False
        self._last_voiced_at = 0.0
        self.level_rms = 0.0
        """of the newest frame"""
        self.voiced_s = 0.0

    def __repr__(self) -> str:
        return f"<Ears {'voice' if self._speaking else 'silence'} noise={self.noise_rms:.0f}>"

    @property
    def noise_rms(self) -> float:
        """Root mean square of the line's noise."""
        return self._floor.rms

    def is_quiet(self, frame_rms: float) -> bool:
        """Whether a frame of this level holds no voice."""
        return frame_rms < self._threshold_rms

    def hear(self, frame_rms: float, now: float) -> Onset | End | None:
        """Take a frame of 20 ms by its level; says so when a voice began or ended."""
        voiced = frame_rms >= self._threshold_rms
        floor = self._floor
        before_rms = floor.rms
        floor.update(frame_rms)
        self._frames += 1
        if floor.rms != before_rms or self._frames == FLOOR_FRAMES:
            self._adapt()
        self.level_rms = frame_rms
        if voiced:
            return self._voiced(now)
        self._voiced_run = 0
        if self._speaking and now - self._last_voiced_at >= HANGOVER_S:
            self._speaking = False
            return End(self._last_voiced_at)
        return None

    def _adapt(self) -> None:
        """The line's noise has changed, or is known now."""
        if self._frames >= FLOOR_FRAMES:
            self._threshold_rms = max(MIN_VOICE_RMS, ABOVE_NOISE * self._floor.rms)

    def _voiced(self, now: float) -> Onset | None:
        self.voiced_s += FRAME_S
        if self._voiced_run == 0:
            self._run_began_at = now - FRAME_S
        self._voiced_run += 1
        if self._speaking or self._voiced_run >= ONSET_FRAMES:
            self._last_voiced_at = now
        if not self._speaking and self._voiced_run >= ONSET_FRAMES:
            self._speaking = True
            return Onset(self._run_began_at)
        return None
