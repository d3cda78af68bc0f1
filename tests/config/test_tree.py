"""What the parts of the gateway read out of the configuration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.audio.pcm import PCM16_16K, PCM16_24K, AudioFormat, Codec
from gateway.config import ModelFormat, PhoneFormat, json_schema, parse

Changed = Callable[..., dict[str, Any]]


def test_lookups_by_name(changed: Changed) -> None:
    config = parse(changed())

    assert [deployment.name for deployment in config.deployments_of(config.agent("support"))] == ["ptu", "realtime"]
    assert config.resource(config.deployment("ptu").resource).api_version == "2026-07-15"
    with pytest.raises(KeyError):
        config.agent("nobody")


def test_nothing_can_be_changed_afterwards(changed: Changed) -> None:
    config = parse(changed())

    with pytest.raises(ValidationError):
        config.server.port = 1


def test_the_phone_defaults_of_turn_detection_are_complete(changed: Changed) -> None:
    """The service replaces a nested object as a whole, so nothing may be left to it."""
    agent = parse(changed()).agent("support")

    assert agent.turn_detection.session_object() == {
        "type": "azure_semantic_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 420,
        "silence_duration_ms": 500,
        "speech_duration_ms": 80,
        "remove_filler_words": False,
        "end_of_utterance_detection": {
            "model": "semantic_detection_v1",
            "threshold_level": "default",
            "timeout_ms": 1000,
        },
        "create_response": True,
        "auto_truncate": False,
    }
    assert agent.noise_reduction == "azure_deep_noise_suppression"
    assert agent.echo_cancellation is True


def test_one_changed_value_keeps_the_rest_of_its_object(changed: Changed) -> None:
    agent = parse(changed("agents", 0, "turn_detection", {"silence_duration_ms": 300})).agent("support")
    session = agent.turn_detection.session_object()

    assert (session["type"], session["silence_duration_ms"], session["threshold"]) == ("azure_semantic_vad", 300, 0.5)


@pytest.mark.parametrize(
    "turn_detection",
    [
        {"type": "server_vad"},
        {"type": "semantic_vad"},
        {"type": "azure_semantic_vad_multilingual", "languages": ["de"]},
        {"end_of_utterance_detection": None},
    ],
)
def test_the_service_never_truncates_by_itself(changed: Changed, turn_detection: dict[str, Any]) -> None:
    raw = changed("agents", 0, "turn_detection", turn_detection)
    raw["agents"][0] |= {"deployments": ["realtime"], "transcription": {"model": "whisper-1"}}
    session = parse(raw).agent("support").turn_detection.session_object()

    assert session["auto_truncate"] is False
    assert session["create_response"] is True
    assert session.get("languages") == turn_detection.get("languages")


def test_a_voice_carries_only_what_was_set(changed: Changed) -> None:
    agent = parse(changed("agents", 0, "voice", "rate", "1.1")).agent("support")

    assert agent.voice.session_object() == {"type": "azure-standard", "name": "en-US-AvaNeural", "rate": "1.1"}
    assert agent.transcription.session_object() == {"model": "azure-speech"}


def test_word_times_are_asked_for_with_azure_voices_only(changed: Changed) -> None:
    assert parse(changed()).agent("support").wants_word_timestamps
    assert not parse(changed("agents", 0, "word_timestamps", False)).agent("support").wants_word_timestamps
    raw = changed("agents", 0, "voice", {"type": "openai", "name": "alloy"})
    raw["agents"][0]["deployments"] = ["realtime"]
    assert not parse(raw).agent("support").wants_word_timestamps


def test_audio_formats_are_formats_of_the_signal_path() -> None:
    assert PhoneFormat.PCM16_16K.audio == PCM16_16K
    assert PhoneFormat.PCM16_24K.audio == PCM16_24K
    assert {form.audio for form in ModelFormat} == {
        AudioFormat(Codec.PCM16, 8000),
        PCM16_16K,
        PCM16_24K,
        AudioFormat(Codec.ULAW, 8000),
        AudioFormat(Codec.ALAW, 8000),
    }


def test_a_provisioned_deployment_has_a_budget(changed: Changed) -> None:
    config = parse(changed())
    budget = config.deployment("ptu").budget

    assert budget is not None
    assert budget.tokens_per_minute == 150_000
    assert budget.weights.output == 4
    assert config.deployment("realtime").budget is None


def test_weights_of_a_deployment_replace_those_of_the_table(changed: Changed) -> None:
    weights = {"tpm_per_ptu": 1000, "cached_input": 0.1, "audio_output": 8}
    budget = parse(changed("deployments", 0, "capacity", "weights", weights)).deployment("ptu").budget

    assert budget is not None
    assert budget.tokens_per_minute == 50_000
    assert (budget.weights.output, budget.weights.cached_input, budget.weights.audio_output) == (4, 0.1, 8)


def test_a_model_outside_of_the_table_brings_its_numbers(changed: Changed) -> None:
    capacity = {"ptu_units": 100, "weights": {"tpm_per_ptu": 500, "output": 3}}
    budget = parse(changed("deployments", 0, "capacity", capacity)).deployment("ptu").budget

    assert budget is not None
    assert budget.tokens_per_minute == 50_000


def test_the_schema_knows_every_section_and_describes_every_field() -> None:
    schema = json_schema()
    sections = [schema, *(each for each in schema["$defs"].values() if "properties" in each)]

    assert set(schema["properties"]) >= {"server", "acs", "resources", "deployments", "agents", "lines"}
    assert all(section["additionalProperties"] is False for section in sections)
    undescribed = [
        name for section in sections for name, field in section["properties"].items() if not field.get("description")
    ]
    assert undescribed == []
