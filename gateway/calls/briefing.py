"""From configuration to the values one call works with. Pure; the only place where the two meet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gateway.audio.pcm import AudioFormat, Int16Array
from gateway.calls.line_settings import line_settings
from gateway.calls.tool_definitions import tool_definitions
from gateway.calls.variables import CallAgent
from gateway.clients.credentials import HeaderSource
from gateway.clients.voice_live import ModelTarget
from gateway.config import Agent, Deployment, GatewayConfig
from gateway.config.accessibility import resume_after_ms
from gateway.session.settings import CallSettings, Interruptions, Phrase
from gateway.session.watchdog import Patience
from gateway.wire.voice_live_session import SessionSettings, SessionUpdated

MS = 1000


def model_target(config: GatewayConfig, deployment: Deployment, credential: HeaderSource) -> ModelTarget:
    resource = config.resource(deployment.resource)
    return ModelTarget(
        deployment=deployment.name,
        endpoint=resource.endpoint,
        api_version=resource.api_version,
        profile=deployment.profile.value,
        model=deployment.model,
        foundry_resource_override=deployment.foundry_resource_override,
        credential=credential,
    )


def session_settings(call_agent: CallAgent, deployment: Deployment, call_id: str) -> SessionSettings:
    """What the service is told about a session; the call id goes along for its own logs."""
    agent = call_agent.config
    return SessionSettings(
        instructions=call_agent.instructions,
        voice=agent.voice.session_object(),
        input_format=deployment.input_format.audio,
        output_format=deployment.output_format.audio,
        turn_detection=agent.turn_detection.session_object() | _interruptions(agent),
        tools=tuple(tool_definitions(call_agent.line)),
        transcription=_transcription(agent),
        noise_reduction={"type": agent.noise_reduction} if agent.noise_reduction is not None else None,
        echo_cancellation=_ECHO_CANCELLATION if agent.echo_cancellation else None,
        temperature=agent.temperature,
        max_response_output_tokens=agent.answer_limit(deployment.profile),
        reasoning_effort=agent.reasoning_effort,
        interim_response=agent.interim_response.session_object() if agent.interim_response is not None else None,
        output_audio_timestamp_types=("word",) if agent.wants_word_timestamps else None,
        metadata={"call_id": call_id},
    )


def _interruptions(agent: Agent) -> dict[str, Any]:
    """Where an answer is held and perhaps gone on with, the service must not cancel it by itself."""
    return {"interrupt_response": agent.interruptions == "cut"}


def _transcription(agent: Agent) -> dict[str, Any]:
    """A list of languages is for the service's own transcribers; OpenAI's find out by themselves if none is named."""
    asked = agent.transcription.session_object()
    if agent.transcription.is_azure or not agent.other_languages:
        asked["language"] = ",".join(agent.languages)
    return asked


_ECHO_CANCELLATION = {"type": "server_echo_cancellation", "reference_source": "server", "channels": 1}


def call_settings(
    config: GatewayConfig,
    call_agent: CallAgent,
    deployment: Deployment,
    confirmed: SessionUpdated,
    phrases: Callable[[int, str], Mapping[Phrase, Int16Array]],
) -> CallSettings:
    """What the call's core is told. The service's formats win over the ones that were asked for."""
    call, deadlines = config.call, config.deadlines
    asked: AudioFormat = config.acs.audio_format.audio
    return CallSettings(
        phone_format=asked,
        model_input=confirmed.input_format or deployment.input_format.audio,
        model_output=confirmed.output_format or deployment.output_format.audio,
        phrases=phrases,
        greeting=call_agent.greeting,
        far_end_delay_s=call.far_end_delay_ms / MS,
        lead_in_s=call.start_lead_in_ms / MS,
        max_lead_s=call.max_lead_ms / MS,
        last_word_tail_s=call.last_word_tail_ms / MS,
        resume_after_s=resume_after_ms(call_agent.config, call) / MS,
        reattach_s=deadlines.media_reattach_s,
        hang_up_s=deadlines.hang_up_s,
        interruptions=Interruptions(call_agent.config.interruptions),
        line=line_settings(call_agent.line, call_agent.config),
        patience=Patience(call.filler_after_ms / MS, call.ask_again_after_ms / MS, call.give_up_after_ms / MS),
    )
