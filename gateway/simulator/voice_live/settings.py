"""The settings of a session: what session.update does to them, and what they mean."""

from __future__ import annotations

from gateway.audio.pcm import AudioFormat, Codec
from gateway.simulator.voice_live import checks, traits
from gateway.simulator.voice_live.checks import Refused
from gateway.simulator.voice_live.record import Json
from gateway.simulator.voice_live.traits import Traits
from gateway.simulator.voice_live.turn_detection import TurnSettings

_OUTPUT = {
    "pcm16": AudioFormat(Codec.PCM16, 24000),
    "pcm16_8000hz": AudioFormat(Codec.PCM16, 8000),
    "pcm16_16000hz": AudioFormat(Codec.PCM16, 16000),
    "g711_ulaw": AudioFormat(Codec.ULAW, 8000),
    "g711_alaw": AudioFormat(Codec.ALAW, 8000),
}
_AZURE_VAD_DEFAULTS = {"threshold": 0.5, "silence_duration_ms": 500, "speech_duration_ms": 80}
_SERVER_VAD_SPEECH_MS = 200
_EAGER_SILENCE_MS = {"low": 1000, "auto": 500, "medium": 500, "high": 250}
"""semantic_vad has no silence setting; these stand for what its eagerness means."""


class SessionConfig:
    """One session's settings.

    Args:
        pipeline: profile and api-version decide the defaults and what is allowed.
        forced_output: delivered and confirmed instead of any format asked for.
    """

    def __init__(self, pipeline: Traits, fresh: Json, *, forced_output: str | None, hyphenated: bool) -> None:
        self.traits = pipeline
        self._session = fresh
        self._forced_output = forced_output
        self._hyphenated = hyphenated
        self.updated = False

    def __repr__(self) -> str:
        return f"<SessionConfig in={self.input_format} out={self.output_format} updated={self.updated}>"

    def echo(self) -> Json:
        """The full object, as session.created and session.updated carry it."""
        return dict(self._session)

    def update(self, patch: Json, *, audio_received: bool, audio_produced: bool) -> None:
        """Merge a session.update: absent fields stay, nested objects are replaced whole, all or nothing.

        Raises:
            Refused: a field the service does not take, or not any more.
        """
        checks.check_names(patch)
        merged = self._session | {name: self._completed(name, value) for name, value in patch.items()}
        if "input_audio_sampling_rate" not in patch and str(patch.get("input_audio_format", "")).startswith("g711"):
            merged["input_audio_sampling_rate"] = 8000
        checks.check_values(merged, patch, self.traits)
        self._check_frozen(merged, audio_received=audio_received, audio_produced=audio_produced)
        if self._forced_output is not None:
            merged["output_audio_format"] = self._forced_output
        if self._hyphenated and isinstance(merged["output_audio_format"], str):
            merged["output_audio_format"] = merged["output_audio_format"].replace("pcm16_", "pcm16-")
        self._session = merged
        self.updated = True

    @property
    def input_format(self) -> AudioFormat:
        return AudioFormat(Codec(self._session["input_audio_format"]), self._session["input_audio_sampling_rate"])

    @property
    def output_name(self) -> str:
        return str(self._session["output_audio_format"] or "pcm16")

    @property
    def output_format(self) -> AudioFormat:
        return output_format(self.output_name)

    @property
    def turn_settings(self) -> TurnSettings | None:
        """None: turns are made by the client."""
        given = self._session["turn_detection"]
        if given is None:
            return None
        if given["type"] == "semantic_vad":
            return TurnSettings(silence_duration_ms=_EAGER_SILENCE_MS[given["eagerness"]], speech_duration_ms=80)
        if given["type"] == "server_vad":
            defaults = {"threshold": 0.5, "silence_duration_ms": 500, "speech_duration_ms": _SERVER_VAD_SPEECH_MS}
            defaults["prefix_padding_ms"] = self.traits.server_vad_padding_ms
        else:
            defaults = _AZURE_VAD_DEFAULTS | {"prefix_padding_ms": self.traits.semantic_padding_ms}
        values = {name: given[name] if given.get(name) is not None else value for name, value in defaults.items()}
        return TurnSettings(
            threshold=values["threshold"],
            prefix_padding_ms=int(values["prefix_padding_ms"]),
            silence_duration_ms=int(values["silence_duration_ms"]),
            speech_duration_ms=int(values["speech_duration_ms"]),
        )

    def turn_flag(self, name: str) -> bool:
        """A switch of turn_detection; False without one."""
        given = self._session["turn_detection"]
        return bool(given is not None and given.get(name))

    @property
    def has_echo_cancellation(self) -> bool:
        return self._session["input_audio_echo_cancellation"] is not None

    @property
    def transcribes(self) -> bool:
        return self._session["input_audio_transcription"] is not None

    @property
    def language(self) -> str:
        """For the transcript's `language`; English where the client left it open, as in the recording."""
        return str((self._session["input_audio_transcription"] or {}).get("language") or "en-US").split(",")[0]

    @property
    def instructions(self) -> str:
        return str(self._session["instructions"])

    @property
    def voice(self) -> Json:
        voice: Json = self._session["voice"]
        return voice

    @property
    def speaks(self) -> bool:
        return "audio" in self._session["modalities"]

    @property
    def modalities(self) -> list[str]:
        modalities: list[str] = self._session["modalities"]
        return modalities

    @property
    def times_words(self) -> bool:
        wanted = self._session["output_audio_timestamp_types"] or ()
        return "word" in wanted and self.voice.get("type") in traits.AZURE_VOICE_TYPES

    @property
    def max_output_tokens(self) -> int | None:
        limit = self._session["max_response_output_tokens"]
        return limit if isinstance(limit, int) else None

    @property
    def temperature(self) -> float | None:
        value: float | None = self._session.get("temperature", self.traits.temperature)
        return value

    @property
    def tool_names(self) -> frozenset[str]:
        if self._session["tool_choice"] == "none":
            return frozenset()
        return function_names(self._session["tools"])

    def _completed(self, name: str, value: object) -> object:
        """A value as the service echoes it: aliases resolved, nested objects with all their fields."""
        if isinstance(value, dict):
            return self._completed_object(name, value)
        match name, value:
            case "instructions", "":
                return traits.DEFAULT_INSTRUCTIONS
            case "modalities", list():
                return sorted(map(str, value))
            case "output_audio_format", str():
                return value.replace("pcm16-", "pcm16_")
            case "voice", str():
                return {"name": value, "type": "openai"}
            case _:
                return [] if name == "tools" and value is None else value

    def _completed_object(self, name: str, given: Json) -> Json:
        kind = given.get("type")
        match name, kind:
            case "voice", str() if kind in traits.AZURE_VOICE_TYPES:
                return traits.azure_voice(given)
            case "turn_detection", "server_vad":
                return traits.server_vad(self.traits, given)
            case "turn_detection", "semantic_vad":
                return traits.semantic_vad(given)
            case "turn_detection", str():
                return traits.azure_semantic_vad(given)
            case "input_audio_transcription", _:
                return traits.transcription(self.traits, given)
            case _:
                echo = {"type": None, "reference_source": "server", "channels": 1}
                return echo | given if name == "input_audio_echo_cancellation" else given

    def _check_frozen(self, merged: Json, *, audio_received: bool, audio_produced: bool) -> None:
        """What can not change once audio has flowed."""
        frozen = {}
        if audio_received:
            frozen["input_audio_format"] = frozen["input_audio_sampling_rate"] = "audio was received"
            before, after = self._session["turn_detection"], merged["turn_detection"]
            if before is not None and after is not None and before["type"] != after["type"]:
                raise Refused("turn_detection.type", "Cannot update the turn detection type during a session.")
        if audio_produced:
            frozen["voice"] = "audio was produced"
        for name, reason in frozen.items():
            if merged[name] != self._session[name]:
                raise Refused(name, f"Cannot update {name} once {reason}.")


def function_names(tools: list[object]) -> frozenset[str]:
    """What of a list of tools the model calls through the client."""
    functions = (tool for tool in tools if isinstance(tool, dict) and tool.get("type") == "function")
    return frozenset(str(tool.get("name")) for tool in functions)


def output_format(name: str) -> AudioFormat:
    """What an `output_audio_format` means, either spelling.

    Raises:
        KeyError: no such format.
    """
    return _OUTPUT[name.replace("pcm16-", "pcm16_")]
