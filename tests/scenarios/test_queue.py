"""Callers who wait: what they hear, in which order they are served, and how they leave."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.clips import load_clips
from gateway.simulator.clips import load_clip
from gateway.simulator.phone import AfterAgent, At, CallPlan, HangUp, PhoneSwitches, Press, Say, WaitAgent, heard_at

Run = Callable[[Any], Any]

TINY = {
    "name": "ptu",
    "capacity": {"ptu_units": 1, "weights": {"tpm_per_ptu": 100, "output": 4}},
}
"""One call is more than it carries: it takes one at a time."""
QUEUE = {"places": 10, "max_wait_s": 300.0}
OPERATOR = {"name": "operator", "phone_number": "+15555550199"}
PEOPLE = {"destinations": [OPERATOR], "caller_id": "+15555550100"}
RATE_HZ = 16_000
GREETING, ANSWER = load_clip("agent.greeting").text, load_clip("agent.reply1").text


def clip(name: str) -> Any:
    return load_clips("en-US", RATE_HZ)[name]


def heard(record: Any, name: str) -> list[float]:
    """When a recording was heard whole."""
    return [match.start_at for match in heard_at(record, clip(name), RATE_HZ) if match.whole]


def metric(stack: Any, name: str, **labels: str) -> float:
    value = stack.gateway.registry.get_sample_value(name, labels)
    assert value is not None, f"no metric {name}{labels}"
    return float(value)


def stays(seconds: float) -> CallPlan:
    """A caller who says nothing, and hangs up so many seconds after the answer."""
    return CallPlan(behaviour=(HangUp(at=At(seconds)),), max_s=600.0)


def longest_quiet_s(record: Any, until: float) -> float:
    """The longest stretch without anything to hear, from the first sound to the agent's greeting."""
    parts = sorted((segment.start_at, segment.end_at) for segment in record.heard if segment.start_at < until)
    heard_to, longest = parts[0][1], 0.0
    for start, end in parts[1:]:
        longest = max(longest, start - heard_to)
        heard_to = max(heard_to, end)
    return longest


@pytest.fixture
def setup_of(setup_type: Any) -> Callable[..., Any]:
    def make(**line: Any) -> Any:
        return setup_type(deployments=(TINY,), line={"queue": QUEUE, "disclosure": {"enabled": False}} | line)

    return make


def test_callers_wait_are_told_where_they_stand_and_are_served_in_their_order(
    tmp_path: Path, started: Any, setup_of: Any, on_virtual_time: Run
) -> None:
    async def main() -> None:
        async with started(setup_of(), tmp_path) as stack:
            first = await stack.phone.start_call(stays(30.0))
            await asyncio.sleep(3.0)
            second = await stack.phone.start_call(stays(60.0))
            await asyncio.sleep(1.0)
            third = await stack.phone.start_call(stays(90.0))
            await asyncio.sleep(2.0)
            assert metric(stack, "gateway_queue_callers", line="main") == 2
            one, two, three = [await call.wait() for call in (first, second, third)]
            assert await stack.gateway.supervisor.wait_empty(30.0)
            assert len(heard(two, "queue_busy")) == 1
            assert 1 <= len(heard(two, "queue_1")) <= 2
            assert len(heard(three, "queue_2")) >= 1
            assert heard(three, "queue_1"), "told when the place before it was taken"
            assert not heard(one, "queue_busy")
            served = [session for session in stack.twin.sessions if session.items]
            assert len(served) == 3
            assert sorted(served, key=lambda session: session.opened_at) == served
            for record, session in ((two, served[1]), (three, served[2])):
                assert longest_quiet_s(record, until=session.opened_at + 4.0) < 2.0
                assert len(record.sockets) == 1, "the agent speaks on the socket that played the music"
            assert metric(stack, "gateway_queue_wait_seconds_count", result="served") == 2
            assert metric(stack, "gateway_queue_callers", line="main") == 0
            assert metric(stack, "gateway_bug_total") == 0
            assert metric(stack, "gateway_calls_total", result="completed", reason="caller_hangup") == 3

    on_virtual_time(main())


def test_who_was_served_from_the_queue_has_a_conversation_like_any_other(
    tmp_path: Path, started: Any, setup_of: Any, on_virtual_time: Run
) -> None:
    async def main() -> None:
        async with started(setup_of(), tmp_path) as stack:
            await stack.phone.start_call(stays(12.0))
            await asyncio.sleep(2.0)
            says = (Say("caller.turn1", AfterAgent(1.5)), WaitAgent(3.0), HangUp())
            result = await stack.run(CallPlan(behaviour=says, max_s=200.0))
            greeting, answer, *_ = result.sessions[-1].items
            assert (greeting.text, answer.text) == (GREETING, ANSWER)
            assert result.outcome == "caller_hangup"
            assert result.longest_silence_s < 4.0

    on_virtual_time(main())


