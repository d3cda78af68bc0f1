"""One subject under load, from its first breath to its end, and what it cost."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

import aiohttp
import msgspec

from gateway.simulator.load.calls import LoadCall
from gateway.simulator.load.certificate import LoopbackAuthority
from gateway.simulator.load.far_ends import FarEnds
from gateway.simulator.load.plan import LoadPlan
from gateway.simulator.load.proc import Cores, Reading, read_process
from gateway.simulator.load.result import Load, Result, count_failures
from gateway.simulator.load.samples import spread
from gateway.simulator.load.scrape import LOOP_LAG, histogram, scrape
from gateway.simulator.load.strangers import Orders
from gateway.simulator.load.subject import FarSides, Subject

WARM_UP_S = 1.0
"""One call before the others: what a process loads once is not what a call costs."""
REST_S = 0.5
UP_S = 10.0
"""How long after the last ring the calls may take to be up."""
SETTLE_S = 1.0
SCRAPE_EVERY_S = 5.0
STRANGERS_COME_S = 2.0
"""Until a process has started and its sockets are open."""
LAST_MESSAGES_S = 0.5

MakeSubject = Callable[[FarSides], Subject]


@dataclass(frozen=True, slots=True)
class Edge:
    """What was read at the start or at the end of the measured time."""

    process: Reading
    generator: Reading
    metrics: str
    """as scraped; empty where the subject tells nothing"""


class Invited:
    """Strangers at the doors, as `async with`; what they were answered is known afterwards."""

    def __init__(self, orders: Orders, cores: frozenset[int] | None) -> None:
        self._orders = orders
        self._cores = cores
        self._process: asyncio.subprocess.Process | None = None
        self.answers: dict[str, int] = {}

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "gateway.simulator.load.strangers",
            msgspec.json.encode(self._orders).decode(),
            stdout=asyncio.subprocess.PIPE,
        )
        if self._cores is not None:
            os.sched_setaffinity(self._process.pid, self._cores)
        await asyncio.sleep(STRANGERS_COME_S)
        return self

    async def __aexit__(self, *_error: object) -> None:
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        printed, _ = await self._process.communicate()
        self.answers = json.loads(printed or b"{}")


class Run:
    """A run with one subject after the other; the far sides are new for each."""

    def __init__(
        self, plan: LoadPlan, authority: LoopbackAuthority | None, cores: Cores, say: Callable[[str], None]
    ) -> None:
        """`say` is told what is going on, a line at a time."""
        self._plan = plan
        self._authority = authority
        self._cores = cores
        self._say = say

    async def measure(self, make_subject: MakeSubject) -> list[Result]:
        """Put a subject under load: in quiet, and then, if the plan says so, with strangers at its doors.

        Raises:
            SubjectFailed: it did not come up, or did not live to the end.
        """
        async with FarEnds(self._plan, self._authority) as ends:
            subject = make_subject(ends.addresses)
            self._say(f"{subject.name}: starting")
            await subject.start(self._cores.subject)
            try:
                return await self._load(ends, subject)
            except (aiohttp.ClientError, OSError) as error:
                raise subject.failure(f"could not be measured ({type(error).__name__})") from error
            finally:
                await subject.stop()

    async def _load(self, ends: FarEnds, subject: Subject) -> list[Result]:
        await self._warm_up(ends, subject)
        idle = read_process(subject.pid, ends.clock())
        calls = await self._ramp(ends, subject)
        results = [await self._window(ends, subject, calls, idle)]
        if self._plan.strangers:
            strangers = self._invite(ends, subject)
            ends.samples.forget()
            async with strangers:
                disturbed = await self._window(ends, subject, calls, idle)
            results[0] = dataclasses.replace(results[0], subject="quiet")
            results.append(dataclasses.replace(disturbed, subject="knocked at", strangers=strangers.answers))
        await ends.hang_up(calls)
        await asyncio.sleep(LAST_MESSAGES_S)
        for call in calls:
            call.settle()
        failures, failed_calls = count_failures([list(call.problems) for call in calls])
        results[-1] = dataclasses.replace(results[-1], failures=failures, failed_calls=failed_calls)
        return results

    async def _window(self, ends: FarEnds, subject: Subject, calls: list[LoadCall], idle: Reading) -> Result:
        """One measured time with all calls up."""
        await asyncio.sleep(SETTLE_S)
        before = await _metrics(subject)
        ends.samples.open = True
        first = _edge(ends, subject, before)
        await self._watch(ends, subject)
        ends.samples.open = False
        last = _edge(ends, subject, await _metrics(subject))
        return _result(subject, ends, calls, idle, (first, last))

    def _invite(self, ends: FarEnds, subject: Subject) -> Invited:
        port = urlsplit(subject.events_url).port or 0
        keys_url = f"{ends.addresses.call_automation}/calling/keys"
        return Invited(Orders(port, keys_url, self._plan.knocks_per_s, self._plan.idle_sockets), self._cores.generator)

    async def _warm_up(self, ends: FarEnds, subject: Subject) -> None:
        call = await ends.ring(subject.events_url)
        await ends.all_up([call], UP_S)
        await asyncio.sleep(WARM_UP_S)
        if call.problems:
            raise subject.failure(f"could not hold a single call ({', '.join(call.problems)})")
        await ends.hang_up([call])
        await asyncio.sleep(REST_S)

    async def _ramp(self, ends: FarEnds, subject: Subject) -> list[LoadCall]:
        """Let the phones ring, evenly over the ramp."""
        plan = self._plan
        self._say(f"{subject.name}: {plan.calls} calls within {plan.ramp_s:g} s")
        started = ends.clock()
        tasks = []
        for number in range(plan.calls):
            await asyncio.sleep(max(0.0, started + number * plan.ramp_s / plan.calls - ends.clock()))
            tasks.append(asyncio.create_task(ends.ring(subject.events_url)))
        calls = await asyncio.gather(*tasks)
        if not await ends.all_up(calls, UP_S):
            for call in calls:
                if not call.up:
                    call.failed("never_up")
        return calls

    async def _watch(self, ends: FarEnds, subject: Subject) -> None:
        """The measured time, told every second."""
        until = ends.clock() + self._plan.seconds
        scrape_at = ends.clock() + SCRAPE_EVERY_S
        while (left_s := until - ends.clock()) > 0:
            up = sum(call.up for call in ends.book.calls if not call.over)
            self._say(f"{subject.name}: measuring, {up} calls up, {left_s:.0f} s to go")
            await asyncio.sleep(min(1.0, left_s))
            if subject.exit_code is not None:
                raise subject.failure("ended under load")
            if ends.failed is not None:
                raise ends.failed
            if ends.clock() >= scrape_at:
                scrape_at += SCRAPE_EVERY_S
                await _metrics(subject)


def _edge(ends: FarEnds, subject: Subject, metrics: str) -> Edge:
    now = ends.clock()
    return Edge(read_process(subject.pid, now), read_process(os.getpid(), now), metrics)


async def _metrics(subject: Subject) -> str:
    """Scraping is part of the load, as it is in life."""
    return "" if subject.metrics_url is None else await scrape(subject.metrics_url)


def _result(subject: Subject, ends: FarEnds, calls: list[LoadCall], idle: Reading, edges: tuple[Edge, Edge]) -> Result:
    first, last = edges
    samples = ends.samples
    measured_s = last.process.at - first.process.at
    call_seconds = measured_s * len(calls)
    failures, failed_calls = count_failures([list(call.problems) for call in calls])
    lag = histogram(last.metrics, LOOP_LAG)
    process = _load(first.process, last.process)
    return Result(
        subject=subject.name,
        calls=len(calls),
        measured_s=measured_s,
        cpu_per_call_s=(last.process.cpu_s - first.process.cpu_s) / call_seconds,
        memory_per_call_bytes=(last.process.rss_bytes - idle.rss_bytes) / len(calls),
        idle_rss_bytes=idle.rss_bytes,
        process=process,
        generator=_load(first.generator, last.generator),
        uplink=spread(samples.uplink),
        downlink=spread(samples.downlink),
        lateness=spread(samples.lateness),
        barge_in=spread(samples.barge_in),
        gap_share=samples.gaps / max(1, samples.frames_down),
        frames_up_per_call_s=samples.frames_up / call_seconds,
        frames_down_per_call_s=samples.frames_down / call_seconds,
        deltas_per_call_s=samples.deltas / call_seconds,
        generator_late=spread(samples.generator_late),
        unknown_appends=samples.unknown_appends,
        failures=failures,
        failed_calls=failed_calls,
        loop_lag_p99_s=(lag - histogram(first.metrics, LOOP_LAG)).quantile_bound(0.99),
        loop_lag_longest_s=lag.quantile_bound(1.0),
    )


def _load(first: Reading, last: Reading) -> Load:
    span_s = last.at - first.at
    return Load((last.cpu_s - first.cpu_s) / span_s, (last.waited_s - first.waited_s) / span_s, last.rss_bytes)
