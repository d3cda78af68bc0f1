from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gateway.capacity.cost import TokenPrices, UnitPrice
from gateway.config import ConfigError, parse

Changed = Callable[..., dict[str, Any]]
PTU, REALTIME = 0, 1


def test_prices_of_units(changed: Changed) -> None:
    price = parse(changed("deployments", PTU, "price", {"currency": "EUR", "unit_hour": 1.2})).deployment("ptu").price
    assert price is not None
    assert price.of_units == UnitPrice("EUR", 1.2)
    assert price.of_tokens is None


def test_prices_of_tokens_and_what_they_fall_back_to(changed: Changed) -> None:
    raw = {"currency": "USD", "input": 4, "output": 16, "audio_input": 32, "audio_output": 64}
    price = parse(changed("deployments", REALTIME, "price", raw)).deployment("realtime").price
    assert price is not None
    assert price.of_units is None
    assert price.of_tokens == TokenPrices("USD", 4, 16, 4, 4, 32, 32, 64)


@pytest.mark.parametrize(
    ("deployment", "price", "said"),
    [
        (PTU, {"currency": "EUR"}, "needs unit_hour (provisioned), or input and output"),
        (PTU, {"currency": "EUR", "input": 2, "output": 8}, "price needs unit_hour: it is provisioned"),
        (PTU, {"currency": "EUR", "unit_hour": 1, "input": 2}, "not both"),
        (PTU, {"unit_hour": 1}, "price.currency: is missing"),
        (PTU, {"currency": "euro", "unit_hour": 1}, "price.currency: is not written as it must be"),
        (PTU, {"currency": "EUR", "unit_hour": -1}, "greater than or equal to 0"),
        (PTU, {"currency": "EUR", "per_hour": 1}, "unknown field"),
        (REALTIME, {"currency": "EUR", "unit_hour": 1}, "price needs input and output: it is paid by tokens"),
        (REALTIME, {"currency": "EUR", "input": 1}, "or input and output (pay as you go)"),
        (REALTIME, {"currency": "EUR", "input": 1, "output": 2}, "price needs audio_input and audio_output"),
    ],
)
def test_prices_that_do_not_fit(changed: Changed, deployment: int, price: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(changed("deployments", deployment, "price", price))
    assert said in str(caught.value)
