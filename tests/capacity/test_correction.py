"""A hidden second client, found by a monitor that is a minute late."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.capacity.correction import KEPT_S, LEAST_OF_OWN, Correction, Reading

CAPACITY = 150_000.0


def steady(tokens: float) -> Callable[[float, float], float]:
    return lambda start, end: tokens * (end - start) / 60.0


def test_the_difference_is_somebody_elses() -> None:
    correction = Correction(CAPACITY, steady(30_000))
    correction.told([Reading(0.0, 0.5)], 100.0)
    assert correction.others(100.0) == pytest.approx(45_000)
    assert correction.ratio(100.0) == pytest.approx(0.4)
    newest = correction.newest(100.0)
    assert newest is not None
    assert newest.utilisation == 0.5


def test_nothing_known_is_nothing_corrected() -> None:
    correction = Correction(CAPACITY, steady(30_000))
    assert correction.others(0.0) == 0
    assert correction.ratio(0.0) is None
    correction.told([Reading(0.0, 0.5)], 60.0)
    assert correction.others(KEPT_S) > 0
    assert correction.others(KEPT_S + 61.0) == 0
    assert correction.newest(KEPT_S + 61.0) is None


def test_our_own_estimate_is_never_believed_to_be_far_too_high() -> None:
    correction = Correction(CAPACITY, steady(60_000))
    correction.told([Reading(60.0 * minute, 0.0) for minute in range(10)], 660.0)
    assert correction.others(660.0) == pytest.approx(LEAST_OF_OWN * 60_000)


def test_a_full_deployment_does_not_say_that_others_left() -> None:
    own = lambda start, _end: 30_000 if start < 120 else 90_000  # noqa: E731 - a function of time
    correction = Correction(CAPACITY, own)
    correction.told([Reading(0.0, 0.8), Reading(60.0, 0.8)], 180.0)
    before = correction.others(180.0)
    correction.told([Reading(120.0, 1.0)], 240.0)
    assert correction.others(240.0) >= before


@given(
    st.lists(st.tuples(st.integers(0, 12), st.floats(0.0, 2.0)), max_size=30, unique_by=lambda each: each[0]), st.data()
)
def test_late_repeated_and_reordered_minutes_come_to_the_same(
    minutes: list[tuple[int, float]], data: st.DataObject
) -> None:
    readings = [Reading(60.0 * minute, utilisation) for minute, utilisation in minutes]
    shuffled = data.draw(st.permutations(readings))
    one, other = Correction(CAPACITY, steady(20_000)), Correction(CAPACITY, steady(20_000))
    one.told(readings, 900.0)
    for reading in shuffled:
        other.told([reading], 900.0)
        other.told([reading], 900.0)
    assert one.others(900.0) == other.others(900.0)
    assert LEAST_OF_OWN * 20_000 <= one.others(900.0) <= CAPACITY


# --- against a truth that is known ----------------------------------------------------------------------------------


def play(seed: int, *, hidden: float, begins_s: float, minutes: int, noise: float) -> list[tuple[float, float]]:
    """Time, and the error of the corrected utilisation of the minute behind, once a second."""
    chance = random.Random(seed)
    ours: list[float] = []
    theirs: list[float] = []
    rate = 45_000 / 60.0

    def consumed(start: float, end: float) -> float:
        return sum(ours[int(start) : int(end)])

    correction, errors = Correction(CAPACITY, consumed), []
    for second in range(minutes * 60):
        rate = min(1100.0, max(400.0, rate + chance.gauss(0, 6)))
        ours.append(rate * chance.uniform(0.3, 1.7))
        theirs.append(hidden * CAPACITY / 60.0 * chance.uniform(0.5, 1.5) if second >= begins_s else 0.0)
        now = second + 1.0
        if now % 60 == 0 and now >= 120:  # a minute is known when the next one is over
            start = now - 120.0
            true = sum((ours[at] + theirs[at]) for at in range(int(start), int(start) + 60)) / CAPACITY
            correction.told([Reading(start, min(1.0, max(0.0, true + chance.gauss(0, noise))))], now)
        if now >= 180:
            true = sum(ours[at] + theirs[at] for at in range(second - 59, second + 1))
            believed = consumed(now - 60.0, now) + correction.others(now)
            errors.append((now, abs(true - believed) / CAPACITY))
    return errors


@pytest.mark.parametrize("seed", range(3))
def test_without_a_second_client_the_monitors_noise_does_little_harm(seed: int) -> None:
    errors = sorted(error for _, error in play(seed, hidden=0.0, begins_s=0.0, minutes=40, noise=0.02))
    assert errors[int(0.95 * len(errors))] <= 0.03


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("hidden", [0.2, 0.4])
@pytest.mark.parametrize("begins_s", [600.0, 630.0])
def test_a_second_client_is_known_within_five_minutes(seed: int, hidden: float, begins_s: float) -> None:
    errors = play(seed, hidden=hidden, begins_s=begins_s, minutes=25, noise=0.01)
    first = [error for at, error in errors if begins_s + 55 < at < begins_s + 65]
    assert max(first) > 0.1, "at first nobody can know"
    later = sorted(error for at, error in errors if at >= begins_s + 300)
    assert later[int(0.95 * len(later))] <= 0.05
    assert later[len(later) // 2] <= 0.03
