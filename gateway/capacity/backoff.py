"""How many calls a deployment gets after it refused: fewer at once, more bit by bit.

Additive increase, multiplicative decrease: the one rule under which several clients of one capacity come to share it
without talking to each other (Chiu and Jain, 1989). It also covers what no formula knows: pay-as-you-go quotas,
neighbours, a table that is wrong.
"""

from __future__ import annotations

import math

CUT = 0.7
STEP_S = 10.0
"""One more call after every ten seconds without a refusal; refusals within ten seconds are one incident."""


class Backoff:
    """The limit of one deployment; none until it refuses. Times in seconds, never going back."""

    def __init__(self) -> None:
        self._limit: float | None = None
        self._refused_at = -math.inf
        self._grown_at = 0.0

    def __repr__(self) -> str:
        return f"<Backoff to {self._limit}>"

    def refused(self, calls: int, now: float) -> None:
        """The deployment had no capacity for a response, or for a session, while it had so many calls."""
        if now - self._refused_at >= STEP_S:
            present = float(calls) if self._limit is None else min(self._limit, float(calls))
            self._limit = max(1.0, math.floor(present * CUT))
        self._refused_at = self._grown_at = now

    def limit(self, calls: int, now: float) -> int | None:
        """Calls it may have; None: as many as there are reasons for. `calls`: those it has."""
        if self._limit is None:
            return None
        steps = int((now - self._grown_at) / STEP_S)
        if steps > 0:
            self._limit += steps
            self._grown_at += steps * STEP_S
            if self._limit > 2 * calls + 1:
                self._limit = None  # far above what is wanted: whatever it was is over
                return None
        return int(self._limit)