def test_zero_brings_a_person_while_waiting(tmp_path: Path, started: Any, setup_of: Any, on_virtual_time: Run) -> None:
    async def main() -> None:
        line = PEOPLE | {"keys": {"0": {"do": "transfer", "to": "operator"}}}
        async with started(setup_of(**line), tmp_path) as stack:
            first = await stack.phone.start_call(stays(40.0))
            await asyncio.sleep(2.0)
            waiting = CallPlan(behaviour=(Press("5", At(6.0)), Press("0", At(8.0))), max_s=100.0)
            record = await stack.phone.place_call(waiting)
            assert record.ending == "transferred"
            await first.wait()
            assert await stack.gateway.supervisor.wait_empty(30.0)
            assert metric(stack, "gateway_queue_wait_seconds_count", result="person") == 1
            assert metric(stack, "gateway_calls_total", result="completed", reason="transferred") == 1

    on_virtual_time(main())


@pytest.mark.parametrize("overflow", [None, "operator"])
def test_nobody_waits_for_ever(
    tmp_path: Path, started: Any, setup_of: Any, on_virtual_time: Run, overflow: str | None
) -> None:
    async def main() -> None:
        queue = {"queue": QUEUE | {"max_wait_s": 20.0, "before_overflow": True}, "overflow": overflow}
        async with started(setup_of(**PEOPLE, **queue), tmp_path) as stack:
            first = await stack.phone.start_call(stays(70.0))
            await asyncio.sleep(2.0)
            record = await stack.phone.place_call(stays(100.0))
            await first.wait()
            assert await stack.gateway.supervisor.wait_empty(30.0)
            assert metric(stack, "gateway_queue_wait_seconds_count", result="expired") == 1
            if overflow is None:
                assert record.ending == "gateway"
                assert len(heard(record, "queue_goodbye")) == 1
                assert metric(stack, "gateway_calls_total", result="refused", reason="rejected_capacity") == 1
            else:
                assert record.ending == "transferred"

    on_virtual_time(main())


def test_a_full_queue_is_a_busy_line(tmp_path: Path, started: Any, setup_of: Any, on_virtual_time: Run) -> None:
    async def main() -> None:
        async with started(setup_of(queue=QUEUE | {"places": 1}), tmp_path) as stack:
            calls = []
            for _ in range(3):
                calls.append(await stack.phone.start_call(stays(10.0)))
                await asyncio.sleep(1.0)
            assert [(await call.wait()).ending for call in calls] == ["caller", "caller", "rejected"]

    on_virtual_time(main())


def test_a_crowd_that_hangs_up_at_random_keeps_its_order_and_leaves_nothing(
    tmp_path: Path, started: Any, setup_of: Any, on_virtual_time: Run
) -> None:
    """Fourteen callers for one place; each stays between 5 s and a minute."""

    async def main() -> None:
        chance = random.Random(3)
        async with started(setup_of(queue=QUEUE | {"places": 30, "music": False}), tmp_path) as stack:
            calls = []
            for _ in range(14):
                calls.append(await stack.phone.start_call(stays(chance.uniform(5.0, 60.0))))
                await asyncio.sleep(0.5)
            records = [await call.wait() for call in calls]
            assert await stack.gateway.supervisor.wait_empty(60.0)
            assert [record.ending for record in records] == ["caller"] * 14, "nobody was lost"
            began = [record.times["event_posted"] for record in records]
            served = [session.opened_at for session in stack.twin.sessions]
            assert served == sorted(served)
            counts = {
                result: metric(stack, "gateway_queue_wait_seconds_count", result=result)
                for result in ("served", "abandoned", "person", "expired", "failed")
            }
            assert counts["served"] + counts["abandoned"] == 13
            assert counts["served"] == len(served) - 1
            assert counts["person"] == counts["expired"] == counts["failed"] == 0
            assert began == sorted(began)
            assert metric(stack, "gateway_queue_callers", line="main") == 0
            assert metric(stack, "gateway_bug_total") == 0
            assert len(stack.gateway.capacity.admission) == 0

    on_virtual_time(main())


def test_who_waits_without_a_stream_hears_a_sentence_and_is_let_go(
    tmp_path: Path, started: Any, setup_of: Any, on_virtual_time: Run
) -> None:
    async def main() -> None:
        async with started(setup_of(), tmp_path) as stack:
            first = await stack.phone.start_call(stays(20.0))
            await asyncio.sleep(2.0)
            deaf = CallPlan(behaviour=(WaitAgent(60.0),), switches=PhoneSwitches(media_refused=100))
            record = await stack.phone.place_call(deaf)
            assert record.ending == "gateway"
            assert record.heard, "the network's own player said something"
            assert 7.5 < record.times["ended"] - record.times["answered"] < 12.0
            await first.wait()
            assert await stack.gateway.supervisor.wait_empty(30.0)
            assert metric(stack, "gateway_queue_wait_seconds_count", result="failed") == 1
            assert metric(stack, "gateway_calls_total", result="failed", reason="media_missing") == 1

    on_virtual_time(main())
