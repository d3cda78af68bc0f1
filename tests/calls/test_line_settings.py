from __future__ import annotations

from typing import Any

import pytest

from gateway.calls.line_settings import line_settings
from gateway.config import Agent, Line
from gateway.session.settings import LineSettings, Phrase, Sentence, Shortcut, SilenceSettings

DESTINATIONS = [{"name": "operator", "acs_user": "8:acs:resource_user-1"}]


def settings(**line: Any) -> LineSettings:
    voice = {"type": "azure-standard", "name": "de-DE-AmalaNeural"}
    agent = Agent.model_validate(
        {
            "name": "a",
            "voice": voice,
            "deployments": ["d"],
            "instructions": "Help.",
            "language": "de-DE",
            "other_languages": ["en-US"],
        }
    )
    return line_settings(Line.model_validate({"name": "main", "numbers": "*", "agent": "a"} | line), agent)


def test_a_plain_line() -> None:
    plain = settings()
    assert plain.languages == ("de-DE", "en-US")
    assert plain.disclosure == Sentence(Phrase.DISCLOSURE)
    assert plain.silence == SilenceSettings(10.0, 2, Sentence(Phrase.SILENT_GOODBYE))
    assert plain.max_duration_s == 55 * 60.0
    assert (plain.emergency, plain.moderation, plain.machines_to, plain.overflow_to) == (None, None, None, None)
    assert plain.keys == {}
    assert plain.tools.destinations == ()


def test_what_is_switched_off_is_off() -> None:
    quiet = settings(disclosure={"enabled": False}, silence=None)
    assert (quiet.disclosure, quiet.silence) == (None, None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Hallo.", [("de-DE", "Hallo.")]),
        ({"en-US": "Hello.", "de-DE": "Hallo."}, [("de-DE", "Hallo."), ("en-US", "Hello.")]),
        ({"en-US": "Hello."}, [("en-US", "Hello.")]),
    ],
)
def test_the_agents_own_language_comes_first(text: Any, said: list[tuple[str, str]]) -> None:
    disclosure = settings(disclosure={"text": text}).disclosure
    assert disclosure is not None
    assert list(disclosure.texts.items()) == said


def test_digits_keys_and_people() -> None:
    line = settings(
        destinations=DESTINATIONS,
        tools=["transfer_call", "collect_digits"],
        keys={"0": {"do": "transfer", "to": "operator"}, "9": {"do": "tell_agent", "text": "Nine."}},
        digits={"secure": True, "first_s": 7, "hook": {"url": "https://hooks.example.com/pin"}},
        overflow="operator",
        machines="operator",
        emergency={"sentence": "112!", "phrases": ["smoke"], "transfer_to": "operator"},
        max_minutes=5,
        protect_greeting=True,
    )
    assert line.tools.names == {"transfer_call", "collect_digits"}
    assert line.tools.destinations == ("operator",)
    assert (line.tools.digits_secure, line.tools.digits_to_agent, line.tools.digits_judged) == (True, False, True)
    assert line.tools.first_digit_s == 7.0
    assert line.keys == {"0": Shortcut("transfer", "operator"), "9": Shortcut("tell_agent", text="Nine.")}
    assert (line.overflow_to, line.machines_to) == ("operator", "operator")
    assert line.emergency is not None
    assert (line.emergency.phrases, line.emergency.transfer_to) == (("smoke",), "operator")
    assert line.max_duration_s == 300.0
    assert line.protect_greeting


@pytest.mark.parametrize(
    ("moderation", "asks"),
    [
        ({"words": ["x"]}, False),
        ({"builtin_words": True, "of_caller": True}, False),
        ({"hook": {"url": "https://hooks.example.com/text"}}, True),
        ({"python": "package.module:function"}, True),
    ],
)
def test_somebody_else_is_asked_where_there_is_somebody(moderation: Any, asks: bool) -> None:
    judged = settings(moderation=moderation).moderation
    assert judged is not None
    assert judged.asks is asks
    assert judged.of_caller is bool(moderation.get("of_caller"))
