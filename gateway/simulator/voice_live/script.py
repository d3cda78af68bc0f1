"""What is said in a session: the caller's sentences in order, and what the agent answers to each.

A script stands where the speech recogniser and the language model are. It is the only source of words: a
recording without a script is transcribed as its length.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from gateway.simulator.clips import load_clip


@dataclass(frozen=True, slots=True)
class TimedWord:
    """Where a word lies in its recording."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model calls a function; needs a tool of this name in the session."""

    name: str
    arguments: str
    """JSON, as the model writes it"""


@dataclass(frozen=True, slots=True)
class ScriptTurn:
    caller: str
    reply: str
    caller_words: tuple[TimedWord, ...] = ()
    """with times a turn cut in two by a pause gets the words of each half; without, the first half gets all"""
    tool: ToolCall | None = None
    """called first; the reply follows its output"""


@dataclass(frozen=True, slots=True)
class Script:
    name: str
    greeting: str | None
    turns: tuple[ScriptTurn, ...]
    cycles: bool = False
    """begin again after the last turn; otherwise later turns get the last reply once more"""


NO_SCRIPT = Script("none", None, ())
"""Nothing is known of what callers say; every answer is the same short sentence."""

STORY_TURNS = 4


@cache
def story() -> Script:
    """The default: a broadband customer's call to Northwind Support, spoken by the committed clips."""
    turns = []
    for number in range(1, STORY_TURNS + 1):
        caller = load_clip(f"caller.turn{number}")
        words = tuple(TimedWord(word.text, word.start_s, word.end_s) for word in caller.words)
        turns.append(ScriptTurn(caller.text, load_clip(f"agent.reply{number}").text, words))
    return Script("default", load_clip("agent.greeting").text, tuple(turns))


def script_from_json(raw: dict[str, Any]) -> Script:
    """A script of a user's own: `{"name", "greeting", "turns": [{"caller", "reply", "tool": {"name", "arguments"}}]}`.

    Raises:
        ValueError: something is missing or of the wrong kind; the text says what.
    """
    turns = []
    for number, turn in enumerate(raw.get("turns", ()), 1):
        if (
            not isinstance(turn, dict)
            or not isinstance(turn.get("caller"), str)
            or not isinstance(turn.get("reply"), str)
        ):
            raise ValueError(f"turn {number} needs the texts `caller` and `reply`")  # noqa: TRY004 - a user's bad input
        tool = turn.get("tool")
        call = ToolCall(str(tool["name"]), str(tool.get("arguments", "{}"))) if tool else None
        turns.append(ScriptTurn(turn["caller"], turn["reply"], tool=call))
    greeting = raw.get("greeting")
    return Script(str(raw.get("name", "own")), greeting, tuple(turns), cycles=bool(raw.get("cycles", False)))
