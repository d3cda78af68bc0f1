"""How far ahead of real time audio is sent to the phone network: the jitter buffer at the far side.

What is already there plays on while this process is late, so the lead follows how late it has been lately. The method
is that of NetEQ, the jitter buffer of WebRTC (`delay_manager.cc`, `histogram.cc`): a histogram that forgets, and a high
quantile of it. It rises at once and falls slowly, in silence only.
"""

from __future__ import annotations

from gateway.audio.pcm import FRAME_S

START_S = 0.06
BIN_S = 0.01
WINDOW_S = 0.5
"""One sample is the worst of half a second of playing, as in NetEQ: a stall that comes once among the 25 frames of a
window is a rare frame, but not a rare window."""
QUANTILE = 0.97
"""NetEQ takes 0.95. A lead delays nothing, because playing starts with the first frame, so a little more is cheap."""
FORGET = 0.983
"""NetEQ's: half of the weight lies in the last 20 s of playing."""
_START_WEIGHT = 2.0
"""NetEQ's: the first samples weigh more, sample n at least 2 / (n + 1), so that a start is not one bin for long."""
_FALL_S_PER_S = 0.01
_OVERHEAD_S = 2 * FRAME_S
"""A frame is due when the lead has fallen by one frame, and at that moment the next one must still be there."""


class LeadController:
    """The lead a call aims at, between 60 ms and a ceiling.

    Raises:
        ValueError: the ceiling is below one frame, so that nothing could ever be sent.
    """

    def __init__(self, ceiling_s: float = 0.2) -> None:
        if ceiling_s < FRAME_S:
            raise ValueError(f"lead must be at least a frame, not {ceiling_s} s")
        self._ceiling_s = ceiling_s
        self._floor_s = self._wanted_s = self.target_s = min(START_S, ceiling_s)
        self._weights = [0.0] * max(1, round(ceiling_s / BIN_S))
        self._windows = 0
        self._window_worst_s = 0.0
        self._window_ends: float | None = None
        self._rested_until = 0.0

    def __repr__(self) -> str:
        return f"<LeadController {self.target_s * 1000:.0f}ms wants {self._wanted_s * 1000:.0f}ms>"

    def observe(self, lateness_s: float, now: float) -> None:
        """While something plays: a frame was sent this long after it was due, or before, which is in time."""
        self._window_worst_s = max(self._window_worst_s, lateness_s)
        if self._window_ends is None:
            self._window_ends = now + WINDOW_S
        elif now >= self._window_ends:
            self._fold(self._window_worst_s)
            self._window_worst_s = 0.0
            self._window_ends = now + WINDOW_S

    def rest(self, silent_since: float, now: float) -> None:
        """Nothing has been playing since `silent_since`: the target may fall, 10 ms for each second of silence."""
        rested_s = now - max(silent_since, self._rested_until)
        self._rested_until = now
        self.target_s = max(self._wanted_s, self.target_s - _FALL_S_PER_S * rested_s)

    def _fold(self, worst_s: float) -> None:
        """Take the worst of a window into the histogram."""
        self._windows += 1
        kept = min(FORGET, 1.0 - _START_WEIGHT / (self._windows + 1))
        weights = [weight * kept for weight in self._weights]
        weights[min(int(worst_s / BIN_S), len(weights) - 1)] += 1.0 - kept
        self._weights = weights
        self._wanted_s = min(max(self._quantile_s() + _OVERHEAD_S, self._floor_s), self._ceiling_s)
        self.target_s = max(self.target_s, self._wanted_s)

    def _quantile_s(self) -> float:
        """Upper edge of the bin below which the quantile of all samples lies."""
        total = 0.0
        for index, weight in enumerate(self._weights):
            total += weight
            if total >= QUANTILE:
                return (index + 1) * BIN_S
        return len(self._weights) * BIN_S
