"""What the model does in one call, by the clock: a story that says when it wants to go on. Pure.

Always: answers of which a delta of 100 ms comes every 100 ms, half a second ahead, until the caller interrupts after
8 s; half a second later the next answer begins. Turns: answers of 4 s that come ten times faster than they are played;
every other one is interrupted, and the caller speaks for 2 s in between.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from gateway.simulator.load.events import DELTA_S, Answer, caller_began, caller_ended
from gateway.simulator.load.plan import Talk

GREETING_S = 2.0
LEAD_IN_S = 0.2
"""A gateway begins with a moment of silence, because networks lose the first sound of a stream."""
ALWAYS_AHEAD = 5
"""Deltas that come at once at the start of an answer that is delivered at real time."""
ALWAYS_ANSWER_S = 8.0
ALWAYS_OVERLAP_S = 0.5
"""The greeting and the first answer join without a pause, also where there is no silence at the start."""
ALWAYS_CALLER_S, ALWAYS_THINKING_S = 0.3, 0.2
TURNS_SPEEDUP = 10
TURNS_ANSWER_S = 4.0
TURNS_CUT_S = 2.5
TURNS_CALLER_S, TURNS_THINKING_S, TURNS_PAUSE_S = 2.0, 0.6, 0.6
WORD_DELTAS = 4
GOLDEN = 0.618
"""Spreads the calls evenly over a cycle, however many there are."""

Story: TypeAlias = Generator[float, float, float]
"""Yields the moment at which it wants to go on, and is sent the one at which it does."""


@dataclass(slots=True, eq=False)
class Spurt:
    """A stretch of speech of the agent that is played without a pause."""

    began_at: float | None
    """its first delta was sent, while nothing was being played; None where nobody was there to hear it"""
    given_s: float = 0.0
    cut_at: float | None = None
    """speech_started was sent"""


class Dialogue:
    """One call's story; `step` gives the messages that are due."""

    def __init__(self, talk: Talk, rate_hz: int, number: int) -> None:
        """`rate_hz`: of the agent's audio; `number`: of the session, for ids and for its place in the cycle."""
        self._talk = talk
        self._rate_hz = rate_hz
        self._number = number
        self._answers = itertools.count(1)
        self._turn = 1
        self._out: list[bytes] = []
        self._greeting_wanted = False
        self._caller_at: float | None = None
        self.times_words = False
        self.spurt = Spurt(None)
        self.deltas = 0
        self._story = self._tell()
        self._wake = next(self._story)

    # --- inputs ---------------------------------------------------------------------------------------------------

    def greeting_asked(self) -> None:
        """A response was asked for; the first one is the greeting, others come by themselves."""
        self._greeting_wanted = True
        self._wake = min(self._wake, 0.0)

    def caller_heard(self, now: float) -> None:
        """The first sound of the caller: the line is open."""
        self._caller_at = now
        self._wake = min(self._wake, 0.0)

    def step(self, now: float) -> list[bytes]:
        while now >= self._wake:
            self._wake = self._story.send(now)
        out, self._out = self._out, []
        return out

    # --- the story ------------------------------------------------------------------------------------------------

    def _tell(self) -> Story:
        now = yield from self._until(lambda: self._greeting_wanted or self._caller_at is not None)
        if self._greeting_wanted:
            answer, now = yield from self._say(now, GREETING_S, lambda _: 0.0)
            self._send(answer.end())
        now = yield from self._until(lambda: self._caller_at is not None)
        played_until = now + LEAD_IN_S + self.spurt.given_s
        if self._talk is Talk.ALWAYS:
            return (yield from self._always((yield max(now, played_until - ALWAYS_OVERLAP_S))))
        return (yield from self._turns((yield played_until + self._place() * TURNS_CALLER_S)))

    def _always(self, now: float) -> Story:
        length_s = ALWAYS_ANSWER_S * (0.1 + 0.9 * self._place())
        while True:
            answer, now = yield from self._say(now, length_s, lambda k: max(0, k + 1 - ALWAYS_AHEAD) * DELTA_S)
            self._interrupt(answer, now)
            now = yield from self._caller(now, ALWAYS_CALLER_S, ALWAYS_THINKING_S)
            length_s = ALWAYS_ANSWER_S

    def _turns(self, now: float) -> Story:
        self._begin_caller(now)
        for turn in itertools.count(self._number):
            began_at = now = yield from self._caller(now, TURNS_CALLER_S, TURNS_THINKING_S)
            answer, now = yield from self._say(now, TURNS_ANSWER_S, lambda k: k * DELTA_S / TURNS_SPEEDUP)
            self._send(answer.end())
            if turn % 2:
                now = yield began_at + TURNS_CUT_S
                self._begin_caller(now)
            else:
                now = yield began_at + TURNS_ANSWER_S + TURNS_PAUSE_S
                self._begin_caller(now, interrupting=False)
        return now

    def _until(self, ready: Callable[[], bool]) -> Story:
        now = 0.0
        while not ready():
            now = yield math.inf
        return now

    def _say(
        self, now: float, length_s: float, due_s: Callable[[int], float]
    ) -> Generator[float, float, tuple[Answer, float]]:
        """Deliver an answer, its k-th delta `due_s(k)` after the start, until it is delivered or would be over."""
        answer = Answer(f"{self._number}x{next(self._answers)}", self._rate_hz, times_words=self.times_words)
        began_at = now
        self._send(answer.begin())
        while due_s(answer.deltas) < length_s and answer.deltas < self._most_deltas(length_s):
            due = began_at + due_s(answer.deltas)
            if due > now:
                now = yield due
            if not answer.deltas % WORD_DELTAS:
                self._send(answer.word())
            self._send([answer.delta()])
            self.deltas += 1
            self.spurt.given_s += DELTA_S
        if self._talk is Talk.ALWAYS and self._caller_at is not None:
            now = yield began_at + length_s
        return answer, now

    def _most_deltas(self, length_s: float) -> int:
        """An answer that is interrupted in the end goes on ahead of what is played; others have their length."""
        ahead = ALWAYS_AHEAD if self._talk is Talk.ALWAYS and self._caller_at is not None else 0
        return round(length_s / DELTA_S) + ahead

    def _interrupt(self, answer: Answer, now: float) -> None:
        self._begin_caller(now)
        self._send([answer.cancel()])

    def _begin_caller(self, now: float, *, interrupting: bool = True) -> None:
        if interrupting:
            self.spurt.cut_at = now
        self._send([caller_began(self._caller_item(), self._audio_ms(now))])

    def _caller(self, now: float, speaking_s: float, thinking_s: float) -> Story:
        """The caller's turn has begun; it ends, and the agent thinks. Then a new spurt begins."""
        now = yield now + speaking_s
        self._send(caller_ended(self._caller_item(), self._audio_ms(now)))
        now = yield now + thinking_s
        self.spurt = Spurt(now)
        self._turn += 1
        return now

    # --- helpers --------------------------------------------------------------------------------------------------

    def _send(self, messages: Iterable[bytes]) -> None:
        self._out.extend(messages)

    def _place(self) -> float:
        return self._number * GOLDEN % 1

    def _caller_item(self) -> str:
        return f"item_{self._number}x{self._turn}"

    def _audio_ms(self, now: float) -> int:
        return round((now - (self._caller_at or now)) * 1000)
