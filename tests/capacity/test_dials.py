from __future__ import annotations

import copy

from hypothesis import given
from hypothesis import strategies as st

from gateway.capacity.dials import MINUTE_S, Dials

passing = st.lists(st.floats(0.0, 20.0), max_size=200)


@given(st.integers(1, 30), passing)
def test_no_minute_ever_holds_more_than_the_quota(per_minute: int, pauses: list[float]) -> None:
    dials, now, taken = Dials(per_minute), 0.0, []
    for pause in pauses:
        now += pause
        if dials.take(now):
            taken.append(now)
    for at in taken:
        assert sum(at - MINUTE_S < other <= at for other in taken) <= per_minute


@given(st.integers(1, 30), passing)
def test_what_is_left_and_how_long_to_wait_are_true(per_minute: int, pauses: list[float]) -> None:
    dials, now = Dials(per_minute), 0.0
    for pause in pauses:
        now += pause
        left, wait_s = dials.left(now), dials.wait_s(now)
        assert (left > 0) == (wait_s == 0.0)
        assert 0.0 <= wait_s <= MINUTE_S
        if not left:
            assert copy.deepcopy(dials).left(now + wait_s + 1e-6) > 0
        assert dials.take(now) is (left > 0)


def test_a_quiet_minute_gives_all_of_them_back() -> None:
    dials = Dials(3)
    assert [dials.take(at) for at in (0.0, 1.0, 2.0, 3.0)] == [True, True, True, False]
    assert dials.wait_s(3.0) == 57.0
    assert dials.left(62.0) == 3
