"""The settings of a Voice Live session: what is asked for, and what the service says it took.

The service replaces nested objects as a whole, so they are always sent complete. Audio formats that come back otherwise
than asked are followed; every other difference is named, by its path.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from gateway.audio.pcm import AudioFormat, Codec
from gateway.wire.strict_json import text

PATH = "/voice-live/realtime"
_OUTPUT_NAMES = {
    AudioFormat(Codec.PCM16, 8000): "pcm16_8000hz",
    AudioFormat(Codec.PCM16, 16000): "pcm16_16000hz",
    AudioFormat(Codec.PCM16, 24000): "pcm16",
    AudioFormat(Codec.ULAW, 8000): "g711_ulaw",
    AudioFormat(Codec.ALAW, 8000): "g711_alaw",
}
_OUTPUT_FORMATS = {name: fmt for fmt, name in _OUTPUT_NAMES.items()}
_AUDIO_FIELDS = frozenset({"input_audio_format", "input_audio_sampling_rate", "output_audio_format"})
_NOT_COMPARED = _AUDIO_FIELDS | {"metadata"}
"""Formats are followed; metadata is a note for the service's own logs and changes nothing about the session."""
_DEFAULT_INPUT_RATE = {Codec.PCM16: 24000, Codec.ULAW: 8000, Codec.ALAW: 8000}


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """What a session is asked to be. Nested objects are complete."""

    instructions: str
    voice: dict[str, Any]
    input_format: AudioFormat
    output_format: AudioFormat
    turn_detection: dict[str, Any]
    transcription: dict[str, Any] | None = None
    noise_reduction: dict[str, Any] | None = None
    echo_cancellation: dict[str, Any] | None = None
    temperature: float | None = None
    max_response_output_tokens: int | Literal["inf"] | None = None
    reasoning_effort: str | None = None
    interim_response: dict[str, Any] | None = None
    output_audio_timestamp_types: tuple[str, ...] | None = None
    tools: tuple[dict[str, Any], ...] = ()
    """function tools"""
    metadata: dict[str, str] = field(default_factory=dict)

    def session_object(self) -> dict[str, Any]:
        session: dict[str, Any] = {
            "modalities": ["text", "audio"],
            "instructions": self.instructions,
            "voice": self.voice,
            "input_audio_format": self.input_format.codec.value,
            "input_audio_sampling_rate": self.input_format.rate_hz,
            "output_audio_format": _OUTPUT_NAMES[self.output_format],
            "turn_detection": self.turn_detection,
            "input_audio_transcription": self.transcription,
            "input_audio_noise_reduction": self.noise_reduction,
            "input_audio_echo_cancellation": self.echo_cancellation,
        }
        optional: dict[str, Any] = {
            "temperature": self.temperature,
            "max_response_output_tokens": self.max_response_output_tokens,
            "reasoning_effort": self.reasoning_effort,
            "interim_response": self.interim_response,
            "output_audio_timestamp_types": self.output_audio_timestamp_types,
            "tools": list(self.tools) or None,
            "metadata": self.metadata or None,
        }
        return session | {name: value for name, value in optional.items() if value is not None}


@dataclass(frozen=True, slots=True)
class SessionCreated:
    session_id: str


@dataclass(frozen=True, slots=True)
class SessionUpdated:
    """The settings as the service took them."""

    session_id: str
    input_format: AudioFormat | None
    """None where the service names a format that we have no signal path for, or none at all"""
    output_format: AudioFormat | None
    expires_at: int | None
    """seconds since the epoch"""
    session: dict[str, Any] = field(repr=False)


def connect_query(
    *, api_version: str, model: str, profile: str, foundry_resource_override: str | None
) -> dict[str, str]:
    """Query of the handshake. Credentials never stand here: addresses get logged."""
    query = {"api-version": api_version, "model": model, "profile": profile}
    if foundry_resource_override is not None:
        query["foundry-resource-override"] = foundry_resource_override
    return query


def session_update(settings: SessionSettings, event_id: str = "settings") -> bytes:
    return orjson.dumps({"type": "session.update", "event_id": event_id, "session": settings.session_object()})


def read_session(session: dict[str, Any]) -> SessionUpdated:
    expires_at = session.get("expires_at")
    return SessionUpdated(
        text(session.get("id")),
        _input_format(session),
        _OUTPUT_FORMATS.get(text(session.get("output_audio_format")).replace("-", "_")),
        expires_at if isinstance(expires_at, int) and not isinstance(expires_at, bool) else None,
        session,
    )


def _input_format(session: dict[str, Any]) -> AudioFormat | None:
    try:
        codec = Codec(text(session.get("input_audio_format")))
        rate_hz = session.get("input_audio_sampling_rate")
        return AudioFormat(codec, rate_hz if isinstance(rate_hz, int) else _DEFAULT_INPUT_RATE[codec])
    except ValueError:
        return None


def differences(asked: SessionSettings, got: SessionUpdated) -> list[str]:
    """Dotted paths of settings that the service took otherwise than asked.

    Fields the service adds are no differences, nor are those it does not echo. A null in the place of a value is one:
    the service left that setting off. What was asked as null is the service's choice.
    """
    found: list[str] = []
    for name, value in asked.session_object().items():
        if name not in _NOT_COMPARED and name in got.session:
            found.extend(_unequal(name, value, got.session[name]))
    return found


def _unequal(path: str, asked: Any, got: Any) -> Iterator[str]:
    if isinstance(asked, dict) and isinstance(got, dict):
        for key, value in asked.items():
            if key in got:
                yield from _unequal(f"{path}.{key}", value, got[key])
    elif isinstance(asked, list | tuple) and isinstance(got, list):
        if sorted(map(str, asked)) != sorted(map(str, got)):
            yield path
    elif asked is not None and asked != got:
        yield path
