"""Is what the caller sends our own voice coming back?

Speakerphones and mixed streams return the agent's sound, later and weaker. The levels of 20 ms frames are enough to
recognise it: echo rises and falls with what was played, by a constant number of decibels, at one delay. Double talk of
two people does not. Every two seconds the last three seconds are compared, if the agent spoke in them.
"""

from __future__ import annotations

from collections import deque
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gateway.audio.pcm import FRAME_S

FloatArray: TypeAlias = npt.NDArray[np.float64]

WINDOW_FRAMES = 150
MAX_LAG_FRAMES = 50
"""A second: the network's buffer, the far end's delay and the way back."""
EVERY_FRAMES = 100
MIN_ACTIVE_FRAMES = 60
"""Of the window; less says nothing about anybody's rhythm."""
STRONG = 0.85
"""Enough by itself: two people who talk at once were never more alike than 0.80 in 200 conversations."""
ALIKE = 0.7
"""Enough twice in a row at the same delay, which chance does not repeat; echo over a telephone line reaches 0.84."""
ACTIVE_DB = 10.0
MIN_SPREAD_DB = 1.0
"""An uplink of even level is noise or silence: nobody's voice."""
FLOOR_RMS = 10.0
"""Levels below it are all the same: nothing."""
_FLOOR_DB = 20.0
_ACTIVE_RMS = FLOOR_RMS * 10 ** (ACTIVE_DB / 20)


class SelfAudioDetector:
    """Watches one call: levels of frames sent to the phone and of frames received from it."""

    def __init__(self) -> None:
        self._sent: deque[float] = deque(maxlen=WINDOW_FRAMES + MAX_LAG_FRAMES)
        self._received: deque[float] = deque(maxlen=WINDOW_FRAMES)
        self._until_compared = EVERY_FRAMES
        self._sent_now = 0.0
        self._alike_at: int | None = None
        """delay at which the last comparison was alike"""
        self.suspected_s = 0.0
        """seconds of the call in which the uplink looked like our own voice"""
        self.lag_s: float | None = None
        self.correlation = 0.0
        """of the last comparison"""

    def __repr__(self) -> str:
        return f"<SelfAudioDetector suspected={self.suspected_s:.0f}s>"

    def sent(self, level_rms: float) -> None:
        """A frame of this level is being played; the loudest counts where several go out within one of the caller's."""
        self._sent_now = max(self._sent_now, level_rms)

    def received(self, level_rms: float) -> None:
        """A frame of the caller; drives the comparison."""
        self._sent.append(self._sent_now)
        self._sent_now = 0.0
        self._received.append(level_rms)
        self._until_compared -= 1
        if not self._until_compared:
            self._until_compared = EVERY_FRAMES
            if len(self._sent) == self._sent.maxlen:
                self._compare()

    def _compare(self) -> None:
        self.correlation, self.lag_s = 0.0, None
        if max(self._sent) < _ACTIVE_RMS:
            return
        received, sent = _db(self._received), _db(self._sent)[1:]
        if received.std() < MIN_SPREAD_DB:
            return
        received -= received.mean()
        mean_db = sent.mean()
        sent -= mean_db  # small numbers keep the sums of squares below exact
        active = _sums(sent > _FLOOR_DB + ACTIVE_DB - mean_db) >= MIN_ACTIVE_FRAMES
        spread = _sums(sent * sent) - _sums(sent) ** 2 / WINDOW_FRAMES
        norms = np.sqrt(np.maximum(spread, 0.0) * np.dot(received, received))
        likeness = np.where(active, np.correlate(sent, received, "valid") / np.maximum(norms, 1.0), 0.0)
        best = int(np.argmax(likeness))
        self.correlation, self.lag_s = float(likeness[best]), (len(likeness) - 1 - best) * FRAME_S
        before, self._alike_at = self._alike_at, best if self.correlation >= ALIKE else None
        again = before is not None and self._alike_at is not None and abs(before - self._alike_at) <= 1
        if again or self.correlation >= STRONG:
            self.suspected_s += EVERY_FRAMES * FRAME_S


def _db(levels_rms: deque[float]) -> FloatArray:
    levels: FloatArray = np.fromiter(levels_rms, np.float64)
    decibels: FloatArray = 20.0 * np.log10(np.maximum(levels, FLOOR_RMS))
    return decibels


def _sums(values: npt.NDArray[np.float64 | np.bool_]) -> FloatArray:
    """Sum of every window of WINDOW_FRAMES values, shape (len(values) - WINDOW_FRAMES + 1,)."""
    running = np.concatenate([[0.0], np.cumsum(values)])
    sums: FloatArray = running[WINDOW_FRAMES:] - running[:-WINDOW_FRAMES]
    return sums
