from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import BadMessage
from gateway.wire.azure_monitor import MAX_PERCENT, Minute, parse

FIXTURES = Path(__file__).parents[1] / "fixtures" / "azure_monitor"


def answer(*points: Any, series: int = 1) -> bytes:
    """In the shape of the documentation's sample answer of "Metrics - List"."""
    return json.dumps(
        {
            "cost": 598,
            "timespan": "2026-11-23T10:00:00Z/2026-11-23T10:10:00Z",
            "interval": "PT1M",
            "value": [
                {
                    "id": "x",
                    "type": "Microsoft.Insights/metrics",
                    "name": {"value": "AzureOpenAIProvisionedManagedUtilizationV2", "localizedValue": "x"},
                    "unit": "Percent",
                    "timeseries": [{"metadatavalues": [], "data": list(points)} for _ in range(series)],
                    "errorCode": "Success",
                }
            ],
            "namespace": "Microsoft.CognitiveServices/accounts",
            "resourceregion": "swedencentral",
        }
    ).encode()


def test_minutes_with_a_value_are_read_in_their_order() -> None:
    later, first = (
        {"timeStamp": "2026-11-23T10:01:00Z", "average": 50},
        {"timeStamp": "2026-11-23T10:00:00Z", "average": 12.5},
    )
    assert parse(answer(later, first)) == [Minute(1795428000.0, 0.125, 0.125), Minute(1795428060.0, 0.5, 0.5)]


@pytest.mark.parametrize(
    "point",
    [
        {"timeStamp": "2026-11-23T10:00:00Z"},
        {"timeStamp": "2026-11-23T10:00:00Z", "average": None},
        {"timeStamp": "2026-11-23T10:00:00Z", "average": True},
        {"timeStamp": "2026-11-23T10:00:00Z", "average": "50"},
        {"timeStamp": "2026-11-23T10:00:00Z", "maximum": 50},
        {"timeStamp": "2026-11-23T10:00:00Z", "average": -1},
        {"timeStamp": "2026-11-23T10:00:00Z", "average": 1e9},
        {"timeStamp": "soon", "average": 5},
        {"average": 5},
        None,
        5,
    ],
)
def test_a_minute_without_a_value_is_not_known(point: Any) -> None:
    assert parse(answer(point)) == []


def test_no_series_is_nothing_known_and_zero_is_zero() -> None:
    assert parse(answer(series=0)) == []
    assert parse(b'{"value": []}') == []
    assert parse(answer({"timeStamp": "2026-11-23T10:00:00Z", "average": 0})) == [Minute(1795428000.0, 0.0, 0.0)]


def test_the_answer_of_the_documentation_is_read() -> None:
    minutes = parse((FIXTURES / "metrics-list.ptu-utilisation.docs.json").read_bytes())

    assert minutes == [
        Minute(1795428000.0, 0.415, 0.63),
        Minute(1795428060.0, 0.4425, 1.01),
        Minute(1795428180.0, 0.0, 0.0),
    ]
    assert [minute.number for minute in minutes] == [29923800, 29923801, 29923803]


def test_of_several_series_the_fullest_counts() -> None:
    both = json.loads(answer({"timeStamp": "2026-11-23T10:00:00Z", "average": 50, "maximum": 60}))
    other = {"timeStamp": "2026-11-23T10:00:00Z", "average": 20, "maximum": 90}
    both["value"][0]["timeseries"].append({"metadatavalues": [], "data": [other]})

    assert parse(json.dumps(both).encode()) == [Minute(1795428000.0, 0.5, 0.9)]


@pytest.mark.parametrize("wrong", [{"unit": "Count"}, {"errorCode": "InternalError"}])
def test_a_metric_that_is_none_is_an_error_and_not_an_empty_answer(wrong: dict[str, str]) -> None:
    document = json.loads(answer())
    document["value"][0] |= wrong

    with pytest.raises(BadMessage, match=r"^metric$"):
        parse(json.dumps(document).encode())


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"value": {}}', b'{"value": "x"}', b"<html>"])
def test_an_answer_that_is_none(body: bytes) -> None:
    with pytest.raises(BadMessage):
        parse(body)


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.binary() | st.builds(lambda value: json.dumps({"value": value}).encode(), anything))
def test_whatever_comes_nothing_but_a_bad_message_is_raised(body: bytes) -> None:
    with contextlib.suppress(BadMessage):
        assert all(0 <= minute.utilisation <= minute.peak <= MAX_PERCENT / 100 for minute in parse(body))
