"""One call at invented times, driven step by step, with every effect kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import numpy as np
import pybase64
import pytest

from gateway.audio.pcm import PCM16_16K, AudioFormat, Int16Array
from gateway.session.effects import Effect, Note, PlayFrame
from gateway.session.events import (
    AudioDelta,
    AudioDone,
    HookEvent,
    ModelEvent,
    PhoneAudio,
    PhoneEvent,
    PhoneOpened,
    ResponseCreated,
    ResponseDone,
)
from gateway.session.session import CallSession
from gateway.session.settings import CallSettings, Interruptions, LineSettings, Phrase

TICK = 0.02
E = TypeVar("E")


def tone(seconds: float, rate_hz: int = 16000) -> Int16Array:
    count = round(seconds * rate_hz)
    wave: Int16Array = np.rint(8000 * np.sin(2 * np.pi * 440 * np.arange(count) / rate_hz)).astype(np.int16)
    return wave


def phrases(rate_hz: int, _language: str) -> dict[Phrase, Int16Array]:
    return {phrase: tone(1.0, rate_hz) for phrase in Phrase}


def b64(samples: Int16Array) -> bytes:
    return pybase64.b64encode(samples.astype("<i2").tobytes())


SILENT_FRAME = b64(np.zeros(320, np.int16))


class Call:
    """Drives one session along invented time, keeping every effect with its moment."""

    def __init__(
        self,
        greeting: str | None = None,
        phone: AudioFormat = PCM16_16K,
        interruptions: Interruptions = Interruptions.CUT,
        line: LineSettings | None = None,
    ) -> None:
        settings = CallSettings(
            phone_format=PCM16_16K,
            model_input=PCM16_16K,
            model_output=PCM16_16K,
            phrases=phrases,
            greeting=greeting,
            interruptions=interruptions,
            line=line or LineSettings(),
        )
        self.session = CallSession(settings)
        self.now = 100.0
        self.done: list[tuple[float, Effect]] = []
        self.frames = 0
        self.phone_format = phone
        self._take(self.session.start(self.now))

    def _take(self, effects: Iterable[Effect]) -> list[Effect]:
        taken = list(effects)
        self.done += [(self.now, effect) for effect in taken]
        return taken

    def phone(self, event: PhoneEvent) -> list[Effect]:
        return self._take(self.session.on_phone(event, self.now))

    def model(self, event: ModelEvent) -> list[Effect]:
        return self._take(self.session.on_model(event, self.now))

    def hook(self, event: HookEvent) -> list[Effect]:
        return self._take(self.session.on_hook(event, self.now))

    def open(self) -> None:
        self.phone(PhoneOpened(self.phone_format, self.phone_format.frame_bytes))

    def pass_time(self, seconds: float, payload: bytes = SILENT_FRAME) -> None:
        """Let time pass with the caller's frames coming in."""
        for _ in range(round(seconds / TICK)):
            self.phone(PhoneAudio(payload, 1e9 + self.frames * TICK))
            self.frames += 1
            self._take(self.session.on_tick(self.now))
            self.now += TICK

    def agent_says(self, seconds: float, response: str = "r1", item: str = "i1", *, whole: bool = True) -> None:
        self.model(ResponseCreated(response))
        self.model(AudioDelta(response, item, b64(tone(seconds))))
        if whole:
            self.model(AudioDone(response, item))
            self.model(ResponseDone(response, "completed"))

    def of(self, kind: type[E]) -> list[E]:
        return [effect for _, effect in self.done if isinstance(effect, kind)]

    def moments(self, kind: type[Effect]) -> list[float]:
        return [at for at, effect in self.done if isinstance(effect, kind)]

    def notes(self, name: str) -> list[Note]:
        return [note for note in self.of(Note) if note.name == name]

    def said(self) -> list[str]:
        return [str(note.fields["clip"]) for note in self.notes("clip.started")]

    def sound(self) -> Int16Array:
        frames = [np.frombuffer(frame.pcm, "<i2") for frame in self.of(PlayFrame)]
        return np.concatenate(frames) if frames else np.zeros(0, np.int16)


@pytest.fixture
def call() -> Call:
    started = Call()
    started.open()
    started.pass_time(0.5)
    return started
