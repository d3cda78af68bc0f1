"""What others take, told from Azure Monitor: at invented times, with invented clients."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import accumulate

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.capacity.correction import (
    BAND,
    HOLD_S,
    LEAST_OF_OWN,
    STEP,
    UNKNOWN_S,
    Correction,
    Reading,
)

CAPACITY = 150_000.0
"""Normalised tokens a minute of 50 units of gpt-4.1."""


class Own:
    """Our own count: the same in every second."""

    def __init__(self, utilisation: float = 0.0) -> None:
        self.utilisation = utilisation

    def consumed(self, start_s: float, end_s: float) -> float:
        return self.utilisation * CAPACITY * (end_s - start_s) / 60


def reading(minute: int, average: float, maximum: float | None = None) -> Reading:
    return Reading(minute, minute * 60.0, average, average if maximum is None else maximum)


def correction(own: float = 0.0, since_s: float = 0.0) -> Correction:
    return Correction(CAPACITY, Own(own).consumed, since_s)


def after(own: float, averages: list[float]) -> float:
    """Others, in parts of the capacity, after readings of one minute after the other, each a minute late."""
    subject = correction(own)
    for minute, average in enumerate(averages):
        subject.told([reading(minute, average)], now=minute * 60.0 + 120)
    return subject.others(now=len(averages) * 60.0 + 60) / CAPACITY


# --- what it says ----------------------------------------------------------------------------------------------------


def test_nobody_else_is_there_until_something_says_so() -> None:
    assert correction(own=0.5).others(now=100.0) == 0
    assert correction(own=0.5).newest(now=100.0) is None
    assert correction(own=0.5).ratio(now=100.0) is None
    assert after(0.5, [0.5] * 5) == pytest.approx(0)


def test_another_client_is_believed_at_the_second_reading() -> None:
    assert after(0.3, [0.3, 0.3, 0.6]) <= BAND
    assert after(0.3, [0.3, 0.3, 0.6, 0.62]) == pytest.approx(0.31)


def test_a_minute_in_which_it_began_counts_for_what_it_holds() -> None:
    assert after(0.3, [0.3, 0.45, 0.6]) == pytest.approx(0.15), "the nearer of two that disagree"
    assert after(0.3, [0.3, 0.45, 0.6, 0.6]) == pytest.approx(0.3)


def test_one_wrong_reading_moves_it_little() -> None:
    assert after(0.3, [0.3] * 5 + [1.0]) <= BAND
    assert after(0.3, [0.3] * 5 + [0.0]) >= -BAND


def test_a_client_that_leaves_is_believed_too() -> None:
    assert after(0.3, [0.6] * 10 + [0.3, 0.3]) == pytest.approx(0, abs=0.001)


def test_weights_that_are_too_high_are_corrected_within_a_bound() -> None:
    assert after(0.5, [0.4] * 10) == pytest.approx(-0.1, abs=0.001)
    assert after(0.5, [0.05] * 10) == pytest.approx(LEAST_OF_OWN * 0.5)


def test_nothing_is_taken_off_a_deployment_we_do_not_use() -> None:
    own = Own(0.6)
    subject = Correction(CAPACITY, own.consumed, 0.0)
    subject.told([reading(minute, 0.4) for minute in range(10)], now=660.0)
    assert subject.others(660.0) < 0
    own.utilisation = 0.0
    assert subject.others(660.0) == 0


def test_a_full_deployment_never_makes_others_smaller() -> None:
    """From 100 % on requests are refused, so a reading says at least, not exactly: ours may be more than it shows."""
    before = after(0.4, [0.8] * 6)
    subject = correction(own=1.2)
    subject.told([reading(minute, 1.0) for minute in range(6)], now=500.0)
    assert subject.others(500.0) == 0
    assert after(0.4, [0.8] * 6 + [1.0] * 2) > before
    assert after(0.4, [30.0] * 6) == 1.0, "and others are never more than everything"


# --- when readings stop -----------------------------------------------------------------------------------------------


def test_what_was_known_is_held_then_fades_and_is_unknown() -> None:
    subject = correction(own=0.3)
    subject.told([reading(minute, 0.6) for minute in range(5)], now=360.0)
    held = subject.others(300 + HOLD_S)
    assert held == subject.others(360.0) == pytest.approx(0.3 * CAPACITY)
    assert subject.others(300 + (HOLD_S + UNKNOWN_S) / 2) == pytest.approx(held / 2)
    assert subject.newest(300 + UNKNOWN_S - 1) is not None
    for later_s in (UNKNOWN_S, UNKNOWN_S * 10):
        assert subject.newest(300 + later_s) is None
        assert subject.others(300 + later_s) == 0
        assert subject.ratio(300 + later_s) is None


def test_after_a_long_silence_it_begins_anew() -> None:
    subject = correction(own=0.3)
    subject.told([reading(minute, 0.6) for minute in range(5)], now=360.0)
    subject.told([reading(25, 0.6)], now=26 * 60.0 + 60)
    assert subject.others(26 * 60.0 + 60) <= BAND * CAPACITY


def test_minutes_before_our_own_count_began_say_nothing_about_others() -> None:
    """After a restart: what the process before took is no other client."""
    subject = correction(own=0.0, since_s=290.0)
    subject.told([reading(minute, 0.6) for minute in range(5)], now=360.0)
    assert subject.others(360.0) == 0
    assert subject.ratio(360.0) is None
    assert newest(subject, 360.0).utilisation == 0.6


# --- what people see -------------------------------------------------------------------------------------------------


def newest(subject: Correction, now: float) -> Reading:
    known = subject.newest(now)
    assert known is not None
    return known


def test_the_newest_minute_is_shown() -> None:
    subject = correction(own=0.45)
    subject.told([reading(0, 0.5, 0.6), reading(2, 0.5, 0.9), reading(1, 0.5, 0.7)], now=200.0)
    known = newest(subject, 200.0)
    assert (known.utilisation, known.peak, known.end_s) == (0.5, 0.9, 180.0)
    assert subject.ratio(200.0) == pytest.approx(0.9)


def test_a_ratio_of_next_to_nothing_is_none() -> None:
    subject = correction(own=0.001)
    subject.told([reading(minute, 0.0001) for minute in range(5)], now=360.0)
    assert subject.ratio(360.0) is None


def test_a_minute_that_has_not_ended_is_left_out() -> None:
    subject = correction(own=0.3)
    subject.told([reading(0, 0.3), reading(5, 0.1)], now=310.0)
    assert newest(subject, 310.0) == reading(0, 0.3)


# --- order, repetition, lateness --------------------------------------------------------------------------------------

AVERAGES = st.floats(0, 3)
READINGS = st.lists(st.tuples(st.integers(0, 40), AVERAGES), max_size=40)


@example(given_readings=[(28, 0.25), (26, 0.125), (27, 0.04)], seed=random.Random(0))
@given(given_readings=READINGS, seed=st.randoms(use_true_random=False))
def test_the_order_within_one_moment_means_nothing(
    given_readings: list[tuple[int, float]], seed: random.Random
) -> None:
    once, shuffled = list(given_readings), list(given_readings) * 2
    seed.shuffle(shuffled)
    subjects = [correction(0.3), correction(0.3)]
    for subject, chosen in zip(subjects, (once, shuffled), strict=True):
        for each in chosen:
            subject.told([reading(*each)], now=2500.0)
    assert subjects[0].others(2500.0) == subjects[1].others(2500.0)
    assert subjects[0].newest(2500.0) == subjects[1].newest(2500.0)
    assert subjects[0].ratio(2500.0) == subjects[1].ratio(2500.0)


@given(averages=st.lists(AVERAGES, min_size=1, max_size=20), back=st.integers(0, 9))
def test_reading_the_last_minutes_again_and_again_changes_nothing(averages: list[float], back: int) -> None:
    """As it is in truth: every read brings the last ten minutes."""
    once, again = correction(0.3), correction(0.3)
    for minute, average in enumerate(averages):
        now = minute * 60.0 + 120
        once.told([reading(minute, average)], now)
        again.told([reading(each, averages[each]) for each in range(max(0, minute - back), minute + 1)], now)
    assert once.others(2000.0) == again.others(2000.0)


@given(averages=st.lists(AVERAGES, min_size=2, max_size=20), data=st.data())
def test_a_minute_that_comes_late_counts_where_it_belongs(averages: list[float], data: st.DataObject) -> None:
    late = data.draw(st.integers(0, len(averages) - 1))
    now = len(averages) * 60.0 + 60
    everything = [reading(minute, average) for minute, average in enumerate(averages)]
    whole, gap = correction(0.3), correction(0.3)
    whole.told(everything, now)
    gap.told(everything[:late] + everything[late + 1 :], now)
    gap.told([everything[late]], now + 1)
    assert gap.others(now + 1) == whole.others(now + 1)


def test_a_clock_that_is_set_right_makes_no_second_minute_of_one() -> None:
    """The wall clock's minutes are placed on the monotonic clock anew by every read."""
    subject, again = correction(0.3), correction(0.3)
    everything = [reading(minute, 0.3 + 0.01 * minute) for minute in range(10)]
    subject.told(everything, 700.0)
    again.told(everything, 700.0)
    again.told([Reading(each.minute, each.start_s - 0.04, each.utilisation, each.peak) for each in everything], 700.0)
    assert again.others(700.0) == subject.others(700.0)


