"""How often something may happen, and that no way of asking makes it more often."""

from __future__ import annotations

import pytest

from gateway.rate import Rate


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def taken(rate: Rate, tries: int = 100) -> int:
    return sum(rate.take() for _ in range(tries))


def test_a_minutes_worth_can_be_taken_at_once_and_not_one_more() -> None:
    assert taken(Rate(10, Clock())) == 10


def test_it_fills_evenly() -> None:
    clock = Clock()
    rate = Rate(10, clock)
    taken(rate)
    clock.now += 5.9
    assert taken(rate) == 0
    clock.now += 0.2
    assert taken(rate) == 1
    clock.now += 30.0
    assert taken(rate) == 5


def test_it_never_holds_more_than_a_minutes_worth() -> None:
    clock = Clock()
    rate = Rate(10, clock)
    clock.now += 3600.0
    assert taken(rate) == 10


def test_asking_in_vain_costs_nothing() -> None:
    clock = Clock()
    rate = Rate(60, clock)
    taken(rate)
    for _ in range(1000):
        clock.now += 0.001
        rate.take()
    assert taken(rate) <= 1
    clock.now += 60.0
    assert taken(rate) == 60


@pytest.mark.parametrize("step_s", [0.1, 0.7, 6.0, 30.0])
def test_over_an_hour_it_gives_its_rate_however_often_it_is_asked(step_s: float) -> None:
    clock = Clock()
    rate = Rate(10, clock)
    total = 0
    while clock.now < 1000.0 + 3600.0:
        total += taken(rate, 20)
        clock.now += step_s
    assert 600 <= total <= 610
