"""Options of an agent: what the service is sent of them, and what is said of wrong ones."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from gateway.config import Agent, ConfigError, load, parse
from gateway.config.docs import LEFT_OUT
from gateway.simulator.voice_live.checks import FIELDS

Changed = Callable[..., dict[str, Any]]
OPTIONS = Path(__file__).parents[2] / "deploy" / "examples" / "agent-options.yaml"
WHISPER = {"transcription": {"model": "whisper-1"}, "deployments": ["realtime"]}
STATIC = {"type": "static_interim_response", "texts": ["One moment."]}


@pytest.fixture
def agent(changed: Changed) -> Callable[..., Agent]:
    """The agent with these options, for cascades alone."""

    def make(**options: Any) -> Agent:
        raw = changed()
        raw["agents"][0] |= {"deployments": ["ptu"]} | options
        return parse(raw).agent("support")

    return make


@pytest.fixture
def problem(changed: Changed) -> Callable[..., str]:
    """What is said of an agent with these options."""

    def make(**options: Any) -> str:
        raw = changed()
        raw["agents"][0] |= {"deployments": ["ptu"]} | options
        with pytest.raises(ConfigError) as caught:
            parse(raw)
        (only,) = caught.value.problems
        return str(only).removeprefix("agents[0].")

    return make


# --- nothing is forgotten ---------------------------------------------------------------------------------------------


def test_every_field_of_a_session_is_an_option_or_left_out_with_a_reason() -> None:
    options = {name.removeprefix("input_audio_") for name in FIELDS - LEFT_OUT.keys()}
    tools = {"tools", "tool_choice", "parallel_tool_calls"}

    assert options - tools <= Agent.model_fields.keys()
    assert LEFT_OUT.keys() <= FIELDS


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from models_in(field.annotation)
    for argument in get_args(annotation):
        yield from models_in(argument)


def option(model: type[BaseModel], name: str) -> tuple[str, str]:
    """What several kinds of a section inherit is one option."""
    owner = next(base for base in reversed(model.__mro__) if name in inspect.get_annotations(base))
    return owner.__name__, name


def shown_in(section: BaseModel) -> Iterator[tuple[str, str]]:
    for name in section.model_fields_set:
        yield option(type(section), name)
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            yield from shown_in(value)


def test_the_example_shows_every_option() -> None:
    shown = {shown for agent in load(OPTIONS).agents for shown in shown_in(agent)}
    options = {option(model, name) for model in models_in(Agent) for name in model.model_fields}

    assert options - shown == set()


# --- what is sent -----------------------------------------------------------------------------------------------------


def test_an_interim_response_is_sent_complete(agent: Callable[..., Agent]) -> None:
    static = agent(interim_response=STATIC | {"triggers": ["tool", "latency"]}).interim_response
    made_up = agent(interim_response={"type": "llm_interim_response"}).interim_response

    assert static is not None
    assert static.session_object() == STATIC | {"triggers": ["tool", "latency"], "latency_threshold_ms": 2000}
    assert made_up is not None
    assert made_up.session_object() == {
        "type": "llm_interim_response",
        "triggers": ["latency"],
        "latency_threshold_ms": 2000,
        "model": "gpt-4.1-mini",
        "max_completion_tokens": 50,
    }


def test_a_voice_has_accents_and_pronunciations(agent: Callable[..., Agent]) -> None:
    voice = {
        "type": "azure-standard",
        "name": "xx-XX-NobodyKnowsItYet:DragonHD9Neural",
        "temperature": 0.9,
        "prefer_locales": ["en-GB", "es-ES"],
        "custom_lexicon_url": "https://files.example.com/a.xml",
        "custom_text_normalization_url": "https://files.example.com/b/",
    }

    assert agent(voice=voice).voice.session_object() == voice


def test_transcription_has_models_and_hints_of_its_own(agent: Callable[..., Agent]) -> None:
    speech = {"model": "azure-speech", "custom_speech": {"de-DE": "id"}, "phrase_list": ["Northwind"]}
    prompt = {"model": "gpt-9-transcribe", "prompt": "Names of routers."}

    assert agent(transcription=speech).transcription.session_object() == speech
    realtime = agent(transcription=prompt, deployments=["realtime"])
    assert realtime.transcription.session_object() == prompt


# --- what is said of wrong values -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            {"reasoning_effort": "hihg"},
            "reasoning_effort: must be 'none', 'minimal', 'low', 'medium', 'high' or 'xhigh'; did you mean high?",
        ),
        ({"max_response_output_tokens": "info"}, "max_response_output_tokens: must be 'inf'; or a whole number"),
        (
            {"max_response_output_tokens": 5000},
            "max_response_output_tokens: should be less than or equal to 4096",
        ),
        (
            {"interim_response": {"type": "static-interim-response"}},
            (
                "interim_response.type: must be 'static_interim_response', 'llm_interim_response'; "
                "did you mean static_interim_response?"
            ),
        ),
        (
            {"interim_response": STATIC | {"text": []}},
            "interim_response.text: unknown field; did you mean texts?",
        ),
        (
            {"interim_response": {"type": "llm_interim_response", "max_tokens": 5}},
            "interim_response.max_tokens: unknown field; did you mean max_completion_tokens?",
        ),
        ({"interim_response": STATIC | {"texts": []}}, "interim_response.texts: must not be empty"),
        (
            {"interim_response": STATIC | {"triggers": ["tools"]}},
            "interim_response.triggers[0]: must be 'latency' or 'tool'; did you mean tool?",
        ),
        ({"transcription": {"promt": "x"}}, "transcription.promt: unknown field; did you mean prompt?"),
        (
            {"transcription": {"custom_speech": {"en_US": "id"}}},
            (
                "transcription.custom_speech.en_US: is not written as it must be; "
                "a language tag, such as en-US, then the id of a model"
            ),
        ),
        (
            {"other_languages": ["german!"]},
            "other_languages[0]: is not written as it must be; a language tag, such as en-US",
        ),
        (
            {"other_languages": ["de-DE", "EN-us"]},
            "other_languages: names a language twice, or the one that stands in `language`",
        ),
        ({"acessible": True}, "acessible: unknown field; did you mean accessible?"),
    ],
)
def test_a_wrong_option_is_named_with_a_hint(
    problem: Callable[..., str], options: dict[str, Any], expected: str
) -> None:
    assert problem(**options) == expected


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("prefer_local", ["en-GB"], "prefer_local: unknown field; did you mean prefer_locales?"),
        ("rate", 1.1, "rate: should be text, not a number; put it in quotes"),
        ("prefer_locales", ["en_GB"], "prefer_locales[0]: is not written as it must be; a language tag, such as en-US"),
        (
            "custom_lexicon_url",
            "http://127.0.0.1/a.xml",
            (
                "custom_lexicon_url: must start with https://, also for this machine: "
                "the service fetches it, not the gateway"
            ),
        ),
        (
            "custom_text_normalization_url",
            "https://files.example.com/a?sig=secret",
            "custom_text_normalization_url: must not have a query or a fragment",
        ),
    ],
)
def test_a_wrong_option_of_a_voice_is_named_with_a_hint(
    problem: Callable[..., str], field: str, value: Any, expected: str
) -> None:
    voice = {"type": "azure-standard", "name": "en-US-AvaNeural"}

    assert problem(voice=voice | {field: value}) == f"voice.{expected}"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            {"interim_response": STATIC, "deployments": ["realtime"]},
            (
                "interim_response: exists for cascades only; take it out, or give realtime deployments an agent of "
                "their own (deployment realtime)"
            ),
        ),
        (
            {"transcription": {"model": "whisper-1", "custom_speech": {"en": "id"}}, "deployments": ["realtime"]},
            "transcription: custom_speech exists for azure-speech and mai-transcribe only (deployment realtime)",
        ),
        (
            {"transcription": {"prompt": "Names."}},
            (
                "transcription: prompt exists for whisper-1 and the gpt-4o models only; azure-speech has phrase_list "
                "(deployment ptu)"
            ),
        ),
    ],
)
def test_an_option_of_another_pipeline_is_named_with_what_to_do(
    problem: Callable[..., str], options: dict[str, Any], expected: str
) -> None:
    assert problem(**options) == expected
