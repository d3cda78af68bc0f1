"""The process leaves while calls are under way: who is waited for, and what the others hear."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.clips import load_clips
from gateway.simulator.phone import AfterAgent, At, CallPlan, HangUp, Say, heard_at

Run = Callable[[Any], Any]

OPERATOR = {"name": "operator", "phone_number": "+15555550199"}
PEOPLE = {"destinations": [OPERATOR], "caller_id": "+15555550100", "overflow": "operator"}
RATE_HZ = 16_000
TINY = {"name": "ptu", "capacity": {"ptu_units": 1, "weights": {"tpm_per_ptu": 100, "output": 4}}}
SHORT = {"drain": {"grace_s": 60.0, "settle_s": 5.0, "hand_over_s": 40.0, "goodbye_s": 15.0}}
LONG = {"drain": {"grace_s": 4000.0, "settle_s": 5.0}}


def stays(seconds: float) -> CallPlan:
    return CallPlan(behaviour=(HangUp(at=At(seconds)),), max_s=600.0)


def heard(record: Any, name: str) -> list[float]:
    """When a recording was heard whole."""
    return [match.start_at for match in heard_at(record, load_clips("en-US", RATE_HZ)[name], RATE_HZ) if match.whole]


def reason(stack: Any) -> str:
    return str([note for note in stack.trace() if note["name"] == "call.ended"][-1]["reason"])


async def status(stack: Any, path: str) -> int:
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"http://127.0.0.1:{stack.gateway.metrics_port}{path}") as answer,
    ):
        return int(answer.status)


def test_live_calls_run_to_their_natural_end(
    tmp_path: Path, started: Any, setup_type: Any, on_virtual_time: Run
) -> None:
    async def main() -> None:
        async with started(setup_type(sections=LONG), tmp_path) as stack:
            says = (Say("caller.turn1", AfterAgent(1.0)), Say("caller.turn2", AfterAgent(1.0)), HangUp())
            call = await stack.phone.start_call(CallPlan(behaviour=says))
            await asyncio.sleep(5.0)
            assert await status(stack, "/readyz") == 200
            stack.gateway.begin_drain()
            assert await status(stack, "/readyz") == 503
            assert await status(stack, "/livez") == 200
            assert stack.gateway.registry.get_sample_value("gateway_draining") == 1
            await stack.gateway.see_out()
            record = await call.wait()
            assert not stack.gateway.supervisor
            assert reason(stack) == "caller_hangup"
            assert len(record.heard) >= 3  # greeting and both answers

    on_virtual_time(main())


def test_a_late_call_is_taken_and_told_when_its_time_is_nearly_up(
    tmp_path: Path, started: Any, setup_type: Any, on_virtual_time: Run
) -> None:
    """The event reached the process that leaves: as long as it settles, the phone is answered."""

    async def main() -> None:
        plan = {"drain": {"grace_s": 220.0, "settle_s": 5.0, "hand_over_s": 90.0}}
        async with started(setup_type(sections=plan, line={"silence": None}), tmp_path) as stack:
            stack.gateway.begin_drain()
            await asyncio.sleep(1.0)
            began = asyncio.get_running_loop().time()
            call = await stack.phone.start_call(stays(500.0))
            seen_out = asyncio.create_task(stack.gateway.see_out())
            record = await call.wait()
            await seen_out
            assert heard(record, "time_nearly_up")
            assert reason(stack) == "max_duration"
            assert asyncio.get_running_loop().time() - began < 150

    on_virtual_time(main())


def test_a_call_that_would_not_fit_is_left_to_the_next_process(
    tmp_path: Path, started: Any, setup_type: Any, on_virtual_time: Run
) -> None:
    async def main() -> None:
        async with started(setup_type(sections=SHORT), tmp_path) as stack:
            stack.gateway.begin_drain()
            await asyncio.sleep(6.0)
            record = await (await stack.phone.start_call(stays(5.0))).wait()
            assert not record.answers
            sample = stack.gateway.registry.get_sample_value
            assert sample("gateway_offers_total", {"result": "undecided"}) >= 1
            route = {"route": "/events/incoming-call", "status": "500"}
            assert sample("gateway_http_requests_total", route) >= 1

    on_virtual_time(main())


def test_at_the_deadline_a_person_takes_over(
    tmp_path: Path, started: Any, setup_type: Any, on_virtual_time: Run
) -> None:
    async def main() -> None:
        async with started(setup_type(sections=SHORT, line=PEOPLE), tmp_path) as stack:
            call = await stack.phone.start_call(stays(500.0))
            await asyncio.sleep(15.0)
            stack.gateway.begin_drain()
            await stack.gateway.see_out()
            record = await call.wait()
            assert heard(record, "connecting")
            assert reason(stack) == "transferred"

    on_virtual_time(main())


@pytest.mark.parametrize("hurry", [False, True])
def test_at_the_deadline_goodbye_is_said_where_there_is_nobody(
    tmp_path: Path, started: Any, setup_type: Any, on_virtual_time: Run, *, hurry: bool
) -> None:
    async def main() -> None:
        async with started(setup_type(sections=LONG if hurry else SHORT), tmp_path) as stack:
            call = await stack.phone.start_call(stays(500.0))
            await asyncio.sleep(15.0)
            clock = asyncio.get_running_loop().time
            began = clock()
            stack.gateway.begin_drain()
            stack.gateway.begin_drain()  # a second signal changes nothing
            if hurry:
                stack.gateway.hurry_drain()
            await stack.gateway.see_out()
            took_s = clock() - began
            record = await call.wait()
            assert heard(record, "apology")
            assert reason(stack) == "drain_deadline"
            assert took_s < 10 if hurry else 20 <= took_s < 35

    on_virtual_time(main())


def test_who_waits_is_told_goodbye_too(tmp_path: Path, started: Any, setup_type: Any, on_virtual_time: Run) -> None:
    async def main() -> None:
        line = {"queue": {"places": 5, "max_wait_s": 600.0}, "disclosure": {"enabled": False}}
        async with started(setup_type(sections=SHORT, deployments=(TINY,), line=line), tmp_path) as stack:
            talks = await stack.phone.start_call(stays(500.0))
            await asyncio.sleep(2.0)
            waits = await stack.phone.start_call(stays(500.0))
            await asyncio.sleep(3.0)
            stack.gateway.begin_drain()
            await stack.gateway.see_out()
            assert heard(await waits.wait(), "queue_goodbye")
            assert heard(await talks.wait(), "apology")
            assert not stack.gateway.supervisor

    on_virtual_time(main())


def test_while_it_leaves_no_connection_is_kept(
    tmp_path: Path, started: Any, setup_type: Any, on_virtual_time: Run
) -> None:
    async def main() -> None:
        async with started(setup_type(sections=LONG), tmp_path) as stack, aiohttp.ClientSession() as http:
            url = f"http://127.0.0.1:{stack.gateway.public_port}/events/incoming-call"
            async with http.options(url) as answer:
                assert answer.headers.get("Connection") != "close"
            stack.gateway.begin_drain()
            async with http.options(url) as answer:
                assert answer.headers["Connection"] == "close"

    on_virtual_time(main())
