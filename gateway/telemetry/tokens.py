"""Token counts of all calls, by deployment, and how full the provisioned ones are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.capacity.ptu import PtuBudget, RollingMinute, normalised_tokens
from gateway.config import Deployment
from gateway.profile import Profile
from gateway.session.events import Usage
from gateway.telemetry.labels import TokenKind
from gateway.telemetry.metrics import GatewayMetrics


@dataclass(frozen=True, slots=True)
class _Provisioned:
    budget: PtuBudget
    profile: Profile
    window: RollingMinute


@dataclass(frozen=True, slots=True)
class Charge:
    """What one response took from a provisioned deployment."""

    normalised_tokens: float
    utilisation: float
    """of the last 60 s, this response included; 1.0 is all"""


class TokenMeter:
    """Counts the usage of every response of the process."""

    def __init__(self, metrics: GatewayMetrics, deployments: Sequence[Deployment]) -> None:
        self._metrics = metrics
        self._provisioned: dict[str, _Provisioned] = {}
        self.configure(deployments)

    def configure(self, deployments: Sequence[Deployment]) -> None:
        """These are the deployments from now on.

        One that is configured otherwise than before begins its minute anew. One that is gone is still counted for the
        calls that go on with it, and has no budget any more.
        """
        for gone in self._provisioned.keys() - {deployment.name for deployment in deployments}:
            self._metrics.ptu_budget.set(gone, 0)
        for deployment in deployments:
            name, budget, known = deployment.name, deployment.budget, self._provisioned.get(deployment.name)
            self._metrics.ptu_budget.set(name, 0 if budget is None else budget.tokens_per_minute)
            if budget is None:
                self._provisioned.pop(name, None)
                self._metrics.ptu_utilisation.set(name, 0)
            elif known is None or (known.budget, known.profile) != (budget, deployment.profile):
                window = RollingMinute(budget.tokens_per_minute)
                self._provisioned[name] = _Provisioned(budget, deployment.profile, window)

    def add(self, deployment: str, usage: Usage | None, now: float) -> Charge | None:
        """A response of `deployment` ended.

        Args:
            deployment: its name.
            usage: None if the service gave none: counted as missing, never as zero tokens.
            now: seconds, monotonic.

        Returns:
            What it cost; None for pay-as-you-go and without usage.
        """
        if usage is None:
            self._metrics.usage_missing.inc(deployment)
            return None
        for kind in TokenKind:
            tokens = getattr(usage, kind)
            if tokens:
                self._metrics.tokens.inc(deployment, kind, amount=tokens)
        provisioned = self._provisioned.get(deployment)
        if provisioned is None:
            return None
        cost = normalised_tokens(usage, provisioned.budget.weights, provisioned.profile)
        provisioned.window.add(cost, now)
        self._metrics.normalised_tokens.inc(deployment, amount=cost)
        self.refresh(now)
        return Charge(cost, provisioned.window.utilisation(now))

    def refresh(self, now: float) -> None:
        """Let the minute roll on; to be called about once a second."""
        for name, provisioned in self._provisioned.items():
            self._metrics.ptu_utilisation.set(name, provisioned.window.utilisation(now))
