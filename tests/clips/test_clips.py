"""The sentences of the gateway itself: in every language there is one for every phrase, at the level of speech."""

from __future__ import annotations

import json
from importlib import resources
from itertools import product

import numpy as np
import pytest

from gateway.audio.level import rms, rms_to_dbfs
from gateway.audio.pcm import Int16Array
from gateway.audio.wav import read_wav
from gateway.clips import best_language, clip_texts, languages, load_clips
from gateway.session.settings import Phrase
from gateway.simulator.clips.sentences import SENTENCES

FOLDER = resources.files("gateway.clips")
RATES_HZ = (8000, 16_000, 24_000)
SPOKEN = tuple(phrase for phrase in Phrase if phrase is not Phrase.HOLD)
MADE_BY = "run: python -m gateway.simulator.clips.make"


def test_there_are_these_languages() -> None:
    assert languages() == ("de-DE", "en-US", "es-ES", "fr-FR") == tuple(sorted(SENTENCES))


@pytest.mark.parametrize("language", languages())
def test_there_is_a_sentence_for_every_phrase(language: str) -> None:
    texts = clip_texts(language)

    assert set(texts) == {phrase.value for phrase in Phrase}
    assert all(text.strip() == text != "" for text in texts.values())
    assert texts == json.loads(FOLDER.joinpath(language, "texts.json").read_text(encoding="utf-8"))
    assert texts == SENTENCES[language], MADE_BY


def test_no_text_was_left_untranslated() -> None:
    for phrase in Phrase:
        assert len({clip_texts(language)[phrase] for language in languages()}) == len(languages()), phrase


def test_the_files_are_few_and_small() -> None:
    files = {(language, file.name): file for language in languages() for file in FOLDER.joinpath(language).iterdir()}

    names = {"texts.json", *(f"{phrase.value}.wav" for phrase in Phrase)}
    assert set(files) == set(product(languages(), names))
    assert sum(len(file.read_bytes()) for file in files.values()) < 3_000_000


@pytest.mark.parametrize(("language", "phrase"), [*product(languages(), SPOKEN)])
def test_a_sentence_is_speech_at_the_level_of_a_phone_line_and_not_clipped(language: str, phrase: Phrase) -> None:
    wav = read_wav(FOLDER.joinpath(language, f"{phrase.value}.wav").read_bytes())
    voiced = wav.mono[np.abs(wav.mono.astype(np.int32)) > 200]

    assert (wav.encoding, wav.rate_hz, wav.channels.shape[1]) == ("ulaw", 8000, 1)
    assert 0.5 < wav.duration_s < 12.0
    assert rms_to_dbfs(rms(voiced)) == pytest.approx(-20.0, abs=1.5)
    assert np.max(np.abs(wav.mono.astype(np.int32))) < 32_700


@pytest.mark.parametrize(("language", "rate_hz"), [*product(languages(), RATES_HZ)])
def test_a_sentence_begins_and_ends_in_silence(language: str, rate_hz: int) -> None:
    edge = rate_hz // 50
    clips = load_clips(language, rate_hz)

    for phrase in SPOKEN:
        assert not clips[phrase][:edge].any(), "an edge that is not silent clicks"
        assert not clips[phrase][-edge:].any(), "an edge that is not silent clicks"


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_every_rate_says_the_same_for_the_same_time(rate_hz: int) -> None:
    stored, loaded = load_clips("en-US", 8000), load_clips("en-US", rate_hz)

    for name, samples in loaded.items():
        assert samples.dtype == np.int16
        assert len(samples) * 8000 == len(stored[name]) * rate_hz
        assert len(samples) % (rate_hz // 50) == 0, "the last frame would be filled up"
        assert rms_to_dbfs(rms(samples)) == pytest.approx(rms_to_dbfs(rms(stored[name])), abs=1.5)


@pytest.mark.parametrize("language", languages())
def test_the_music_is_the_same_everywhere_and_softer_than_speech(language: str) -> None:
    music = load_clips(language, 8000)["hold"]

    assert 8.0 <= len(music) / 8000 <= 12.0
    assert rms_to_dbfs(rms(music)) == pytest.approx(-26.0, abs=0.5)
    assert np.array_equal(music, load_clips("en-US", 8000)["hold"])


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_the_music_is_inside_the_band_of_a_telephone(rate_hz: int) -> None:
    music = load_clips("en-US", rate_hz)["hold"]
    power = np.abs(np.fft.rfft(music)) ** 2
    hz = np.fft.rfftfreq(len(music), 1 / rate_hz)
    outside = (hz < 300) | (hz > 3400)

    assert power[outside].sum() < power.sum() * 1e-4, "40 dB down; mu-law itself has 38 dB of noise in the whole band"


def click(music: Int16Array, rate_hz: int) -> float:
    """The sharpest bend of the wave where the music begins again, as a share of the sharpest within 20 ms of there."""
    reach = rate_hz // 50
    around = np.concatenate([music[-reach:], music[:reach]]).astype(np.float64)
    bends = np.abs(np.diff(around, 2))
    seam = slice(reach - 2, reach)  # the bends that take in samples of both ends
    return float(bends[seam].max() / np.delete(bends, seam).max())


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_the_music_begins_again_without_a_click_and_without_a_pause(rate_hz: int) -> None:
    music = load_clips("en-US", rate_hz)["hold"]
    around = np.concatenate([music[-rate_hz // 50 :], music[: rate_hz // 50]])
    cut_off_anywhere = [click(music[:length], rate_hz) for length in range(len(music) // 2, len(music), 1009)]

    assert click(music, rate_hz) < 0.5
    assert rms_to_dbfs(rms(around)) > -40.0
    assert np.median(cut_off_anywhere) > 1.0, "a click would not have been noticed"


@pytest.mark.parametrize(
    ("wanted", "best"),
    [
        ("en-US", "en-US"),
        ("EN-us", "en-US"),
        ("en-GB", "en-US"),
        ("de", "de-DE"),
        ("de-Latn-AT", "de-DE"),
        ("es-419", "es-ES"),
        ("fr-CA", "fr-FR"),
        ("e", None),
        ("tlh", None),
        ("pt-BR", None),
        ("", None),
    ],
)
def test_a_caller_gets_the_nearest_language(wanted: str, best: str | None) -> None:
    assert best_language(wanted) == best


def test_a_language_without_clips_is_said_to_have_none() -> None:
    with pytest.raises(FileNotFoundError):
        load_clips("tlh", 16_000)
