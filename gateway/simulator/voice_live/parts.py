"""What the parts of one session share."""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.simulator.voice_live.brain import Brain
from gateway.simulator.voice_live.conversation import Conversation
from gateway.simulator.voice_live.options import Faults, TwinOptions
from gateway.simulator.voice_live.outbox import Outbox
from gateway.simulator.voice_live.ptu_bucket import PtuBucket
from gateway.simulator.voice_live.record import SessionRecord
from gateway.simulator.voice_live.settings import SessionConfig
from gateway.simulator.voice_live.speech import Voice


class Agenda:
    """What is to be done when: actions by time, and in the order they were put in where times are equal."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Callable[[float], None]]] = []
        self._count = itertools.count()

    def __repr__(self) -> str:
        return f"<Agenda of {len(self._heap)}>"

    @property
    def next_at(self) -> float:
        return self._heap[0][0] if self._heap else math.inf

    def at(self, due: float, action: Callable[[float], None]) -> None:
        """Do `action(now)` at `due` or as soon after as the session is called."""
        heapq.heappush(self._heap, (due, next(self._count), action))

    def run(self, now: float) -> None:
        while self._heap and self._heap[0][0] <= now:
            heapq.heappop(self._heap)[2](now)


@dataclass(frozen=True, slots=True)
class Parts:
    options: TwinOptions
    faults: Faults
    """of this session: none, once enough sessions had them"""
    config: SessionConfig
    record: SessionRecord
    outbox: Outbox
    conversation: Conversation
    brain: Brain
    voice: Voice
    bucket: PtuBucket | None
    rng: random.Random
    agenda: Agenda = field(default_factory=Agenda)
