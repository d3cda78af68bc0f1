from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audio.pcm import PCM16_8K, PCM16_16K, PCM16_24K, AudioFormat, Codec
from gateway.wire.voice_live_session import (
    SessionSettings,
    connect_query,
    differences,
    read_session,
    session_update,
)

FIXTURES = Path(__file__).parents[1] / "fixtures" / "voice_live"
ULAW = AudioFormat(Codec.ULAW, 8000)
ALAW = AudioFormat(Codec.ALAW, 8000)
SETTINGS = SessionSettings(
    instructions="Be brief.",
    voice={"type": "azure-standard", "name": "en-US-AvaNeural"},
    input_format=PCM16_16K,
    output_format=PCM16_24K,
    turn_detection={"type": "azure_semantic_vad", "silence_duration_ms": 500, "languages": ["en", "de"]},
    metadata={"call_id": "c-1"},
)


def asked(settings: SessionSettings = SETTINGS) -> dict[str, Any]:
    """The session as it stands on the wire."""
    message = json.loads(session_update(settings))
    assert message.keys() == {"type", "event_id", "session"}
    assert message["type"] == "session.update"
    session: dict[str, Any] = message["session"]
    return session


def differing(**changed: Any) -> list[str]:
    return differences(SETTINGS, read_session(asked() | changed))


def test_settings_are_sent_complete_and_what_is_off_is_null() -> None:
    assert asked() == {
        "modalities": ["text", "audio"],
        "instructions": "Be brief.",
        "voice": {"type": "azure-standard", "name": "en-US-AvaNeural"},
        "input_audio_format": "pcm16",
        "input_audio_sampling_rate": 16000,
        "output_audio_format": "pcm16",
        "turn_detection": {"type": "azure_semantic_vad", "silence_duration_ms": 500, "languages": ["en", "de"]},
        "input_audio_transcription": None,
        "input_audio_noise_reduction": None,
        "input_audio_echo_cancellation": None,
        "metadata": {"call_id": "c-1"},
    }


def test_optional_settings_are_sent_if_they_are_set() -> None:
    interim = {"type": "static_interim_response", "texts": ["One moment."]}
    settings = replace(
        SETTINGS, max_response_output_tokens="inf", reasoning_effort="low", interim_response=interim, temperature=0.5
    )

    assert asked(settings) == asked() | {
        "max_response_output_tokens": "inf",
        "reasoning_effort": "low",
        "interim_response": interim,
        "temperature": 0.5,
    }


def test_optional_settings_are_sent_when_they_are_set() -> None:
    session = asked(
        replace(
            SETTINGS,
            temperature=0.0,
            max_response_output_tokens=100,
            output_audio_timestamp_types=("word",),
            metadata={},
        )
    )

    assert (session["temperature"], session["max_response_output_tokens"]) == (0.0, 100)
    assert session["output_audio_timestamp_types"] == ["word"]
    assert "metadata" not in session


@pytest.mark.parametrize("fmt", [PCM16_8K, PCM16_16K, PCM16_24K, ULAW, ALAW])
def test_every_format_survives_the_way_out_and_back(fmt: AudioFormat) -> None:
    echoed = read_session(asked(replace(SETTINGS, input_format=fmt, output_format=fmt)))

    assert (echoed.input_format, echoed.output_format) == (fmt, fmt)


@pytest.mark.parametrize(
    ("session", "input_format", "output_format"),
    [
        ({"input_audio_format": "pcm16"}, PCM16_24K, None),
        ({"input_audio_format": "g711_ulaw"}, ULAW, None),
        ({"input_audio_format": "pcm16", "input_audio_sampling_rate": None}, PCM16_24K, None),
        ({"input_audio_format": "pcm16", "input_audio_sampling_rate": 44100}, None, None),
        ({"input_audio_format": "pcm16", "input_audio_sampling_rate": True}, None, None),
        ({"input_audio_format": "g711_alaw", "input_audio_sampling_rate": 16000}, None, None),
        ({"input_audio_format": "opus"}, None, None),
        ({"output_audio_format": "pcm16-16000hz"}, None, PCM16_16K),
        ({"output_audio_format": "pcm16_8000hz"}, None, PCM16_8K),
        ({"output_audio_format": 5}, None, None),
        ({}, None, None),
    ],
)
def test_formats_as_the_service_names_them(
    session: dict[str, Any], input_format: AudioFormat | None, output_format: AudioFormat | None
) -> None:
    got = read_session(session)

    assert (got.input_format, got.output_format) == (input_format, output_format)


