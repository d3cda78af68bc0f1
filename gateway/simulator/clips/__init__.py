"""What the twin's callers and agents say: committed clips with the place of every word."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from gateway.audio.pcm import Int16Array
from gateway.audio.resample import StreamResampler
from gateway.audio.wav import read_wav


@dataclass(frozen=True, slots=True)
class Word:
    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    name: str
    text: str
    samples: Int16Array
    rate_hz: int
    words: tuple[Word, ...]

    @property
    def duration_s(self) -> float:
        return len(self.samples) / self.rate_hz


@cache
def _manifest() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(_file("clips.json"))
    return loaded


def _file(name: str) -> bytes:
    return resources.files(__package__).joinpath(name).read_bytes()


def clip_names() -> tuple[str, ...]:
    return tuple(_manifest())


@cache
def load_clip(name: str) -> Clip:
    """A clip by name.

    Raises:
        KeyError: there is none; the text lists those that exist.
    """
    entry = _manifest().get(name)
    if entry is None:
        raise KeyError(f"no clip {name!r}; there are {', '.join(clip_names())}")
    wav = read_wav(_file(entry["file"]))
    words = tuple(Word(str(text), float(start), float(end)) for text, start, end in entry["words"])
    return Clip(name, entry["text"], wav.mono, wav.rate_hz, words)


def find_clip_by_text(text: str) -> Clip | None:
    """The clip that says exactly this, if there is one."""
    wanted = " ".join(text.split())
    return next((load_clip(name) for name, entry in _manifest().items() if entry["text"] == wanted and wanted), None)


@cache
def _at_rate(name: str, rate_hz: int) -> Int16Array:
    clip = load_clip(name)
    resampler = StreamResampler(clip.rate_hz, rate_hz)
    delay = round(resampler.delay_s * rate_hz)
    length = len(clip.samples) * rate_hz // clip.rate_hz
    whole: Int16Array = np.concatenate([resampler.push(clip.samples), resampler.flush()])
    return whole[delay : delay + length]


def speech_at(clip: Clip, rate_hz: int) -> Int16Array:
    """The clip's sound at a rate of the signal path, aligned with its word times."""
    return clip.samples if rate_hz == clip.rate_hz else _at_rate(clip.name, rate_hz)
