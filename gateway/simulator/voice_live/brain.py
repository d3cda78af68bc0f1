"""Stands for the speech recogniser and the language model: follows a script and invents nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

from gateway.simulator.voice_live.errand import Errand
from gateway.simulator.voice_live.script import Script, ScriptTurn, ToolCall

FALLBACK = "Thank you, I have heard you."
"""The answer where no script says another one."""
WAITING = "One moment, I am still waiting."
"""The answer where a response is asked for before the outputs of the last calls have come."""

_SLACK_S = 0.2
"""A voice detector's idea of where speech ends and the recording's differ by about this."""
_SHORTEST_SPEECH_S = 0.25
"""What is shorter than a syllable has no words, script or not."""
_REPLY_PREFIX_WORDS = 5
_EXACTLY = re.compile(r"\bexactly\b[^:]*:\s*(.+)$", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Say:
    text: str


@dataclass(frozen=True, slots=True)
class Call:
    tool: ToolCall


Answer: TypeAlias = tuple[Say | Call, ...]
"""The output items of one response, in order: something said, calls, or something said and then calls."""


class Brain:
    """Where a session is in its script."""

    def __init__(self, script: Script, wordless_below_s: float) -> None:
        self._script = script
        self._wordless_below_s = wordless_below_s
        self._position = 0
        """turns heard completely"""
        self._cursor = 0
        """words heard of the turn after that"""
        self._stretches = 0
        """stretches of speech heard, words or not"""
        self._errands: dict[int, Errand] = {}
        """the calls of a turn, by how many turns were heard with it"""
        self._callers: dict[str, int] = {}
        """calls without an output, and whose errand they are"""
        self._answering = 0
        self._returned: int | None = None
        """the errand that is to be answered before the last turn, as its outputs came later"""
        self._remark: str | None = None
        """the reply to what was said last, where that is no turn of the script"""
        self.language: str | None = None
        """of what was heard last, where the script names it"""

    def __repr__(self) -> str:
        return f"<Brain {self._script.name} turn={self._position} word={self._cursor}>"

    def hear(self, voiced_s: float) -> str:
        """The transcript of the caller's next stretch of speech; empty for a sound without words."""
        given = self._script.heard[self._stretches] if self._stretches < len(self._script.heard) else None
        self._stretches += 1
        self.language = None
        if given == "":
            return ""
        text = self._by_length(voiced_s) if given is None else given
        if text:
            self._remark = self._returned = None
        if given is not None and not self._find_ahead(given):
            self._remark = self._cued(given) or FALLBACK
        return text

    def read(self, role: str, text: str) -> None:
        """Text put into the conversation by the client: find the place in the script again, or take it as a turn."""
        folded = _fold(text)
        for number, turn in enumerate(self._script.turns, 1):
            if _fold(turn.caller) in folded or _opening(turn.reply) in folded:
                self._position = max(self._position, number)
                self._cursor = 0
                role = "known"
        if role == "user":
            self._finish_turn()

    def tell(self, role: str, text: str) -> None:
        """A message the client created: a cue, or as `read` takes it."""
        self._remark = self._cued(text) if role != "assistant" else None
        self._returned = None
        self.read("known" if self._remark is not None else role, text)

    def called(self, tool: ToolCall, call_id: str) -> None:
        """A call of the last answer has reached the client whole."""
        self._errands[self._answering].call_made(tool, call_id)
        self._callers[call_id] = self._answering

    def returned(self, call_id: str, output: str) -> None:
        """The client's output for a call; of others nothing is known."""
        number = self._callers.pop(call_id, None)
        if number is None:
            return
        errand = self._errands[number]
        errand.output_came(call_id, output)
        if not errand.waits:
            self._returned, self._remark = number, None

    def answer(self, instructions: str | None, tool_names: frozenset[str]) -> Answer:
        """What the model says or calls now; the same again if nothing new was heard and nothing came of it.

        Args:
            instructions: of the response.create.
            tool_names: functions it may call.
        """
        exact = _EXACTLY.search(instructions or "")
        if exact is not None:
            return (Say(exact.group(1).strip().strip("\"'")),)
        said = self._cued(instructions or "") or self._remark
        if said is not None:
            return (Say(said),)
        number = self._heard if self._returned is None else self._returned
        turns = self._script.turns
        if not turns or number == 0:
            return (Say(self._script.greeting or (turns[0].reply if turns else FALLBACK)),)
        turn = turns[(number - 1) % len(turns) if self._script.cycles else min(number, len(turns)) - 1]
        return self._carry_out(number, turn, tool_names) if turn.tools else (Say(turn.reply),)

    def _carry_out(self, number: int, turn: ScriptTurn, tool_names: frozenset[str]) -> Answer:
        """A turn with calls: the next of them, or the reply after the last."""
        self._answering = number
        errand = self._errands.setdefault(number, Errand(turn))
        if errand.waits:
            return (Say(WAITING),)
        calls = errand.begin_calls(tool_names)
        if not calls:
            return (Say(errand.reply),)
        said_first = () if calls[0].says is None else (Say(calls[0].says),)
        return (*said_first, *map(Call, calls))

    @property
    def _heard(self) -> int:
        """Turns heard at least in part."""
        return self._position + (1 if self._cursor else 0)

    def _by_length(self, voiced_s: float) -> str:
        """What the script expects next, as far as it fits into the sound."""
        turn = self._next_turn()
        if voiced_s < _SHORTEST_SPEECH_S or (turn is not None and self._is_wordless(turn, voiced_s)):
            return ""
        if turn is None:
            self._position += 1
            return f"[recording {voiced_s:.1f} s]"
        if self._cursor and voiced_s > (self._rest_s(turn) + _SLACK_S) * 1.5:
            self._finish_turn()  # the rest of the last sentence was never said; this is the next one
            return self._by_length(voiced_s)
        self.language = turn.language
        return self._take_words(turn, voiced_s)

    def _find_ahead(self, text: str) -> bool:
        """Go on to the nearest turn still to come that has exactly these words."""
        turns, folded = self._script.turns, _fold(text)
        reach = len(turns) if self._script.cycles else max(0, len(turns) - self._position)
        for number in range(self._position, self._position + reach):
            turn = turns[number % len(turns)]
            if _fold(turn.caller) == folded:
                self._position, self._cursor = number + 1, 0
                self.language = turn.language
                return True
        return False

    def _cued(self, text: str) -> str | None:
        return next((cue.reply for cue in self._script.cues if cue.fits(text)), None)

    def _next_turn(self) -> ScriptTurn | None:
        turns = self._script.turns
        if turns and self._script.cycles:
            return turns[self._position % len(turns)]
        return turns[self._position] if self._position < len(turns) else None

    def _is_wordless(self, turn: ScriptTurn, voiced_s: float) -> bool:
        return voiced_s < self._wordless_below_s and self._rest_s(turn) > 2 * voiced_s

    def _rest_s(self, turn: ScriptTurn) -> float:
        words = turn.caller_words[self._cursor :]
        return words[-1].end_s - words[0].start_s if words else len(turn.caller) * 0.06  # about 16 letters a second

    def _take_words(self, turn: ScriptTurn, voiced_s: float) -> str:
        words = turn.caller_words[self._cursor :]
        if not words:
            self._finish_turn()
            return turn.caller
        reached_s = words[0].start_s + voiced_s + _SLACK_S
        taken = [word.text for word in words if (word.start_s + word.end_s) / 2 <= reached_s] or [words[0].text]
        self._cursor += len(taken)
        if self._cursor == len(turn.caller_words):
            self._finish_turn()
        return " ".join(taken)

    def _finish_turn(self) -> None:
        self._position += 1
        self._cursor = 0


def _fold(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


def _opening(reply: str) -> str:
    return " ".join(_fold(reply).split()[:_REPLY_PREFIX_WORDS])
