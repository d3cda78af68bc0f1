"""How the twin speaks."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from gateway.simulator.clips import load_clip, speech_at
from gateway.simulator.voice_live import speech
from gateway.simulator.voice_live.speech import Voice, at_rate, spread_words, synthesise, tones


@pytest.mark.parametrize(
    "text",
    [
        "Hello, you have reached Northwind Support. How can I help you?",
        "hello you have reached northwind support how can i help you",
    ],
)
def test_a_sentence_of_a_clip_is_that_clip(text: str) -> None:
    found = Voice().find(text)
    assert found is not None
    assert np.array_equal(found.samples, load_clip("agent.greeting").samples)


def test_another_sentence_is_not_known_until_it_was_made() -> None:
    voice = Voice()
    assert voice.find("Nobody recorded this.") is None
    voice.remember("Nobody recorded this.", tones("Nobody recorded this."))
    assert voice.find("Nobody recorded this.") is not None


@pytest.mark.parametrize("rate_hz", [8000, 16000, 24000])
def test_a_sentence_keeps_its_length_and_its_place_at_every_rate(rate_hz: int) -> None:
    clip = load_clip("agent.reply1")
    rendered = at_rate(clip.samples, clip.rate_hz, rate_hz)
    assert np.array_equal(rendered, speech_at(clip, rate_hz))
    assert len(rendered) == len(clip.samples) * rate_hz // clip.rate_hz


def test_without_a_synthesiser_every_word_is_a_tone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    made = synthesise("Three short words.")
    assert len(made.words) == 3
    for word in made.words:
        sound = made.samples[round(word.start_s * made.rate_hz) : round(word.end_s * made.rate_hz)]
        assert np.abs(sound).max() > 1000
    assert len(tones("").samples) > 0


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_espeak_speaks_other_sentences_and_falls_back_for_what_it_can_not_say() -> None:
    made = synthesise("This was never recorded.")
    assert 1.0 < len(made.samples) / made.rate_hz < 4.0
    assert made.words[-1].end_s == pytest.approx(len(made.samples) / made.rate_hz, abs=0.01)
    spectrum = np.abs(np.fft.rfft(made.samples.astype(np.float64)))
    tone = speech._TONE_HZ * len(made.samples) / made.rate_hz
    assert np.argmax(spectrum) != round(tone)


def test_words_without_times_are_spread_over_the_sound() -> None:
    words = spread_words("a longer word", 2.0)
    assert words[0].start_s == 0.0
    assert words[-1].end_s == 2.0
    assert words[1].end_s - words[1].start_s > words[0].end_s - words[0].start_s


def test_the_beginning_of_a_sentence_ends_with_its_word() -> None:
    found = Voice().find(load_clip("agent.reply1").text)
    assert found is not None
    start = found.first_words(3)
    assert start.text == "I am sorry"
    assert len(start.samples) == round(found.words[2].end_s * found.rate_hz)
    assert found.first_words(99) is found
