from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.capacity.backoff import CUT, STEP_S, Backoff


def test_there_is_no_limit_before_the_first_refusal() -> None:
    assert Backoff().limit(100, 1000.0) is None


def test_a_refusal_cuts_and_calm_gives_back_bit_by_bit() -> None:
    backoff = Backoff()
    backoff.refused(20, 0.0)
    assert backoff.limit(20, 0.0) == 14
    assert backoff.limit(14, STEP_S - 0.1) == 14
    assert backoff.limit(14, STEP_S) == 15
    assert backoff.limit(15, 3 * STEP_S) == 17


def test_many_refusals_at_once_are_one_incident() -> None:
    backoff = Backoff()
    for number in range(50):
        backoff.refused(20, 0.1 * number)
    assert backoff.limit(20, 5.0) == 14
    backoff.refused(14, 15.0)
    assert backoff.limit(14, 15.0) == int(14 * CUT)


def test_it_is_forgotten_when_nobody_wants_that_many() -> None:
    backoff = Backoff()
    backoff.refused(4, 0.0)
    assert backoff.limit(0, 10 * STEP_S) is None


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 200), st.floats(0.0, 40.0)), max_size=60))
def test_somebody_may_always_call(story: list[tuple[bool, int, float]]) -> None:
    backoff, now = Backoff(), 0.0
    for refused, calls, pause in story:
        now += pause
        if refused:
            backoff.refused(calls, now)
        limit = backoff.limit(calls, now)
        assert limit is None or limit >= 1
