"""Sentences the gateway can say without a model, loaded at start and played with no network."""

from __future__ import annotations

import json
from importlib import resources

import numpy as np

from gateway.audio.pcm import Int16Array
from gateway.audio.resample import StreamResampler
from gateway.audio.wav import read_wav


def clip_texts(language: str) -> dict[str, str]:
    """The sentences by clip name.

    Raises:
        FileNotFoundError: there are no clips in this language.
    """
    texts: dict[str, str] = json.loads(_file(language, "texts.json"))
    return texts


def load_clips(language: str, rate_hz: int) -> dict[str, Int16Array]:
    """All clips of a language (BCP 47) at a rate of the phone leg.

    Raises:
        FileNotFoundError: there are no clips in this language.
    """
    return {name: _load(language, name, rate_hz) for name in clip_texts(language)}


def _load(language: str, name: str, rate_hz: int) -> Int16Array:
    wav = read_wav(_file(language, f"{name}.wav"))
    resampler = StreamResampler(wav.rate_hz, rate_hz)
    samples: Int16Array = np.concatenate([resampler.push(wav.mono), resampler.flush()])
    return samples


def _file(language: str, name: str) -> bytes:
    return resources.files(__package__).joinpath(language, name).read_bytes()


def best_language(wanted: str) -> str | None:
    return wanted if wanted == "en-US" else None
