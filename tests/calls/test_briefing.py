from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gateway.audio.pcm import PCM16_16K, PCM16_24K, AudioFormat, Codec, Int16Array
from gateway.calls.briefing import call_settings, model_target, session_settings
from gateway.calls.variables import CallAgent
from gateway.config import GatewayConfig, parse
from gateway.session.settings import Phrase
from gateway.wire.voice_live_session import SessionSettings, SessionUpdated

ULAW = AudioFormat(Codec.ULAW, 8000)


class Credential:
    async def headers(self) -> dict[str, str]:
        return {}


def configuration(folder: Path, profile: str = "byom-azure-openai-chat-completion", **agent: Any) -> GatewayConfig:
    topic = "/subscriptions/0/resourceGroups/g/providers/Microsoft.Communication/communicationServices/a"
    acs = {"name": "a", "topic": topic, "endpoint": "https://a.communication.azure.com", "audience": "guid"}
    voice = {"type": "azure-standard", "name": "en-US-AvaNeural"}
    return parse(
        {
            "version": 1,
            "server": {"public_url": "https://voice.example.com"},
            "event_grid": {"entra": {"tenant_id": "22222222-2222-4222-8222-222222222222", "audience": "api://g"}},
            "acs": {"resources": [acs], "audio_format": "pcm16_24k"},
            "resources": [{"name": "f", "endpoint": "https://f.services.ai.azure.com"}],
            "deployments": [
                {
                    "name": "main",
                    "resource": "f",
                    "profile": profile,
                    "model": "m",
                    "input_format": "pcm16_16000",
                    "output_format": "pcm16_24000",
                    "foundry_resource_override": "other",
                }
            ],
            "agents": [{"name": "s", "instructions": "Help.", "voice": voice, "deployments": ["main"]} | agent],
            "lines": [{"name": "main", "numbers": "*", "agent": "s"}],
            "call": {"far_end_delay_ms": 250, "max_lead_ms": 160},
        },
        folder,
    )


def answering(config: GatewayConfig) -> CallAgent:
    return CallAgent(config.agent("s"), config.lines[0], "Help. It is noon.", "Good noon.")


def asked(folder: Path, profile: str = "byom-azure-openai-chat-completion", **agent: Any) -> SessionSettings:
    """What the service is asked for by an agent with these options."""
    config = configuration(folder, profile, **agent)
    return session_settings(answering(config), config.deployment("main"), "call-1")


def phrases(rate_hz: int, _language: str) -> dict[Phrase, Int16Array]:
    return {phrase: np.zeros(rate_hz, np.int16) for phrase in Phrase}


def test_where_a_session_is_dialled(tmp_path: Path) -> None:
    config = configuration(tmp_path)
    target = model_target(config, config.deployment("main"), Credential())

    assert (target.deployment, target.model, target.profile) == ("main", "m", "byom-azure-openai-chat-completion")
    assert target.endpoint.startswith("https://f.services.ai.azure.com")
    assert target.foundry_resource_override == "other"


def test_the_session_is_told_the_agent_the_formats_and_the_call(tmp_path: Path) -> None:
    config = configuration(tmp_path)
    settings = session_settings(answering(config), config.deployment("main"), "call-1")

    assert (settings.instructions, settings.metadata) == ("Help. It is noon.", {"call_id": "call-1"})
    assert (settings.input_format, settings.output_format) == (PCM16_16K, PCM16_24K)
    assert settings.voice["name"] == "en-US-AvaNeural"
    assert settings.transcription is not None
    assert settings.transcription["language"] == config.agent("s").language
    assert not settings.turn_detection.get("auto_truncate", False), "the gateway says itself what was heard"


def test_echo_cancellation_is_sent_complete_or_not_at_all(tmp_path: Path) -> None:
    assert asked(tmp_path, echo_cancellation=False).echo_cancellation is None
    assert asked(tmp_path, echo_cancellation=True).echo_cancellation == {
        "type": "server_echo_cancellation",
        "reference_source": "server",
        "channels": 1,
    }


