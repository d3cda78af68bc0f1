"""Limits of lines and callers, at invented times."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.capacity import callers
from gateway.capacity.callers import DAY_S, CallerBook, CallerLimits, CallerRefusal
from gateway.capacity.shares import share


def test_a_line_has_as_many_calls_as_it_may() -> None:
    book, limits = CallerBook(), CallerLimits(calls=2)
    for call in "ab":
        assert book.refusal("main", call, limits, 0.0, 1) is None
        book.began(call, "main", call, 0.0)
    assert book.refusal("main", "c", limits, 0.0, 1) is CallerRefusal.LINE_CALLS
    assert book.refusal("other", "c", limits, 0.0, 1) is None
    book.ended("a", 5.0, 1)
    book.ended("a", 5.0, 1)
    assert book.refusal("main", "c", limits, 5.0, 1) is None


def test_a_caller_has_as_many_calls_as_they_may_at_once_and_in_an_hour() -> None:
    book, limits = CallerBook(), CallerLimits(calls_per_caller=1, calls_per_hour=2)
    book.began("1", "main", "x", 0.0)
    assert book.refusal("main", "x", limits, 1.0, 1) is CallerRefusal.CALLER_CALLS
    assert book.refusal("main", "y", limits, 1.0, 1) is None
    book.ended("1", 10.0, 1)
    book.began("2", "main", "x", 20.0)
    book.ended("2", 30.0, 1)
    assert book.refusal("main", "x", limits, 40.0, 1) is CallerRefusal.CALLER_HOUR
    assert book.refusal("main", "x", limits, 3600.0, 1) is None


def test_minutes_of_a_day_are_counted_while_a_caller_talks_and_are_new_tomorrow() -> None:
    book, limits = CallerBook(), CallerLimits(seconds_per_day=600.0)
    assert book.seconds_left("main", "x", limits, 0.0, 1) == 600
    book.began("1", "main", "x", 0.0)
    assert book.seconds_left("main", "x", limits, 200.0, 1) == 400
    book.ended("1", 400.0, 1)
    assert book.seconds_left("main", "x", limits, 500.0, 1) == 200
    book.began("2", "main", "x", 500.0)
    book.ended("2", 800.0, 1)
    assert book.refusal("main", "x", limits, 900.0, 1) is CallerRefusal.CALLER_MINUTES
    assert book.refusal("main", "x", limits, 900.0, 2) is None
    assert book.seconds_left("main", None, limits, 900.0, 1) is None


def test_a_call_that_never_came_about_counts_for_nothing() -> None:
    book, limits = CallerBook(), CallerLimits(calls_per_hour=1, seconds_per_day=60.0)
    book.began("1", "main", "x", 0.0)
    book.ended("1", 50.0, 1, talked=False)
    assert book.refusal("main", "x", limits, 50.0, 1) is None
    assert book.seconds_left("main", "x", limits, 50.0, 1) == 60


@pytest.mark.parametrize(("allowed", "refusal"), [(True, None), (False, CallerRefusal.ANONYMOUS)])
def test_callers_without_a_number(allowed: bool, refusal: CallerRefusal | None) -> None:
    limits = CallerLimits(calls_per_caller=1, anonymous=allowed)
    book = CallerBook()
    book.began("1", "main", None, 0.0)
    assert book.refusal("main", None, limits, 0.0, 1) is refusal


def test_callers_are_forgotten_after_a_day_and_a_flood_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callers, "MAX_CALLERS", 100)
    book = CallerBook()
    book.began("talks", "main", "talks", 0.0)
    for number in range(1000):
        book.began(f"{number}", "main", f"x{number}", float(number))
        book.ended(f"{number}", float(number), 1)
    assert len(book) <= 101
    book.began("last", "main", "last", DAY_S + 2000.0)
    assert len(book) == 2, "who talks is remembered"


steps = st.lists(
    st.tuples(st.sampled_from(["ring", "end", "fail"]), st.integers(0, 9), st.integers(0, 3), st.floats(0.0, 900.0)),
    max_size=80,
)


@given(steps, st.integers(1, 4), st.integers(1, 3))
def test_never_more_at_once_than_allowed_and_nothing_leaks(
    story: list[tuple[str, int, int, float]], of_line: int, of_caller: int
) -> None:
    book, limits, now = CallerBook(), CallerLimits(of_line, of_caller, 5, 3000.0), 0.0
    live: dict[str, str] = {}
    for what, number, who, pause in story:
        now += pause
        call, caller = f"c{number}", f"x{who}"
        if what == "ring" and call not in live:
            if book.refusal("main", caller, limits, now, 1) is None:
                book.began(call, "main", caller, now)
                live[call] = caller
        elif what != "ring":
            book.ended(call, now, 1, talked=what == "end")
            live.pop(call, None)
        assert book.calls("main") == len(live) <= of_line
        assert all(list(live.values()).count(caller) <= of_caller for caller in live.values())
    for call in list(live):
        book.ended(call, now, 1)
    assert book.calls("main") == 0
    assert book.refusal("main", "x0", limits, now + DAY_S, 2) is None


@given(st.integers(1, 10_000), st.integers(1, 50))
def test_shares_never_exceed_a_limit_that_is_large_enough(limit: int, replicas: int) -> None:
    assert share(limit, 1) == limit
    assert share(limit, replicas) >= 1
    if limit >= replicas:
        assert limit - replicas < replicas * share(limit, replicas) <= limit
