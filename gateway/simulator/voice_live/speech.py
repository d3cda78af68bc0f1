"""How the twin speaks: committed clips for the sentences they hold, espeak-ng for others where it is installed.

Without espeak-ng a sentence is rendered as one short, soft tone per word, about as long as the words would take:
clearly not speech, never silently nothing, and still good for timing. Where no clip gives the times of words they are
spread over the sound by their length, which is an approximation.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from gateway.audio.pcm import Int16Array
from gateway.audio.resample import StreamResampler
from gateway.audio.wav import read_wav
from gateway.simulator.clips import load_clip
from gateway.simulator.voice_live.script import STORY_TURNS, TimedWord

SYNTHESIS_HZ = 24000
CLIP_NAMES = ("agent.greeting", *(f"agent.reply{number}" for number in range(1, STORY_TURNS + 1)))

_KEPT = 64
"""Sentences kept, at each rate; a load test says the same few again and again."""
_ESPEAK_S = 20.0
_MAX_TEXT = 2000
"""Longer texts are cut at this many letters: three minutes of speech."""
_TONE_HZ = 330.0
_TONE_PEAK = 2500
_LETTER_S, _LEAST_TONE_S, _GAP_S = 0.055, 0.12, 0.09


@dataclass(frozen=True, slots=True, eq=False)
class Speech:
    """A sentence as sound."""

    text: str
    samples: Int16Array
    rate_hz: int
    """8000, 16000 or 24000"""
    words: tuple[TimedWord, ...]

    def first_words(self, count: int) -> Speech:
        """Only the beginning, as where a model reached its token limit."""
        if count >= len(self.words):
            return self
        words = self.words[:count]
        end = round(words[-1].end_s * self.rate_hz) if words else 0
        return Speech(" ".join(word.text for word in words), self.samples[:end], self.rate_hz, words)


class Voice:
    """Finds or makes the sound of sentences; shared by all sessions of a twin.

    Args:
        known: sentences besides the committed clips, which are always known.
    """

    def __init__(self, known: Iterable[Speech] = ()) -> None:
        self._known = {_fold(speech.text): speech for speech in known}
        self._made: OrderedDict[str, Speech] = OrderedDict()
        self._rendered: OrderedDict[tuple[str, int, int], Int16Array] = OrderedDict()
        self._has_clips = False

    def find(self, text: str) -> Speech | None:
        """The sound of a sentence that is known or was made before."""
        self._load_clips()
        key = _fold(text)
        return self._known.get(key) or self._made.get(key)

    def make(self, text: str) -> Speech:
        """Make the sound of a sentence; takes some 20 ms, so not for an event loop."""
        return synthesise(text[:_MAX_TEXT])

    def remember(self, text: str, speech: Speech) -> None:
        self._made[_fold(text)] = speech
        while len(self._made) > _KEPT:
            self._made.popitem(last=False)

    def render(self, speech: Speech, rate_hz: int) -> Int16Array:
        """The whole sentence at a rate, aligned with the original; read-only, kept for the next session."""
        key = (speech.text, len(speech.samples), rate_hz)
        if key not in self._rendered:
            self._rendered[key] = at_rate(speech.samples, speech.rate_hz, rate_hz)
            while len(self._rendered) > _KEPT:
                self._rendered.popitem(last=False)
        return self._rendered[key]

    def _load_clips(self) -> None:
        if self._has_clips:
            return
        self._has_clips = True
        for name in CLIP_NAMES:
            clip = load_clip(name)
            words = tuple(TimedWord(word.text, word.start_s, word.end_s) for word in clip.words)
            self._known.setdefault(_fold(clip.text), Speech(clip.text, clip.samples, clip.rate_hz, words))


def synthesise(text: str) -> Speech:
    """Speak any text; blocks."""
    program = shutil.which("espeak-ng")
    spoken = _espeak(program, text) if program is not None else None
    if spoken is None:
        return tones(text)
    return Speech(text, spoken, SYNTHESIS_HZ, spread_words(text, len(spoken) / SYNTHESIS_HZ))


def tones(text: str) -> Speech:
    """A tone per word."""
    pieces, words, at_s = [], [], 0.0
    gap = np.zeros(round(_GAP_S * SYNTHESIS_HZ), np.int16)
    for word in text.split() or ["..."]:
        length_s = max(_LEAST_TONE_S, _LETTER_S * len(word))
        time_s = np.arange(round(length_s * SYNTHESIS_HZ)) / SYNTHESIS_HZ
        edge = np.minimum(1.0, np.minimum(time_s, length_s - time_s) / 0.02)
        sound = _TONE_PEAK * np.clip(edge, 0.0, 1.0) * np.sin(2 * np.pi * _TONE_HZ * time_s)
        pieces += [np.rint(sound).astype(np.int16), gap]
        words.append(TimedWord(word, round(at_s, 3), round(at_s + length_s, 3)))
        at_s += length_s + _GAP_S
    return Speech(text, np.concatenate(pieces), SYNTHESIS_HZ, tuple(words))


def spread_words(text: str, duration_s: float) -> tuple[TimedWord, ...]:
    """Times for words whose times are not known: in proportion to their letters."""
    words = text.split()
    letters = sum(len(word) + 1 for word in words)
    timed, done = [], 0
    for word in words:
        start_s, done = duration_s * done / letters, done + len(word) + 1
        timed.append(TimedWord(word, round(start_s, 3), round(duration_s * done / letters, 3)))
    return tuple(timed)


def at_rate(samples: Int16Array, source_hz: int, target_hz: int) -> Int16Array:
    """A whole sentence at another rate, without the filter's delay."""
    resampler = StreamResampler(source_hz, target_hz)
    whole = np.concatenate([resampler.push(samples), resampler.flush()])
    delay = round(resampler.delay_s * target_hz) if source_hz != target_hz else 0
    cut = whole[delay : delay + len(samples) * target_hz // source_hz]
    cut.flags.writeable = False
    return cut


def _espeak(program: str, text: str) -> Int16Array | None:
    """None where the program fails or says nothing, as for a text of punctuation only."""
    try:
        made = subprocess.run(  # noqa: S603 - a fixed program; the text goes through its standard input
            [program, "-v", "en-us", "-s", "165", "--stdin", "--stdout"],
            input=text.encode(),
            capture_output=True,
            timeout=_ESPEAK_S,
            check=True,
        )
        wav = read_wav(made.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return _by_spectrum(wav.mono, wav.rate_hz, SYNTHESIS_HZ)


def _by_spectrum(samples: Int16Array, source_hz: int, target_hz: int) -> Int16Array:
    """Any rate to any other, the whole recording at once (espeak-ng speaks at 22,050 Hz, which no stream has)."""
    count = len(samples) * target_hz // source_hz
    spectrum = np.fft.rfft(samples.astype(np.float64))
    resized = np.zeros(count // 2 + 1, np.complex128)
    shared = min(len(spectrum), len(resized))
    resized[:shared] = spectrum[:shared]
    sound = np.fft.irfft(resized, count) * (count / len(samples))
    rounded: Int16Array = np.rint(np.clip(sound, -32768, 32767)).astype(np.int16)
    return rounded


def _fold(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
