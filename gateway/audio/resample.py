"""Streaming change of sample rate between 8, 16 and 24 kHz.

A linear-phase low-pass FIR (Kaiser window) in polyphase form, computed as one small matrix product per push:
the input is cut into short rows, each row carries the history the filter reaches back to, and the
constant matrix holds the taps shifted to the place of every output sample. Nothing is held back until a block is
full: whatever goes in comes out in the same push, delayed by a constant.

Stop band and pass band hold for every tone: what lies above the lower rate's Nyquist frequency is at least 70 dB
down, and the pass band (3.4 kHz at 8 kHz, 7 kHz at 16 kHz) is flat within 0.01 dB.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gateway.audio.pcm import Int16Array

Float32Array: TypeAlias = npt.NDArray[np.float32]

RATES_HZ = (8000, 16000, 24000)

# Arrays of no dimension: as operands of a small ufunc they are a quarter faster than float32 scalars.
_INT16_MIN = np.array(-32768, np.float32)
_INT16_MAX = np.array(32767, np.float32)

_LARGEST_PASS_S = 0.1
"""Longer input is worked off in passes of this length, so that a huge push cannot grow the buffers for good."""


@dataclass(frozen=True, slots=True)
class _Band:
    """What the filter between a pair of rates must do; keyed by the lower rate of the pair.

    `delay_samples` counts samples of the lower rate. It is a whole number on purpose: then the delay is whole at
    both rates of every pair, and positions in the audio stay integers. 30 and 36 are the smallest that reach 70 dB.
    """

    pass_hz: float
    stop_hz: float
    delay_samples: int


_BANDS = {
    8000: _Band(pass_hz=3400, stop_hz=4000, delay_samples=30),
    16000: _Band(pass_hz=7000, stop_hz=8000, delay_samples=36),
}

_ROW_INPUTS = 24
"""Input samples per row: a multiple of every decimation factor (1, 2, 3); rows of 12 to 48 cost about the same."""


@dataclass(frozen=True, slots=True)
class _Polyphase:
    """The constants of one pair of rates, shared by all streams; the matrix is never written to."""

    interpolation: int
    decimation: int
    tap_count: int
    delay_s: float
    history: int
    """Past input samples that an output sample can reach back to."""
    matrix: Float32Array
    """Shape (history + inputs per row, outputs per row): a row of input times this is a row of output."""


def design_taps(source_hz: int, target_hz: int) -> npt.NDArray[np.float64]:
    """Taps of the low-pass for a pair of different rates, at the least common multiple of both; gain 1 per phase.

    The window's shape parameter follows from length and transition width by Kaiser's formulas
    (Oppenheim and Schafer, Discrete-Time Signal Processing, section 7.6).
    """
    band = _BANDS[min(source_hz, target_hz)]
    lattice_hz = math.lcm(source_hz, target_hz)
    half = band.delay_samples * (lattice_hz // min(source_hz, target_hz))
    transition_rad = 2 * math.pi * (band.stop_hz - band.pass_hz) / lattice_hz
    attenuation_db = 2.285 * transition_rad * (2 * half) + 7.95
    beta = 0.1102 * (attenuation_db - 8.7)
    cutoff = (band.pass_hz + band.stop_hz) / lattice_hz
    taps: npt.NDArray[np.float64] = np.sinc(cutoff * np.arange(-half, half + 1)) * np.kaiser(2 * half + 1, beta)
    taps *= lattice_hz // source_hz / taps.sum()
    return taps


@cache
def _polyphase(source_hz: int, target_hz: int) -> _Polyphase:
    lattice_hz = math.lcm(source_hz, target_hz)
    up, down = lattice_hz // source_hz, lattice_hz // target_hz
    taps = design_taps(source_hz, target_hz)
    history = (len(taps) - 1) // up
    # Output k of a row stands at lattice position k * down, input j at j * up: between them lies tap k*down - j*up.
    inputs = np.arange(-history, _ROW_INPUTS)[:, np.newaxis]
    outputs = np.arange(_ROW_INPUTS * up // down)[np.newaxis, :]
    tap_index = outputs * down - inputs * up
    inside = (tap_index >= 0) & (tap_index < len(taps))
    matrix = np.where(inside, taps[np.clip(tap_index, 0, len(taps) - 1)], 0.0).astype(np.float32)
    matrix.flags.writeable = False
    return _Polyphase(up, down, len(taps), (len(taps) - 1) / 2 / lattice_hz, history, matrix)


class StreamResampler:
    """Changes the rate of one direction of one leg; keeps the filter's memory between pushes.

    Equal rates pass through untouched. The output does not depend on how the input is cut, to within one unit of
    int16 (the order of float32 summation differs with the shape of the matrix product).

    Raises:
        ValueError: a rate other than 8000, 16000 or 24000 Hz.
    """

    def __init__(self, source_hz: int, target_hz: int) -> None:
        for rate_hz in (source_hz, target_hz):
            if rate_hz not in RATES_HZ:
                raise ValueError(f"rate must be one of {RATES_HZ} Hz, not {rate_hz}")
        self.source_hz = source_hz
        self.target_hz = target_hz
        self._filter = None if source_hz == target_hz else _Filter(_polyphase(source_hz, target_hz), source_hz)

    def __repr__(self) -> str:
        return f"<StreamResampler {self.source_hz}>{self.target_hz} delay={self.delay_s * 1000:.2f}ms>"

    @property
    def delay_s(self) -> float:
        """How much later a sound stands in the output than in the input; constant, 0 for equal rates."""
        return 0.0 if self._filter is None else self._filter.constants.delay_s

    def push(self, samples: Int16Array) -> Int16Array:
        """Resample the next stretch of one direction.

        Args:
            samples: mono PCM, shape (n,), at `source_hz`; n may differ between calls.

        Returns:
            Mono PCM, shape (m,), at `target_hz`. With L/M the rate ratio in lowest terms, m is n * L / M where n
            is a multiple of M; a remainder of less than M input samples waits for the next push. For equal rates
            it is `samples` itself.

        Raises:
            ValueError: `samples` is not one-dimensional int16.
        """
        if samples.ndim != 1 or samples.dtype != np.int16:
            raise ValueError(f"samples must be int16 of one dimension, not {samples.dtype} of {samples.ndim}")
        return samples if self._filter is None else self._filter.push(samples)

    def flush(self) -> Int16Array:
        """The tail still in the filter: twice `delay_s` long. Afterwards the stream begins anew, from silence."""
        return np.empty(0, np.int16) if self._filter is None else self._filter.flush()


class _Filter:
    """Memory and work buffers of one stream.

    `_line` holds the history, then up to M - 1 carried samples, then the new input; `_windows` are its overlapping
    rows. They are copied to the contiguous `_rows` first, because numpy hands only contiguous matrices to BLAS.
    The buffers grow to the longest push seen (at most one pass) and are reused; the views fit the latest push, as
    one direction of a call nearly always sends the same length.
    """

    def __init__(self, constants: _Polyphase, source_hz: int) -> None:
        self.constants = constants
        self._largest_pass = int(source_hz * _LARGEST_PASS_S)
        self._carried = 0
        self._pushed = 0
        self._line = np.zeros(constants.history, np.float32)
        self._capacity_rows = 0
        self._fit(1)

    def push(self, samples: Int16Array) -> Int16Array:
        if len(samples) <= self._largest_pass:
            return self._push_pass(samples)
        step = self._largest_pass
        return np.concatenate([self._push_pass(samples[i : i + step]) for i in range(0, len(samples), step)])

    def flush(self) -> Int16Array:
        constants = self.constants
        up, down = constants.interpolation, constants.decimation
        tail = np.empty(0, np.int16)
        if self._pushed:
            # Every output position at which a tap still meets a pushed sample, first to last, less those returned.
            reached = -(-((self._pushed - 1) * up + constants.tap_count) // down)
            owed = reached - self._pushed // down * up
            # This silence is at least as long as the history, so it leaves the memory clean.
            tail = self.push(np.zeros(-(-owed * down // up) + down, np.int16))[:owed]
        self._carried = 0
        self._pushed = 0
        return tail

    def _push_pass(self, samples: Int16Array) -> Int16Array:
        constants = self.constants
        count = len(samples)
        start = constants.history + self._carried
        available = self._carried + count
        carried = available % constants.decimation
        ready = available - carried
        rows = -(-ready // _ROW_INPUTS)
        if rows != self._fitted_rows:
            self._fit(rows)
        line, product = self._line, self._product
        line[start : start + count] = samples
        # A last row may reach past the input into older samples: what they weigh on is cut off below.
        np.copyto(self._rows, self._windows)
        np.dot(self._rows, constants.matrix, out=product)  # half a microsecond less than matmul
        np.rint(product, out=product)
        np.minimum(product, _INT16_MAX, out=product)  # the pair costs half of np.clip
        np.maximum(product, _INT16_MIN, out=product)
        keep = constants.history + carried
        line[:keep] = line[ready : ready + keep]
        self._carried = carried
        self._pushed += count
        return product.astype(np.int16).reshape(-1)[: ready * constants.interpolation // constants.decimation]

    def _fit(self, rows: int) -> None:
        """Point the views at `rows` rows, in larger buffers if need be; history and carried samples move along."""
        history, outputs = self.constants.history, self.constants.matrix.shape[1]
        if rows >= self._capacity_rows:
            self._capacity_rows = rows + 1  # the row more takes the samples that will be carried
            line = np.zeros(history + self._capacity_rows * _ROW_INPUTS, np.float32)
            keep = history + self._carried
            line[:keep] = self._line[:keep]
            self._line = line
            row_length = history + _ROW_INPUTS
            self._all_windows = np.lib.stride_tricks.sliding_window_view(line, row_length)[::_ROW_INPUTS]
            self._rows_buffer = np.empty((self._capacity_rows, row_length), np.float32)
            self._product_buffer = np.empty((self._capacity_rows, outputs), np.float32)
        self._windows = self._all_windows[:rows]
        self._rows = self._rows_buffer[:rows]
        self._product = self._product_buffer[:rows]
        self._fitted_rows = rows
