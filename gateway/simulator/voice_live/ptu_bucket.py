"""A provisioned deployment's admission: the leaky bucket of Azure OpenAI's provisioned throughput.

A request that arrives while utilisation is above 100 % gets a 429 with the time until it is below. Any other is
admitted at once, adds an estimate of its size, and is corrected when it ends; the bucket drains all the time. There is
no queue. (Microsoft Learn, "Get started with provisioned deployments". The size of the bucket is not published; here
it holds one minute, so its level and a rolling sum of 60 s mean the same at a steady load.)
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from gateway.simulator.voice_live.options import PtuPlan

_KEPT = 100_000
"""Entries of a history: some hours of a deployment under load."""


@dataclass(frozen=True, slots=True)
class Admission:
    """One admitted request, not yet corrected."""

    estimate: float


@dataclass(frozen=True, slots=True)
class Throttled:
    retry_after_ms: int


class PtuBucket:
    """One deployment, shared by all sessions on it. Times are in seconds of the twin's clock."""

    def __init__(self, plan: PtuPlan) -> None:
        self.plan = plan
        self.admitted = 0
        self.throttled = 0
        self.history: deque[tuple[float, float]] = deque(maxlen=_KEPT)
        """time and utilisation after every change"""
        self.consumed: deque[tuple[float, float]] = deque(maxlen=_KEPT)
        """time and true normalised tokens of every response that ended"""
        self._level = 0.0
        self._at = -math.inf
        self._born: float | None = None

    def __repr__(self) -> str:
        return f"<PtuBucket {self.plan.units} PTU level={self._level:.0f} throttled={self.throttled}>"

    def utilisation(self, now: float) -> float:
        """1.0 is 100 %; above it requests are throttled."""
        self._drain(now)
        return self._level / self.plan.tokens_per_minute

    def tokens_last_minute(self, now: float) -> float:
        """Normalised tokens of the responses that ended within 60 s."""
        return self.tokens_between(now - 60, now)

    def tokens_between(self, start: float, end: float) -> float:
        """Normalised tokens of the responses that ended in (start, end], and of the other client in that time."""
        ours = sum(tokens for at, tokens in self.consumed if start < at <= end)
        return ours + self._of_others(start, end)

    def _of_others(self, start: float, end: float) -> float:
        if self._born is None:
            return 0.0
        begun = self._born + self.plan.others_from_s
        seconds = min(end, begun + self.plan.others_s) - max(start, begun)
        return self.plan.others_tokens_per_minute / 60 * max(0.0, seconds)

    def request(self, estimate: float, now: float) -> Admission | Throttled:
        """Ask for admission."""
        over = self.utilisation(now) - 1.0
        if over > 0:
            self.throttled += 1
            return Throttled(max(1, math.ceil(over * 60_000)))
        self.admitted += 1
        self._change(estimate, now)
        return Admission(estimate)

    def settle(self, admission: Admission, tokens: float, now: float) -> None:
        """Correct an admission to what the response really took."""
        self._drain(now)
        self.consumed.append((now, tokens))
        self._change(tokens - admission.estimate, now)

    def _change(self, tokens: float, now: float) -> None:
        self._level = max(0.0, self._level + tokens)
        self.history.append((now, self._level / self.plan.tokens_per_minute))

    def _drain(self, now: float) -> None:
        if self._born is None:
            self._born = now
        if now > self._at:
            self._level += self._of_others(max(self._at, self._born), now)
            drained = self.plan.tokens_per_minute / 60 * (now - self._at) if self._level else 0.0
            self._level = max(0.0, self._level - drained)
            self._at = now
