from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from gateway.clients.voice_live import DialResult
from gateway.config import GatewayConfig, parse
from gateway.outcome import Outcome, Reason
from gateway.session.events import Usage
from gateway.simulator.virtual_time import virtual_time_runner
from gateway.telemetry.labels import Door
from gateway.telemetry.observer import Telemetry


@pytest.fixture
def config(tmp_path: Path) -> GatewayConfig:
    topic = "/subscriptions/0/resourceGroups/g/providers/Microsoft.Communication/communicationServices/a"
    endpoint = "https://a.communication.azure.com"
    voice = {"type": "azure-standard", "name": "en-US-AvaNeural"}
    deployment = {"name": "main", "resource": "f", "profile": "byom-azure-openai-chat-completion", "model": "m"}
    return parse(
        {
            "version": 1,
            "server": {"public_url": "https://voice.example.com"},
            "event_grid": {"entra": {"tenant_id": "22222222-2222-4222-8222-222222222222", "audience": "api://g"}},
            "acs": {"resources": [{"name": "a", "topic": topic, "endpoint": endpoint, "audience": "guid"}]},
            "resources": [{"name": "f", "endpoint": "https://f.services.ai.azure.com"}],
            "deployments": [deployment | {"capacity": {"ptu_units": 50, "ptu_model": "gpt-4.1"}}],
            "agents": [{"name": "support", "instructions": "Help.", "voice": voice, "deployments": ["main"]}],
            "lines": [{"name": "main", "numbers": "*", "agent": "support"}],
        },
        tmp_path,
    )


def value(registry: CollectorRegistry, name: str, **labels: str) -> float:
    found = registry.get_sample_value(name, labels)
    assert found is not None, f"no metric {name}{labels}"
    return found


@pytest.mark.parametrize(
    ("told", "name", "labels"),
    [
        (lambda t: t.event("validation"), "gateway_event_grid_events_total", {"kind": "validation"}),
        (lambda t: t.event("from outside"), "gateway_event_grid_events_total", {"kind": "other"}),
        (lambda t: t.offer_undecided(), "gateway_offers_undecided_total", {}),
        (lambda t: t.callback("CallConnected"), "gateway_callbacks_total", {"kind": "CallConnected"}),
        (lambda t: t.callback("unknown"), "gateway_callbacks_total", {"kind": "other"}),
        (
            lambda t: t.refused(Door.MEDIA, "ticket_expired"),
            "gateway_auth_failures_total",
            {"door": "media", "kind": "ticket_expired"},
        ),
        (lambda t: t.ticker_late(0.001), "gateway_ticker_lateness_seconds_count", {}),
        (lambda t: t.bug(), "gateway_bug_total", {}),
        (
            lambda t: t.attempt_ended(Outcome(Reason.DUPLICATE)),
            "gateway_calls_total",
            {"result": "ignored", "reason": "duplicate"},
        ),
        (
            lambda t: t.setup("event_to_answered", 0.5),
            "gateway_call_setup_seconds_count",
            {"stage": "event_to_answered"},
        ),
    ],
)
def test_what_is_told_is_counted(config: GatewayConfig, told: Any, name: str, labels: dict[str, str]) -> None:
    registry = CollectorRegistry()
    told(Telemetry(registry, config, lambda: 0.0))

    assert value(registry, name, **labels) == 1


def test_only_a_ready_dial_has_a_duration(config: GatewayConfig) -> None:
    registry = CollectorRegistry()
    telemetry = Telemetry(registry, config, lambda: 0.0)
    for result in DialResult:
        telemetry.dial("main", result, 0.4)

    for result in DialResult:
        assert value(registry, "gateway_voice_live_dials_total", deployment="main", result=result.value) == 1
    assert value(registry, "gateway_call_setup_seconds_count", stage="dial_to_ready") == 1
    assert value(registry, "gateway_call_setup_seconds_sum", stage="dial_to_ready") == pytest.approx(0.4)


def test_an_unknown_stage_is_a_bug_of_ours(config: GatewayConfig) -> None:
    with pytest.raises(ValueError, match="no_stage"):
        Telemetry(CollectorRegistry(), config, lambda: 0.0).setup("no_stage", 1.0)


def test_utilisation_falls_while_nothing_is_said(config: GatewayConfig) -> None:
    registry = CollectorRegistry()

    async def main() -> list[float]:
        clock = asyncio.get_running_loop().time
        telemetry = Telemetry(registry, config, clock)
        running = asyncio.create_task(telemetry.run())
        telemetry.call("call-1", config.deployment("main")).usage(Usage(input_text=5000), clock())
        seen = []
        for _ in range(3):
            seen.append(value(registry, "gateway_ptu_utilisation_ratio", deployment="main"))
            await asyncio.sleep(40.0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return seen

    with virtual_time_runner() as runner:
        first, later, last = runner.run(main())

    assert first > 0
    assert later == pytest.approx(first)
    assert last == 0


def test_a_deployment_that_a_reload_brings_has_all_its_series_and_the_old_one_keeps_what_it_counted(
    config: GatewayConfig,
) -> None:
    registry = CollectorRegistry()
    telemetry = Telemetry(registry, config, lambda: 0.0)
    telemetry.dial("main", DialResult.READY, 0.4)
    (main,) = config.deployments
    second = main.model_copy(update={"name": "second", "capacity": "pay_as_you_go"})

    telemetry.configured(config.model_copy(update={"deployments": (second,)}))

    assert value(registry, "gateway_voice_live_dials_total", deployment="main", result="ready") == 1
    assert value(registry, "gateway_voice_live_dials_total", deployment="second", result="timeout") == 0
    assert value(registry, "gateway_tokens_total", deployment="second", kind="input_text") == 0
    assert value(registry, "gateway_usage_missing_total", deployment="second") == 0
    assert value(registry, "gateway_ptu_budget_tokens", deployment="main") == 0, "it is no longer there to be used"
    telemetry.call("call-1", main).usage(Usage(input_text=5000), 0.0)
    assert value(registry, "gateway_normalised_tokens_total", deployment="main") > 0, "for calls that go on with it"
    telemetry.configured(config)
    assert value(registry, "gateway_ptu_budget_tokens", deployment="main") == 150_000


def test_a_deployment_that_is_resized_begins_its_minute_anew_and_one_that_is_not_goes_on(config: GatewayConfig) -> None:
    registry = CollectorRegistry()
    telemetry = Telemetry(registry, config, lambda: 0.0)
    (main,) = config.deployments
    telemetry.call("call-1", main).usage(Usage(input_text=5000), 0.0)
    before = value(registry, "gateway_ptu_utilisation_ratio", deployment="main")
    telemetry.configured(config)
    telemetry.call("call-2", main).usage(Usage(input_text=5000), 0.0)
    assert value(registry, "gateway_ptu_utilisation_ratio", deployment="main") == pytest.approx(2 * before)
    payg = main.model_copy(update={"capacity": "pay_as_you_go"})
    telemetry.configured(config.model_copy(update={"deployments": (payg,)}))
    assert value(registry, "gateway_ptu_utilisation_ratio", deployment="main") == 0
    assert value(registry, "gateway_ptu_budget_tokens", deployment="main") == 0
