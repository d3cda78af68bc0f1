"""Settings of an agent that a profile's pipeline does not have.

The service refuses them when the session is set up: then a caller would find out. Source: the Voice Live API
reference, and for the combination of transcription and turn detection reports of users.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from gateway.config.agents import Agent, Deployment
from gateway.config.problem import Problem
from gateway.config.tree import GatewayConfig
from gateway.config.voice import AzureSemanticVad, OpenAiVoice, SemanticVad

Refused: TypeAlias = tuple[str, str]
"""Field of the agent, and what to do about it."""


def compatibility_problems(config: GatewayConfig) -> list[Problem]:
    """Every agent against every deployment it may be served by."""
    return [
        Problem(("agents", index, field), f"{message} (deployment {deployment.name})")
        for index, agent in enumerate(config.agents)
        for deployment in config.deployments_of(agent)
        for field, message in _refused(agent, deployment)
    ]


def _refused(agent: Agent, deployment: Deployment) -> Iterator[Refused]:
    yield from _by_a_cascade(agent) if deployment.profile.is_cascade else _by_a_realtime_session(agent)
    yield from _by_the_transcriber(agent)


def _by_a_cascade(agent: Agent) -> Iterator[Refused]:
    if isinstance(agent.voice, OpenAiVoice):
        yield "voice", "a cascade speaks with Azure voices only"
    if isinstance(agent.turn_detection, SemanticVad):
        yield "turn_detection", "semantic_vad belongs to the realtime profile; azure_semantic_vad works everywhere"
    if agent.noise_reduction in ("near_field", "far_field"):
        yield "noise_reduction", "belongs to the realtime profile; azure_deep_noise_suppression works everywhere"
    if not agent.transcription.is_azure:
        yield "transcription", "a cascade transcribes with azure-speech or mai-transcribe"


def _by_a_realtime_session(agent: Agent) -> Iterator[Refused]:
    if agent.transcription.is_azure and not isinstance(agent.turn_detection, AzureSemanticVad):
        yield "transcription", "in a realtime session azure-speech needs an azure_semantic_vad turn detection"
    if agent.interim_response is not None:
        yield (
            "interim_response",
            "exists for cascades only; take it out, or give realtime deployments an agent of their own",
        )


def _by_the_transcriber(agent: Agent) -> Iterator[Refused]:
    transcription = agent.transcription
    if transcription.phrase_list and not transcription.is_azure:
        yield "transcription", "phrase_list exists for azure-speech and mai-transcribe only"
    if transcription.custom_speech and not transcription.is_azure:
        yield "transcription", "custom_speech exists for azure-speech and mai-transcribe only"
    if transcription.prompt is not None and transcription.is_azure:
        yield "transcription", "prompt exists for whisper-1 and the gpt-4o models only; azure-speech has phrase_list"
