"""Turns are found in the audio itself, on the audio's own timeline."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audio.pcm import Int16Array
from gateway.simulator.clips import load_clip, speech_at
from gateway.simulator.voice_live.turn_detection import (
    SpeechBegan,
    SpeechEnded,
    TurnDetector,
    TurnEvent,
    TurnSettings,
)

RATE_HZ = 16000


def noise(seconds: float, rms: float, seed: int = 1) -> Int16Array:
    samples = np.random.default_rng(seed).normal(0, rms, round(seconds * RATE_HZ))
    return np.rint(samples).astype(np.int16)


def line(*, before_s: float = 1.0, after_s: float = 1.0, rms: float = 20.0, level: float = 1.0) -> Int16Array:
    """A caller's sentence on a line with noise."""
    speech = speech_at(load_clip("caller.turn1"), RATE_HZ).astype(np.float64) * level
    whole = np.concatenate([np.zeros(round(before_s * RATE_HZ)), speech, np.zeros(round(after_s * RATE_HZ))])
    return np.rint(whole + noise(len(whole) / RATE_HZ, rms)[: len(whole)]).astype(np.int16)


def hear(samples: Int16Array, detector: TurnDetector | None = None, sizes: tuple[int, ...] = (320,)) -> list[TurnEvent]:
    detector = detector if detector is not None else TurnDetector(TurnSettings(), RATE_HZ)
    events, at, turn = [], 0, 0
    while at < len(samples):
        size = sizes[turn % len(sizes)]
        events += detector.push(samples[at : at + size])
        at, turn = at + size, turn + 1
    return events


@pytest.mark.parametrize(("level", "rms"), [(1.0, 0.0), (1.0, 30.0), (0.3, 0.0), (0.3, 5.0), (0.1, 0.0)])
def test_a_sentence_is_one_turn_with_the_configured_padding_and_silence(level: float, rms: float) -> None:
    words = load_clip("caller.turn1").words
    settings = TurnSettings(prefix_padding_ms=300, silence_duration_ms=600, speech_duration_ms=100)
    began, ended = hear(line(rms=rms, level=level), TurnDetector(settings, RATE_HZ))
    assert isinstance(began, SpeechBegan)
    assert isinstance(ended, SpeechEnded)
    assert began.start_ms == pytest.approx(1000 + words[0].start_s * 1000 - 300, abs=120)
    assert ended.end_ms == pytest.approx(1000 + words[-1].end_s * 1000 + 600, abs=150)


@given(sizes=st.lists(st.integers(1, 5000), min_size=1, max_size=20).map(tuple))
@settings(max_examples=25, deadline=None)
def test_how_the_audio_is_cut_changes_nothing(sizes: tuple[int, ...]) -> None:
    samples = line()
    assert hear(samples, sizes=sizes) == hear(samples)


def test_a_turn_does_not_end_before_its_silence_was_appended() -> None:
    detector = TurnDetector(TurnSettings(silence_duration_ms=500), RATE_HZ)
    assert len(hear(line(after_s=0.3), detector)) == 1
    assert detector.speaking
    assert isinstance(hear(noise(0.4, 20.0), detector)[0], SpeechEnded)


def test_a_click_is_no_turn_and_does_not_prolong_one() -> None:
    click = np.full(160, 12000, np.int16)
    quiet = noise(2.0, 10.0)
    assert hear(np.concatenate([quiet, click, quiet])) == []
    whole = line(after_s=1.0)
    clicked = whole.copy()
    clicked[-12000:-11840] = 12000
    assert hear(clicked) == hear(whole)


def test_steady_noise_is_no_turn_once_it_is_known() -> None:
    detector = TurnDetector(TurnSettings(), RATE_HZ)
    hear(noise(20.0, 300.0), detector)
    assert hear(noise(20.0, 300.0, seed=2), detector) == []


def test_two_sentences_do_not_share_audio() -> None:
    settings = TurnSettings(prefix_padding_ms=2000)
    first, first_end, second, _ = hear(
        np.concatenate([line(after_s=0.6), line(before_s=0.1)]), TurnDetector(settings, RATE_HZ)
    )
    assert isinstance(first, SpeechBegan)
    assert isinstance(first_end, SpeechEnded)
    assert isinstance(second, SpeechBegan)
    assert second.start_ms >= first_end.end_ms


def test_a_higher_threshold_wants_a_louder_voice() -> None:
    quiet = line(rms=20.0, level=0.03)
    assert hear(quiet, TurnDetector(TurnSettings(threshold=0.1), RATE_HZ))
    assert not hear(quiet, TurnDetector(TurnSettings(threshold=1.0), RATE_HZ))


def test_an_ended_turn_begins_anew_and_says_how_long_it_was() -> None:
    detector = TurnDetector(TurnSettings(), RATE_HZ)
    hear(line(after_s=0.1), detector)
    voiced_ms = detector.end_now()
    assert voiced_ms == pytest.approx(load_clip("caller.turn1").duration_s * 1000, abs=250)
    assert detector.end_now() is None
