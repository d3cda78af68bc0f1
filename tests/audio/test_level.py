"""Levels, the noise floor of a line, and noise to fill gaps with."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audio.level import FLOOR_DBFS, ComfortNoise, NoiseFloor, dbfs_to_rms, rms, rms_to_dbfs
from gateway.audio.pcm import Int16Array
from gateway.audio.resample import RATES_HZ

every_rate = pytest.mark.parametrize("rate_hz", RATES_HZ)


def db(ratio: float) -> float:
    return 20 * math.log10(ratio)


def white(count: int, level_rms: float, seed: int) -> Int16Array:
    return np.rint(np.random.default_rng(seed).standard_normal(count) * level_rms).astype(np.int16)


def feed(floor: NoiseFloor, signal: Int16Array, frame_samples: int = 160) -> None:
    for start in range(0, len(signal), frame_samples):
        floor.update(rms(signal[start : start + frame_samples]))


@given(st.lists(st.integers(-32768, 32767), max_size=500))
def test_rms_is_the_root_of_the_mean_square(values: list[int]) -> None:
    expected = math.sqrt(sum(value * value for value in values) / len(values)) if values else 0.0
    assert rms(np.array(values, np.int16)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("level_rms", "level_dbfs"), [(32768.0, 0.0), (32768 / math.sqrt(2), -3.01), (3276.8, -20.0), (1.0, -90.31)]
)
def test_full_scale_is_zero_dbfs(level_rms: float, level_dbfs: float) -> None:
    assert rms_to_dbfs(level_rms) == pytest.approx(level_dbfs, abs=0.01)
    assert dbfs_to_rms(rms_to_dbfs(level_rms)) == pytest.approx(level_rms)


def test_silence_has_a_level_a_metric_can_hold() -> None:
    assert rms_to_dbfs(0.0) == rms_to_dbfs(1e-9) == FLOOR_DBFS
    assert dbfs_to_rms(FLOOR_DBFS) == 0.0


@pytest.mark.parametrize("level_rms", [3.0, 30.0, 300.0])
def test_the_floor_of_plain_noise_is_its_level(level_rms: float) -> None:
    floor = NoiseFloor()
    feed(floor, white(8000 * 4, level_rms, seed=1))
    assert abs(db(floor.rms / level_rms)) < 1


@pytest.mark.parametrize("speech_rms", [300.0, 3000.0])
def test_speech_with_pauses_does_not_lift_the_floor(speech_rms: float) -> None:
    floor = NoiseFloor()
    noise = white(8000 * 20, 20.0, seed=2)
    # Words of 1.2 s with pauses of 0.3 s.
    talking = (np.arange(len(noise)) / 8000 % 1.5) < 1.2
    signal = np.where(talking, white(len(noise), speech_rms, seed=3), noise).astype(np.int16)
    feed(floor, signal)
    assert abs(db(floor.rms / 20.0)) < 2


def test_the_floor_falls_within_a_tenth_of_a_second() -> None:
    floor = NoiseFloor()
    feed(floor, white(8000 * 5, 2000.0, seed=4))
    feed(floor, white(800, 20.0, seed=5))
    assert abs(db(floor.rms / 20.0)) < 1


def test_the_floor_waits_two_seconds_before_it_rises() -> None:
    floor = NoiseFloor()
    feed(floor, white(8000 * 5, 20.0, seed=6))
    feed(floor, white(int(8000 * 1.9), 200.0, seed=7))
    assert abs(db(floor.rms / 20.0)) < 1
    feed(floor, white(int(8000 * 0.5), 200.0, seed=8))
    assert abs(db(floor.rms / 200.0)) < 1


def test_frames_of_zeros_say_nothing_about_the_line() -> None:
    floor = NoiseFloor()
    feed(floor, np.zeros(8000, np.int16))
    assert floor.rms == 0.0
    feed(floor, white(8000 * 3, 50.0, seed=8))
    before = floor.rms
    feed(floor, np.zeros(8000 * 5, np.int16))
    assert floor.rms == before


def test_the_repr_of_a_floor_is_its_level() -> None:
    floor = NoiseFloor()
    assert repr(floor) == "<NoiseFloor -100dBFS>"
    feed(floor, white(1600, 32.768, seed=15))
    assert repr(floor) == "<NoiseFloor -60dBFS>"


@every_rate
@pytest.mark.parametrize("level_rms", [1.0, 5.0, 100.0, 3000.0])
def test_every_frame_of_comfort_noise_has_the_level_asked_for(rate_hz: int, level_rms: float) -> None:
    noise = ComfortNoise(seed=9, rate_hz=rate_hz)
    frames = [noise.take(rate_hz // 50, level_rms) for _ in range(150)]
    assert all(abs(db(rms(frame) / level_rms)) < 1 for frame in frames)
    assert abs(float(np.mean(np.concatenate(frames)))) < 0.02 * level_rms


@every_rate
def test_comfort_noise_has_the_band_of_a_telephone_line(rate_hz: int) -> None:
    stretch = ComfortNoise(seed=10, rate_hz=rate_hz).take(rate_hz * 2, 1000.0).astype(float)
    power = np.abs(np.fft.rfft(stretch)) ** 2
    hz = np.fft.rfftfreq(len(stretch), 1 / rate_hz)
    inside = (hz > 150) & (hz < 3450)
    assert power[inside].sum() > 0.999 * power.sum()
    octaves = [power[(hz > low) & (hz < 2 * low)].mean() for low in (300, 600, 1200, 1650)]
    assert max(octaves) / min(octaves) < 1.5


@every_rate
def test_no_pattern_repeats_within_a_second(rate_hz: int) -> None:
    stretch = ComfortNoise(seed=11, rate_hz=rate_hz).take(rate_hz * 4, 500.0).astype(float)
    spectrum = np.fft.rfft(stretch, 2 * len(stretch))
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)[: rate_hz + 1]
    # From 20 ms on: closer samples are alike because the noise is band-limited, and that is not a pattern.
    assert np.max(np.abs(correlation[rate_hz // 50 :])) < 0.1 * correlation[0]


@given(counts=st.lists(st.integers(1, 3000), min_size=1, max_size=30), seed=st.integers(0, 1000))
def test_takes_join_without_a_click(counts: list[int], seed: int) -> None:
    cut, whole = ComfortNoise(seed, 8000), ComfortNoise(seed, 8000)
    pieces = np.concatenate([cut.take(count, 100.0) for count in counts])
    assert np.array_equal(pieces, whole.take(sum(counts), 100.0))


@every_rate
def test_the_noise_runs_on_where_its_table_ends(rate_hz: int) -> None:
    stretch = ComfortNoise(seed=12, rate_hz=rate_hz).take(rate_hz * 5, 1000.0).astype(float)
    # A seam would be a jump; band-limited noise has no curvature sharper than its own elsewhere.
    curvature = np.abs(np.diff(stretch, 2))
    assert np.max(curvature) < 6 * np.std(np.diff(stretch, 2))


def test_the_seed_decides_and_nothing_else() -> None:
    assert np.array_equal(ComfortNoise(5).take(500, 40.0), ComfortNoise(5).take(500, 40.0))
    assert not np.array_equal(ComfortNoise(5).take(500, 40.0), ComfortNoise(6).take(500, 40.0))


@pytest.mark.parametrize("level_rms", [0.0, 0.5, 0.999])
def test_below_one_unit_there_is_silence(level_rms: float) -> None:
    silence = ComfortNoise(seed=13).take(320, level_rms)
    assert silence.dtype == np.int16
    assert len(silence) == 320
    assert not silence.any()


def test_noise_at_full_scale_is_clipped_not_wrapped() -> None:
    loud, soft = ComfortNoise(14).take(32000, 30000.0), ComfortNoise(14).take(32000, 3000.0)
    strong = np.abs(soft) > 300
    assert np.array_equal(np.sign(loud[strong]), np.sign(soft[strong]))
    assert loud.max() == 32767
    assert loud.min() == -32768
