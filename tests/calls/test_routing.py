"""Which line takes a call, and when."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.calls.routing import is_open, route
from gateway.config.lines import Day, Hours, Line
from gateway.outcome import Reason

CALLER, CALLED = "+4989123456", "+18005550126"
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
"""A Monday."""


def line(name: str, numbers: Any = "*", **fields: Any) -> Line:
    return Line.model_validate({"name": name, "numbers": numbers, "agent": "a", **fields})


def hours(**open_at: list[str]) -> Hours:
    return Hours.model_validate({"timezone": "Europe/Berlin", "open": open_at, "holidays": ["2026-12-24"]})


def found(lines: list[Line], called: str | None = CALLED, caller: str | None = CALLER) -> str | None:
    answer = route(lines, called, caller, NOON)
    return None if answer.line is None else answer.line.name


# --- numbers --------------------------------------------------------------------------------------------------------


def test_a_number_wins_over_its_beginnings_and_a_long_beginning_over_a_short_one() -> None:
    lines = [line("rest"), line("country", ["+1*"]), line("city", ["+1800*"]), line("exact", [CALLED])]
    assert found(lines) == "exact"
    assert found(lines[:3]) == "city"
    assert found(list(reversed(lines[:2]))) == "country"
    assert found(lines, "+4930123456") == "rest"
    assert found(lines, None) == "rest"
    assert found(lines[1:], None) is None
    assert found(lines[1:], "+4930123456") is None


def test_what_is_said_of_a_call_names_the_line_and_never_the_caller() -> None:
    blocked = line("main", [CALLED], block_callers=["+4989*"])
    for lines in (
        [],
        [line("main")],
        [blocked],
        [line("main", hours={"timezone": "UTC", "open": {"tue": ["08:00-09:00"]}})],
    ):
        said = route(lines, CALLED, CALLER, NOON).why
        assert CALLER not in said
        assert "main" in said or not lines


@given(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True), st.integers(2, 8))
def test_every_beginning_of_a_number_fits_it(number: str, length: int) -> None:
    assert found([line("a", [number[:length] + "*"])], number) == "a"


# --- callers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "caller", "answered"),
    [
        ({}, None, True),
        ({"block_callers": [CALLER]}, CALLER, False),
        ({"block_callers": ["+4989*"]}, CALLER, False),
        ({"block_callers": ["+4930*"]}, CALLER, True),
        ({"block_callers": ["anonymous"]}, None, False),
        ({"block_callers": ["anonymous"]}, CALLER, True),
        ({"allow_callers": ["+4989*"]}, CALLER, True),
        ({"allow_callers": ["+4989*"]}, None, False),
        ({"allow_callers": ["+4989*", "anonymous"]}, None, True),
        ({"allow_callers": ["+4989*"], "block_callers": [CALLER]}, CALLER, False),
    ],
)
def test_callers_a_line_does_not_want(fields: dict[str, Any], caller: str | None, answered: bool) -> None:
    refusal = route([line("a", **fields)], CALLED, caller, NOON).refusal
    assert refusal is (None if answered else Reason.REJECTED_CALLER)


# --- lines that operators closed ------------------------------------------------------------------------------------


def test_a_line_that_an_operator_closed_refuses_whoever_it_would_have_taken() -> None:
    lines = [line("exact", [CALLED]), line("rest")]
    answer = route(lines, CALLED, CALLER, NOON, {"exact"})
    assert answer.line is lines[0], "no other line takes its calls"
    assert answer.refusal is Reason.LINE_CLOSED
    assert answer.why == f"line exact has {CALLED}; an operator has closed it"
    assert route(lines, "+4930123456", CALLER, NOON, {"exact"}).refusal is None


def test_whom_a_line_does_not_want_is_told_so_first_and_its_hours_last() -> None:
    blocked = line("a", block_callers=[CALLER], hours={"timezone": "UTC", "open": {"tue": ["08:00-09:00"]}})
    assert route([blocked], CALLED, CALLER, NOON, {"a"}).refusal is Reason.REJECTED_CALLER
    assert route([blocked], CALLED, "+4930123456", NOON, {"a"}).refusal is Reason.LINE_CLOSED
    assert route([blocked], CALLED, "+4930123456", NOON).refusal is Reason.AFTER_HOURS


# --- hours ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "open_now"),
    [
        ("2026-11-23T06:59:59Z", False),
        ("2026-11-23T07:00:00Z", True),
        ("2026-11-23T16:59:59Z", True),
        ("2026-11-23T17:00:00Z", False),
        ("2026-07-20T06:00:00Z", True),  # summer time
        ("2026-07-20T05:59:59Z", False),
        ("2026-11-24T12:00:00Z", False),  # a Tuesday
        ("2026-11-27T21:30:00Z", True),  # a Friday night ...
        ("2026-11-28T04:59:59Z", True),  # ... that ends on Saturday
        ("2026-11-28T05:00:00Z", False),
        ("2026-12-24T12:00:00Z", False),  # a holiday, on a Thursday
        ("2026-12-17T12:00:00Z", True),
        ("2026-12-24T23:30:00Z", False),
    ],
)
def test_hours_by_the_clock_of_the_line(moment: str, open_now: bool) -> None:
    times = hours(mon=["08:00-18:00"], thu=["00:00-24:00"], fri=["22:00-06:00"])
    assert is_open(times, datetime.fromisoformat(moment)) is open_now


def test_a_closed_line_refuses_and_says_the_time_there() -> None:
    answer = route([line("a", hours=hours(tue=["08:00-18:00"]).model_dump(mode="json"))], CALLED, CALLER, NOON)
    assert answer.refusal is Reason.AFTER_HOURS
    assert "Mon 13:00 Europe/Berlin" in answer.why


@given(st.datetimes(min_value=datetime(2026, 1, 1), max_value=datetime(2026, 12, 23)))  # noqa: DTZ001 - the zone follows
def test_a_line_that_is_open_all_days_is_always_open(moment: datetime) -> None:
    always = hours(**{day.value: ["00:00-24:00"] for day in Day})
    assert is_open(always, moment.replace(tzinfo=UTC))
