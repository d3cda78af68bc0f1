from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gateway.config import ConfigError, parse

Changed = Callable[..., dict[str, Any]]
HOURS = {"timezone": "Europe/Berlin", "open": {"mon": ["08:00-18:00"]}}


@pytest.mark.parametrize("numbers", [["+15555550100"], ["+1*", "+4989*"], ["+18005550126", "+1800*"]])
def test_numbers_and_beginnings_of_numbers(changed: Changed, numbers: list[str]) -> None:
    assert parse(changed("lines", 0, "numbers", numbers)).lines[0].numbers == tuple(numbers)


@pytest.mark.parametrize("number", ["+15*5", "**", "+", "+1", "15555550100", "+*"])
def test_what_is_neither(changed: Changed, number: str) -> None:
    with pytest.raises(ConfigError, match="numbers"):
        parse(changed("lines", 0, "numbers", [number]))


@pytest.mark.parametrize(
    ("hours", "says"),
    [
        (HOURS | {"timezone": "Berlin"}, "IANA"),
        (HOURS | {"timezone": "../etc/passwd"}, "IANA"),
        (HOURS | {"open": {"mon": ["8-18"]}}, "08:00-18:00"),
        (HOURS | {"open": {"mon": ["24:00-25:00"]}}, "24:00"),
        (HOURS | {"open": {"mon": ["08:00-24:30"]}}, "24:00"),
        (HOURS | {"open": {"monday": ["08:00-18:00"]}}, "mon"),
        (HOURS | {"open": {}}, "never be open"),
        (HOURS | {"open": {"mon": []}}, "never be open"),
        (HOURS | {"holidays": ["24.12.2026"]}, "holidays"),
    ],
)
def test_hours_that_can_not_be_meant(changed: Changed, hours: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        parse(changed("lines", 0, "hours", hours))


@pytest.mark.parametrize("callers", [["nobody"], ["+"], ["*"], ["+0*"], "anonymous"])
def test_lists_of_callers_that_can_not_be_meant(changed: Changed, callers: Any) -> None:
    with pytest.raises(ConfigError, match="block_callers"):
        parse(changed("lines", 0, "block_callers", callers))
