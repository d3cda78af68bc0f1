"""`gateway check --call` on calls of the twin: what its switches say is what is measured."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.check.call import measure_call
from gateway.check.probe import Measured
from gateway.config import parse
from gateway.simulator.phone import At, CallPlan, HangUp, PhoneNetwork, PhoneSwitches
from gateway.simulator.ports import reserved_ports
from gateway.simulator.virtual_time import virtual_time_runner
from tests.scenarios.conftest import KEY, Setup, configuration, network_options


def measured(folder: Path, plan: CallPlan | None, patience_s: float = 60.0) -> tuple[Measured | None, list[str]]:
    async def main() -> tuple[Measured | None, list[str]]:
        clock: Callable[[], float] = asyncio.get_running_loop().time
        said: list[str] = []
        with reserved_ports(1) as (port,):
            url = f"http://127.0.0.1:{port}/events/incoming-call"
            phone = PhoneNetwork(url, access_key=KEY, clock=clock, options=network_options())
            await phone.start()
            try:
                raw: dict[str, Any] = configuration(Setup(), folder, port, phone.endpoint, "http://127.0.0.1:9")
                measuring = asyncio.create_task(measure_call(parse(raw, folder), patience_s, said.append, clock))
                await asyncio.sleep(1.0)
                call = await phone.start_call(plan) if plan is not None else None
                found = await measuring
                if call is not None:
                    assert (await call.wait()).ending in ("gateway", "caller")
            finally:
                await phone.stop()
        return found, said

    with virtual_time_runner() as runner:
        return runner.run(main())


def stays(**switches: Any) -> CallPlan:
    return CallPlan(behaviour=(HangUp(at=At(30.0)),), switches=PhoneSwitches(leak_db=-18.0, **switches))


@pytest.mark.parametrize(
    ("switches", "round_trip_s", "loss_s", "stop_s"),
    [
        ({}, 0.15 + 0.03, 0.0, 0.0),
        ({"far_end_delay_s": 0.4, "stop_lag_s": 0.3}, 0.43, 0.0, 0.3),
        ({"start_offset_s": 0.35}, 0.18, 0.4, 0.0),
    ],
)
def test_what_the_network_does_is_measured(
    tmp_path: Path, switches: dict[str, float], round_trip_s: float, loss_s: float, stop_s: float
) -> None:
    found, said = measured(tmp_path, stays(**switches))
    assert found is not None
    assert found.round_trip_s == pytest.approx(round_trip_s, abs=0.06)
    assert found.leak_db == pytest.approx(-18.0, abs=4.0)
    assert found.start_loss_s == pytest.approx(loss_s, abs=0.11)
    assert found.stop_lag_s == pytest.approx(stop_s, abs=0.16)
    assert "loudspeaker" in said[0]


def test_a_handset_gives_nothing_back(tmp_path: Path) -> None:
    found, _ = measured(tmp_path, CallPlan(behaviour=(HangUp(at=At(30.0)),)))
    assert found == Measured(None, None, None, None)


@pytest.mark.parametrize("plan", [None, CallPlan(behaviour=(HangUp(at=At(3.0)),))])
def test_no_call_is_no_measurement(tmp_path: Path, plan: CallPlan | None) -> None:
    assert measured(tmp_path, plan, 20.0)[0] is None