def test_a_minute_is_what_was_said_of_it_last() -> None:
    subject = correction(0.3)
    subject.told([reading(0, 0.1)], now=120.0)
    subject.told([reading(0, 0.3)], now=180.0)
    assert newest(subject, 180.0).utilisation == 0.3


@settings(max_examples=300)
@given(
    own=st.floats(0, 2),
    own_now=st.floats(0, 2),
    given_readings=READINGS,
    now=st.floats(0, 5000),
)
def test_it_never_leaves_its_bounds(
    own: float, own_now: float, given_readings: list[tuple[int, float]], now: float
) -> None:
    counted = Own(own)
    subject = Correction(CAPACITY, counted.consumed, 0.0)
    subject.told([reading(*each) for each in given_readings], now)
    counted.utilisation = own_now
    assert LEAST_OF_OWN * counted.consumed(now - 60, now) <= subject.others(now) <= CAPACITY
    assert len(subject._kept) <= 41


@given(others=st.floats(0, 0.5), minutes=st.integers(4, 20), mad=AVERAGES)
def test_one_reading_alone_moves_it_by_half_a_band_at_most(others: float, minutes: int, mad: float) -> None:
    before = [0.3 + others] * minutes
    assert abs(after(0.3, [*before, mad]) - after(0.3, before)) <= BAND / 2 + 1e-9


