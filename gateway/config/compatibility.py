"""Settings of an agent that a profile's pipeline does not have.

The service refuses them when the session is set up: then a caller would find out. Source: the Voice Live API
reference, and for the combination of transcription and turn detection reports of users.
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.config.agents import Agent, Deployment
from gateway.config.problem import Problem
from gateway.config.tree import GatewayConfig
from gateway.config.voice import AzureSemanticVad, OpenAiVoice, SemanticVad

EVERYWHERE_TRANSCRIPTION = ("azure-speech", "mai-transcribe")
"""Beginnings of the names of transcription models that every profile has."""


def compatibility_problems(config: GatewayConfig) -> list[Problem]:
    """Every agent against every deployment it may be served by."""
    return [
        Problem(("agents", index, field), f"{message} (deployment {deployment.name})")
        for index, agent in enumerate(config.agents)
        for deployment in config.deployments_of(agent)
        for field, message in _refused(agent, deployment)
    ]


def _refused(agent: Agent, deployment: Deployment) -> Iterator[tuple[str, str]]:
    everywhere = agent.transcription.model.startswith(EVERYWHERE_TRANSCRIPTION)
    if deployment.profile.is_cascade:
        if isinstance(agent.voice, OpenAiVoice):
            yield "voice", "a cascade speaks with Azure voices only"
        if isinstance(agent.turn_detection, SemanticVad):
            yield "turn_detection", "semantic_vad belongs to the realtime profile; azure_semantic_vad works everywhere"
        if agent.noise_reduction in ("near_field", "far_field"):
            yield "noise_reduction", "belongs to the realtime profile; azure_deep_noise_suppression works everywhere"
        if not everywhere:
            yield "transcription", "a cascade transcribes with azure-speech or mai-transcribe"
    elif everywhere and not isinstance(agent.turn_detection, AzureSemanticVad):
        yield "transcription", "in a realtime session azure-speech needs an azure_semantic_vad turn detection"
    if agent.transcription.phrase_list and not everywhere:
        yield "transcription", "phrase_list exists for azure-speech and mai-transcribe only"
