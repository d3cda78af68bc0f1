"""The lead follows how late we have been: up at once, down slowly and in silence only."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audio.lead import WINDOW_S, LeadController


def play(lead: LeadController, latenesses_s: list[float], now: float = 0.0) -> float:
    """Observe one lateness every 20 ms.

    Returns:
        The time afterwards.
    """
    for lateness_s in latenesses_s:
        now += 0.02
        lead.observe(lateness_s, now)
    return now


def seconds(count: float, *, worst_s: float, every_s: float = 0.5) -> list[float]:
    """In time but for one frame in every `every_s`."""
    step = round(every_s / 0.02)
    return [worst_s if number % step == 0 else 0.001 for number in range(round(count / 0.02))]


def test_it_starts_at_60_ms_and_stays_there_while_all_is_in_time() -> None:
    lead = LeadController()
    assert lead.target_s == 0.06
    play(lead, seconds(60, worst_s=0.004))
    assert lead.target_s == 0.06


@pytest.mark.parametrize(("worst_s", "target_s"), [(0.019, 0.06), (0.025, 0.07), (0.055, 0.1), (0.105, 0.15)])
def test_the_target_covers_what_is_usual_and_two_frames(worst_s: float, target_s: float) -> None:
    lead = LeadController()
    play(lead, seconds(5, worst_s=worst_s))
    assert lead.target_s == pytest.approx(target_s)


def test_long_stalls_are_not_worth_waiting_for() -> None:
    lead = LeadController()
    play(lead, seconds(10, worst_s=0.6))
    assert lead.target_s == 0.2


def test_it_rises_within_a_window_at_the_start_of_a_call() -> None:
    lead = LeadController()
    play(lead, [0.08, *seconds(WINDOW_S, worst_s=0.0)])
    assert lead.target_s == pytest.approx(0.13)


def test_one_outlier_in_a_minute_does_not_move_it_but_a_series_does() -> None:
    lead = LeadController()
    now = play(lead, seconds(60, worst_s=0.002))
    now = play(lead, seconds(5, worst_s=0.15, every_s=10), now)
    assert lead.target_s == 0.06
    play(lead, seconds(2, worst_s=0.15), now)
    assert lead.target_s > 0.18


def test_a_stall_every_other_second_is_usual_though_it_is_one_frame_in_a_hundred() -> None:
    lead = LeadController()
    now = play(lead, seconds(60, worst_s=0.002))
    play(lead, seconds(20, worst_s=0.15, every_s=2), now)
    assert lead.target_s > 0.18


def test_it_does_not_fall_while_something_plays() -> None:
    lead = LeadController()
    now = play(lead, seconds(3, worst_s=0.1))
    play(lead, seconds(300, worst_s=0.001), now)
    assert lead.target_s == pytest.approx(0.15)


def test_it_falls_10_ms_a_second_in_silence_down_to_what_is_wanted() -> None:
    lead = LeadController()
    now = silent_since = play(lead, seconds(300, worst_s=0.001), play(lead, seconds(3, worst_s=0.1)))
    for _ in range(100):
        now += 0.02
        lead.rest(silent_since, now)
    assert lead.target_s == pytest.approx(0.13)
    for _ in range(600):
        now += 0.02
        lead.rest(silent_since, now)
    assert lead.target_s == 0.06


def test_only_the_silence_counts_of_the_time_since_the_last_rest() -> None:
    lead = LeadController()
    now = play(lead, seconds(300, worst_s=0.001), play(lead, seconds(3, worst_s=0.1)))
    lead.rest(now, now)
    lead.rest(now + 50.0, now + 51.0)
    assert lead.target_s == pytest.approx(0.14)


def test_silence_does_not_lower_it_while_the_histogram_still_wants_it() -> None:
    lead = LeadController()
    now = play(lead, seconds(5, worst_s=0.1))
    lead.rest(now, now + 100.0)
    assert lead.target_s == pytest.approx(0.15)


@pytest.mark.parametrize(("ceiling_s", "start_s", "most_s"), [(0.02, 0.02, 0.02), (0.06, 0.06, 0.06), (0.5, 0.06, 0.5)])
def test_the_ceiling_is_kept_even_below_the_usual_start(ceiling_s: float, start_s: float, most_s: float) -> None:
    lead = LeadController(ceiling_s)
    assert lead.target_s == start_s
    play(lead, seconds(10, worst_s=2.0))
    assert lead.target_s == most_s


def test_a_ceiling_below_one_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="at least a frame"):
        LeadController(0.019)


@given(
    latenesses=st.lists(st.floats(0.0, 1.0) | st.floats(0.0, 0.01), max_size=200),
    rests=st.lists(st.floats(0.0, 30.0), max_size=20),
    seed=st.integers(0, 999),
)
def test_it_keeps_to_its_limits_whatever_happens(latenesses: list[float], rests: list[float], seed: int) -> None:
    lead, now = LeadController(), 0.0
    happenings = [("late", each) for each in latenesses] + [("rest", each) for each in rests]
    random.Random(seed).shuffle(happenings)
    for kind, value_s in happenings:
        before_s = lead.target_s
        if kind == "late":
            now += 0.02
            lead.observe(value_s, now)
            assert lead.target_s >= before_s
        else:
            lead.rest(now, now + value_s)
            now += value_s
            assert before_s - 0.01 * value_s - 1e-9 <= lead.target_s <= before_s
        assert 0.06 <= lead.target_s <= 0.2


def test_the_repr_names_target_and_wish() -> None:
    assert repr(LeadController()) == "<LeadController 60ms wants 60ms>"