@pytest.mark.parametrize(
    ("agent", "language"),
    [
        ({}, "en-US"),
        ({"language": "de-DE", "other_languages": ["tr-TR", "en-GB"]}, "de-DE,tr-TR,en-GB"),
        ({"transcription": {"model": "whisper-1"}}, "en-US"),
        ({"transcription": {"model": "whisper-1"}, "other_languages": ["tr-TR"]}, None),
    ],
)
def test_the_languages_to_listen_for(tmp_path: Path, agent: dict[str, Any], language: str | None) -> None:
    """OpenAI's transcribers take one language, or find out which it is."""
    transcription = asked(tmp_path, "byom-azure-openai-realtime", **agent).transcription

    assert transcription is not None
    assert transcription.get("language") == language


@pytest.mark.parametrize(
    ("profile", "agent", "limit"),
    [
        ("byom-azure-openai-chat-completion", {}, 400),
        ("byom-foundry-anthropic-messages", {"reasoning_effort": "none"}, 400),
        ("byom-azure-openai-realtime", {}, 1600),
        ("byom-azure-openai-chat-completion", {"reasoning_effort": "low"}, None),
        ("byom-azure-openai-chat-completion", {"reasoning_effort": "low", "max_response_output_tokens": 900}, 900),
        ("byom-azure-openai-chat-completion", {"max_response_output_tokens": "inf"}, "inf"),
    ],
)
def test_an_answer_is_as_long_as_somebody_listens(
    tmp_path: Path, profile: str, agent: dict[str, Any], limit: int | str | None
) -> None:
    assert asked(tmp_path, profile, **agent).max_response_output_tokens == limit


def test_what_bridges_a_wait_and_how_long_is_thought(tmp_path: Path) -> None:
    assert (asked(tmp_path).interim_response, asked(tmp_path).reasoning_effort) == (None, None)
    interim = {"type": "static_interim_response", "texts": ["One moment."]}
    settings = asked(tmp_path, interim_response=interim, reasoning_effort="minimal")

    assert settings.interim_response == interim | {"triggers": ["latency"], "latency_threshold_ms": 2000}
    assert settings.reasoning_effort == "minimal"


def test_the_greeting_is_the_call_s(tmp_path: Path) -> None:
    config = configuration(tmp_path, greeting="Good {{part_of_day}}.")
    confirmed = SessionUpdated("s", None, None, None, {})

    settings = call_settings(config, answering(config), config.deployment("main"), confirmed, phrases)
    assert settings.greeting == "Good noon."


@pytest.mark.parametrize(
    ("took", "model_input", "model_output"),
    [((None, None), PCM16_16K, PCM16_24K), ((ULAW, ULAW), ULAW, ULAW), ((PCM16_24K, None), PCM16_24K, PCM16_24K)],
)
def test_the_formats_of_the_service_win(
    tmp_path: Path,
    took: tuple[AudioFormat | None, AudioFormat | None],
    model_input: AudioFormat,
    model_output: AudioFormat,
) -> None:
    config = configuration(tmp_path)
    confirmed = SessionUpdated("s", *took, None, {})
    settings = call_settings(config, answering(config), config.deployment("main"), confirmed, phrases)

    assert settings.phone_format == PCM16_24K
    assert (settings.model_input, settings.model_output) == (model_input, model_output)


def test_milliseconds_of_the_configuration_become_seconds(tmp_path: Path) -> None:
    config = configuration(tmp_path)
    confirmed = SessionUpdated("s", None, None, None, {})
    settings = call_settings(config, answering(config), config.deployment("main"), confirmed, phrases)

    assert (settings.far_end_delay_s, settings.max_lead_s) == (0.25, 0.16)
    assert settings.patience.filler_after_s == config.call.filler_after_ms / 1000
    assert replace(settings) == settings