def test_a_recorded_session() -> None:
    message = json.loads((FIXTURES / "twin-cascade-session-updated.json").read_bytes())
    sent = json.loads((FIXTURES / "twin-cascade-session-update-sent.json").read_bytes())
    got = read_session(message["session"])

    assert got.session_id == message["session"]["id"]
    assert got.input_format is not None
    assert got.input_format.codec.value == sent["session"].get("input_audio_format", "pcm16")
    assert isinstance(got.expires_at, int)


@pytest.mark.parametrize("value", [None, "soon", True, 1.5])
def test_a_time_of_expiry_is_a_whole_number_or_none(value: Any) -> None:
    assert read_session({"expires_at": value}).expires_at is None


def test_the_session_stays_out_of_what_is_printed() -> None:
    assert "Be brief" not in repr(read_session(asked()))


# --- differences --------------------------------------------------------------------------------------------------


def test_an_echo_that_adds_and_leaves_out_is_no_difference() -> None:
    echo = asked() | {"id": "s", "model": "m", "voice": SETTINGS.voice | {"rate": None, "style": "x"}, "metadata": None}
    del echo["instructions"]

    assert differences(SETTINGS, read_session(echo)) == []


def test_differences_are_named_by_their_path() -> None:
    assert differing(instructions="Be chatty.") == ["instructions"]
    assert differing(voice={"type": "openai", "name": "alloy"}) == ["voice.type", "voice.name"]
    assert differing(turn_detection={"type": "server_vad", "silence_duration_ms": 500}) == ["turn_detection.type"]
    assert differing(voice="alloy") == ["voice"]
    assert differing(modalities=["audio"]) == ["modalities"]


def test_a_setting_that_the_service_left_off_is_a_difference() -> None:
    assert differing(turn_detection=None) == ["turn_detection"]
    assert differing(turn_detection=SETTINGS.turn_detection | {"silence_duration_ms": None}) == [
        "turn_detection.silence_duration_ms"
    ]


def test_a_recorded_session_took_what_it_was_asked() -> None:
    sent = json.loads((FIXTURES / "twin-cascade-session-update-sent.json").read_bytes())["session"]
    took = json.loads((FIXTURES / "twin-cascade-session-updated.json").read_bytes())["session"]
    recorded = replace(
        SETTINGS,
        instructions=sent["instructions"],
        voice=took["voice"],
        input_format=PCM16_24K,
        turn_detection=sent["turn_detection"],
        transcription=sent["input_audio_transcription"],
        noise_reduction=sent["input_audio_noise_reduction"],
        echo_cancellation=sent["input_audio_echo_cancellation"],
    )

    assert differences(recorded, read_session(took)) == []


def test_lists_are_compared_whatever_their_order() -> None:
    assert differing(modalities=["audio", "text"]) == []
    assert differing(turn_detection=SETTINGS.turn_detection | {"languages": ["de", "en"]}) == []


def test_what_is_off_and_comes_back_on_is_not_complained_about() -> None:
    """A null leaves the choice to the service."""
    assert differing(input_audio_transcription={"model": "azure-speech"}) == []


def test_audio_formats_are_followed_not_complained_about() -> None:
    assert differing(input_audio_format="g711_ulaw", input_audio_sampling_rate=8000, output_audio_format="x") == []


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*asked(), "id", "expires_at", "input_audio_sampling_rate"]), values))
def test_whatever_comes_back_is_read_and_compared(session: dict[str, Any]) -> None:
    got = read_session(session)
    roots = {path.partition(".")[0] for path in differences(SETTINGS, got)}

    assert roots <= asked().keys()
    assert got.session_id == (session.get("id") if isinstance(session.get("id"), str) else "")


# --- connecting ---------------------------------------------------------------------------------------------------


def test_the_query_names_the_deployment_and_no_credential() -> None:
    query = {"api-version": "2026-07-15", "model": "main", "profile": "byom-azure-openai-realtime"}

    assert (
        connect_query(api_version="2026-07-15", model="main", profile=query["profile"], foundry_resource_override=None)
        == query
    )
    assert connect_query(
        api_version="2026-07-15", model="main", profile=query["profile"], foundry_resource_override="other"
    ) == query | {"foundry-resource-override": "other"}
