"""A ready session for an agent: the next deployment takes over, and all of them share one budget."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from gateway.calls.briefing import model_target
from gateway.calls.capacity import CapacityDesk
from gateway.calls.models import ModelDesk
from gateway.calls.variables import CallAgent
from gateway.capacity.admission import Vitals
from gateway.clients.http import make_session
from gateway.clients.voice_live import CLOSE_S
from gateway.config import parse
from gateway.errors import ModelUnavailable, NoCapacity
from gateway.simulator.virtual_time import virtual_time_runner
from gateway.simulator.voice_live import TwinOptions, VoiceLiveTwin
from gateway.simulator.voice_live.options import Access, Faults, HandshakeFault
from gateway.telemetry.observer import Telemetry

REFUSED = TwinOptions(access=Access(fault=HandshakeFault(429)))
MUTE = TwinOptions(faults=Faults(mute=True))


class Credential:
    async def headers(self) -> dict[str, str]:
        return {"api-key": "k"}


@dataclass
class Result:
    """What the dials of one call came to."""

    ready: str | None
    took_s: float
    error: type[Exception] | None = None
    dials: dict[tuple[str, str], float] = field(default_factory=dict)


def dial(folder: Path, **options: TwinOptions) -> Result:
    """Dial an agent whose deployments are the names of `options`, in order."""
    voice = {"type": "azure-standard", "name": "en-US-AvaNeural"}
    topic = "/subscriptions/0/resourceGroups/g/providers/Microsoft.Communication/communicationServices/a"
    acs = {"name": "a", "topic": topic, "endpoint": "https://a.communication.azure.com", "audience": "guid"}
    deployment = {"resource": "f", "profile": "byom-azure-openai-chat-completion"}

    async def main() -> Result:
        clock = asyncio.get_running_loop().time
        twin = VoiceLiveTwin(per_model=options, clock=clock)
        await twin.start()
        raw: dict[str, Any] = {
            "version": 1,
            "server": {"public_url": "https://voice.example.com"},
            "event_grid": {"entra": {"tenant_id": "22222222-2222-4222-8222-222222222222", "audience": "api://g"}},
            "acs": {"resources": [acs]},
            "resources": [{"name": "f", "endpoint": twin.url}],
            "deployments": [deployment | {"name": name, "model": name} for name in options],
            "agents": [{"name": "s", "instructions": "Help.", "voice": voice, "deployments": [*options]}],
            "lines": [{"name": "main", "numbers": "*", "agent": "s"}],
        }
        config = parse(raw, folder)
        registry = CollectorRegistry()
        targets = {each.name: model_target(config, each, Credential()) for each in config.deployments}
        began = clock()
        async with make_session() as http:
            telemetry = Telemetry(registry, config, clock)
            capacity = CapacityDesk(config, Vitals, lambda: 0, telemetry, clock)
            desk = ModelDesk(config, targets, http, capacity, telemetry, clock)
            try:
                seated = await desk.dial(CallAgent(config.agent("s"), config.lines[0], "Help.", None), "call-1")
            except (ModelUnavailable, NoCapacity) as error:
                result = Result(None, clock() - began, type(error))
            else:
                assert seated.seat.deployment == seated.ready.target.deployment
                assert len(capacity.admission) == 1
                result = Result(seated.seat.deployment, clock() - began)
                await seated.ready.leg.close()
                seated.seat.leave()
            assert len(capacity.admission) == 0, "whoever has no session has no seat"
        await twin.stop()
        for family in registry.collect():
            if family.name == "gateway_voice_live_dials":
                result.dials = {
                    (sample.labels["deployment"], sample.labels["result"]): sample.value
                    for sample in family.samples
                    if sample.value
                }
        return result

    with virtual_time_runner() as runner:
        return runner.run(main())


def test_the_first_deployment_that_is_ready_is_taken(tmp_path: Path) -> None:
    result = dial(tmp_path, first=TwinOptions(), second=TwinOptions())

    assert result.ready == "first"
    assert result.dials == {("first", "ready"): 1}


@pytest.mark.parametrize(("options", "kind"), [(REFUSED, "rate_limited"), (MUTE, "timeout")])
def test_the_next_one_takes_over(tmp_path: Path, options: TwinOptions, kind: str) -> None:
    result = dial(tmp_path, first=options, second=TwinOptions())

    assert result.ready == "second"
    assert result.dials == {("first", kind): 1, ("second", "ready"): 1}


def test_all_of_them_share_one_budget(tmp_path: Path) -> None:
    result = dial(tmp_path, first=MUTE, second=MUTE, third=MUTE)

    assert result.ready is None
    assert result.took_s <= 3.0 + CLOSE_S + 0.1
    assert set(result.dials) <= {(name, "timeout") for name in ("first", "second", "third")}
