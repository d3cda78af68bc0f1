"""Metrics whose label values are closed lists, and a histogram that is filled in bulk.

Every child exists from the start: a series that appears with its first error has no rate for that error, and looking
a child up by label costs four times as much as holding it.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.metrics_core import HistogramMetricFamily, Metric

from gateway.telemetry.labels import OTHER, UNKNOWN

Labels: TypeAlias = Mapping[str, Sequence[str]]
"""Label names with their values."""


class ClosedCounter:
    """A counter with closed lists of label values.

    A value outside of its list counts as the list's catch-all (`other` or `unknown`); a list without one is made of our
    own values only, so there it is an error.
    """

    def __init__(self, counter: Counter, labels: Labels, *, only: Sequence[tuple[str, ...]] | None = None) -> None:
        """`only`: the combinations that can occur, where that is not every one."""
        rows = itertools.product(*labels.values()) if only is None else only
        self._children = {tuple(map(str, row)): counter.labels(*row) for row in rows}
        self._catch_all = tuple(_catch_all(values) for values in labels.values())
        self._values = tuple(frozenset(map(str, values)) for values in labels.values())

    def inc(self, *values: str, amount: float = 1) -> None:
        """Raises KeyError for a value that is neither in its list nor has a catch-all there."""
        child = self._children.get(values)
        if child is None:
            child = self._children[self._closed(values)]
        child.inc(amount)

    def _closed(self, values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(
            value if value in known or other is None else other
            for value, known, other in zip(values, self._values, self._catch_all, strict=True)
        )


def _catch_all(values: Sequence[str]) -> str | None:
    return values[-1] if values and values[-1] in (OTHER, UNKNOWN) else None


class ClosedHistogram:
    """A histogram with closed lists of label values, all of them our own."""

    def __init__(self, histogram: Histogram, labels: Labels) -> None:
        self._children = {tuple(map(str, row)): histogram.labels(*row) for row in itertools.product(*labels.values())}

    def observe(self, *values: str, amount: float) -> None:
        """Raises KeyError for a value that is not in its list."""
        self._children[values].observe(amount)


class Buckets:
    """Observations of one call in plain integers: an eighth of the cost of a histogram's own."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect.bisect_left(self.bounds, value)] += 1
        self.total += value

    def clear(self) -> None:
        self.counts = [0] * len(self.counts)
        self.total = 0.0


class FoldedHistogram:
    """A histogram that takes whole Buckets; one label."""

    def __init__(
        self, registry: CollectorRegistry, name: str, documentation: str, labels: Labels, bounds: Sequence[float]
    ) -> None:
        """`name` with its unit, seconds."""
        self._name = name
        self._documentation = documentation
        ((self._label, values),) = labels.items()
        self._sums = {str(value): Buckets(bounds) for value in values}
        registry.register(self)

    def new_buckets(self) -> Buckets:
        """For one call and label value."""
        return Buckets(next(iter(self._sums.values())).bounds)

    def fold(self, value: str, buckets: Buckets) -> None:
        """Take over what `buckets` holds, and empty it."""
        into = self._sums[value]
        for index, count in enumerate(buckets.counts):
            into.counts[index] += count
        into.total += buckets.total
        buckets.clear()

    def collect(self) -> Iterator[Metric]:
        """As prometheus_client asks a collector."""
        family = HistogramMetricFamily(self._name, self._documentation, labels=[self._label], unit="seconds")
        for value, sums in self._sums.items():
            bounds = [*map(str, map(float, sums.bounds)), "+Inf"]
            family.add_metric([value], list(zip(bounds, itertools.accumulate(sums.counts), strict=True)), sums.total)
        yield family

    def describe(self) -> Iterator[Metric]:
        """The name alone, so that a registry sees a clash."""
        yield HistogramMetricFamily(self._name, self._documentation, labels=[self._label], unit="seconds")
