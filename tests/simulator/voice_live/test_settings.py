"""session.update: what is merged, replaced, refused and confirmed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gateway.simulator.voice_live.options import BYOM_CHAT, BYOM_REALTIME, Delivery, TwinOptions
from gateway.simulator.voice_live.traits import DEFAULT_INSTRUCTIONS

AVA = {"type": "azure-standard", "name": "en-US-AvaNeural"}


def test_absent_fields_keep_their_values_and_nested_objects_are_replaced_whole(connect: Any) -> None:
    client = connect(BYOM_CHAT)
    client.open(turn_detection={"type": "server_vad", "silence_duration_ms": 900}, temperature=0.3)
    client.open(turn_detection={"type": "server_vad", "threshold": 0.7})
    session = client.last("session.updated")["session"]
    assert session["temperature"] == 0.3
    assert session["turn_detection"]["silence_duration_ms"] == 500
    assert session["turn_detection"]["threshold"] == 0.7


def test_empty_instructions_bring_the_default_persona(connect: Any) -> None:
    client = connect()
    client.open(instructions="")
    assert client.last("session.updated")["session"]["instructions"] == DEFAULT_INSTRUCTIONS


@pytest.mark.parametrize(
    ("profile", "patch", "param"),
    [
        (BYOM_CHAT, {"model": "gpt-4.1"}, "session.model"),
        (BYOM_CHAT, {"colour": "blue"}, "session.colour"),
        (BYOM_CHAT, {"turn_detection": {"type": "semantic_vad"}}, "session.turn_detection.type"),
        (BYOM_CHAT, {"voice": {"type": "openai", "name": "alloy"}}, "session.voice"),
        (BYOM_CHAT, {"voice": {"type": "azure-standard"}}, "session.voice"),
        (BYOM_CHAT, {"input_audio_transcription": {"model": "whisper-1"}}, "session.input_audio_transcription.model"),
        (BYOM_CHAT, {"input_audio_noise_reduction": {"type": "far_field"}}, "session.input_audio_noise_reduction.type"),
        (BYOM_CHAT, {"input_audio_format": "opus"}, "session.input_audio_format"),
        (BYOM_CHAT, {"input_audio_sampling_rate": 44100}, "session.input_audio_sampling_rate"),
        (BYOM_CHAT, {"output_audio_format": "pcm16_48000hz"}, "session.output_audio_format"),
        (BYOM_CHAT, {"max_response_output_tokens": 5000}, "session.max_response_output_tokens"),
        (BYOM_CHAT, {"temperature": 3}, "session.temperature"),
        (BYOM_CHAT, {"metadata": {"k" * 65: "v"}}, "session.metadata"),
        (BYOM_CHAT, {"turn_detection": {"type": "server_vad", "threshold": 2}}, "session.turn_detection.threshold"),
        (
            BYOM_CHAT,
            {"turn_detection": {"type": "azure_semantic_vad", "auto_truncate": True, "interrupt_response": False}},
            "session.turn_detection.auto_truncate",
        ),
        (BYOM_REALTIME, {"voice": "nobody"}, "session.voice.name"),
        (
            BYOM_REALTIME,
            {"input_audio_transcription": {"model": "azure-speech"}},
            "session.input_audio_transcription.model",
        ),
    ],
)
def test_a_field_the_service_does_not_take_is_refused_by_name(
    connect: Any, profile: str, patch: dict[str, Any], param: str
) -> None:
    client = connect(profile)
    client.advance(0.1)
    client.send("session.update", event_id="mine", session=patch | {"instructions": "Changed."})
    client.advance(0.1)
    error = client.last("error")["error"]
    assert (error["param"], error["event_id"], error["type"]) == (param, "mine", "invalid_request_error")
    client.open(instructions="Be brief.")
    assert client.last("session.updated")["session"]["instructions"] == "Be brief."  # all or nothing


def test_what_a_realtime_model_takes_is_more(connect: Any) -> None:
    client = connect(BYOM_REALTIME)
    client.open(
        voice="marin", turn_detection={"type": "semantic_vad"}, input_audio_noise_reduction={"type": "near_field"}
    )
    session = client.last("session.updated")["session"]
    assert session["voice"] == {"name": "marin", "type": "openai"}
    assert session["turn_detection"]["eagerness"] == "auto"
    client.open(
        turn_detection={"type": "azure_semantic_vad"}, input_audio_transcription={"model": "azure-speech"}, voice=AVA
    )
    assert client.last("session.updated")["session"]["voice"]["style"] is None


def test_g711_brings_its_sampling_rate_along(connect: Any) -> None:
    client = connect()
    client.open(input_audio_format="g711_alaw", output_audio_format="g711_ulaw")
    assert client.last("session.updated")["session"]["input_audio_sampling_rate"] == 8000


def test_another_output_format_than_asked_is_confirmed_and_delivered(connect: Any) -> None:
    client = connect(BYOM_CHAT, TwinOptions(delivery=Delivery(output_format="pcm16")))
    client.open(output_audio_format="pcm16_8000hz")
    assert client.last("session.updated")["session"]["output_audio_format"] == "pcm16"
    client.send("response.create")
    client.advance(3.0)
    assert client.record.items[0].rate_hz == 24000


def test_the_old_spelling_is_taken_and_can_be_confirmed(connect: Any) -> None:
    client = connect(BYOM_CHAT, TwinOptions(hyphenated_formats=True))
    client.open(output_audio_format="pcm16-16000hz")
    assert client.last("session.updated")["session"]["output_audio_format"] == "pcm16-16000hz"
    client.send("response.create")
    client.advance(3.0)
    assert client.record.items[0].rate_hz == 16000


def test_formats_turn_detection_type_and_voice_are_frozen_once_audio_has_flowed(connect: Any) -> None:
    client = connect()
    client.open(voice=AVA, turn_detection={"type": "server_vad"})
    client.append(np.zeros(480, np.int16))
    client.send("response.create")
    client.advance(3.0)
    for patch, param in (
        ({"input_audio_sampling_rate": 16000}, "session.input_audio_sampling_rate"),
        ({"turn_detection": {"type": "azure_semantic_vad"}}, "session.turn_detection.type"),
        ({"voice": AVA | {"name": "en-US-AndrewNeural"}}, "session.voice"),
    ):
        client.send("session.update", session=patch)
        assert client.last("error")["error"]["param"] == param


@pytest.mark.parametrize("kind", ["response.create", "input_audio_buffer.append", "conversation.item.create"])
def test_nothing_is_taken_before_the_first_update(connect: Any, kind: str) -> None:
    client = connect()
    client.advance(0.1)
    client.send(kind, event_id="early")
    assert client.last("error")["error"]["event_id"] == "early"
