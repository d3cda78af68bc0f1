"""Money in metrics."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from gateway.config import Deployment
from gateway.session.events import Usage
from gateway.telemetry.metrics import GatewayMetrics
from gateway.telemetry.tokens import TokenMeter

UNITS = {"currency": "EUR", "unit_hour": 1.5}
TOKENS = {"currency": "EUR", "input": 2, "cached_input": 0.5, "output": 8}


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def meter(registry: CollectorRegistry) -> TokenMeter:
    return TokenMeter(GatewayMetrics(registry, ["ptu", "payg"]))


def deployment(name: str, price: dict[str, Any] | None) -> Deployment:
    capacity = {"ptu_units": 50, "ptu_model": "gpt-4.1"} if name == "ptu" else "pay_as_you_go"
    return Deployment.model_validate(
        {
            "name": name,
            "resource": "r",
            "profile": "byom-azure-openai-chat-completion",
            "model": "m",
            "capacity": capacity,
            "price": price,
        }
    )


def cost(registry: CollectorRegistry, name: str, currency: str = "EUR") -> float | None:
    return registry.get_sample_value("gateway_model_cost_total", {"deployment": name, "currency": currency})


def per_hour(registry: CollectorRegistry, name: str, currency: str = "EUR") -> float | None:
    return registry.get_sample_value("gateway_ptu_cost_per_hour", {"deployment": name, "currency": currency})


def test_without_prices_there_is_no_series(meter: TokenMeter, registry: CollectorRegistry) -> None:
    meter.costs.configure([deployment("ptu", None), deployment("payg", None)])
    meter.add("payg", Usage(input_text=1000))

    text = generate_latest(registry).decode()
    assert "gateway_model_cost_total{" not in text
    assert "gateway_ptu_cost_per_hour{" not in text


def test_tokens_are_counted_as_money_and_the_series_begins_at_zero(
    meter: TokenMeter, registry: CollectorRegistry
) -> None:
    meter.costs.configure([deployment("payg", TOKENS)])
    assert cost(registry, "payg") == 0

    meter.add("payg", Usage(input_text=1_000_000, cached_text=400_000, output_text=100_000))
    meter.add("payg", None)
    assert cost(registry, "payg") == pytest.approx(0.6 * 2 + 0.4 * 0.5 + 0.1 * 8)


def test_units_cost_the_same_whatever_is_said(meter: TokenMeter, registry: CollectorRegistry) -> None:
    meter.costs.configure([deployment("ptu", UNITS)])
    meter.add("ptu", Usage(input_text=1_000_000))

    assert per_hour(registry, "ptu") == 75
    assert cost(registry, "ptu") is None


def test_a_reload_changes_prices_and_keeps_what_was_counted(meter: TokenMeter, registry: CollectorRegistry) -> None:
    meter.costs.configure([deployment("ptu", UNITS), deployment("payg", TOKENS)])
    meter.add("payg", Usage(input_text=1_000_000))
    meter.costs.configure([deployment("ptu", UNITS | {"currency": "USD"}), deployment("payg", TOKENS | {"input": 3})])
    meter.add("payg", Usage(input_text=1_000_000))

    assert cost(registry, "payg") == pytest.approx(5)
    assert per_hour(registry, "ptu", "EUR") is None
    assert per_hour(registry, "ptu", "USD") == 75

    meter.costs.configure([])
    meter.add("payg", Usage(input_text=1_000_000))
    assert per_hour(registry, "ptu", "USD") is None
    assert cost(registry, "payg") == pytest.approx(8), "a call that goes on with it is still paid for"


def test_a_price_that_is_taken_away_counts_no_more(meter: TokenMeter, registry: CollectorRegistry) -> None:
    meter.costs.configure([deployment("payg", TOKENS)])
    meter.costs.configure([deployment("payg", None)])
    meter.add("payg", Usage(input_text=1_000_000))

    assert cost(registry, "payg") == 0
