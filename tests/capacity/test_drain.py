from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.capacity.drain import HANG_UP_S, Drain, DrainPlan, Stage

PLAN = DrainPlan(grace_s=1920, settle_s=10, hand_over_s=90, goodbye_s=20)


def test_before_the_signal_everything_is_as_ever() -> None:
    drain = Drain(PLAN)
    assert drain.stage(1e9) is Stage.SERVING
    assert drain.left_s(1e9) == math.inf
    assert drain.takes(3600, 1e9)
    assert not drain.done(0, 1e9)


@pytest.mark.parametrize(
    ("after_s", "stage"),
    [
        (0, Stage.SETTLING),
        (9.9, Stage.SETTLING),
        (10, Stage.EMPTYING),
        (1829, Stage.EMPTYING),
        (1830, Stage.HANDING_OVER),
        (1899, Stage.HANDING_OVER),
        (1900, Stage.GOODBYES),
        (1920 - HANG_UP_S, Stage.OVER),
    ],
)
def test_what_is_due_when(after_s: float, stage: Stage) -> None:
    drain = Drain(PLAN)
    drain.begin(100)
    assert drain.stage(100 + after_s) is stage


def test_a_call_of_full_length_is_taken_as_long_as_it_fits() -> None:
    drain = Drain(PLAN)
    drain.begin(0)
    assert drain.takes(1800, 29.9)
    assert not drain.takes(1800, 30.1)
    assert drain.takes(600, 1200)
    assert not drain.takes(0, 1830)


def test_calls_are_taken_while_the_process_settles_whatever_their_length() -> None:
    drain = Drain(DrainPlan(grace_s=120, settle_s=10, hand_over_s=90, goodbye_s=20))
    drain.begin(0)
    assert drain.takes(3300, 9.9)
    assert not drain.takes(3300, 10.1)


def test_a_process_without_calls_stays_until_it_has_settled() -> None:
    drain = Drain(PLAN)
    drain.begin(0)
    assert not drain.done(0, 9.9)
    assert drain.done(0, 10.0)
    assert not drain.done(1, 10.0)
    assert drain.done(1, 1920 - HANG_UP_S)


def test_a_person_at_a_keyboard_waits_for_no_router() -> None:
    drain = Drain(PLAN)
    drain.begin(0, settle=False)
    assert drain.done(0, 0)


def test_a_second_signal_changes_nothing() -> None:
    drain = Drain(PLAN)
    assert drain.begin(0)
    assert not drain.begin(1000)
    assert drain.stage(1830) is Stage.HANDING_OVER


def test_hurrying_jumps_to_the_hand_overs_and_never_back() -> None:
    drain = Drain(PLAN)
    drain.begin(0)
    drain.hurry(50)
    assert drain.stage(50) is Stage.HANDING_OVER
    assert drain.stage(50 + 70) is Stage.GOODBYES
    drain.hurry(130)
    assert drain.stage(130) is Stage.GOODBYES


@given(
    grace_s=st.floats(30, 10_000),
    settle_s=st.floats(0, 120),
    hand_over_s=st.floats(5, 600),
    goodbye_s=st.floats(5, 600),
    looks=st.lists(st.tuples(st.floats(0, 12_000), st.sampled_from(["begin", "hurry", "look"])), max_size=30),
)
def test_a_drain_goes_one_way_and_ends(
    grace_s: float, settle_s: float, hand_over_s: float, goodbye_s: float, looks: list[tuple[float, str]]
) -> None:
    drain = Drain(DrainPlan(grace_s, settle_s, hand_over_s, goodbye_s))
    began = None
    stages, left = [Stage.SERVING], math.inf
    for now, what in sorted(looks):
        if what == "begin":
            drain.begin(now)
        elif what == "hurry":
            drain.hurry(now)
        if what != "look" and began is None:
            began = now
        stages.append(drain.stage(now))
        assert drain.left_s(now) <= left
        left = drain.left_s(now)
        if began is not None and now >= began + grace_s:
            assert drain.done(1, now)
        if drain.stage(now) >= Stage.HANDING_OVER:
            assert not drain.takes(0, now)
    assert stages == sorted(stages)
