"""The line passes a telephone's band, at its level, with its noise."""

from __future__ import annotations

import numpy as np
import pytest

from gateway.audio.pcm import Int16Array
from gateway.simulator.phone.channel import MOUTH_HZ, PhoneLine, through_line


def tone(hz: float, peak: float = 8000, length_s: float = 1.0) -> Int16Array:
    at = np.arange(round(length_s * MOUTH_HZ)) / MOUTH_HZ
    samples: Int16Array = np.rint(peak * np.sin(2 * np.pi * hz * at)).astype(np.int16)
    return samples


def rms_db(samples: Int16Array) -> float:
    return 20 * float(np.log10(np.sqrt(np.mean(samples.astype(np.float64) ** 2)) / 32768 + 1e-9))


def gain_db(hz: float, rate_hz: int) -> float:
    line = PhoneLine(rate_hz, codec="none")
    out = line.push(tone(hz))
    return rms_db(out[len(out) // 2 :]) - rms_db(tone(hz))


@pytest.mark.parametrize("rate_hz", [8000, 16000, 24000])
def test_band(rate_hz: int) -> None:
    for hz in (350, 1000, 3200):
        assert gain_db(hz, rate_hz) == pytest.approx(0.0, abs=0.5)
    for hz in (50, 150):
        assert gain_db(hz, rate_hz) < -25
    for hz in (3700, 4500, 6000, 7500):
        assert gain_db(hz, rate_hz) < -38


@pytest.mark.parametrize("rate_hz", [8000, 16000, 24000])
def test_twenty_milliseconds_in_are_twenty_out(rate_hz: int) -> None:
    line = PhoneLine(rate_hz, codec="alaw", noise_dbfs=-58)
    assert {len(line.push(tone(500, length_s=0.02))) for _ in range(100)} == {rate_hz // 50}


def test_noise_has_its_level_and_repeats_with_its_seed() -> None:
    silence = np.zeros(MOUTH_HZ, np.int16)
    first, again, other = (PhoneLine(8000, codec="none", noise_dbfs=-50, seed=seed).push(silence) for seed in (1, 1, 2))
    assert rms_db(first) == pytest.approx(-50, abs=0.5)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_level_and_codec() -> None:
    plain = PhoneLine(8000, codec="none").push(tone(1000))
    louder = PhoneLine(8000, codec="none", level_db=6).push(tone(1000))
    assert rms_db(louder) - rms_db(plain) == pytest.approx(6, abs=0.1)
    coded = PhoneLine(8000, codec="alaw").push(tone(1000))
    assert -45 < rms_db((coded.astype(np.int32) - plain).astype(np.int16)) - rms_db(plain) < -30
    assert not np.array_equal(coded, PhoneLine(8000, codec="ulaw").push(tone(1000)))


def test_voice_is_hardly_delayed() -> None:
    click = np.zeros(3200, np.int16)
    click[1600] = 20000
    out = PhoneLine(MOUTH_HZ, codec="none").push(click)
    assert np.argmax(np.abs(out.astype(np.int32))) - 1600 < 0.006 * MOUTH_HZ


def test_whole_track_keeps_its_length_and_place() -> None:
    track = np.concatenate([np.zeros(8000, np.int16), tone(1000, length_s=0.5), np.zeros(3999, np.int16)])
    heard = through_line(track, codec="alaw")
    assert len(heard) == len(track)
    assert rms_db(heard[:7990]) < -70
    assert rms_db(heard[8200:15800]) == pytest.approx(rms_db(track[8200:15800]), abs=0.5)
