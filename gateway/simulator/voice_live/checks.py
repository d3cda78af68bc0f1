"""What the service takes in a session.update, by pipeline."""

from __future__ import annotations

from typing import Any

from gateway.simulator.voice_live.record import Json
from gateway.simulator.voice_live.traits import AZURE_VOICE_TYPES, OPENAI_VOICES, Traits

FIELDS = frozenset(
    {
        "modalities",
        "instructions",
        "voice",
        "input_audio_format",
        "input_audio_sampling_rate",
        "output_audio_format",
        "turn_detection",
        "input_audio_noise_reduction",
        "input_audio_echo_cancellation",
        "input_audio_transcription",
        "output_audio_timestamp_types",
        "animation",
        "avatar",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "temperature",
        "max_response_output_tokens",
        "reasoning_effort",
        "interim_response",
        "include",
        "metadata",
    }
)
_INPUT_RATES = {"pcm16": (8000, 16000, 24000), "g711_ulaw": (8000,), "g711_alaw": (8000,)}
_OUTPUT_FORMATS = ("pcm16", "pcm16_8000hz", "pcm16_16000hz", "g711_ulaw", "g711_alaw")
_AZURE_VADS = ("azure_semantic_vad", "azure_semantic_vad_en", "azure_semantic_vad_multilingual")
_CASCADE_TRANSCRIBERS = ("azure-speech", "mai-transcribe", "mai-transcribe-2")
_REALTIME_TRANSCRIBERS = (
    "whisper-1",
    "gpt-4o-transcribe",
    "gpt-4o-mini-transcribe",
    "gpt-4o-transcribe-diarize",
    *_CASCADE_TRANSCRIBERS,
)
_MAX_OUTPUT_TOKENS = 4096
_MAX_TEMPERATURE = 1.2
_MAX_METADATA = (16, 64, 512)
"""pairs, characters of a key, characters of a value"""


