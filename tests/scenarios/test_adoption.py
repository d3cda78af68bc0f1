"""The media of a call reaches another process than the one that answered: it goes on there from its first word on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.config import parse
from gateway.server.gateway import Gateway
from gateway.simulator.phone import AfterAgent, At, CallPlan, HangUp, PhoneNetwork, Say
from gateway.simulator.ports import reserved_ports
from gateway.simulator.voice_live import VoiceLiveTwin
from tests.scenarios.conftest import KEY, Setup, configuration, network_options

Run = Callable[[Any], Any]


@dataclass
class Pair:
    """Events reach `answers`; everything else that the network sends reaches `holds`."""

    answers: Gateway
    holds: Gateway
    phone: PhoneNetwork

    def endings(self, gateway: Gateway) -> dict[str, int]:
        return {
            sample.labels["reason"]: int(sample.value)
            for family in gateway.registry.collect()
            for sample in family.samples
            if sample.name == "gateway_calls_total" and sample.value
        }


@asynccontextmanager
async def pair(folder: Path, *, same_key: bool = True, **changes: Any) -> AsyncIterator[Pair]:
    clock = asyncio.get_running_loop().time
    async with AsyncExitStack() as running:
        events, public = running.enter_context(reserved_ports(2))
        twin = VoiceLiveTwin(clock=clock)
        phone = PhoneNetwork(
            f"http://127.0.0.1:{events}/events/incoming-call", access_key=KEY, clock=clock, options=network_options()
        )
        await twin.start()
        running.push_async_callback(twin.stop)
        await phone.start()
        running.push_async_callback(phone.stop)
        gateways = []
        for name, port in (("answers", events), ("holds", public)):
            home = folder / name
            home.mkdir()
            raw = configuration(Setup(**changes), home, port, phone.endpoint, twin.url)
            raw["server"]["public_url"] = f"http://127.0.0.1:{public}"
            if not same_key:
                (home / "ticket.key").write_bytes(name[:1].encode() * 32)
            gateway = Gateway(parse(raw, home), clock=clock)
            await gateway.start()
            await gateway.wait_ready()
            running.push_async_callback(gateway.stop)
            gateways.append(gateway)
        yield Pair(gateways[0], gateways[1], phone)


TALKS = CallPlan(behaviour=(Say("caller.turn1", AfterAgent(0.8)), HangUp()))


def test_it_is_held_where_its_media_came(tmp_path: Path, on_virtual_time: Run) -> None:
    async def main() -> None:
        async with pair(tmp_path) as two:
            call = await two.phone.start_call(TALKS)
            record = await call.wait()
            await two.answers.supervisor.wait_empty(30.0)
            await two.holds.supervisor.wait_empty(30.0)
            assert record.ending == "caller"
            assert len(record.heard) >= 2  # greeting and answer
            first = record.heard[0].start_at - record.times["answer_requested"]
            assert first < 2.0
            assert two.endings(two.answers) == {"lost_race": 1}
            assert two.endings(two.holds) == {"caller_hangup": 1}

    on_virtual_time(main())


def test_the_process_that_leaves_does_not_wait_for_it(tmp_path: Path, on_virtual_time: Run) -> None:
    async def main() -> None:
        async with pair(tmp_path) as two:
            call = await two.phone.start_call(CallPlan(behaviour=(HangUp(at=At(40.0)),), max_s=100.0))
            await asyncio.sleep(0.5)
            two.answers.begin_drain()
            clock = asyncio.get_running_loop().time
            began = clock()
            await two.answers.see_out()
            assert clock() - began < 10
            assert len(two.holds.supervisor) == 1
            assert (await call.wait()).ending == "caller"

    on_virtual_time(main())


@pytest.mark.parametrize("why", ["another key", "it leaves, too"])
def test_a_call_that_nobody_can_hold_ends_with_an_end(tmp_path: Path, on_virtual_time: Run, why: str) -> None:
    """And nothing of it is left, although the network tells its end to the other process only."""

    async def main() -> None:
        async with pair(tmp_path, same_key=why != "another key") as two:
            if why == "it leaves, too":
                two.holds.begin_drain()
            call = await two.phone.start_call(CallPlan(behaviour=(HangUp(at=At(60.0)),), max_s=100.0))
            record = await call.wait()
            assert record.ending == "gateway"
            assert await two.answers.supervisor.wait_empty(30.0)
            assert two.endings(two.answers) == {"media_missing": 1}
            assert len(two.holds.supervisor) == 0

    on_virtual_time(main())


def test_callbacks_about_it_are_counted_where_it_is_not(tmp_path: Path, on_virtual_time: Run) -> None:
    async def main() -> None:
        async with pair(tmp_path, same_key=True) as two:
            two.holds.begin_drain()
            await (await two.phone.start_call(CallPlan(behaviour=(HangUp(at=At(5.0)),)))).wait()
            await two.answers.supervisor.wait_empty(30.0)
            assert two.holds.registry.get_sample_value("gateway_callbacks_unknown_total")

    on_virtual_time(main())
