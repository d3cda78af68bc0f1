"""Sentences by language, against the languages of the agent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gateway.config import ConfigError, parse
from gateway.config.languages import unsaid_languages

Changed = Callable[..., dict[str, Any]]
SENTENCES = [
    ({"disclosure": {"text": {"de-DE": "Guten Tag."}}}, "disclosure.text"),
    ({"silence": {"goodbye": {"de-DE": "Auf Wiederhören.", "en-us": "Bye."}}}, "silence.goodbye"),
    ({"emergency": {"sentence": {"en": "Dial 112."}}}, "emergency.sentence"),
]


@pytest.mark.parametrize(("fields", "where"), SENTENCES)
def test_the_agents_own_language_is_among_those_of_a_sentence(
    changed: Changed, fields: dict[str, Any], where: str
) -> None:
    raw = changed()
    raw["lines"][1] |= fields
    with pytest.raises(ConfigError) as caught:
        parse(raw)

    assert str(caught.value) == f"lines[1].{where}: has no text in en-US, the language of agent support"


def test_one_text_is_for_everybody(changed: Changed) -> None:
    line = parse(changed("lines", 0, "disclosure", {"text": "Bonjour."})).lines[0]

    assert line.disclosure.text == "Bonjour."


def test_languages_the_agent_does_not_listen_for_are_never_said(changed: Changed) -> None:
    raw = changed("agents", 0, "other_languages", ["de-DE"])
    texts = {"en-US": "Bye.", "de-DE": "Tschüss.", "fr-FR": "Salut.", "de": "Tschüss."}
    raw["lines"][0]["silence"] = {"goodbye": texts}
    config = parse(raw)

    assert unsaid_languages(config.lines[0], config.agents[0]) == ("de", "fr-FR")
    assert unsaid_languages(config.lines[1], config.agents[0]) == ()
