"""The calls of one turn: which are still to be made, which are out, what came back."""

from __future__ import annotations

from collections import deque

from gateway.simulator.voice_live.script import ScriptTurn, ToolCall


class Errand:
    """What a model does for a turn before it replies."""

    def __init__(self, turn: ScriptTurn) -> None:
        self._turn = turn
        self._left = deque(turn.tools)
        self._out: set[str] = set()
        self._outputs: list[str] = []
        """of the calls made in the latest response"""

    def __repr__(self) -> str:
        return f"<Errand left={len(self._left)} out={len(self._out)}>"

    @property
    def waits(self) -> bool:
        """A call has no output yet."""
        return bool(self._out)

    @property
    def reply(self) -> str:
        """What is said when no calls are left."""
        outcome = self._outcome()
        return self._turn.reply if outcome is None else outcome

    def begin_calls(self, names: frozenset[str]) -> tuple[ToolCall, ...]:
        """The calls of the next response, functions that are not among `names` left out; none: it is time to reply."""
        if self._outcome() is not None:
            return ()
        tools = [tool for tool in self._left if tool.name in names]
        together = next((n for n, tool in enumerate(tools) if n and not tool.with_previous), len(tools))
        if tools:
            self._outputs.clear()
        return tuple(tools[:together])

    def call_made(self, tool: ToolCall, call_id: str) -> None:
        while self._left.popleft() is not tool:  # those before it are functions the session does not have
            pass
        self._out.add(call_id)

    def output_came(self, call_id: str, output: str) -> None:
        self._out.discard(call_id)
        self._outputs.append(output)

    def _outcome(self) -> str | None:
        outcomes, outputs = self._turn.outcomes, self._outputs
        return next((cue.reply for cue in outcomes for output in outputs if cue.fits(output)), None)
