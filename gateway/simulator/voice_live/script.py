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
    """The model calls a function; needs a tool of this name in the session, and is left out without one."""

    name: str
    arguments: str
    """JSON, as the model writes it"""
    says: str | None = None
    """said before it in the same response: a message item, then the function call item"""
    with_previous: bool = False
    """in the same response as the call before it: parallel calls"""


@dataclass(frozen=True, slots=True)
class Cue:
    """Words that make the model say something; letter case is ignored."""

    words: str
    reply: str

    def __post_init__(self) -> None:
        if not self.words:
            raise ValueError("a cue needs words")

    def fits(self, text: str) -> bool:
        return self.words.casefold() in text.casefold()


@dataclass(frozen=True, slots=True)
class ScriptTurn:
    caller: str
    """not empty: a sound without words is an entry of `Script.heard`"""
    reply: str
    caller_words: tuple[TimedWord, ...] = ()
    """with times a turn cut in two by a pause gets the words of each half; without, the first half gets all"""
    tools: tuple[ToolCall, ...] = ()
    """made before the reply, one response after the other, each when the outputs of the one before have come"""
    outcomes: tuple[Cue, ...] = ()
    """said instead of `reply` where their words are in an output of the latest calls; the calls after those are then
    not made"""
    language: str | None = None
    """what the recogniser says the caller spoke ("de-DE"); None: what the session asks for"""

    def __post_init__(self) -> None:
        if not self.caller:
            raise ValueError("a turn needs the caller's words; a sound without words is an entry of `Script.heard`")


@dataclass(frozen=True, slots=True)
class Script:
    name: str
    greeting: str | None
    turns: tuple[ScriptTurn, ...]
    cycles: bool = False
    """begin again after the last turn; otherwise later turns get the last reply once more"""
    heard: tuple[str | None, ...] = ()
    """what the recogniser makes of each stretch of speech, counted in every session and whatever its length; "" for a
    sound without words, None and all after the last: the caller's next words by the length of the sound. Words of a
    turn still to come are that turn; others are answered by a cue or a standing sentence and do not move the story"""
    cues: tuple[Cue, ...] = ()
    """replies to what is no turn: to a system or user message of the client, to the instructions of a
    response.create, to words in `heard`"""


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
    """A script of a user's own; `JSON_FORM` shows the form.

    Raises:
        ValueError: something is missing, unknown or of the wrong kind; the text says what.
    """
    _check_keys(raw, {"name", "greeting", "turns", "cycles", "heard", "cues"}, "a story")
    greeting = raw.get("greeting")
    _expect(greeting is None or isinstance(greeting, str), "`greeting` is a text or null")
    heard = _list(raw, "heard", "a story")
    _expect(all(text is None or isinstance(text, str) for text in heard), "`heard` holds texts and nulls")
    turns = tuple(_turn(turn, f"turn {number}") for number, turn in enumerate(_list(raw, "turns", "a story"), 1))
    return Script(
        str(raw.get("name", "own")),
        greeting,
        turns,
        cycles=bool(raw.get("cycles", False)),
        heard=tuple(heard),
        cues=_cues(raw, "cues", "a story"),
    )


JSON_FORM = """\
{"name": "booking", "greeting": "Hello.", "cycles": false,
 "turns": [{"caller": "A table for two.", "reply": "Done.", "language": "en-GB",
            "tools": [{"name": "look", "arguments": "{}", "says": "One moment."},
                      {"name": "book", "arguments": "{}", "with_previous": true}],
            "outcomes": [{"words": "full", "reply": "We are full."}]}],
 "heard": [null, "", "uh-huh"],
 "cues": [{"words": "uh-huh", "reply": "Shall I go on?"}]}

A turn needs `caller` and `reply`; everything else may be left out. `tools` are called one response after the
other (`with_previous`: in the same one), `says` is said before; `outcomes` are said instead of the reply where
their words are in a tool's output. `heard` is what the recogniser makes of the first stretches of speech ("" no
words, null the next words of the story); `cues` answer what is no turn."""


def _turn(raw: Any, where: str) -> ScriptTurn:
    _expect(isinstance(raw, dict), f"{where} is not an object")
    _check_keys(raw, {"caller", "reply", "tools", "outcomes", "language"}, where)
    language = raw.get("language")
    _expect(language is None or isinstance(language, str), f"`language` of {where} is a text")
    tools = tuple(_tool(tool, where) for tool in _list(raw, "tools", where))
    return ScriptTurn(
        _text(raw, "caller", where),
        _text(raw, "reply", where),
        tools=tools,
        outcomes=_cues(raw, "outcomes", where),
        language=language,
    )


def _tool(raw: Any, where: str) -> ToolCall:
    _expect(isinstance(raw, dict), f"a tool of {where} is not an object")
    _check_keys(raw, {"name", "arguments", "says", "with_previous"}, f"a tool of {where}")
    arguments = raw.get("arguments", "{}")
    says = raw.get("says")
    _expect(isinstance(arguments, str), f"`arguments` of a tool of {where} is JSON in a text")
    _expect(says is None or isinstance(says, str), f"`says` of a tool of {where} is a text")
    return ToolCall(_text(raw, "name", f"a tool of {where}"), arguments, says, bool(raw.get("with_previous", False)))


def _cues(raw: dict[str, Any], name: str, where: str) -> tuple[Cue, ...]:
    entries = _list(raw, name, where)
    for entry in entries:
        _expect(isinstance(entry, dict), f"`{name}` of {where} holds objects")
        _check_keys(entry, {"words", "reply"}, f"`{name}` of {where}")
    place = f"`{name}` of {where}"
    return tuple(Cue(_text(entry, "words", place), _text(entry, "reply", place)) for entry in entries)


def _text(raw: dict[str, Any], name: str, where: str) -> str:
    value = raw.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{where} needs the text `{name}`")  # noqa: TRY004 - a user's bad input
    return value


def _list(raw: dict[str, Any], name: str, where: str) -> list[Any]:
    value = raw.get(name, [])
    if not isinstance(value, list):
        raise ValueError(f"`{name}` of {where} is a list")  # noqa: TRY004 - a user's bad input
    return value


def _check_keys(raw: dict[str, Any], known: set[str], where: str) -> None:
    unknown = sorted(set(raw) - known)
    _expect(not unknown, f"{where} has no `{unknown[0] if unknown else ''}`; it has {', '.join(sorted(known))}")


def _expect(ok: bool, message: str) -> None:
    if not ok:
        raise ValueError(message)
