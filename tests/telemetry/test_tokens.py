from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from gateway.session.events import Usage
from gateway.telemetry.metrics import GatewayMetrics
from gateway.telemetry.tokens import TokenMeter


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def meter(registry: CollectorRegistry) -> TokenMeter:
    return TokenMeter(GatewayMetrics(registry, ["ptu", "payg"]))


def test_tokens_are_counted_by_kind(meter: TokenMeter, registry: CollectorRegistry) -> None:
    meter.add("payg", Usage(input_text=1500, cached_text=900, output_audio=7))

    for kind, count in {"input_text": 1500, "cached_text": 900, "output_audio": 7, "output_text": 0}.items():
        assert registry.get_sample_value("gateway_tokens_total", {"deployment": "payg", "kind": kind}) == count
    assert registry.get_sample_value("gateway_tokens_total", {"deployment": "ptu", "kind": "input_text"}) == 0


def test_a_missing_usage_is_counted_and_never_zero(meter: TokenMeter, registry: CollectorRegistry) -> None:
    meter.add("ptu", None)

    assert registry.get_sample_value("gateway_usage_missing_total", {"deployment": "ptu"}) == 1
    assert registry.get_sample_value("gateway_usage_missing_total", {"deployment": "payg"}) == 0
    assert registry.get_sample_value("gateway_tokens_total", {"deployment": "ptu", "kind": "input_text"}) == 0
