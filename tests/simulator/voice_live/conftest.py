"""A client of the protocol core at invented times, and the recordings of the live service."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pybase64
import pytest

from gateway.audio.pcm import Int16Array
from gateway.simulator.clips import load_clip, speech_at
from gateway.simulator.voice_live.options import BYOM_CHAT, TwinOptions
from gateway.simulator.voice_live.outbox import Effect, Send, Synthesise
from gateway.simulator.voice_live.ptu_bucket import PtuBucket
from gateway.simulator.voice_live.record import SessionRecord
from gateway.simulator.voice_live.session import Deployment, TwinSession
from gateway.simulator.voice_live.speech import Voice, tones
from gateway.simulator.voice_live.traits import traits_of

Event = dict[str, Any]

START_S = 100.0
RECORDINGS = Path(__file__).parents[2] / "fixtures" / "voice_live"


class Client:
    """Talks to one session; `now` moves only when told to."""

    def __init__(self, profile: str, options: TwinOptions, bucket: PtuBucket | None = None, number: int = 1) -> None:
        self.now = START_S
        self.events: list[tuple[float, Event]] = []
        self.effects: list[Effect] = []
        self.record = SessionRecord(f"sess_{number}", {}, "a-deployment", profile, self.now)
        deployment = Deployment(
            options, traits_of(profile, "a-deployment", "2026-07-15"), Voice(), bucket, number, 1_800_000_000
        )
        self.session = TwinSession(deployment, self.record)
        self.take(self.session.on_open(self.now))

    def take(self, effects: Any) -> None:
        for effect in effects:
            match effect:
                case Send(event):
                    self.events.append((self.now, json.loads(json.dumps(event))))
                case Synthesise(response_id, text):
                    self.take(self.session.on_speech(response_id, tones(text), self.now))
                case other:
                    self.effects.append(other)

    def send(self, kind: str, **fields: Any) -> None:
        self.take(self.session.on_message(json.dumps({"type": kind, **fields}), self.now))

    def advance(self, seconds: float) -> None:
        """Let time pass; the session is called exactly when it asked to be."""
        until = self.now + seconds
        while self.session.next_at <= until:
            self.now = max(self.now, self.session.next_at)
            self.take(self.session.on_timer(self.now))
        self.now = until

    def open(self, **session: Any) -> None:
        """Take the session with its settings."""
        self.advance(0.1)
        self.send("session.update", event_id="setup", session={"instructions": "Be brief.", **session})
        self.advance(0.1)
        assert self.types()[-1] == "session.updated", self.events[-1]

    def append(self, samples: Int16Array, *, rate_hz: int = 24000, paced: bool = True) -> None:
        """Send audio in pieces of 20 ms, each at its time or all at once."""
        step = rate_hz // 50
        for start in range(0, len(samples), step):
            piece = samples[start : start + step]
            self.send("input_audio_buffer.append", audio=pybase64.b64encode_as_string(piece.astype("<i2").tobytes()))
            if paced:
                self.advance(0.02)

    def silence(self, seconds: float, *, rate_hz: int = 24000) -> None:
        self.append(np.zeros(round(seconds * rate_hz), np.int16), rate_hz=rate_hz)

    def say(self, clip: str, *, then_silence_s: float = 0.6) -> None:
        """A caller's clip and the silence that ends the turn."""
        self.append(speech_at(load_clip(clip), 24000))
        self.silence(then_silence_s)

    def types(self) -> list[str]:
        return [event["type"] for _, event in self.events]

    def all(self, kind: str) -> list[Event]:
        return [event for _, event in self.events if event["type"] == kind]

    def last(self, kind: str) -> Event:
        return self.all(kind)[-1]

    def at(self, kind: str) -> float:
        """When the latest event of this type came."""
        return [at for at, event in self.events if event["type"] == kind][-1]

    def forget(self) -> None:
        self.events.clear()

    def audio(self, item_id: str) -> bytes:
        deltas = self.all("response.audio.delta")
        return b"".join(pybase64.b64decode(delta["delta"]) for delta in deltas if delta["item_id"] == item_id)

    def spoken(self) -> list[str]:
        return [event["transcript"] for event in self.all("response.audio_transcript.done")]


@pytest.fixture
def connect() -> Callable[..., Client]:
    """A client before its first session.update; arguments: profile, options, bucket, number."""

    def make(
        profile: str = BYOM_CHAT,
        options: TwinOptions | None = None,
        bucket: PtuBucket | None = None,
        number: int = 1,
    ) -> Client:
        return Client(profile, options if options is not None else TwinOptions(), bucket, number)

    return make


@pytest.fixture
def recording() -> Callable[[str], Any]:
    """A recorded message, or sequence of messages, by its name."""

    def load(name: str) -> Any:
        return json.loads((RECORDINGS / f"twin-{name}.json").read_text(encoding="utf-8"))

    return load
