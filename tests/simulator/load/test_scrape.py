from __future__ import annotations

import math

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.exposition import generate_latest

from gateway.simulator.load.scrape import histogram


def test_quantiles_of_a_scraped_histogram_are_bounds_of_its_buckets() -> None:
    registry = CollectorRegistry()
    lag = Histogram("lag_seconds", "Late.", buckets=(0.001, 0.01, 0.1), registry=registry)
    lag.observe(0.05)
    before = histogram(generate_latest(registry).decode(), "lag_seconds")
    for _ in range(98):
        lag.observe(0.0005)
    lag.observe(0.005)
    lag.observe(0.005)
    after = histogram(generate_latest(registry).decode(), "lag_seconds")
    assert after.quantile_bound(1.0) == 0.1
    assert (after - before).quantile_bound(1.0) == 0.01
    assert (after - before).quantile_bound(0.5) == 0.001


def test_a_histogram_that_is_not_there_has_no_quantiles() -> None:
    assert math.isnan(histogram("", "lag_seconds").quantile_bound(0.5))
