"""Callers who wait, at invented times."""

from __future__ import annotations

import random
import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from gateway.capacity.waiting import LEAST_PAUSE_S, WaitingLine


def test_first_come_first_served() -> None:
    line = WaitingLine(3, 20.0)
    assert [line.join(call, 0.0) for call in "abcd"] == [True, True, True, False]
    assert [line.position(call) for call in "abcd"] == [1, 2, 3, None]
    assert line.leave("b", 5.0) == 5.0
    assert [line.position(call) for call in "ac"] == [1, 2]
    assert line.join("d", 6.0)
    assert line.first == "a"
    assert line.leave("a", 7.0) == 7.0
    assert line.first == "c"
    assert line.leave("a", 7.0) is None


def test_a_caller_is_told_at_once_then_when_it_changed_and_every_so_often() -> None:
    line = WaitingLine(5, 20.0)
    for call in "ab":
        line.join(call, 0.0)
    told = []
    for second in range(60):
        if second == 3:
            line.leave("a", 3.0)
        position = line.announcement("b", float(second))
        if position is not None:
            told.append((second, position))
    assert told == [(0, 2), (8, 1), (28, 1), (48, 1)]


def test_whoever_does_not_wait_is_told_nothing() -> None:
    assert WaitingLine(1, 20.0).announcement("x", 0.0) is None


steps = st.lists(
    st.tuples(st.sampled_from(["join", "leave", "serve", "tell"]), st.integers(0, 15), st.floats(0.0, 30.0)),
    max_size=120,
)


@given(steps, st.integers(1, 8))
def test_order_positions_and_bounds_hold_whatever_happens(story: list[tuple[str, int, float]], places: int) -> None:
    line, now = WaitingLine(places, 20.0), 0.0
    expected: list[str] = []
    told: dict[str, float] = {}
    for what, number, pause in story:
        now += pause
        call = f"c{number}"
        match what:
            case "join":
                fits = call in expected or len(expected) < places
                assert line.join(call, now) is fits
                if fits and call not in expected:
                    expected.append(call)
                    told.pop(call, None)
            case "leave":
                assert (line.leave(call, now) is not None) == (call in expected)
                expected = [each for each in expected if each != call]
            case "serve":
                assert line.first == (expected[0] if expected else None)
                if expected:
                    line.leave(expected.pop(0), now)
            case _:
                position = line.announcement(call, now)
                if position is not None:
                    assert expected[position - 1] == call
                    assert now - told.get(call, -1e9) >= LEAST_PAUSE_S
                    told[call] = now
        assert len(line) == len(expected) <= places
        assert [line.position(each) for each in expected] == list(range(1, len(expected) + 1))


def test_a_hundred_callers_who_hang_up_at_random_keep_their_order_and_leave_nothing_behind() -> None:
    chance = random.Random(1)
    line = WaitingLine(100, 20.0)
    expected: list[int] = []
    served: list[int] = []
    came, now, sizes = 0, 0.0, []
    tracemalloc.start()
    for step in range(20_000):
        now += 0.25
        while len(expected) < 100 and chance.random() < 0.6:
            came += 1
            assert line.join(f"c{came}", now)
            expected.append(came)
        if expected and chance.random() < 0.3:
            gone = chance.choice(expected)
            line.leave(f"c{gone}", now)
            expected.remove(gone)
        if expected and chance.random() < 0.3:
            assert line.first == f"c{expected[0]}"
            line.leave(f"c{expected[0]}", now)
            served.append(expected.pop(0))
        for number, caller in enumerate(expected[:3], start=1):
            position = line.announcement(f"c{caller}", now)
            assert position in (None, number)
        if step % 5000 == 4999:
            sizes.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert served == sorted(served), "nobody was overtaken"
    assert len(served) > 4000
    assert len(line) == len(expected)
    assert sizes[-1] < 1.2 * sizes[0] + 300_000
