from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from gateway.capacity.admission import Refusal
from gateway.capacity.ledger import Account, Charge
from gateway.clients.voice_live import DialResult
from gateway.config import GatewayConfig, parse
from gateway.outcome import Outcome, Reason
from gateway.session.events import Usage
from gateway.telemetry.labels import Door
from gateway.telemetry.observer import Telemetry

ACCOUNT = Account(
    capacity=100_000,
    consumed=45_000,
    reserved=3_000,
    forecast=60_000,
    others=5_000,
    level=0.4,
    per_call=3_750,
    target=0.8,
)


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
        (lambda t: t.offered("undecided"), "gateway_offers_total", {"result": "undecided"}),
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


def test_how_a_deployment_stands_is_exported(config: GatewayConfig) -> None:
    registry = CollectorRegistry()
    telemetry = Telemetry(registry, config, lambda: 0.0)

    telemetry.account("main", ACCOUNT)
    telemetry.dials_left("f", 17)
    telemetry.throttled("main")
    telemetry.spilled("main")
    telemetry.admission_refused(Refusal.PTU)

    for name, expected in {
        "gateway_ptu_utilisation_ratio": 0.5,
        "gateway_ptu_budget_tokens": 100_000,
        "gateway_ptu_reserved_tokens": 3_000,
        "gateway_ptu_forecast_tokens": 60_000,
        "gateway_ptu_bucket_ratio": 0.4,
        "gateway_ptu_headroom_tokens": 15_000,
        "gateway_ptu_headroom_calls": 4,
        "gateway_throttled_total": 1,
        "gateway_spilled_calls_total": 1,
    }.items():
        assert value(registry, name, deployment="main") == expected, name
    assert value(registry, "gateway_dials_left", resource="f") == 17
    assert value(registry, "gateway_admission_refusals_total", reason="ptu") == 1
    assert value(registry, "gateway_admission_refusals_total", reason="dials") == 0


def test_a_deployment_that_a_reload_brings_has_all_its_series_and_the_old_one_keeps_what_it_counted(
    config: GatewayConfig,
) -> None:
    registry = CollectorRegistry()
    telemetry = Telemetry(registry, config, lambda: 0.0)
    telemetry.dial("main", DialResult.READY, 0.4)
    telemetry.account("main", ACCOUNT)
    (main,) = config.deployments
    second = main.model_copy(update={"name": "second", "capacity": "pay_as_you_go"})

    telemetry.configured(config.model_copy(update={"deployments": (second,)}))

    assert value(registry, "gateway_voice_live_dials_total", deployment="main", result="ready") == 1
    assert value(registry, "gateway_voice_live_dials_total", deployment="second", result="timeout") == 0
    assert value(registry, "gateway_tokens_total", deployment="second", kind="input_text") == 0
    assert value(registry, "gateway_usage_missing_total", deployment="second") == 0
    assert value(registry, "gateway_ptu_budget_tokens", deployment="main") == 0, "it is no longer there to be used"
    telemetry.call("call-1", main).usage(Usage(input_text=5000), Charge(5000.0, 0.1), 0.0)
    normalised = value(registry, "gateway_normalised_tokens_total", deployment="main", source="reported")
    assert normalised == 5000, "for calls that go on with it"
