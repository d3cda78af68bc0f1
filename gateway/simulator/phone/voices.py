"""What a caller can say, as sound at the rate of the mouth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gateway.audio.pcm import Int16Array
from gateway.audio.resample import RATES_HZ, StreamResampler
from gateway.simulator.clips import load_clip, speech_at
from gateway.simulator.phone.channel import MOUTH_HZ
from gateway.simulator.phone.plan import Speech

_REACH = 24
"""Zero crossings of the interpolating sinc to each side; 60 dB with a Hann window, more than a telephone shows."""
_PASS = 4000
"""Output samples computed at a time: 200,000 weights in memory, not the whole recording's."""


@dataclass(frozen=True, slots=True, eq=False)
class Utterance:
    name: str
    text: str
    samples: Int16Array
    """at MOUTH_HZ"""


def load_utterance(what: str | Speech) -> Utterance:
    """A clip by its name, or a recording; what a recording says is not known and never invented.

    Raises:
        KeyError: there is no clip of this name.
    """
    if isinstance(what, Speech):
        samples = change_rate(what.samples, what.rate_hz, MOUTH_HZ)
        text = what.text or f"[recording {len(samples) / MOUTH_HZ:.1f} s]"
        return Utterance("recording", text, samples)
    clip = load_clip(what)
    return Utterance(clip.name, clip.text, speech_at(clip, MOUTH_HZ))


def change_rate(samples: Int16Array, source_hz: int, target_hz: int) -> Int16Array:
    """A whole recording at another rate, any to any, aligned with the original; shape (n,) to (m,)."""
    if source_hz == target_hz:
        return samples
    count = len(samples) * target_hz // source_hz
    if source_hz in RATES_HZ and target_hz in RATES_HZ:
        stream = StreamResampler(source_hz, target_hz)
        delay = round(stream.delay_s * target_hz)
        return np.concatenate([stream.push(samples), stream.flush()])[delay : delay + count]
    bandwidth = min(1.0, target_hz / source_hz)
    reach = int(np.ceil(_REACH / bandwidth))
    padded: npt.NDArray[np.float64] = np.concatenate([np.zeros(reach), samples.astype(np.float64), np.zeros(reach + 1)])
    places = np.arange(count, dtype=np.float64) * (source_hz / target_hz)
    passes = [_interpolate(padded, places[i : i + _PASS], reach, bandwidth) for i in range(0, count, _PASS)]
    return np.concatenate([np.empty(0, np.int16), *passes])


def _interpolate(
    padded: npt.NDArray[np.float64], places: npt.NDArray[np.float64], reach: int, bandwidth: float
) -> Int16Array:
    whole = places.astype(np.int64)
    offsets = np.arange(-reach + 1, reach + 1)
    distance = (places - whole)[:, np.newaxis] - offsets[np.newaxis, :]
    window = np.cos(np.pi / 2 * np.clip(distance / reach, -1.0, 1.0)) ** 2
    weights = bandwidth * np.sinc(bandwidth * distance) * window
    sound = (padded[whole[:, np.newaxis] + offsets + reach] * weights).sum(axis=1)
    samples: Int16Array = np.rint(np.clip(sound, -32768, 32767)).astype(np.int16)
    return samples
