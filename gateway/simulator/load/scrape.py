"""The gateway's own view of itself, read from its metrics while it is under load, as Prometheus would."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

LOOP_LAG = "gateway_event_loop_lag_seconds"


@dataclass(frozen=True, slots=True)
class Buckets:
    """A histogram without labels: cumulative counts by upper bound."""

    counts: Mapping[float, float]

    def __sub__(self, earlier: Buckets) -> Buckets:
        return Buckets({bound: count - earlier.counts.get(bound, 0.0) for bound, count in self.counts.items()})

    def quantile_bound(self, share: float) -> float:
        """Upper bound of the bucket that holds this quantile, in seconds; not a number without observations."""
        total = max(self.counts.values(), default=0.0)
        if not total:
            return math.nan
        return next(bound for bound, count in sorted(self.counts.items()) if count >= share * total)


async def scrape(url: str) -> str:
    """The text, not parsed: that takes as long as sending some hundred frames, and they would wait for it.

    Raises:
        aiohttp.ClientError: there was no answer.
    """
    async with aiohttp.ClientSession() as http, http.get(url) as response:
        response.raise_for_status()
        return await response.text()


def histogram(text: str, name: str) -> Buckets:
    """One histogram without labels out of a scrape; empty if it is not in it."""
    for family in text_string_to_metric_families(text):
        if family.name == name:
            counts = {float(s.labels["le"]): s.value for s in family.samples if s.name == f"{name}_bucket"}
            return Buckets(counts)
    return Buckets({})
