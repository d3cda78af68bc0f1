"""The machines' sounds, by an independent look at their spectrum and their bits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from gateway.audio.level import rms, rms_to_dbfs
from gateway.audio.pcm import Int16Array
from gateway.simulator.phone.machines import EUROPEAN_BAUD, LEVEL_DBFS, US_BAUD, baudot, fax_calling_tone

RATE_HZ = 16000


def peak_hz(samples: Int16Array) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(samples, RATE_HZ))))


@pytest.mark.parametrize("rate_hz", [8000, 16000, 24000])
def test_the_calling_tone_has_the_cadence_of_t30(rate_hz: int) -> None:
    calling = fax_calling_tone(7.5, rate_hz)
    assert len(calling) == 7.5 * rate_hz
    half_seconds = calling.reshape(15, -1)
    sounding = [number for number, part in enumerate(half_seconds) if rms(part) > 0]
    assert sounding == [0, 7, 14]
    assert rms_to_dbfs(rms(half_seconds[7])) == pytest.approx(LEVEL_DBFS, abs=0.05)


def test_the_calling_tone_has_the_frequency_of_t30() -> None:
    assert peak_hz(fax_calling_tone(0.5, RATE_HZ)) == 1100.0


@pytest.mark.parametrize(("baud", "bit_samples"), [(US_BAUD, 352), (EUROPEAN_BAUD, 320)])
def test_a_character_is_a_start_bit_five_bits_and_two_to_stop(baud: float, bit_samples: int) -> None:
    """Letters first: 11111 shifts to them, then R is 01010 and Y is 10101, lowest bit first."""
    typed = baudot("RY", RATE_HZ, baud=baud)
    carrier, hold = round(0.15 * RATE_HZ), round(0.3 * RATE_HZ)
    bits = typed[carrier : len(typed) - hold].reshape(-1, bit_samples)
    tones: npt.NDArray[np.bool_] = np.array([peak_hz(bit) < 1600.0 for bit in bits])
    assert "".join("01"[int(tone)] for tone in tones) == "01111111" + "00101011" + "01010111"
    assert peak_hz(typed[:carrier]) == pytest.approx(1400.0, abs=2.0)
    assert peak_hz(bits[0]) == pytest.approx(1800.0, abs=5.0)
    assert rms_to_dbfs(rms(typed)) == pytest.approx(LEVEL_DBFS, abs=0.05)


def test_digits_are_shifted_to_and_back_from() -> None:
    characters = [
        round((len(baudot(text, 8000)) / 8000 - 0.45) / (8 / US_BAUD)) for text in ("", "A", "1", "A1B", "1 2")
    ]
    assert characters == [0, 2, 2, 6, 4], "a space is in both tables"


@pytest.mark.parametrize("text", ["a", "É", "\n", "\0", "HELLO;", "\x0e"])
def test_a_textphone_has_few_characters(text: str) -> None:
    with pytest.raises(ValueError, match="a textphone has no"):
        baudot(text, 8000)
