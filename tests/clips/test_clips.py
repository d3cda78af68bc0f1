"""The sentences of the gateway itself: there is one for every phrase, at every rate, at the level of speech."""

from __future__ import annotations

import json
from importlib import resources

import numpy as np
import pytest

from gateway.audio.level import rms, rms_to_dbfs
from gateway.audio.wav import read_wav
from gateway.clips import clip_texts, load_clips
from gateway.session.settings import Phrase
from gateway.simulator.clips import make

FOLDER = resources.files("gateway.clips").joinpath("en-US")


def test_there_is_a_sentence_for_every_phrase() -> None:
    texts = clip_texts("en-US")

    assert set(texts) == {phrase.value for phrase in Phrase}
    assert texts == json.loads(FOLDER.joinpath("texts.json").read_text(encoding="utf-8"))
    assert texts == make.PRODUCT, "run: python -m gateway.simulator.clips.make"


def test_the_files_are_few_and_small() -> None:
    files = {file.name: len(file.read_bytes()) for file in FOLDER.iterdir()}

    assert set(files) == {"texts.json", *(f"{phrase.value}.wav" for phrase in Phrase)}
    assert sum(files.values()) < 1024 * 1024


@pytest.mark.parametrize("phrase", Phrase)
def test_a_sentence_is_speech_at_the_level_of_a_phone_line_and_not_clipped(phrase: Phrase) -> None:
    wav = read_wav(FOLDER.joinpath(f"{phrase.value}.wav").read_bytes())
    voiced = wav.mono[np.abs(wav.mono.astype(np.int32)) > 200]

    assert (wav.encoding, wav.rate_hz, wav.channels.shape[1]) == ("pcm16", 24_000, 1)
    assert 1.0 < len(wav.mono) / wav.rate_hz < 8.0
    assert rms_to_dbfs(rms(voiced)) == pytest.approx(-20.0, abs=1.5)
    assert np.max(np.abs(wav.mono.astype(np.int32))) < 32_700
    assert not wav.mono[:480].any(), "an edge that is not silent clicks"


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 24_000])
def test_every_rate_says_the_same_for_the_same_time(rate_hz: int) -> None:
    stored, loaded = load_clips("en-US", 24_000), load_clips("en-US", rate_hz)

    for name, samples in loaded.items():
        assert samples.dtype == np.int16
        assert len(samples) / rate_hz == pytest.approx(len(stored[name]) / 24_000, abs=0.02)
        assert rms_to_dbfs(rms(samples)) == pytest.approx(rms_to_dbfs(rms(stored[name])), abs=1.5)


def test_a_language_without_clips_is_said_to_have_none() -> None:
    with pytest.raises(FileNotFoundError):
        load_clips("tlh", 16_000)
