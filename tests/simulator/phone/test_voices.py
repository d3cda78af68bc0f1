"""A recording of any rate is the same sound at the mouth."""

from __future__ import annotations

import numpy as np
import pytest

from gateway.audio.pcm import Int16Array
from gateway.simulator.phone.plan import Speech
from gateway.simulator.phone.voices import change_rate, load_utterance


def tone(rate_hz: int, hz: float = 1000.0) -> Int16Array:
    samples: Int16Array = np.rint(8000 * np.sin(2 * np.pi * hz * np.arange(rate_hz) / rate_hz)).astype(np.int16)
    return samples


@pytest.mark.parametrize("rate_hz", [8000, 11025, 16000, 22050, 24000, 44100, 48000])
def test_tone_keeps_frequency_level_and_place(rate_hz: int) -> None:
    moved = change_rate(tone(rate_hz), rate_hz, 16000)
    assert len(moved) == 16000
    middle = slice(1600, -1600)
    error = moved[middle].astype(np.float64) - tone(16000)[middle]
    assert np.sqrt(np.mean(error**2)) < 8000 / np.sqrt(2) * 10 ** (-40 / 20)


def test_what_does_not_fit_the_new_rate_is_gone() -> None:
    moved = change_rate(tone(44100, 12000.0), 44100, 16000)
    assert np.abs(moved[1600:-1600]).max() < 40


def test_recording_says_only_how_long_it_is() -> None:
    utterance = load_utterance(Speech(tone(8000), 8000))
    assert utterance.text == "[recording 1.0 s]"
    assert len(utterance.samples) == 16000
    assert load_utterance(Speech(tone(8000), 8000, "hello")).text == "hello"
