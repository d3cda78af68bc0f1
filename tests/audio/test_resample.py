"""The rate changer: what it lets through, what it keeps out, and that cutting the input does not matter."""

from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audio.pcm import Int16Array
from gateway.audio.resample import RATES_HZ, StreamResampler, design_taps

Float64Array = npt.NDArray[np.float64]

PAIRS = [pair for pair in itertools.product(RATES_HZ, RATES_HZ) if pair[0] != pair[1]]
PASS_HZ = {8000: 3400, 16000: 7000}
TONE_S = 0.4
AMPLITUDE = 20000.0

every_pair = pytest.mark.parametrize(("source_hz", "target_hz"), PAIRS)
pairs = st.sampled_from(PAIRS)
seeds = st.integers(0, 2**32 - 1)


def ratio(source_hz: int, target_hz: int) -> tuple[int, int]:
    divisor = math.gcd(source_hz, target_hz)
    return target_hz // divisor, source_hz // divisor


def noise(count: int, seed: int, amplitude: int = 12000) -> Int16Array:
    return np.random.default_rng(seed).integers(-amplitude, amplitude, count, dtype=np.int16, endpoint=True)


def tone(hz: float, rate_hz: int) -> Int16Array:
    return np.rint(AMPLITUDE * np.sin(2 * np.pi * hz / rate_hz * np.arange(TONE_S * rate_hz) + 0.7)).astype(np.int16)


