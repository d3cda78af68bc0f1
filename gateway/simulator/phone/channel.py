"""What a telephone line makes of a voice: 300 to 3,400 Hz, a level, noise, and G.711.

The caller's voice passes it before it reaches the media socket, so frames of 16 or 24 kHz carry narrowband sound,
as they do when the call comes from the telephone network.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from gateway.audio import g711
from gateway.audio.pcm import Int16Array
from gateway.audio.resample import StreamResampler
from gateway.simulator.phone.switches import LineCodec

MOUTH_HZ = 16000
"""Rate of the recorded tracks, and of everything at the caller's end."""
LINE_HZ = 8000
_LOW_HZ, _HIGH_HZ = 300.0, 3400.0
"""The telephone band (ITU-T G.120 and before: 300 to 3,400 Hz)."""

_TAPS = 256
_DESIGN_TAPS = 511
_FFT = 8192
_FLOOR = 1e-3
"""Stop band of the design, 60 dB down: a logarithm has to stay finite."""


@cache
def band_pass_taps() -> npt.NDArray[np.float64]:
    """Minimum-phase band-pass at 16 kHz, shape (256,).

    Minimum phase (by folding the cepstrum; Oppenheim and Schafer, Discrete-Time Signal Processing, section 12)
    because a linear-phase filter with an edge at 300 Hz would delay the voice by 16 ms, which no line does.
    """
    n = np.arange(_DESIGN_TAPS) - _DESIGN_TAPS // 2
    linear = _low_pass(n, _HIGH_HZ) - _low_pass(n, _LOW_HZ)
    linear *= np.hamming(_DESIGN_TAPS)
    magnitude = np.maximum(np.abs(np.fft.fft(linear, _FFT)), _FLOOR)
    cepstrum = np.fft.ifft(np.log(magnitude)).real
    cepstrum[1 : _FFT // 2] *= 2.0
    cepstrum[_FFT // 2 + 1 :] = 0.0
    taps: npt.NDArray[np.float64] = np.fft.ifft(np.exp(np.fft.fft(cepstrum))).real[:_TAPS]
    taps[-32:] *= np.linspace(1.0, 0.0, 32)  # the cut at 256 taps would ring otherwise
    taps.flags.writeable = False
    return taps


def _low_pass(n: npt.NDArray[np.int_], cutoff_hz: float) -> npt.NDArray[np.float64]:
    cycles = 2.0 * cutoff_hz / MOUTH_HZ
    return np.asarray(cycles * np.sinc(cycles * n), np.float64)


class PhoneLine:
    """One direction of one line; 20 ms in, 20 ms out.

    Args:
        rate_hz: of the output; 8000, 16000 or 24000.
        codec: G.711 law of the line; "none" for the band alone.
        level_db: gain of the voice.
        noise_dbfs: RMS of the line noise relative to a full-scale sine's peak; None for no noise.
        seed: of the noise.
    """

    def __init__(
        self, rate_hz: int, *, codec: LineCodec, level_db: float = 0.0, noise_dbfs: float | None = None, seed: int = 0
    ) -> None:
        self._codec = codec
        self._gain = 10.0 ** (level_db / 20.0)
        self._noise_rms = 0.0 if noise_dbfs is None else 32768.0 * 10.0 ** (noise_dbfs / 20.0)
        self._random = np.random.default_rng(seed)
        self._history = np.zeros(_TAPS - 1)
        self._resampler = StreamResampler(LINE_HZ, rate_hz)

    @property
    def delay_samples(self) -> int:
        """How much later a sound stands in the output than in the input, in samples of the output."""
        return round(self._resampler.delay_s * self._resampler.target_hz)

    def push(self, mouth: Int16Array) -> Int16Array:
        """Carry the next stretch.

        Args:
            mouth: shape (n,) at 16 kHz, n even.

        Returns:
            Shape (m,) of the same duration at the output's rate, later by the resampler's constant delay.
        """
        line = np.concatenate([self._history, mouth * self._gain])
        self._history = line[-(_TAPS - 1) :]
        narrow = np.convolve(line, band_pass_taps(), "valid")[::2]  # nothing above 4 kHz is left to alias
        if self._noise_rms:
            narrow = narrow + self._random.normal(0.0, self._noise_rms, len(narrow))
        return self._resampler.push(self._coded(np.rint(np.clip(narrow, -32768, 32767)).astype(np.int16)))

    def _coded(self, narrow: Int16Array) -> Int16Array:
        match self._codec:
            case "alaw":
                return g711.decode_alaw(g711.encode_alaw(narrow))
            case "ulaw":
                return g711.decode_ulaw(g711.encode_ulaw(narrow))
            case "none":
                return narrow


def through_line(samples: Int16Array, *, codec: LineCodec) -> Int16Array:
    """A whole track at 16 kHz as a telephone would give it, same length and aligned."""
    line = PhoneLine(MOUTH_HZ, codec=codec)
    delay = line.delay_samples
    padded = np.concatenate([samples, np.zeros(delay + len(samples) % 2, np.int16)])
    return line.push(padded[: len(padded) - len(padded) % 2])[delay : delay + len(samples)]