@given(averages=st.lists(AVERAGES, max_size=20), last=AVERAGES)
def test_one_reading_never_moves_it_further_than_a_step(averages: list[float], last: float) -> None:
    assert abs(after(0.5, [*averages, last]) - after(0.5, averages)) <= STEP + 1e-9


# --- whole hours, with noise ------------------------------------------------------------------------------------------


@dataclass
class World:
    """A deployment for some minutes: us, perhaps somebody else, and Azure Monitor."""

    seed: int
    own: float = 0.5
    """our load, of capacity"""
    hidden: float = 0.0
    from_s: float = 1e9
    minutes: int = 30
    monitor_noise: float = 0.0
    """standard deviation of a reading, of itself"""
    weights: float = 1.0
    """our count by the truth"""
    ours: list[float] = field(default_factory=list)
    """what we counted until each second, in parts of the capacity; responses count when they end, 10 % wrong"""
    truth: list[float] = field(default_factory=list)
    """what was taken until each second"""
    readings: list[Reading] = field(default_factory=list)

    def __post_init__(self) -> None:
        rng, seconds = random.Random(self.seed), self.minutes * 60
        charged, ended, counted = ([0.0] * seconds for _ in range(3))
        at = 0.0
        while (at := at + rng.expovariate(self.own * CAPACITY / 60 / 840)) < seconds - 10:
            size, begun = max(100, rng.gauss(840, 300)) / CAPACITY, int(at)
            charged[begun] += size
            end = int(at + rng.uniform(1, 5))
            ended[end] += size
            counted[end] += size * rng.gauss(self.weights, 0.1)
        hidden = [self.hidden / 60 if second >= self.from_s else 0.0 for second in range(seconds)]
        self.ours = [0.0, *accumulate(counted)]
        self.truth = [0.0, *accumulate(a + b for a, b in zip(ended, hidden, strict=True))]
        for minute in range(self.minutes):
            within = slice(minute * 60, minute * 60 + 60)
            taken = sum(charged[within]) + sum(hidden[within])
            self.readings.append(reading(minute, max(0.0, taken * (1 + rng.gauss(0, self.monitor_noise)))))

    def consumed(self, start_s: float, end_s: float) -> float:
        start, end = (min(max(0, int(at)), self.minutes * 60) for at in (start_s, end_s))
        return (self.ours[end] - self.ours[start]) * CAPACITY

    def errors(self, phase_s: int, lag_s: int = 60) -> dict[int, float]:
        """Corrected utilisation minus the true one, in every second; Monitor is read once a minute at `phase_s`."""
        subject = Correction(CAPACITY, self.consumed, 0.0)
        errors = {}
        for now in range(60, self.minutes * 60):
            if now % 60 == phase_s:
                known = [each for each in self.readings if now - 600 <= each.start_s and each.end_s + lag_s <= now]
                subject.told(known, now)
            corrected = (self.consumed(now - 60, now) + subject.others(now)) / CAPACITY
            errors[now] = corrected - (self.truth[now] - self.truth[now - 60])
        return errors


