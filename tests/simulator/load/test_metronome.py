from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from gateway.simulator.load.metronome import Metronome
from gateway.simulator.virtual_time import virtual_time_runner


def run(work: Coroutine[Any, Any, None]) -> None:
    with virtual_time_runner() as runner:
        runner.run(work)


class Member:
    def __init__(self) -> None:
        self.at: list[float] = []

    async def step(self, now: float) -> None:
        self.at.append(now)


def test_every_member_is_called_every_20_ms() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        late: list[float] = []
        metronome = Metronome(loop.time, late.append)
        members = [Member() for _ in range(40)]
        for member in members:
            metronome.join(member.step)
        task = asyncio.create_task(metronome.run())
        await asyncio.sleep(1.005)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        for member in members:
            assert len(member.at) == pytest.approx(50, abs=1)
            steps = [b - a for a, b in zip(member.at, member.at[1:], strict=False)]
            assert steps == [pytest.approx(0.02, abs=0.0011)] * len(steps)
        firsts = sorted(round(member.at[0], 3) for member in members)
        assert len(set(firsts)) == 20  # spread over all slots
        assert max(late) < 0.001

    run(scenario())


def test_a_member_that_left_is_not_called() -> None:
    async def scenario() -> None:
        metronome = Metronome(asyncio.get_running_loop().time, lambda _: None)
        member = Member()
        leave = metronome.join(member.step)
        task = asyncio.create_task(metronome.run())
        await asyncio.sleep(0.1)
        leave()
        called = len(member.at)
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert called >= 4
        assert len(member.at) == called

    run(scenario())
