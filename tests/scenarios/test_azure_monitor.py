"""The whole gateway beside Azure Monitor: a hidden client of the same units is found, and new calls are turned away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.simulator.azure_monitor import MonitorTwin
from gateway.simulator.phone import At, CallPlan, HangUp
from gateway.simulator.voice_live.options import PtuPlan, TwinOptions

Run = Callable[[Any], Any]

ACCOUNT = (
    "/subscriptions/1f3fa6d2-851c-4a91-9087-1a050f3a9c38/resourceGroups/voice"
    "/providers/Microsoft.CognitiveServices/accounts/models"
)
NOW = datetime(2026, 11, 23, 10, 0, 57, tzinfo=UTC)
SHORT = CallPlan(behaviour=(HangUp(at=At(6.0)),))
CAPACITY = 45_000.0


def metric(stack: Any, name: str, **labels: str) -> float:
    value = stack.gateway.registry.get_sample_value(name, labels)
    assert value is not None, f"no metric {name}{labels}"
    return float(value)


def test_a_hidden_client_that_takes_the_units_costs_the_seats(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: Any, setup_type: Any, on_virtual_time: Run
) -> None:
    """With the identity that azure-identity finds, over real sockets."""

    async def main() -> None:
        clock = asyncio.get_running_loop().time
        epoch_s = clock() - NOW.timestamp()
        stacks: list[Any] = []

        def utilisation(start: float, end: float) -> float:
            bucket = stacks[0].twin.ptu("ptu")
            return float(bucket.tokens_between(start + epoch_s, end + epoch_s)) / CAPACITY * 60.0 / (end - start)

        async with AsyncExitStack() as running:
            monitor = MonitorTwin(ACCOUNT, {"ptu": utilisation}, lambda: clock() - epoch_s, lag_s=0.0)
            await monitor.start()
            running.push_async_callback(monitor.stop)
            for name, value in monitor.identity_environment.items():
                monkeypatch.setenv(name, value)
            ptu = {
                "ptu_units": 15,
                "ptu_model": "gpt-4.1",
                "target": 0.45,
                "monitor": {"resource_id": ACCOUNT, "endpoint": monitor.url},
            }
            twin = TwinOptions(ptu=PtuPlan(15, 3000, output_ratio=4, others_tokens_per_minute=0.4 * CAPACITY))
            setup = setup_type(deployments=({"name": "ptu", "capacity": ptu},), per_model={"ptu": twin}, at=NOW)
            stack = await running.enter_async_context(started(setup, tmp_path))
            stacks.append(stack)
            assert stack.twin.ptu("ptu").utilisation(clock()) == 0, "the other client begins when it is looked at"

            assert await endings(stack, 3) == ["caller"] * 3
            await asyncio.sleep(180.0)
            assert metric(stack, "gateway_ptu_monitor_utilisation_ratio", deployment="ptu") == pytest.approx(0.4)
            assert metric(stack, "gateway_ptu_others_tokens", deployment="ptu") == pytest.approx(0.4 * CAPACITY)
            assert await endings(stack, 3) == ["caller", "rejected", "rejected"], "an idle deployment takes one always"

            assert metric(stack, "gateway_bug_total") == 0
            reads = metric(stack, "gateway_ptu_monitor_reads_total", deployment="ptu", result="ok")
            assert reads == len(monitor.requests) == 4
            assert monitor.tokens_for == ["https://management.azure.com"], "one token, kept"
            tokens = {request.headers["Authorization"] for request in monitor.requests}
            assert tokens == {"Bearer for https://management.azure.com"}

    on_virtual_time(main())


async def endings(stack: Any, count: int) -> list[str]:
    """How short calls end that come one after the other within a second."""
    calls = []
    for _ in range(count):
        calls.append(await stack.phone.start_call(SHORT))
        await asyncio.sleep(1.0 / count)
    return [str((await call.wait()).ending) for call in calls]
