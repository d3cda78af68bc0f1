"""Token counts of all calls, by deployment."""

from __future__ import annotations

from gateway.session.events import Usage
from gateway.telemetry.costs import CostMeter
from gateway.telemetry.labels import TokenKind
from gateway.telemetry.metrics import GatewayMetrics


class TokenMeter:
    """Counts the usage of every response of the process."""

    def __init__(self, metrics: GatewayMetrics) -> None:
        self._metrics = metrics
        self.costs = CostMeter(metrics)

    def add(self, deployment: str, usage: Usage | None) -> None:
        """A response of `deployment` ended.

        Args:
            deployment: its name.
            usage: None if the service gave none: counted as missing, never as zero tokens.
        """
        if usage is None:
            self._metrics.usage_missing.inc(deployment)
            return
        self._metrics.usage_counted.inc(deployment)
        self.costs.add(deployment, usage)
        for kind in TokenKind:
            tokens = getattr(usage, kind)
            if tokens:
                self._metrics.tokens.inc(deployment, kind, amount=tokens)
