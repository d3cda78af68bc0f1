from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from gateway.config import Deployment
from gateway.session.events import Usage
from gateway.telemetry.metrics import GatewayMetrics
from gateway.telemetry.tokens import TokenMeter


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def meter(registry: CollectorRegistry) -> TokenMeter:
    common = {"resource": "r", "profile": "byom-azure-openai-chat-completion", "model": "m"}
    deployments = [
        Deployment.model_validate(common | {"name": "ptu", "capacity": {"ptu_units": 50, "ptu_model": "gpt-4.1"}}),
        Deployment.model_validate(common | {"name": "payg"}),
    ]
    return TokenMeter(GatewayMetrics(registry, ["ptu", "payg"]), deployments)


def test_a_response_is_charged_to_its_deployment(meter: TokenMeter, registry: CollectorRegistry) -> None:
    charge = meter.add("ptu", Usage(input_text=1500, cached_text=900, output_text=60), now=10.0)

    assert charge is not None
    assert charge.normalised_tokens == 600 + 4 * 60
    assert charge.utilisation == pytest.approx(840 / 150_000)
    labels = {"deployment": "ptu"}
    assert registry.get_sample_value("gateway_normalised_tokens_total", labels) == 840
    assert registry.get_sample_value("gateway_ptu_utilisation_ratio", labels) == pytest.approx(0.0056)
    assert registry.get_sample_value("gateway_ptu_budget_tokens", labels) == 150_000
    assert registry.get_sample_value("gateway_tokens_total", labels | {"kind": "cached_text"}) == 900


def test_the_utilisation_falls_when_nothing_is_said(meter: TokenMeter, registry: CollectorRegistry) -> None:
    meter.add("ptu", Usage(input_text=1500), now=10.0)
    meter.refresh(now=69.0)
    assert registry.get_sample_value("gateway_ptu_utilisation_ratio", {"deployment": "ptu"}) == 0.01
    meter.refresh(now=70.0)
    assert registry.get_sample_value("gateway_ptu_utilisation_ratio", {"deployment": "ptu"}) == 0


def test_pay_as_you_go_counts_tokens_and_nothing_else(meter: TokenMeter, registry: CollectorRegistry) -> None:
    assert meter.add("payg", Usage(input_text=5, output_audio=7), now=1.0) is None

    assert registry.get_sample_value("gateway_tokens_total", {"deployment": "payg", "kind": "output_audio"}) == 7
    assert registry.get_sample_value("gateway_normalised_tokens_total", {"deployment": "payg"}) == 0


def test_a_missing_usage_is_counted_and_never_zero(meter: TokenMeter, registry: CollectorRegistry) -> None:
    assert meter.add("ptu", None, now=1.0) is None

    assert registry.get_sample_value("gateway_usage_missing_total", {"deployment": "ptu"}) == 1
    assert registry.get_sample_value("gateway_usage_missing_total", {"deployment": "payg"}) == 0
    assert registry.get_sample_value("gateway_tokens_total", {"deployment": "ptu", "kind": "input_text"}) == 0