class Refused(Exception):  # noqa: N818 - named for what happened; it becomes an `error` event and nothing else
    """A field is not taken.

    Args:
        field: below `session`, as a dotted path.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.param = f"session.{field}"
        self.message = message


def check_names(patch: Json) -> None:
    """Unknown names are refused, and `model`, which is fixed by the URL.

    Raises:
        Refused: the first such name.
    """
    for name in patch:
        if name not in FIELDS:
            raise Refused(name, f"Unknown parameter: 'session.{name}'.")


def check_values(merged: Json, patch: Json, traits: Traits) -> None:
    """Check what changes, in the light of what stays.

    Raises:
        Refused: the first value that is not taken.
    """
    _check_formats(merged)
    _check_modalities(merged["modalities"])
    if "voice" in patch:
        _check_voice(merged["voice"], traits)
    if "turn_detection" in patch and merged["turn_detection"] is not None:
        _check_turn_detection(merged["turn_detection"], traits)
    _check_transcription(merged, traits)
    _check_noise(merged["input_audio_noise_reduction"], traits)
    _check_numbers(merged)
    _check_metadata(merged.get("metadata"))
    _expect(isinstance(merged["instructions"], str), "instructions", "Instructions must be a string.")
    tools = merged["tools"]
    _expect(isinstance(tools, list) and all(isinstance(tool, dict) for tool in tools), "tools", "Tools are a list.")


def _expect(ok: bool, field: str, message: str) -> None:
    if not ok:
        raise Refused(field, message)


def _one_of(value: Any, allowed: tuple[str, ...], field: str) -> None:
    listed = ", ".join(f"'{name}'" for name in allowed)
    _expect(value in allowed, field, f"Invalid value: '{value}'. Supported values are: {listed}.")


def _check_formats(merged: Json) -> None:
    _one_of(merged["input_audio_format"], tuple(_INPUT_RATES), "input_audio_format")
    rate_hz = merged["input_audio_sampling_rate"]
    rates = _INPUT_RATES[merged["input_audio_format"]]
    _expect(rate_hz in rates, "input_audio_sampling_rate", f"Unsupported sampling rate {rate_hz}.")
    if merged["output_audio_format"] is not None:
        name = str(merged["output_audio_format"]).replace("pcm16-", "pcm16_")
        _one_of(name, _OUTPUT_FORMATS, "output_audio_format")


def _check_modalities(modalities: Any) -> None:
    known = {"text", "audio", "animation", "avatar"}
    ok = isinstance(modalities, list) and modalities and set(modalities) <= known
    _expect(bool(ok), "modalities", "Modalities are a list of text, audio, animation, avatar.")


def _check_voice(voice: Any, traits: Traits) -> None:
    _expect(isinstance(voice, dict) and isinstance(voice.get("name"), str), "voice", "A voice needs a type and a name.")
    if voice.get("type") == "openai":
        _expect(traits.realtime, "voice", "Only Azure voice is supported.")
        _one_of(voice["name"], tuple(sorted(OPENAI_VOICES)), "voice.name")
        return
    _one_of(voice.get("type"), tuple(sorted(AZURE_VOICE_TYPES)), "voice.type")


def _check_turn_detection(turn: Any, traits: Traits) -> None:
    _expect(isinstance(turn, dict), "turn_detection", "Turn detection is an object or null.")
    kinds = ("server_vad", *_AZURE_VADS)
    _one_of(turn.get("type"), (*kinds, "semantic_vad") if traits.realtime else kinds, "turn_detection.type")
    threshold = turn.get("threshold")
    if threshold is not None:
        ok = isinstance(threshold, int | float) and 0 <= threshold <= 1
        _expect(ok, "turn_detection.threshold", "The threshold lies between 0 and 1.")
    for name in ("prefix_padding_ms", "silence_duration_ms", "speech_duration_ms"):
        value = turn.get(name)
        ok = value is None or (isinstance(value, int) and value >= 0)
        _expect(ok, f"turn_detection.{name}", f"{name} is a number of milliseconds.")
    if turn["type"] == "semantic_vad":
        _one_of(turn["eagerness"], ("auto", "low", "medium", "high"), "turn_detection.eagerness")
    truncates = turn.get("auto_truncate") and not turn.get("interrupt_response")
    _expect(not truncates, "turn_detection.auto_truncate", "auto_truncate requires interrupt_response.")


def _check_transcription(merged: Json, traits: Traits) -> None:
    transcription = merged["input_audio_transcription"]
    if transcription is None:
        return
    _expect(isinstance(transcription, dict), "input_audio_transcription", "Transcription is an object or null.")
    allowed = _REALTIME_TRANSCRIBERS if traits.realtime else _CASCADE_TRANSCRIBERS
    _one_of(transcription["model"], allowed, "input_audio_transcription.model")
    turn = merged["turn_detection"]
    if traits.realtime and transcription["model"] == "azure-speech" and turn is not None:
        message = "azure-speech needs an Azure semantic turn detection with this model."
        _expect(turn["type"] in _AZURE_VADS, "input_audio_transcription.model", message)


def _check_noise(noise: Any, traits: Traits) -> None:
    if noise is None:
        return
    kinds = ("azure_deep_noise_suppression", *(("near_field", "far_field") if traits.realtime else ()))
    _expect(isinstance(noise, dict), "input_audio_noise_reduction", "Noise reduction is an object or null.")
    _one_of(noise.get("type"), kinds, "input_audio_noise_reduction.type")


def _check_numbers(merged: Json) -> None:
    tokens = merged["max_response_output_tokens"]
    ok = tokens == "inf" or (isinstance(tokens, int) and 1 <= tokens <= _MAX_OUTPUT_TOKENS)
    _expect(ok, "max_response_output_tokens", "Between 1 and 4096, or 'inf'.")
    temperature = merged.get("temperature")
    ok = temperature is None or (isinstance(temperature, int | float) and 0 <= temperature <= _MAX_TEMPERATURE)
    _expect(ok, "temperature", "The temperature is out of range.")


def _check_metadata(metadata: Any) -> None:
    if metadata is None:
        return
    pairs, key_length, value_length = _MAX_METADATA
    ok = isinstance(metadata, dict) and len(metadata) <= pairs
    ok = ok and all(len(key) <= key_length and len(str(value)) <= value_length for key, value in metadata.items())
    _expect(ok, "metadata", "At most 16 pairs, keys of 64 and values of 512 characters.")
