"""One clock for all calls of the generator: every 20 ms each call has its own millisecond."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from gateway.audio.pcm import FRAME_S

SLOTS = 20
TIMER_S = 0.0005
"""Event loop timers have a resolution of 1 ms: what is due within half of one is due."""

Step: TypeAlias = Callable[[float], Awaitable[None]]


class Metronome:
    """Calls its members every 20 ms; phones in life share no phase, so the slots are 1 ms apart."""

    def __init__(self, clock: Callable[[], float], late: Callable[[float], None]) -> None:
        """`late` is told how late every slot began, in seconds."""
        self._clock = clock
        self._late = late
        self._slots: list[list[Step]] = [[] for _ in range(SLOTS)]
        self._turn = itertools.cycle(range(0, SLOTS * 7, 7))  # 7 and 20 have no common factor: neighbours lie apart

    def join(self, step: Step) -> Callable[[], None]:
        """Take a member in; returns what takes it out again."""
        slot = self._slots[next(self._turn) % SLOTS]
        slot.append(step)
        return lambda: slot.remove(step)

    async def run(self) -> None:
        """Beat until cancelled. Deadlines are start + n * step; nothing is left out after a stall."""
        start = self._clock()
        for beat in itertools.count(1):
            due = start + beat * FRAME_S / SLOTS
            wait_s = due - self._clock()
            if wait_s > TIMER_S:
                await asyncio.sleep(wait_s)
            elif beat % SLOTS == 0:
                await asyncio.sleep(0)  # one that is behind must still let the sockets be read
            now = self._clock()
            self._late(max(0.0, now - due))
            for step in tuple(self._slots[beat % SLOTS]):
                await step(now)
