"""When the caller speaks, decided from the energy of the audio itself, on the audio's own timeline.

Nothing here knows what time it is: a turn ends when enough silence has been *appended*, however fast or slowly that
happened, as the service counts. A detector by energy is simpler than the service's; it hears the same turns on a
telephone line, and takes any loud noise for speech.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from gateway.audio.pcm import Int16Array

WINDOW_MS = 20

_FULL_SCALE_POWER = 32768.0**2
_LEAST_DBFS = -52.0
"""Nothing below this is speech, however quiet the line."""
_START_FLOOR_DBFS = -60.0
_LOWEST_FLOOR_DBFS = -66.0
"""Digital silence does not make the detector hear the comfort noise after it."""
_MARGIN_DB = 10.0
_THRESHOLD_SPAN_DB = 12.0
"""A threshold of 0 to 1 moves the margin by half of this to either side; 0.5 is the middle."""
_FALL = 0.3
"""Share of the way down that the floor goes in one window."""
_RISE_DB = 0.04
"""How much it may rise in one window: 2 dB a second, so that a steady noise is believed within some seconds."""
_GAP_WINDOWS = 3
"""A closure within a word (the t in "wait") does not begin the onset anew."""
_RESUME_WINDOWS = 2
"""One loud window alone is a click and does not prolong a turn."""


@dataclass(frozen=True, slots=True)
class TurnSettings:
    threshold: float = 0.5
    prefix_padding_ms: int = 400
    silence_duration_ms: int = 500
    speech_duration_ms: int = 200


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    start_ms: int
    """of the audio appended; prefix padding included"""


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    end_ms: int
    """the silence that ended it included"""
    voiced_ms: int
    """first voiced window to last"""


TurnEvent: TypeAlias = SpeechBegan | SpeechEnded


class TurnDetector:
    """One session's detector.

    Args:
        rate_hz: of the audio to come.
        position_samples: how much was appended before, where a detector replaces another.
    """

    def __init__(self, settings: TurnSettings, rate_hz: int, position_samples: int = 0) -> None:
        self.settings = settings
        self._rate_hz = rate_hz
        self._window = rate_hz * WINDOW_MS // 1000
        self._rest = np.empty(0, np.int16)
        self._position = position_samples
        self._floor_dbfs = _START_FLOOR_DBFS
        self._last_end_ms = self._position_ms
        self.speaking = False
        self._onset_ms = 0
        self._voiced = 0
        self._unvoiced = 0
        self._run = 0

    def __repr__(self) -> str:
        return f"<TurnDetector at={self._position_ms}ms speaking={self.speaking} floor={self._floor_dbfs:.0f}dBFS>"

    def push(self, samples: Int16Array, guard_db: float = 0.0) -> list[TurnEvent]:
        """Listen to the next audio, any length; `guard_db` louder than otherwise counts as speech."""
        if len(self._rest):
            samples = np.concatenate([self._rest, samples])
        count = len(samples) // self._window
        self._rest = samples[count * self._window :].copy()
        if not count:
            return []
        windows = samples[: count * self._window].reshape(count, self._window).astype(np.float32)
        powers = np.einsum("ij,ij->i", windows, windows) / (self._window * _FULL_SCALE_POWER)
        levels_dbfs = 10 * np.log10(np.maximum(powers, 1e-10))
        events: list[TurnEvent] = []
        for level_dbfs in levels_dbfs.tolist():
            self._position += self._window
            self._hear(self._is_voiced(level_dbfs, guard_db), events)
        return events

    def end_now(self) -> int | None:
        """The turn is ended from outside (a manual commit); its voiced length in ms, None where nobody spoke."""
        voiced_ms = self._voiced_ms() if self.speaking or self._voiced else None
        self.speaking = False
        self._voiced = self._unvoiced = self._run = 0
        self._last_end_ms = self._position_ms
        return voiced_ms

    @property
    def _position_ms(self) -> int:
        return self._position * 1000 // self._rate_hz

    def _is_voiced(self, level_dbfs: float, guard_db: float) -> bool:
        if level_dbfs < self._floor_dbfs:
            self._floor_dbfs = max(_LOWEST_FLOOR_DBFS, self._floor_dbfs + _FALL * (level_dbfs - self._floor_dbfs))
        else:
            self._floor_dbfs = min(self._floor_dbfs + _RISE_DB, level_dbfs)
        margin_db = _MARGIN_DB + (self.settings.threshold - 0.5) * _THRESHOLD_SPAN_DB + guard_db
        return level_dbfs > max(_LEAST_DBFS, self._floor_dbfs + margin_db)

    def _hear(self, voiced: bool, events: list[TurnEvent]) -> None:
        self._run = self._run + 1 if voiced else 0
        if voiced and (not self.speaking or self._run >= _RESUME_WINDOWS):
            self._onset_ms = self._onset_ms if self._voiced else self._position_ms - WINDOW_MS
            self._voiced += 1
            self._unvoiced = 0
        else:
            self._unvoiced += 1
        if self.speaking:
            if self._unvoiced * WINDOW_MS >= self.settings.silence_duration_ms:
                events.append(self._end())
        elif self._unvoiced > _GAP_WINDOWS:
            self._voiced = 0
        elif self._voiced * WINDOW_MS >= self.settings.speech_duration_ms:
            self.speaking = True
            start_ms = max(self._onset_ms - self.settings.prefix_padding_ms, self._last_end_ms)
            events.append(SpeechBegan(start_ms))

    def _end(self) -> SpeechEnded:
        ended = SpeechEnded(self._position_ms, self._voiced_ms())
        self.speaking = False
        self._voiced = self._run = 0
        self._last_end_ms = ended.end_ms
        return ended

    def _voiced_ms(self) -> int:
        return max(0, self._position_ms - self._unvoiced * WINDOW_MS - self._onset_ms)
