"""The gateway's own view of itself, read from its metrics while it is under load, as Prometheus would."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

LOOP_LAG = "gateway_event_loop_lag_seconds"
TICKER = "gateway_ticker_lateness_seconds"


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


async def scrape(http: aiohttp.ClientSession, url: str) -> dict[str, Buckets]:
    """The histograms without labels, by name.

    Raises:
        aiohttp.ClientError: there was no answer.
    """
    async with http.get(url) as response:
        response.raise_for_status()
        text = await response.text()
    found = {}
    for family in text_string_to_metric_families(text):
        if family.type == "histogram":
            counts = {
                float(sample.labels["le"]): sample.value
                for sample in family.samples
                if sample.name.endswith("_bucket") and sample.labels.keys() == {"le"}
            }
            found[family.name] = Buckets(counts)
    return found
