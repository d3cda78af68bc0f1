"""What `accessible: true` changes: an agent for callers who need more time to hear, to think and to speak.

Only what was left to the defaults changes; whoever sets a value means it. The numbers are chosen, not measured: twice
the time, and a speech rate that takes a voice of 150 to 160 words a minute down to 130. How long the model may be
silent (`call.filler_after_ms` and what follows) stays: a longer silence of ours would help nobody.
"""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel

from gateway.config.agents import Agent
from gateway.config.network import CallConfig
from gateway.config.tree import GatewayConfig
from gateway.config.voice import OpenAiVoice, SemanticVad, TurnDetection

SENTENCE = "Speak slowly and in short sentences, give the caller time, and repeat what you said as often as they ask."

_SILENCE_MS = 1000
_TIMEOUT_MS = 2000
_RATE = "0.85"
_RESUME = 2

SectionT = TypeVar("SectionT", bound=BaseModel)


def eased(config: GatewayConfig) -> GatewayConfig:
    """The configuration with the agents as they are to be."""
    return config.model_copy(update={"agents": tuple(map(_eased_agent, config.agents))})


def resume_after_ms(agent: Agent, call: CallConfig) -> int:
    """When an interruption without words is answered: who needs long for the first word is not talked over."""
    if agent.accessible and "resume_after_ms" not in call.model_fields_set:
        return _RESUME * call.resume_after_ms
    return call.resume_after_ms


def _eased_agent(agent: Agent) -> Agent:
    if not agent.accessible:
        return agent
    # An OpenAI voice has no rate: the sentence has to do.
    voice = agent.voice if isinstance(agent.voice, OpenAiVoice) else _with_defaults(agent.voice, rate=_RATE)
    return agent.model_copy(
        update={
            "voice": voice,
            "turn_detection": _eased_turns(agent.turn_detection),
            "instructions": f"{agent.instructions}\n\n{SENTENCE}",
        }
    )


def _eased_turns(turns: TurnDetection) -> TurnDetection:
    if isinstance(turns, SemanticVad):
        return _with_defaults(turns, eagerness="low")
    words = turns.end_of_utterance_detection
    if words is not None:
        words = _with_defaults(words, timeout_ms=_TIMEOUT_MS)
    eased_turns = _with_defaults(turns, silence_duration_ms=_SILENCE_MS)
    return eased_turns.model_copy(update={"end_of_utterance_detection": words})


def _with_defaults(section: SectionT, **defaults: Any) -> SectionT:
    """The section with other values for what was not set."""
    unset = {name: value for name, value in defaults.items() if name not in section.model_fields_set}
    return section.model_copy(update=unset)
