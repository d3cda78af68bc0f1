"""Variables in an agent's texts: `{{line}}`, `{{context.ticket}}`. What they are called, and where they stand.

Their values belong to a call and are filled in by `gateway.calls.variables`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from gateway.config.suggest import did_you_mean

VARIABLES = {
    "line": "name of the line that was called",
    "agent": "name of the agent",
    "language": "`language` of the agent",
    "date": "2026-12-24, when the phone rang, as the next three",
    "time": "14:05",
    "weekday": "Thursday; English",
    "part_of_day": "morning (5:00 to 12:00), afternoon (to 18:00) or evening; English",
    "timezone": "in which those four are read: the time zone of the line's hours, or UTC",
}
"""Name to meaning. The caller's number is none of them: what a model is told it may say aloud or pass on."""
CONTEXT = "context."
"""Beginning of the variables that come with a call from outside."""

_VARIABLE = re.compile(r"\{\{\s*([A-Za-z0-9_.-]{1,80})\s*\}\}", re.ASCII)
_CONTEXT = re.compile(r"context\.(?!x-ms-custom-)[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII | re.IGNORECASE)
_ENGLISH_WORDS = ("weekday", "part_of_day")


def check_instructions(text: str) -> None:
    """Raises ValueError unless every `{{` begins a variable that is known."""
    for place in re.finditer(r"\{\{", text):
        variable = _VARIABLE.match(text, place.start())
        if variable is None or not _is_known(variable[1]):
            names = [*VARIABLES, f"{CONTEXT}NAME"]
            close = did_you_mean(variable[1], names) if variable is not None else ""
            line = text.count("\n", 0, place.start()) + 1
            known = f"known variables: {', '.join(names)}"
            raise ValueError(f"line {line} of the text has {{{{ without a known variable behind it; {close or known}")


def check_greeting(text: str, language: str) -> None:
    """As above; moreover an English word must not stand in a greeting of another language.

    Raises:
        ValueError: what is wrong.
    """
    check_instructions(text)
    if not language.lower().startswith("en") and any(name in _ENGLISH_WORDS for name in variables_of(text)):
        raise ValueError("can not hold weekday or part_of_day, which are English; the instructions can")


def variables_of(text: str) -> Iterator[str]:
    """Their names, in order."""
    return (variable[1] for variable in _VARIABLE.finditer(text))


def fill(text: str, value_of: Callable[[str], str]) -> str:
    """Put values in the place of variables, in one pass: braces in a value stay what they are."""
    return _VARIABLE.sub(lambda variable: value_of(variable[1]), text)


def _is_known(name: str) -> bool:
    return name in VARIABLES or _CONTEXT.fullmatch(name) is not None
