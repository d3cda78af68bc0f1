"""More time for callers who need it; what somebody set stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gateway.config import Agent, parse
from gateway.config.accessibility import SENTENCE, resume_after_ms

Changed = Callable[..., dict[str, Any]]


@pytest.fixture
def agent(changed: Changed) -> Callable[..., Agent]:
    def make(**options: Any) -> Agent:
        raw = changed()
        raw["agents"][0] |= options
        return parse(raw).agent("support")

    return make


def test_nobody_is_slowed_down_unasked(agent: Callable[..., Agent]) -> None:
    assert agent().voice.session_object().get("rate") is None
    assert agent().instructions == "Help."


def test_an_accessible_agent_waits_and_speaks_slowly(agent: Callable[..., Agent]) -> None:
    eased = agent(accessible=True)
    turns = eased.turn_detection.session_object()

    assert (turns["silence_duration_ms"], turns["end_of_utterance_detection"]["timeout_ms"]) == (1000, 2000)
    assert turns["type"] == "azure_semantic_vad"
    assert eased.voice.session_object()["rate"] == "0.85"
    assert eased.instructions == f"Help.\n\n{SENTENCE}"


def test_what_is_set_wins(agent: Callable[..., Agent]) -> None:
    eased = agent(
        accessible=True,
        voice={"type": "azure-standard", "name": "en-US-AvaNeural", "rate": "1.0"},
        turn_detection={"silence_duration_ms": 300, "end_of_utterance_detection": {"timeout_ms": 700}},
    )
    turns = eased.turn_detection.session_object()

    assert (turns["silence_duration_ms"], turns["end_of_utterance_detection"]["timeout_ms"]) == (300, 700)
    assert eased.voice.session_object()["rate"] == "1.0"


def test_what_is_off_stays_off(agent: Callable[..., Agent]) -> None:
    turns = agent(accessible=True, turn_detection={"end_of_utterance_detection": None}).turn_detection.session_object()

    assert "end_of_utterance_detection" not in turns
    assert turns["silence_duration_ms"] == 1000


@pytest.mark.parametrize(("given", "eagerness"), [({}, "low"), ({"eagerness": "high"}, "high")])
def test_a_realtime_model_takes_its_time_by_its_own_means(
    agent: Callable[..., Agent], given: dict[str, str], eagerness: str
) -> None:
    eased = agent(
        accessible=True,
        voice={"type": "openai", "name": "alloy"},
        turn_detection={"type": "semantic_vad"} | given,
        transcription={"model": "whisper-1"},
        deployments=["realtime"],
    )

    assert eased.turn_detection.session_object()["eagerness"] == eagerness
    assert eased.voice.session_object() == {"type": "openai", "name": "alloy"}
    assert eased.instructions.endswith(SENTENCE)


@pytest.mark.parametrize(
    ("accessible", "call", "expected"),
    [(False, {}, 1200), (True, {}, 2400), (True, {"resume_after_ms": 900}, 900), (True, {"max_lead_ms": 100}, 2400)],
)
def test_who_is_slow_to_begin_is_not_talked_over(
    changed: Changed, accessible: bool, call: dict[str, int], expected: int
) -> None:
    raw = changed("call", call)
    raw["agents"][0]["accessible"] = accessible
    config = parse(raw)

    assert resume_after_ms(config.agent("support"), config.call) == expected
