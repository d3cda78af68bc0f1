"""Sounds of a telephone call that are no words."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gateway.audio.pcm import Int16Array

_ROWS_HZ, _COLUMNS_HZ = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
_KEYPAD = ("123A", "456B", "789C", "*0#D")
"""ITU-T Q.23: a key is the sum of its row's tone and its column's."""
KEYS = frozenset("".join(_KEYPAD))
_FULL_SCALE = 32768.0
_RAMP_S = 0.002
"""Without it a tone would begin and end with a click."""


def dtmf(key: str, rate_hz: int, *, length_s: float = 0.1, level_dbfs: float = -10.0) -> Int16Array:
    """The dual tone of a key.

    Args:
        key: one of 0-9, A-D, * and #.
        rate_hz: of the samples.
        length_s: of the tone.
        level_dbfs: RMS of both tones together, relative to full scale; each is 3 dB below.

    Raises:
        ValueError: there is no such key.
    """
    if key not in KEYS:
        raise ValueError(f"a telephone has no key {key!r}")
    row = next(number for number, keys in enumerate(_KEYPAD) if key in keys)
    hertz = _ROWS_HZ[row], _COLUMNS_HZ[_KEYPAD[row].index(key)]
    at = np.arange(round(length_s * rate_hz)) / rate_hz
    sound = np.sum([np.sin(2 * np.pi * hz * at) for hz in hertz], axis=0) * 10 ** (level_dbfs / 20) * _FULL_SCALE
    ramp = np.clip(np.minimum(at, at[::-1]) / _RAMP_S, 0.0, 1.0)
    return _rounded(sound * ramp)


def cough(rate_hz: int, *, length_s: float = 0.3, seed: int = 0) -> Int16Array:
    """A burst of noise that begins at once and dies away: a voice detector takes it for speech, it has no words.

    Args:
        rate_hz: of the samples.
        length_s: of the burst.
        seed: of the noise.
    """
    at = np.arange(round(length_s * rate_hz)) / rate_hz
    noise = np.random.default_rng(seed).normal(0.0, 1.0, len(at))
    dull = np.convolve(noise, np.hanning(max(3, rate_hz // 2000)), "same")  # a throat is no hiss
    shape = np.minimum(at / 0.015, 1.0) * np.exp(-at / (length_s / 2)) * np.minimum(at[::-1] / 0.02, 1.0)
    sound = dull / np.abs(dull).max() * shape * 0.6 * _FULL_SCALE
    return _rounded(sound)


def _rounded(sound: npt.NDArray[np.float64]) -> Int16Array:
    samples: Int16Array = np.rint(np.clip(sound, -32768, 32767)).astype(np.int16)
    return samples
