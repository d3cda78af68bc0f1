"""The probe's arithmetic, on sound that is delayed, weakened, filtered and noisy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import butter, sosfilt

from gateway.audio.pcm import Int16Array
from gateway.check.probe import LADDER_STEP_S, STOP_S, measure, probe
from gateway.check.probe import settings as follows

RATE = 16_000


def returned(  # noqa: PLR0913 - what a network does to sound
    delay_s: float,
    *,
    gain_db: float = -20.0,
    lost_s: float = 0.0,
    stop_after_s: float = 0.0,
    noise: float = 10.0,
    rate_hz: int = RATE,
) -> Int16Array:
    """What comes back, over a telephone."""
    sound = probe(rate_hz).astype(np.float64)
    sound[: round(lost_s * rate_hz)] = 0
    sound[round((STOP_S + stop_after_s) * rate_hz) :] = 0
    band = butter(4, (300, 3400 if rate_hz > 8000 else 3300), "bandpass", fs=rate_hz, output="sos")
    sound = sosfilt(band, sound) * 10 ** (gain_db / 20)
    back = np.concatenate([np.zeros(round(delay_s * rate_hz)), sound])
    back += np.random.default_rng(1).normal(0, noise, len(back))
    found: Int16Array = np.rint(back).astype(np.int16)
    return found


@settings(max_examples=15, deadline=None)
@given(delay_s=st.floats(0.02, 1.2), gain_db=st.floats(-35, -3))
def test_the_round_trip_and_the_level_are_found(delay_s: float, gain_db: float) -> None:
    found = measure(returned(delay_s, gain_db=gain_db), RATE)
    assert found.round_trip_s == pytest.approx(delay_s, abs=0.003)
    assert found.leak_db == pytest.approx(gain_db, abs=2.5)
    assert found.start_loss_s == 0.0


@pytest.mark.parametrize(("lost_s", "expected"), [(0.0, 0.0), (0.15, 0.2), (0.35, 0.4), (0.85, 0.9)])
def test_what_a_new_stream_loses_is_found(lost_s: float, expected: float) -> None:
    found = measure(returned(0.3, lost_s=lost_s), RATE).start_loss_s
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("lag_s", [0.0, 0.2, 0.5])
def test_how_long_a_stop_takes_is_found(lag_s: float) -> None:
    found = measure(returned(0.4, stop_after_s=lag_s), RATE).stop_lag_s
    assert found is not None
    assert lag_s - LADDER_STEP_S <= found <= lag_s + 0.01


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 24_000])
def test_every_rate_will_do(rate_hz: int) -> None:
    assert measure(returned(0.25, rate_hz=rate_hz), rate_hz).round_trip_s == pytest.approx(0.25, abs=0.003)


def test_noise_is_no_answer() -> None:
    noise = np.random.default_rng(2).normal(0, 300, 12 * RATE).astype(np.int16)
    found = measure(noise, RATE)
    assert found.round_trip_s is None
    assert "nothing of our own sound came back" in follows(found)[0]


def test_what_follows_is_said_in_settings() -> None:
    said = "\n".join(follows(measure(returned(0.3, lost_s=0.15, stop_after_s=0.2), RATE)))
    for part in ("round trip 300 ms", "call.start_lead_in_ms should be 300", "comes back with -20 dB", "StopAudio"):
        assert part in said
