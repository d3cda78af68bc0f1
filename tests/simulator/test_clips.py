"""What the twin's callers and agents say: words lie where the manifest has them, and the files stay small."""

from __future__ import annotations

from importlib import resources

import numpy as np
import pytest

from gateway.audio.level import rms, rms_to_dbfs
from gateway.simulator.clips import clip_names, find_clip_by_text, load_clip, make, speech_at

SPOKEN = tuple(name for name in clip_names() if name != "caller.cough")


def test_the_names_are_those_of_the_story() -> None:
    agent = {"agent.greeting", *(f"agent.reply{number}" for number in range(1, 5))}
    caller = {"caller.cough", *(f"caller.turn{number}" for number in range(1, 5))}

    assert set(clip_names()) == agent | caller
    with pytest.raises(KeyError, match=r"caller\.turn1"):
        load_clip("caller.turn9")


def test_the_callers_clips_are_small() -> None:
    folder = resources.files("gateway.simulator.clips")
    sizes = {file.name: len(file.read_bytes()) for file in folder.iterdir() if file.name.endswith(".wav")}

    assert sum(size for name, size in sizes.items() if name.startswith("caller-")) < 1_000_000
    assert sum(sizes.values()) < 2_000_000


@pytest.mark.parametrize("name", SPOKEN)
def test_a_clip_is_speech_at_the_level_of_a_phone_line(name: str) -> None:
    clip = load_clip(name)
    voiced = clip.samples[np.abs(clip.samples.astype(np.int32)) > 200]

    assert clip.rate_hz == 16_000
    assert 2.0 < clip.duration_s < 13.0
    assert rms_to_dbfs(rms(voiced)) == pytest.approx(-20.0, abs=1.5)
    assert np.max(np.abs(clip.samples.astype(np.int32))) < 32_700


@pytest.mark.parametrize("name", SPOKEN)
def test_words_are_those_of_the_text_in_order_and_inside_the_clip(name: str) -> None:
    clip = load_clip(name)

    assert [word.text for word in clip.words] == clip.text.split()
    assert clip.text == make.TWIN[name][1], "run: python -m gateway.simulator.clips.make"
    times = [moment for word in clip.words for moment in (word.start_s, word.end_s)]
    assert times == sorted(times)
    assert times[0] >= 0.0
    assert times[-1] <= clip.duration_s


@pytest.mark.parametrize("name", SPOKEN)
def test_there_is_sound_where_a_word_is(name: str) -> None:
    clip = load_clip(name)

    for word in clip.words:
        said = clip.samples[round(word.start_s * clip.rate_hz) : round(word.end_s * clip.rate_hz)]
        assert rms_to_dbfs(rms(said)) > -45.0, word


def test_a_cough_is_short_loud_and_no_word() -> None:
    cough = load_clip("caller.cough")

    assert (cough.text, cough.words) == ("", ())
    assert 0.2 < cough.duration_s < 0.5
    assert rms_to_dbfs(rms(cough.samples)) > -30.0


def test_a_clip_is_found_by_what_it_says() -> None:
    clip = find_clip_by_text("  Hello, you have reached Northwind\n Support. How can I help you? ")

    assert clip is load_clip("agent.greeting")
    assert find_clip_by_text("hello, you have reached northwind support. how can i help you?") is None
    assert find_clip_by_text("") is None


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 24_000])
def test_a_clip_has_the_same_sound_at_the_same_time_at_every_rate(rate_hz: int) -> None:
    clip = load_clip("caller.turn2")
    samples = speech_at(clip, rate_hz)

    assert len(samples) == pytest.approx(clip.duration_s * rate_hz, abs=1)
    for word in clip.words:
        there = samples[round(word.start_s * rate_hz) : round(word.end_s * rate_hz)]
        here = clip.samples[round(word.start_s * clip.rate_hz) : round(word.end_s * clip.rate_hz)]
        assert rms_to_dbfs(rms(there)) == pytest.approx(rms_to_dbfs(rms(here)), abs=4.0), word
