"""What models cost, by the prices of the configuration."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.capacity.cost import TokenPrices
from gateway.config import Deployment, PtuCapacity
from gateway.profile import Profile
from gateway.session.events import Usage
from gateway.telemetry.metrics import GatewayMetrics


class CostMeter:
    """Counts money where tokens are counted. A deployment without prices has no series: nothing is not zero."""

    def __init__(self, metrics: GatewayMetrics) -> None:
        self._metrics = metrics
        self._prices: dict[str, tuple[TokenPrices, Profile]] = {}
        self._units: set[tuple[str, str]] = set()

    def configure(self, deployments: Sequence[Deployment]) -> None:
        """These prices hold from now on; what was counted by others stays.

        Calls may go on with a deployment that is gone: its last token prices stay. Units that are gone cost nothing.
        """
        units = {}
        for deployment in deployments:
            self._prices.pop(deployment.name, None)
            price = deployment.price
            if price is None:
                continue
            if (tokens := price.of_tokens) is not None:
                self._prices[deployment.name] = (tokens, deployment.profile)
                self._metrics.model_cost.admit(deployment.name, price.currency)
            if price.of_units is not None and isinstance(deployment.capacity, PtuCapacity):
                units[deployment.name, price.currency] = price.of_units.of(deployment.capacity.ptu_units, hours=1)
        for gone in self._units - units.keys():
            self._metrics.ptu_cost.remove(*gone)
        for labels, amount in units.items():
            self._metrics.ptu_cost.labels(*labels).set(amount)
        self._units = set(units)

    def add(self, deployment: str, usage: Usage) -> None:
        """A response of `deployment` ended."""
        known = self._prices.get(deployment)
        if known is not None:
            prices, profile = known
            self._metrics.model_cost.inc(deployment, prices.currency, amount=prices.of(usage, profile))
