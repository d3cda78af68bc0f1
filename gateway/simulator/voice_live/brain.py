"""Stands for the speech recogniser and the language model: follows a script and invents nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.simulator.voice_live.script import Script, ScriptTurn, ToolCall

FALLBACK = "Thank you, I have heard you."
"""The answer where no script says another one."""

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


class Brain:
    """Where a session is in its script."""

    def __init__(self, script: Script, wordless_below_s: float) -> None:
        self._script = script
        self._wordless_below_s = wordless_below_s
        self._position = 0
        """turns heard completely"""
        self._cursor = 0
        """words heard of the turn after that"""
        self._calls_made: set[int] = set()

    def __repr__(self) -> str:
        return f"<Brain {self._script.name} turn={self._position} word={self._cursor}>"

    def hear(self, voiced_s: float) -> str:
        """The transcript of the caller's next stretch of speech; empty for a sound without words."""
        turn = self._next_turn()
        if voiced_s < _SHORTEST_SPEECH_S or (turn is not None and self._is_wordless(turn, voiced_s)):
            return ""
        if turn is None:
            self._position += 1
            return f"[recording {voiced_s:.1f} s]"
        if self._cursor and voiced_s > (self._rest_s(turn) + _SLACK_S) * 1.5:
            self._finish_turn()  # the rest of the last sentence was never said; this is the next one
            return self.hear(voiced_s)
        return self._take_words(turn, voiced_s)

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

    def answer(self, instructions: str | None, tool_names: frozenset[str]) -> Say | Call:
        """What the model says now; the same again if nothing new was heard."""
        exact = _EXACTLY.search(instructions or "")
        if exact is not None:
            return Say(exact.group(1).strip().strip("\"'"))
        heard = self._position + (1 if self._cursor else 0)
        if not self._script.turns:
            return Say(self._script.greeting or FALLBACK)
        if heard == 0:
            return Say(self._script.greeting or self._script.turns[0].reply)
        index = (
            (heard - 1) % len(self._script.turns) if self._script.cycles else min(heard, len(self._script.turns)) - 1
        )
        turn = self._script.turns[index]
        if turn.tool is not None and turn.tool.name in tool_names and heard not in self._calls_made:
            self._calls_made.add(heard)
            return Call(turn.tool)
        return Say(turn.reply)

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
        taken = [word.text for word in words if word.start_s <= reached_s]
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
