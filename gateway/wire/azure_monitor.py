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


class Minute(NamedTuple):
    """One value."""

    start: float
    """seconds since the epoch"""
    utilisation: float
    """average, as a ratio"""


def parse(body: bytes) -> list[Minute]:
    """The minutes that have a value, the oldest first.

    Raises:
        BadMessage: kind `json` or `bounds`; `shape` for an answer that holds no list of metrics.
    """
    metrics = table(parse_json(body)).get("value")
    if not isinstance(metrics, list):
        raise BadMessage("shape")
    found: dict[float, float] = {}
    for metric in metrics:
        for series in _list(table(metric).get("timeseries")):
            for point in _list(table(series).get("data"))[:MAX_POINTS]:
                minute = _minute(table(point))
                if minute is not None:
                    found[minute.start] = max(found.get(minute.start, 0.0), minute.utilisation)
    return [Minute(start, utilisation) for start, utilisation in sorted(found.items())]


def _minute(point: dict[str, Any]) -> Minute | None:
    percent, stamp = point.get("average"), point.get("timeStamp")
    if isinstance(percent, bool) or not isinstance(percent, int | float) or not isinstance(stamp, str):
        return None
    try:
        at = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return Minute(at.timestamp(), max(0.0, percent / 100.0))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