def p95(values: list[float]) -> float:
    return sorted(map(abs, values))[int(0.95 * len(values))]


def uneven(seed: int) -> tuple[float, float, int]:
    """A hidden client of 20 to 40 %, when it begins, and when Monitor is read."""
    rng = random.Random(seed)
    return rng.uniform(0.2, 0.4), 900 + rng.uniform(0, 60), rng.randrange(60)


@pytest.mark.parametrize("seed", range(12))
def test_a_hidden_client_is_in_the_corrected_utilisation_after_five_minutes(seed: int) -> None:
    hidden, from_s, phase_s = uneven(seed)
    errors = World(seed, hidden=hidden, from_s=from_s).errors(phase_s)
    begun = int(from_s)
    assert abs(errors[begun + 60]) > 0.1, "it was missing before"
    later = [errors[second] for second in range(begun + 300, begun + 600)]
    assert abs(errors[begun + 300]) <= 0.05
    assert p95(later) <= 0.05


def test_readings_that_are_a_little_wrong_do_not_change_that() -> None:
    """By 2 % each: in nine runs of ten it is within 5 % of capacity after five minutes, in all within 8 %."""
    at_five, later = [], []
    for seed in range(60):
        hidden, from_s, phase_s = uneven(seed)
        errors = World(seed, own=0.4, hidden=hidden, from_s=from_s, monitor_noise=0.02).errors(phase_s)
        at_five.append(errors[int(from_s) + 300])
        later += [errors[second] for second in range(int(from_s) + 300, int(from_s) + 600)]
    assert sum(abs(error) <= 0.05 for error in at_five) >= 54
    assert max(map(abs, at_five)) <= 0.08
    assert p95(later) <= 0.04


@pytest.mark.parametrize("noise", [0.0, 0.02, 0.03, 0.04])
@pytest.mark.parametrize("own", [0.2, 0.5, 0.7])
def test_without_a_hidden_client_noise_stays_small(own: float, noise: float) -> None:
    errors: list[float] = []
    for seed in range(4):
        errors += World(seed, own=own, minutes=60, monitor_noise=noise).errors(seed * 13).values()
    assert p95(errors) <= 0.03


@pytest.mark.parametrize("weights", [0.8, 0.9, 1.1, 1.2])
def test_wrong_weights_show_as_others_and_in_the_ratio(weights: float) -> None:
    world = World(1, own=0.5, weights=weights)
    errors = world.errors(17)
    assert p95([error for second, error in errors.items() if second > 600]) <= 0.04
    subject = Correction(CAPACITY, world.consumed, 0.0)
    subject.told(world.readings, now=1800.0)
    assert subject.ratio(1800.0) == pytest.approx(weights, abs=0.05)


@pytest.mark.parametrize("lag_s", [120, 180, 240])
def test_a_slower_monitor_costs_its_lag_and_no_more(lag_s: int) -> None:
    hidden, from_s, phase_s = uneven(3)
    errors = World(3, hidden=hidden, from_s=from_s).errors(phase_s, lag_s)
    late = int(from_s) + 300 + lag_s - 60
    assert p95([errors[second] for second in range(late, late + 300)]) <= 0.05


def broken(world: World, damage: Callable[[Reading], Reading | None]) -> World:
    world.readings = [changed for each in world.readings if (changed := damage(each)) is not None]
    return world


def test_gaps_and_a_mad_reading_now_and_then_do_little() -> None:
    quiet = broken(World(5, minutes=60), lambda each: None if each.minute % 4 == 1 else each)
    assert p95(list(quiet.errors(11).values())) <= 0.03
    mad = broken(World(5, minutes=60), lambda each: reading(each.minute, 2.0) if each.minute % 9 == 4 else each)
    assert p95(list(mad.errors(11).values())) <= 0.05
