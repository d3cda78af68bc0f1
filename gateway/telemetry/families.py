"""Metrics whose label values are closed lists, and a histogram that is filled in bulk.

Every child exists from the start: a series that appears with its first error has no rate for that error, and looking
a child up by label costs four times as much as holding it.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
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
        self._counter = counter
        self._labels = {name: tuple(map(str, values)) for name, values in labels.items()}
        self._children = {tuple(map(str, row)): counter.labels(*row) for row in rows}
        self._catch_all = tuple(_catch_all(values) for values in labels.values())
        self._values = tuple(frozenset(map(str, values)) for values in labels.values())

    def inc(self, *values: str, amount: float = 1) -> None:
        """Raises KeyError for a value that is neither in its list nor has a catch-all there."""
        child = self._children.get(values)
        if child is None:
            child = self._children[self._closed(values)]
        child.inc(amount)

    def admit(self, *values: str) -> None:
        """Take one more combination in, where those that can occur are told one by one (`only`)."""
        if values not in self._children:
            self._children[values] = self._counter.labels(*values)

    def extend(self, label: str, values: Sequence[str]) -> None:
        """Take further values into the list of a label; what was counted stays. Not with `only`."""
        more = [value for value in values if value not in self._labels[label]]
        for row in itertools.product(*(self._labels | {label: more}).values()):
            self._children[row] = self._counter.labels(*row)
        self._labels[label] += tuple(more)
        self._values = tuple(map(frozenset, self._labels.values()))

    def _closed(self, values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(
            value if value in known or other is None else other
            for value, known, other in zip(values, self._values, self._catch_all, strict=True)
        )


def _catch_all(values: Sequence[str]) -> str | None:
    return values[-1] if values and values[-1] in (OTHER, UNKNOWN) else None


class ClosedGauge:
    """A gauge with one label, whose values are a list of our own."""

    def __init__(self, gauge: Gauge, values: Sequence[str]) -> None:
        self._gauge = gauge
        self._children: dict[str, Gauge] = {}
        self.extend(values)

    def set(self, value: str, amount: float) -> None:
        """Raises KeyError for a value that is not in the list."""
        self._children[value].set(amount)

    @property
    def values(self) -> tuple[str, ...]:
        return tuple(self._children)

    def extend(self, values: Sequence[str]) -> None:
        """Take further values into the list; those that are there keep what they show."""
        self._children |= {value: self._gauge.labels(value) for value in values if value not in self._children}


class ClosedHistogram:
    """A histogram with closed lists of label values, all of them our own."""

    def __init__(self, histogram: Histogram, labels: Labels) -> None:
        self._children = {tuple(map(str, row)): histogram.labels(*row) for row in itertools.product(*labels.values())}

    def observe(self, *values: str, amount: float) -> None:
        """Raises KeyError for a value that is not in its list."""
        self._children[values].observe(amount)


class _Buckets:
    """Observations by bucket, and their sum."""

    def __init__(self, bounds: int) -> None:
        self.counts = [0] * (bounds + 1)
        self.total = 0.0


class FoldedHistogram:
    """A histogram that takes many observations at once; one label.

    A call keeps what it observes in a list, which costs a fiftieth of a histogram's own counting, and folds it once a
    second.
    """

    def __init__(
        self, registry: CollectorRegistry, name: str, documentation: str, labels: Labels, bounds: Sequence[float]
    ) -> None:
        """`name` with its unit, seconds."""
        self._name = name
        self._documentation = documentation
        self._bounds = tuple(bounds)
        ((self._label, values),) = labels.items()
        self._buckets = {str(value): _Buckets(len(self._bounds)) for value in values}
        registry.register(self)

    def fold(self, value: str, observed: list[float]) -> None:
        """Take over what was observed, and empty the list."""
        buckets, bounds = self._buckets[value], self._bounds
        for amount in observed:
            buckets.counts[bisect_left(bounds, amount)] += 1
        buckets.total += sum(observed)
        observed.clear()

    def collect(self) -> Iterator[Metric]:
        """As prometheus_client asks a collector."""
        family = HistogramMetricFamily(self._name, self._documentation, labels=[self._label], unit="seconds")
        bounds = [*map(str, map(float, self._bounds)), "+Inf"]
        for value, buckets in self._buckets.items():
            counts = itertools.accumulate(buckets.counts)
            family.add_metric([value], list(zip(bounds, counts, strict=True)), buckets.total)
        yield family

    def describe(self) -> Iterator[Metric]:
        """The name alone, so that a registry sees a clash."""
        yield HistogramMetricFamily(self._name, self._documentation, labels=[self._label], unit="seconds")
