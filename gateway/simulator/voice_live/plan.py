"""What leaves when: the words of an answer, their times in the audio, and its deltas."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TypeAlias

from gateway.audio.pcm import AudioFormat, Codec
from gateway.simulator.voice_live.options import Delivery, Timing
from gateway.simulator.voice_live.script import TimedWord
from gateway.simulator.voice_live.speech import Speech


@dataclass(frozen=True, slots=True)
class Words:
    """More of the transcript."""

    delta: str


@dataclass(frozen=True, slots=True)
class Timed:
    """Where a word lies in the audio."""

    text: str
    offset_ms: int
    duration_ms: int


@dataclass(frozen=True, slots=True)
class Sound:
    """Bytes of the encoded answer."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Arguments:
    """More of a function call's arguments."""

    delta: str


Piece: TypeAlias = Words | Timed | Sound | Arguments


_ARGUMENT_LETTERS = 8


class Planner:
    """Times the pieces of one session's answers."""

    def __init__(self, timing: Timing, delivery: Delivery, rng: random.Random) -> None:
        self._timing = timing
        self._delivery = delivery
        self._rng = rng

    def message(
        self, speech: Speech, payload_bytes: int, output: AudioFormat, text_at: float, *, times_words: bool
    ) -> list[tuple[float, Piece]]:
        """A spoken answer, or with no payload a written one: pieces with their times, in order."""
        word_s = 1.0 / self._timing.words_per_s
        deltas = [word.text if index == 0 else f" {word.text}" for index, word in enumerate(speech.words)]
        plan: list[tuple[float, int, Piece]] = [
            (text_at + i * word_s, 0, Words(delta)) for i, delta in enumerate(deltas)
        ]
        starts = [word.start_s for word in speech.words]
        bytes_per_s = output.rate_hz * output.bytes_per_sample
        timed = 0
        for start, end in self._cuts(payload_bytes, output):
            begun = sum(1 for start_s in starts if start_s < end / bytes_per_s)
            at = self._sound_at(text_at, start / bytes_per_s, begun)
            plan += [(at, 1, _timed(word)) for word in speech.words[timed:begun] if times_words]
            plan.append((at, 2, Sound(start, end)))
            timed = begun
        plan.sort(key=lambda entry: entry[:2])
        return [(at, piece) for at, _, piece in plan]

    def call(self, arguments: str, text_at: float) -> list[tuple[float, Piece]]:
        """A function call; its arguments come in pieces of a few letters."""
        parts = [arguments[start : start + _ARGUMENT_LETTERS] for start in range(0, len(arguments), _ARGUMENT_LETTERS)]
        return [(text_at + i / self._timing.words_per_s, Arguments(part)) for i, part in enumerate(parts)]

    def _sound_at(self, text_at: float, start_s: float, words_begun: int) -> float:
        """Faster than real time, but never ahead of the words it says."""
        timing = self._timing
        return max(
            text_at + timing.tts_first_audio_s + start_s / timing.speedup, text_at + words_begun / timing.words_per_s
        )

    def _cuts(self, length: int, output: AudioFormat) -> list[tuple[int, int]]:
        """Irregular stretches of `length` bytes, each of whole samples unless odd cuts were asked for."""
        shortest_ms, longest_ms = self._delivery.delta_ms
        cuts, at = [], 0
        while at < length:
            samples = round(self._rng.uniform(shortest_ms, longest_ms) * output.rate_hz / 1000)
            if samples % output.frame_samples == 0:
                samples += 1  # real deltas do not end with a telephone frame
            size = samples * output.bytes_per_sample
            if self._delivery.odd_bytes and output.codec is Codec.PCM16:
                size += 1
            cuts.append((at, min(at + size, length)))
            at += size
        return cuts


def _timed(word: TimedWord) -> Timed:
    offset_ms = round(word.start_s * 1000)
    return Timed(word.text, offset_ms, round(word.end_s * 1000) - offset_ms)
