"""Phones and model service of one run, and the clock that drives both."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Self

from gateway.simulator.load.calls import Bench, CallBook, LoadCall
from gateway.simulator.load.certificate import LoopbackAuthority
from gateway.simulator.load.metronome import Metronome
from gateway.simulator.load.model_service import ModelService
from gateway.simulator.load.phones import Phones
from gateway.simulator.load.plan import LoadPlan
from gateway.simulator.load.samples import Samples
from gateway.simulator.load.subject import FarSides

POLL_S = 0.05
HANG_UP_OVER_S = 0.5


class FarEnds:
    """Used as `async with`: serves inside of it."""

    def __init__(self, plan: LoadPlan, authority: LoopbackAuthority | None) -> None:
        self.samples = Samples()
        self.book = CallBook()
        self.clock: Callable[[], float] = time.monotonic
        self._authority = authority
        self._metronome = Metronome(self.clock, self._late)
        bench = Bench(plan, self.samples, self._metronome, self.clock)
        self._phones = Phones(bench, self.book)
        self._models = ModelService(bench, self.book)
        self._beat: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._phones.start()
        await self._models.start(None if self._authority is None else self._authority.server)
        self._beat = asyncio.create_task(self._metronome.run())
        return self

    async def __aexit__(self, *_error: object) -> None:
        if self._beat is not None:
            self._beat.cancel()
            await asyncio.gather(self._beat, return_exceptions=True)
        await self._phones.stop()
        await self._models.stop()

    @property
    def addresses(self) -> FarSides:
        trusted = None if self._authority is None else self._authority.certificate_file
        return FarSides(self._phones.endpoint, self._models.endpoint, trusted)

    @property
    def failed(self) -> BaseException | None:
        """Why the clock of the generator stopped, if it did."""
        beat = self._beat
        return beat.exception() if beat is not None and beat.done() and not beat.cancelled() else None

    async def ring(self, events_url: str) -> LoadCall:
        """One more call; returns when the gateway has taken notice of it, which does not mean that it is up."""
        call = self.book.new_call()
        await self._phones.ring(call, events_url)
        return call

    async def all_up(self, calls: list[LoadCall], timeout_s: float) -> bool:
        """Wait until every call that has not failed is up."""
        give_up_at = self.clock() + timeout_s
        while not all(call.up or call.problems for call in calls):
            if self.clock() >= give_up_at:
                return False
            await asyncio.sleep(POLL_S)
        return True

    async def hang_up(self, calls: list[LoadCall]) -> None:
        """All callers put their phones down, within a moment."""
        tasks = []
        for call in calls:
            tasks.append(asyncio.create_task(self._phones.hang_up(call)))
            await asyncio.sleep(HANG_UP_OVER_S / len(calls))
        await asyncio.gather(*tasks)

    def _late(self, late_s: float) -> None:
        if self.samples.open:
            self.samples.generator_late.append(late_s)
