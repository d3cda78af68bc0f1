"""One clock for all calls of the process: a few slots within every 20 ms, and each call lives in one of them.

A task per call that sleeps would cost ten times as much; all calls in one slot would make a burst as long as the work
of all of them. Deadlines are start + n * step, so lateness never accumulates.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from gateway.audio.pcm import FRAME_S

SLOTS = 4
TIMER_S = 0.0005
"""Event loop timers have up to 1 ms resolution: what is due within half of one is due, or the loop would spin."""
RESYNC_S = 0.1
"""After a longer stall the missed slots are not made up one by one: every call decides itself what is still due."""


class Member(Protocol):
    """A call on the ticker."""

    async def tick(self, now: float, late_s: float) -> None:
        """Do what is due. Must not wait for anything: every other call waits with it.

        Args:
            now: seconds, monotonic.
            late_s: how much later this is than the slot's time.
        """

    def failed(self, error: Exception) -> None:
        """`tick` raised; the member has been taken off the ticker."""


class Ticker:
    """Drives its members every 20 ms. `lateness` is told how late every slot began, in seconds."""

    def __init__(self, clock: Callable[[], float], lateness: Callable[[float], None]) -> None:
        self._clock = clock
        self._lateness = lateness
        self._slots: list[list[Member]] = [[] for _ in range(SLOTS)]
        self.resyncs = 0

    def __repr__(self) -> str:
        return f"<Ticker {[len(slot) for slot in self._slots]}>"

    def join(self, member: Member) -> None:
        """Take a call in, in the emptiest slot; joining twice changes nothing."""
        if not any(member in slot for slot in self._slots):
            min(self._slots, key=len).append(member)

    def leave(self, member: Member) -> None:
        for slot in self._slots:
            if member in slot:
                slot.remove(member)

    async def run(self) -> None:
        """Tick until cancelled."""
        step_s = FRAME_S / SLOTS
        start, n = self._clock(), 0
        while True:
            n += 1
            due = start + n * step_s
            wait_s = due - self._clock()
            if wait_s > TIMER_S:
                await asyncio.sleep(wait_s)
            elif n % SLOTS == 0:
                await asyncio.sleep(0)  # a ticker that is behind must still let the sockets be read
            now = self._clock()
            late_s = max(0.0, now - due)
            self._lateness(late_s)
            for member in tuple(self._slots[n % SLOTS]):
                try:
                    await member.tick(now, late_s)
                except Exception as error:  # noqa: BLE001 - the edge of one call: it ends, the others go on
                    self.leave(member)
                    member.failed(error)
            if late_s > RESYNC_S:
                self.resyncs += 1
                start, n = self._clock() - n % SLOTS * step_s, n % SLOTS