def through(source_hz: int, target_hz: int, hz: float) -> Float64Array:
    """A tone after the resampler, the start-up of the filter cut off."""
    output = StreamResampler(source_hz, target_hz).push(tone(hz, source_hz))
    return output[target_hz // 50 :].astype(np.float64)


def split_tone(signal: Float64Array, hz: float, rate_hz: int) -> tuple[float, Float64Array]:
    """Amplitude of the tone in `signal` by least squares, and what is left without it."""
    phase = 2 * np.pi * hz / rate_hz * np.arange(len(signal))
    basis = np.stack([np.cos(phase), np.sin(phase)], axis=1)
    fit = np.linalg.lstsq(basis, signal, rcond=None)[0]
    return float(np.hypot(*fit)), signal - basis @ fit


def relative_db(signal: Float64Array) -> float:
    """Level against the tone that was put in."""
    return 20 * math.log10(math.sqrt(float(np.mean(signal**2))) / (AMPLITUDE / math.sqrt(2)) + 1e-12)


def by_definition(source_hz: int, target_hz: int, samples: Int16Array) -> Float64Array:
    """Zero stuffing, convolution, every M-th sample; computed in float64 and clipped."""
    up, down = ratio(source_hz, target_hz)
    stuffed = np.zeros((len(samples) - 1) * up + 1)
    stuffed[::up] = samples
    full: Float64Array = np.convolve(stuffed, design_taps(source_hz, target_hz))[::down]
    return np.clip(full, -32768, 32767)


def in_chunks(stream: StreamResampler, samples: Int16Array, cuts: list[int]) -> Int16Array:
    """Push in pieces of the given lengths, then the rest."""
    edges = [0, *(min(edge, len(samples)) for edge in itertools.accumulate(cuts)), len(samples)]
    return np.concatenate([stream.push(samples[a:b]) for a, b in itertools.pairwise(edges)])


def assert_within_one(actual: Int16Array, expected: npt.NDArray[np.generic]) -> None:
    assert actual.dtype == np.int16
    assert len(actual) == len(expected)
    assert np.max(np.abs(actual.astype(np.float64) - expected.astype(np.float64)), initial=0.0) <= 1.0


@every_pair
def test_a_pass_band_tone_keeps_its_level_and_gains_no_images(source_hz: int, target_hz: int) -> None:
    for hz in np.linspace(60, PASS_HZ[min(source_hz, target_hz)], 60):
        amplitude, rest = split_tone(through(source_hz, target_hz, hz), hz, target_hz)
        assert abs(20 * math.log10(amplitude / AMPLITUDE)) < 0.01, hz
        assert relative_db(rest) < -70, hz


@every_pair
def test_a_tone_on_the_slope_leaves_nothing_but_itself(source_hz: int, target_hz: int) -> None:
    nyquist_hz = min(source_hz, target_hz) / 2
    for hz in np.linspace(PASS_HZ[min(source_hz, target_hz)], nyquist_hz - 20, 25):
        amplitude, rest = split_tone(through(source_hz, target_hz, hz), hz, target_hz)
        assert amplitude < 1.01 * AMPLITUDE
        assert relative_db(rest) < -70, hz


@pytest.mark.parametrize(("source_hz", "target_hz"), [pair for pair in PAIRS if pair[0] > pair[1]])
def test_no_tone_above_the_targets_nyquist_frequency_leaves_an_alias(source_hz: int, target_hz: int) -> None:
    nyquist_hz = target_hz / 2
    just_above = nyquist_hz + np.array([0.0, 1.0, 5.0, 20.0, 50.0])
    for hz in (*just_above, *np.linspace(nyquist_hz + 80, source_hz / 2, 80)):
        assert relative_db(through(source_hz, target_hz, hz)) < -70, hz


@every_pair
def test_an_impulse_comes_out_symmetric_around_the_declared_delay(source_hz: int, target_hz: int) -> None:
    stream = StreamResampler(source_hz, target_hz)
    up, down = ratio(source_hz, target_hz)
    samples = np.zeros(1200, np.int16)
    samples[480] = 30000
    output = stream.push(samples).astype(int)
    centre = 480 * up // down + round(stream.delay_s * target_hz)
    assert stream.delay_s <= 0.004
    assert stream.delay_s * target_hz == pytest.approx(round(stream.delay_s * target_hz))
    assert np.argmax(output) == centre
    before, after = output[centre - 100 : centre][::-1], output[centre + 1 : centre + 101]
    assert np.max(np.abs(before)) > 500  # the filter's own ripples, which are what is compared
    assert np.max(np.abs(before - after)) <= 1


@every_pair
@pytest.mark.parametrize("count", [1, 2, 3, 23, 24, 25, 480, 2401, 7001])
def test_push_and_flush_together_are_the_convolution(source_hz: int, target_hz: int, count: int) -> None:
    stream = StreamResampler(source_hz, target_hz)
    samples = noise(count, seed=count)
    output = np.concatenate([stream.push(samples), stream.flush()])
    assert_within_one(output, by_definition(source_hz, target_hz, samples))


@given(pair=pairs, seed=seeds, cuts=st.lists(st.integers(0, 1300), max_size=12), count=st.integers(0, 6000))
@settings(deadline=None)
def test_cutting_the_input_does_not_matter(pair: tuple[int, int], seed: int, cuts: list[int], count: int) -> None:
    samples = noise(count, seed)
    one, many = StreamResampler(*pair), StreamResampler(*pair)
    whole = np.concatenate([one.push(samples), one.flush()])
    pieces = np.concatenate([in_chunks(many, samples, cuts), many.flush()])
    assert_within_one(pieces, whole)


@given(pair=pairs, counts=st.lists(st.integers(0, 3000), max_size=20))
@settings(deadline=None)
def test_no_sample_appears_or_vanishes(pair: tuple[int, int], counts: list[int]) -> None:
    up, down = ratio(*pair)
    stream = StreamResampler(*pair)
    pushed = returned = 0
    for count in counts:
        pushed += count
        returned += len(stream.push(np.zeros(count, np.int16)))
        assert returned == pushed // down * up


@given(pair=pairs, cuts=st.lists(st.integers(0, 900), max_size=10))
@settings(deadline=None)
def test_silence_stays_silence(pair: tuple[int, int], cuts: list[int]) -> None:
    stream = StreamResampler(*pair)
    assert not in_chunks(stream, np.zeros(3000, np.int16), cuts).any()
    assert not stream.flush().any()


@given(pair=pairs, half_period=st.integers(1, 200), cuts=st.lists(st.integers(0, 900), max_size=6))
@settings(deadline=None)
def test_a_full_scale_square_wave_is_clipped_not_wrapped(
    pair: tuple[int, int], half_period: int, cuts: list[int]
) -> None:
    samples = np.where(np.arange(3000) // half_period % 2, -32768, 32767).astype(np.int16)
    stream = StreamResampler(*pair)
    output = np.concatenate([in_chunks(stream, samples, cuts), stream.flush()])
    assert_within_one(output, by_definition(*pair, samples))


@every_pair
def test_after_flush_the_stream_begins_anew(source_hz: int, target_hz: int) -> None:
    used, fresh = StreamResampler(source_hz, target_hz), StreamResampler(source_hz, target_hz)
    used.push(noise(1001, seed=1, amplitude=32767))
    used.flush()
    assert len(used.flush()) == 0
    samples = noise(960, seed=2)
    assert_within_one(used.push(samples), fresh.push(samples))


@every_pair
def test_streams_share_nothing_and_returned_samples_stay(source_hz: int, target_hz: int) -> None:
    first, second, alone = (StreamResampler(source_hz, target_hz) for _ in range(3))
    samples = noise(480, seed=3)
    kept = first.push(samples)
    copy = kept.copy()
    second.push(noise(480, seed=4))
    first.push(noise(480, seed=5))
    assert np.array_equal(kept, copy)
    assert np.array_equal(kept, alone.push(samples))


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_equal_rates_pass_through_untouched(rate_hz: int) -> None:
    stream = StreamResampler(rate_hz, rate_hz)
    samples = noise(100, seed=6)
    assert stream.push(samples) is samples
    assert stream.delay_s == 0.0
    assert len(stream.flush()) == 0


@pytest.mark.parametrize("rates", [(8000, 44100), (48000, 16000), (0, 8000)])
def test_an_unknown_rate_is_refused(rates: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="rate must be one of"):
        StreamResampler(*rates)


@pytest.mark.parametrize("target_hz", [8000, 16000])
def test_only_flat_int16_is_taken(target_hz: int) -> None:
    stream = StreamResampler(16000, target_hz)
    with pytest.raises(ValueError, match="float32 of 1"):
        stream.push(np.zeros(10, np.float32))
    with pytest.raises(ValueError, match="int16 of 2"):
        stream.push(np.zeros((2, 5), np.int16))


def test_the_repr_says_which_way_and_how_late() -> None:
    assert repr(StreamResampler(16000, 24000)) == "<StreamResampler 16000>24000 delay=2.25ms>"
