"""Azure Monitor's metrics of a provisioned deployment, as Azure Resource Manager answers.

Shape: Microsoft Learn, "Metrics - List" (rest/api/monitor/metrics/list), api-version 2023-10-01. An empty series, and a
minute without a value, mean that nothing is known: they are left out, never read as nothing used.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

from gateway.errors import BadMessage
from gateway.wire.strict_json import parse_json, table

METRIC = "AzureOpenAIProvisionedManagedUtilizationV2"
MAX_POINTS = 1000
MAX_PERCENT = 10_000.0
"""A hundred times full: what is beyond it is no utilisation."""
MINUTE_S = 60.0


class Minute(NamedTuple):
    """One value."""

    start: float
    """seconds since the epoch"""
    utilisation: float
    """average, as a ratio"""
    peak: float
    """maximum; the average where there is none"""

    @property
    def number(self) -> int:
        """Of minutes since the epoch."""
        return int(self.start // MINUTE_S)


def parse(body: bytes) -> list[Minute]:
    """The minutes that have a value, the oldest first.

    Raises:
        BadMessage: kind `json` or `bounds`; `shape` for an answer that holds no list of metrics; `metric` where the
            service says that this one could not be read, or does not count it in percent.
    """
    metrics = table(parse_json(body)).get("value")
    if not isinstance(metrics, list):
        raise BadMessage("shape")
    found: dict[float, Minute] = {}
    for metric in map(table, metrics):
        if metric.get("errorCode") not in (None, "Success") or metric.get("unit") not in (None, "Percent"):
            raise BadMessage("metric")
        for series in _list(metric.get("timeseries")):
            for point in _list(table(series).get("data"))[:MAX_POINTS]:
                minute = _minute(table(point))
                if minute is not None:  # several series are parts of the same units: the fullest counts
                    known = found.get(minute.start, minute)
                    fullest = max(minute.utilisation, known.utilisation), max(minute.peak, known.peak)
                    found[minute.start] = Minute(minute.start, *fullest)
    return [minute for _, minute in sorted(found.items())]


def _minute(point: dict[str, Any]) -> Minute | None:
    average, maximum, stamp = _ratio(point.get("average")), _ratio(point.get("maximum")), point.get("timeStamp")
    if average is None or not isinstance(stamp, str):
        return None
    try:
        at = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return Minute(at.timestamp(), average, average if maximum is None else max(average, maximum))


def _ratio(percent: Any) -> float | None:
    if isinstance(percent, bool) or not isinstance(percent, int | float) or not 0 <= percent <= MAX_PERCENT:
        return None
    return percent / 100.0


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
