from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise

import pytest

from gateway.audio.pcm import FRAME_S
from gateway.calls.ticker import SLOTS, Ticker
from gateway.simulator.virtual_time import virtual_time_runner


class Call:
    def __init__(self, fail_at: int | None = None, work_s: float = 0.0) -> None:
        self.ticks: list[float] = []
        self.error: Exception | None = None
        self._fail_at = fail_at
        self._work_s = work_s

    async def tick(self, now: float, late_s: float) -> None:
        assert late_s >= 0
        self.ticks.append(now)
        if len(self.ticks) == self._fail_at:
            raise RuntimeError("broken call")
        if self._work_s:
            await asyncio.sleep(self._work_s)

    def failed(self, error: Exception) -> None:
        self.error = error


def run_for(seconds: float, prepare: Callable[[Ticker], None]) -> tuple[Ticker, list[float]]:
    late: list[float] = []

    async def main() -> Ticker:
        ticker = Ticker(asyncio.get_running_loop().time, late.append)
        prepare(ticker)
        task = asyncio.create_task(ticker.run())
        await asyncio.sleep(seconds)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return ticker

    with virtual_time_runner() as runner:
        return runner.run(main()), late


def joining(calls: list[Call]) -> Callable[[Ticker], None]:
    def prepare(ticker: Ticker) -> None:
        for call in calls:
            ticker.join(call)

    return prepare


def test_every_call_ticks_every_twenty_milliseconds_without_drift() -> None:
    calls = [Call() for _ in range(9)]
    _, late = run_for(2.0, joining(calls))
    for call in calls:
        assert 99 <= len(call.ticks) <= 101
        assert call.ticks[-1] - call.ticks[0] == pytest.approx((len(call.ticks) - 1) * FRAME_S, abs=0.002)
    assert max(late) < 0.002


def test_calls_are_spread_over_the_slots() -> None:
    calls = [Call() for _ in range(8)]
    ticker, _ = run_for(0.1, joining(calls))
    assert repr(ticker) == f"<Ticker {[2] * SLOTS}>"


def test_a_broken_call_leaves_and_the_others_go_on() -> None:
    good, bad = Call(), Call(fail_at=3)

    def prepare(ticker: Ticker) -> None:
        ticker.join(bad)
        ticker.join(good)

    run_for(0.5, prepare)
    assert len(bad.ticks) == 3
    assert isinstance(bad.error, RuntimeError)
    assert len(good.ticks) >= 24


def test_joining_twice_ticks_once() -> None:
    call = Call()

    def prepare(ticker: Ticker) -> None:
        ticker.join(call)
        ticker.join(call)

    run_for(0.2, prepare)
    assert all(second - first > 0.01 for first, second in pairwise(call.ticks))


def test_a_long_stall_is_not_made_up_slot_by_slot() -> None:
    slow, other = Call(work_s=0.0), Call()

    async def main() -> int:
        loop = asyncio.get_running_loop()
        ticker = Ticker(loop.time, lambda _late: None)
        ticker.join(slow)
        ticker.join(other)
        task = asyncio.create_task(ticker.run())
        await asyncio.sleep(0.1)
        slow._work_s = 0.5  # one stall of half a second
        await asyncio.sleep(0.02)
        slow._work_s = 0.0
        await asyncio.sleep(1.0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return ticker.resyncs

    with virtual_time_runner() as runner:
        assert runner.run(main()) >= 1
    assert len(other.ticks) < 40
