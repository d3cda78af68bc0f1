"""Frames that say whose they are and which: a mark in the sound itself, which a change of sample rate leaves readable.

A frame of 20 ms begins with sixteen stretches of 1 ms, each a constant level above or below zero: ten bits name the
call, six count its frames. The middle of a stretch is half a millisecond away from the next edge, far more than a
resampler's filter needs to settle, and the filter's delay shifts all of them by the same, known time.
"""

from __future__ import annotations

import numpy as np
import pybase64

from gateway.audio.pcm import FRAME_S, AudioFormat
from gateway.audio.resample import StreamResampler

BITS = 16
NUMBER_BITS = 6
NUMBERS = 1 << NUMBER_BITS
"""Frames are counted modulo this: 1.28 s."""

_LOUD, _QUIET = 3000, 700
_LOUD_FRAMES = 45
"""Of every 64 frames so many are loud, so that level detectors hear words and pauses."""
_STRETCH_S = 0.001
_SIGNS = bytes(b"01"[byte >> 7] for byte in range(256))
"""High byte of a sample to the digit of its sign."""


def marked_frame(call: int, number: int, rate_hz: int) -> bytes:
    """A frame as little-endian PCM.

    Args:
        call: 0 to 1023.
        number: of the frame; counted modulo 64.
        rate_hz: a whole number of samples per millisecond.
    """
    number %= NUMBERS
    level = _LOUD if number < _LOUD_FRAMES else _QUIET
    digits = f"{call << NUMBER_BITS | number:0{BITS}b}"
    levels = [-level if digit == "1" else level for digit in digits]
    samples = np.full(round(FRAME_S * rate_hz), level, "<i2")
    samples[: BITS * rate_hz // 1000] = np.repeat(levels, rate_hz // 1000)
    return samples.tobytes()


class MarkReader:
    """Reads marks from frames that went through a gateway."""

    def __init__(self, source: AudioFormat, target: AudioFormat) -> None:
        """`source`: the format the frames had; `target`: the format they have now."""
        samples_per_s = target.rate_hz
        delay_s = StreamResampler(source.rate_hz, target.rate_hz).delay_s
        first = round((delay_s + _STRETCH_S / 2) * samples_per_s)
        self._step = 2 * round(_STRETCH_S * samples_per_s)
        self._first = 2 * first + 1  # the high byte of a little-endian sample has the sign
        self._stop = self._first + BITS * self._step
        self._frame_bytes = target.frame_bytes

    def read(self, payload: str) -> list[tuple[int, int]]:
        """Call and number of every whole frame in base64 text.

        Raises:
            ValueError: the text is not base64 (binascii.Error), or not a whole number of frames.
        """
        pcm = pybase64.b64decode(payload, validate=True)
        if not pcm or len(pcm) % self._frame_bytes:
            raise ValueError(f"{len(pcm)} bytes are not a whole number of frames")
        if len(pcm) == self._frame_bytes:
            return [self._mark(pcm, 0)]
        return [self._mark(pcm, start) for start in range(0, len(pcm), self._frame_bytes)]

    def _mark(self, pcm: bytes, start: int) -> tuple[int, int]:
        code = int(pcm[start + self._first : start + self._stop : self._step].translate(_SIGNS), 2)
        return code >> NUMBER_BITS, code % NUMBERS
