"""Sentences of a line against the languages of the agent who answers it."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.config.agents import Agent
from gateway.config.lines import Line
from gateway.config.manners import Sentence
from gateway.config.problem import Location, Problem
from gateway.config.tree import GatewayConfig


def language_problems(config: GatewayConfig) -> list[Problem]:
    """Sentences given by language that have none in the agent's own: most callers would hear a foreign one."""
    return [
        Problem(("lines", index, *where), f"has no text in {language}, the language of agent {line.agent}")
        for index, line in enumerate(config.lines)
        for where, sentence in _sentences(line)
        if isinstance(sentence, dict) and (language := config.agent(line.agent).language) not in sentence
    ]


def unsaid_languages(line: Line, agent: Agent) -> tuple[str, ...]:
    """Languages of a line's sentences in which nobody ever hears them: the agent does not listen for them."""
    given = {language for _, sentence in _sentences(line) if isinstance(sentence, dict) for language in sentence} - set(
        agent.languages
    )
    return tuple(sorted(given))


def _sentences(line: Line) -> Iterator[tuple[Location, Sentence | None]]:
    """Each with its way from the line."""
    yield ("disclosure", "text"), line.disclosure.text
    if line.silence is not None:
        yield ("silence", "goodbye"), line.silence.goodbye
    if line.emergency is not None:
        yield ("emergency", "sentence"), line.emergency.sentence
