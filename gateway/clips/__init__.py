"""Sentences the gateway can say without a model, and hold music: loaded once and played with no network.

A folder for each language (BCP 47), all with the same names, those of `session.settings.Phrase`. They are made by
`gateway/simulator/clips/make.py`.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources

from gateway.audio.pcm import Int16Array
from gateway.audio.resample import StreamResampler
from gateway.audio.wav import read_wav


@cache
def languages() -> tuple[str, ...]:
    """The languages there are clips in (BCP 47), in alphabetical order."""
    folders = resources.files(__package__).iterdir()
    return tuple(sorted(folder.name for folder in folders if folder.joinpath("texts.json").is_file()))


def best_language(wanted: str) -> str | None:
    """The language of the clips for somebody who speaks `wanted` (BCP 47; capitals do not matter).

    That very language, else the first of the same base language ("de-DE" for "de-AT" and "de"), else None.
    """
    exact = [language for language in languages() if language.lower() == wanted.lower()]
    near = [language for language in languages() if _base(language) == _base(wanted)]
    return next(iter(exact + near), None)


def clip_texts(language: str) -> dict[str, str]:
    """The sentences by clip name.

    Raises:
        FileNotFoundError: there are no clips in this language.
    """
    texts: dict[str, str] = json.loads(_file(language, "texts.json"))
    return texts


def load_clips(language: str, rate_hz: int) -> dict[str, Int16Array]:
    """All clips of a language, one of `languages()`, at a rate of the phone leg; each has whole frames of 20 ms.

    Raises:
        FileNotFoundError: there are no clips in this language.
        ValueError: no rate of a phone leg.
    """
    return {name: _load(language, name, rate_hz) for name in clip_texts(language)}


def _base(language: str) -> str:
    return language.lower().split("-")[0]


def _load(language: str, name: str, rate_hz: int) -> Int16Array:
    """As if it had been played before: so music has no seam where it begins again. Sentences have silent edges."""
    wav = read_wav(_file(language, f"{name}.wav"))
    resampler = StreamResampler(wav.rate_hz, rate_hz)
    resampler.push(wav.mono)
    return resampler.push(wav.mono)


def _file(language: str, name: str) -> bytes:
    return resources.files(__package__).joinpath(language, name).read_bytes()
