"""Levels of audio: how loud it is, how loud the line is when nobody speaks, and noise to fill gaps with.

A level is the root mean square in units of int16, or the same in dBFS with full scale at 32,768. A full-scale square
wave has 0 dBFS and a full-scale sine -3 dBFS, as the dBov of RFC 6464.
"""

from __future__ import annotations

import math
from collections import deque
from functools import cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gateway.audio.native import audioop
from gateway.audio.pcm import FRAME_S, Int16Array

Float32Array: TypeAlias = npt.NDArray[np.float32]

FULL_SCALE = 32768.0
FLOOR_DBFS = -100.0
"""What digital silence is called: a number a metric can hold, below the one unit of int16 (-90.3 dBFS)."""


def rms(samples: Int16Array) -> float:
    """Root mean square of a stretch, 0 to 32,768; 0 for an empty one."""
    if len(samples) == 0:
        return 0.0
    values = samples.astype(np.float32)
    return math.sqrt(float(np.dot(values, values)) / len(values))


def pcm_rms(pcm: bytes) -> float:
    """`rms` of 16-bit little-endian samples as they came, rounded down; a fifth of its cost, for every frame."""
    return float(audioop.rms(pcm, 2))


def rms_to_dbfs(level_rms: float) -> float:
    if level_rms <= 0.0:
        return FLOOR_DBFS
    return max(FLOOR_DBFS, 20.0 * math.log10(level_rms / FULL_SCALE))


def dbfs_to_rms(level_dbfs: float) -> float:
    """The inverse; everything down at the floor is 0, silence."""
    return 0.0 if level_dbfs <= FLOOR_DBFS else FULL_SCALE * 10.0 ** (level_dbfs / 20.0)


_BLOCK_FRAMES = round(0.25 / FRAME_S)
_WINDOW_BLOCKS = 8
"""8 blocks of 0.25 s. 2 s hold a pause for breath in nearly all speech, and a line grown louder is believed soon
after them; finer blocks would forget more evenly and cost more."""
_MINIMUM_BIAS = 10 ** (0.7 / 20)
"""The smallest of many means of noise lies under the true mean: by 0.7 dB for noise of the telephone band."""


class NoiseFloor:
    """The level of the line when nobody speaks, from the levels of its 20 ms frames.

    Minimum statistics (R. Martin, "Noise power spectral density estimation based on optimal smoothing and minimum
    statistics", 2001), on the power of the whole band: the floor is the smallest power that 80 ms had within the
    last 2 s. Speech never has to be told from noise. It falls within 80 ms and rises after 2 to 2.25 s, so that a
    long word does not lift it.

    80 ms, four frames, are as long as a short pause in speech. Their mean is a plain one, not exponential, which after
    a loud word would still ring at the end of the pause: 40 dB are 400 ms at a time constant of two frames.
    """

    def __init__(self) -> None:
        self._powers = (math.inf, math.inf, math.inf)
        """of the three frames before, newest first"""
        self._block_minimum = math.inf
        self._block_frames = 0
        self._minima: deque[float] = deque(maxlen=_WINDOW_BLOCKS)
        self._older_minimum = math.inf
        """of the finished blocks"""
        self.rms = 0.0
        """the floor; 0 until four frames with sound have come"""

    def __repr__(self) -> str:
        return f"<NoiseFloor {rms_to_dbfs(self.rms):.0f}dBFS>"

    def update(self, frame_rms: float) -> None:
        """Take the level of one received frame of 20 ms.

        A frame of exact zeros says that the far side sent nothing (muted, or it suppresses silence), not that the
        line is quiet, so it is passed over. Frames made up on this side do not belong in here.
        """
        if frame_rms <= 0.0:
            return
        first, second, third = self._powers
        power = frame_rms * frame_rms
        self._powers = (power, first, second)
        smoothed = (power + first + second + third) / 4
        if smoothed == math.inf:
            return
        self._block_frames += 1
        if smoothed < self._block_minimum:
            self._block_minimum = smoothed
            if smoothed < self._older_minimum:
                self.rms = _MINIMUM_BIAS * math.sqrt(smoothed)
        if self._block_frames == _BLOCK_FRAMES:
            self._end_block()

    def _end_block(self) -> None:
        self._minima.append(self._block_minimum)
        self._older_minimum = min(self._minima)
        self._block_minimum = math.inf
        self._block_frames = 0
        self.rms = _MINIMUM_BIAS * math.sqrt(self._older_minimum)


_NOISE_S = 2
"""Length of the noise before it repeats; repetition is no longer heard as a rhythm above a second or so."""
_NOISE_BAND_HZ = (200.0, 3400.0)
_EDGE_HZ = 100.0
"""The band of a telephone line, with edges this wide: what fills a gap sounds like what surrounds it."""
_NOISE_SEED = 711
"""The noise itself is the same for all calls; a call's own seed chooses the place in it."""

_ROUNDING_POWER = 1 / 12
"""What rounding to int16 adds to the power; it counts at levels of a few units."""
_INT16_MIN = np.array(-32768, np.float32)
_INT16_MAX = np.array(32767, np.float32)


@cache
def _noise(rate_hz: int) -> Float32Array:
    """Noise of rms 1, shape (2 s,), shaped on a circle: its end runs into its beginning without a step."""
    count = _NOISE_S * rate_hz
    spectrum = np.fft.rfft(np.random.default_rng(_NOISE_SEED).standard_normal(count))
    frequencies_hz = np.fft.rfftfreq(count, 1 / rate_hz)
    low_hz, high_hz = _NOISE_BAND_HZ
    gain = np.clip((frequencies_hz - low_hz) / _EDGE_HZ, 0, 1) * np.clip((high_hz - frequencies_hz) / _EDGE_HZ, 0, 1)
    noise = np.fft.irfft(spectrum * gain, count)
    # Even out the level of every 20 ms, or single frames would be off by 2 dB, and a fill is often a single frame.
    frame = round(FRAME_S * rate_hz)
    window = np.zeros(count)
    window[:frame] = 1 / frame
    around = np.roll(window, -(frame // 2))
    noise /= np.sqrt(np.fft.irfft(np.fft.rfft(noise**2) * np.fft.rfft(around), count))
    unit: Float32Array = (noise / np.sqrt(np.mean(noise**2))).astype(np.float32)
    unit.flags.writeable = False
    return unit


class ComfortNoise:
    """A stream of telephone-like noise to fill gaps with: deterministic by seed, continuous over its takes."""

    def __init__(self, seed: int, rate_hz: int = 16000) -> None:
        self._noise = _noise(rate_hz)
        self._at = int(np.random.default_rng(seed).integers(len(self._noise)))

    def take(self, count: int, level_rms: float) -> Int16Array:
        """The next `count` samples at `level_rms`; zeros below 1, the smallest level int16 can say."""
        if level_rms < 1.0:
            return np.zeros(count, np.int16)
        stretch = self._noise.take(np.arange(self._at, self._at + count), mode="wrap")
        self._at = (self._at + count) % len(self._noise)
        stretch *= np.float32(math.sqrt(level_rms * level_rms - _ROUNDING_POWER))
        np.rint(stretch, out=stretch)
        np.minimum(stretch, _INT16_MAX, out=stretch)
        np.maximum(stretch, _INT16_MIN, out=stretch)
        return stretch.astype(np.int16)
