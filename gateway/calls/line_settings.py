"""From a line of the configuration to what a call's core is told of it. Pure."""

from __future__ import annotations

from gateway.calls.tool_definitions import allowed_tools
from gateway.config import Agent, Line
from gateway.config import manners as config
from gateway.session.settings import (
    EmergencySettings,
    LineSettings,
    ModerationSettings,
    Phrase,
    Sentence,
    Shortcut,
    SilenceSettings,
    ToolSettings,
)

MINUTE_S = 60.0


def line_settings(line: Line, agent: Agent) -> LineSettings:
    """How the line that took a call behaves, with this agent."""
    return LineSettings(
        languages=agent.languages,
        tools=_tools(line),
        keys={
            key: Shortcut(shortcut.do, shortcut.to or "", shortcut.text or "") for key, shortcut in line.keys.items()
        },
        disclosure=_sentence(Phrase.DISCLOSURE, line.disclosure.text, agent.language)
        if line.disclosure.enabled
        else None,
        protect_greeting=line.protect_greeting,
        silence=_silence(line.silence, agent.language),
        max_duration_s=line.max_minutes * MINUTE_S,
        emergency=_emergency(line.emergency, agent.language),
        machines_to=line.machines,
        overflow_to=line.overflow,
        moderation=_moderation(line.moderation),
        wordless_s=line.wordless_s,
        history_turns=agent.history_turns,
    )


def _sentence(phrase: Phrase, text: str | dict[str, str] | None, language: str) -> Sentence:
    """One text is the agent's language's; of several its own comes first."""
    if text is None:
        return Sentence(phrase)
    if isinstance(text, str):
        return Sentence(phrase, {language: text})
    own = {language: text[language]} if language in text else {}
    return Sentence(phrase, own | text)


def _tools(line: Line) -> ToolSettings:
    digits = line.digits
    return ToolSettings(
        names=allowed_tools(line),
        destinations=tuple(destination.name for destination in line.destinations),
        digits_to_agent=digits.to_agent,
        digits_secure=digits.secure,
        digits_judged=digits.hook is not None,
        first_digit_s=digits.first_s,
        next_digit_s=digits.between_s,
        type_ahead_s=digits.type_ahead_s,
    )


def _silence(silence: config.Silence | None, language: str) -> SilenceSettings | None:
    if silence is None:
        return None
    goodbye = _sentence(Phrase.SILENT_GOODBYE, silence.goodbye, language)
    return SilenceSettings(silence.after_s, silence.prompts, goodbye)


def _emergency(emergency: config.Emergency | None, language: str) -> EmergencySettings | None:
    if emergency is None:
        return None
    sentence = _sentence(Phrase.EMERGENCY, emergency.sentence, language)
    return EmergencySettings(sentence, emergency.phrases, emergency.transfer_to)


def _moderation(moderation: config.Moderation | None) -> ModerationSettings | None:
    if moderation is None:
        return None
    return ModerationSettings(
        moderation.builtin_words,
        moderation.words,
        moderation.of_caller,
        asks=moderation.hook is not None or moderation.python is not None,
    )
