"""The uplink's timeline at invented times."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audio.jitter import Emit, Fill, Forward, JitterBuffer, JitterStats, Silence, Timed
from gateway.audio.stamps import DRIFT_WINDOW_S

RATE_HZ = 16000
FRAME = 320
FRAME_S = 0.02
EPOCH = 1_700_000_000.0


def frame(number: int, *, stamp: float | None = None, quiet: bool = False, silent: bool = False) -> Timed[int]:
    """The frame that covers `number * 20 ms`; its body is its number."""
    sent_at = EPOCH + number * FRAME_S if stamp is None else stamp
    return Timed(number, sent_at, FRAME, silent=silent, quiet=quiet)


def bare(number: int) -> Timed[int]:
    return Timed(number, None, FRAME, silent=False, quiet=False)


def feed(buffer: JitterBuffer[int], numbers: range | list[int], start: float = 0.0) -> list[Emit[int]]:
    """Frames at real time, each at its own moment."""
    out: list[Emit[int]] = []
    for number in numbers:
        out += buffer.push(frame(number), start + number * FRAME_S)
    return out


def bodies(emits: list[Emit[int]]) -> list[int]:
    return [emit.body for emit in emits if isinstance(emit, Forward)]


def length(emits: list[Emit[int]]) -> int:
    return sum(FRAME if isinstance(emit, Forward) else emit.samples for emit in emits)


def assert_accounted_for(stats: JitterStats, held: int = 0) -> None:
    out = stats.forwarded + stats.silent + stats.late + stats.duplicate + stats.backlog + stats.drift_dropped
    assert stats.samples_in == out + held


def make() -> JitterBuffer[int]:
    return JitterBuffer(FRAME, RATE_HZ)


# --- rule 1: in order -------------------------------------------------------------------------------------------------


def test_a_frame_in_order_goes_on_at_once() -> None:
    buffer = make()
    for number in range(500):
        assert buffer.push(frame(number), number * FRAME_S) == [Forward(number)]
        assert buffer.held_samples == 0


def test_a_burst_after_a_short_stall_goes_on_as_a_burst() -> None:
    buffer = make()
    feed(buffer, range(10))
    out = [emit for number in range(10, 25) for emit in buffer.push(frame(number), 0.5)]
    assert bodies(out) == list(range(10, 25))
    assert length(out) == 15 * FRAME


def test_frames_without_stamps_go_on_in_the_order_of_their_arrival() -> None:
    buffer = make()
    out = [emit for number in range(50) for emit in buffer.push(bare(number), number * FRAME_S)]
    assert bodies(out) == list(range(50))


def test_a_frame_without_a_stamp_takes_its_time_between_others() -> None:
    buffer = make()
    feed(buffer, range(10))
    assert buffer.push(bare(10), 0.2) == [Forward(10)]
    assert buffer.push(frame(11), 0.22) == [Forward(11)]


def test_a_frame_without_a_stamp_does_not_overtake_one_that_is_held() -> None:
    buffer = make()
    feed(buffer, [0, 1, 3, 2])
    assert buffer.push(frame(6), 0.12) == []
    assert bodies(buffer.push(bare(7), 0.13)) == [6, 7]


# --- rule 2: gaps -----------------------------------------------------------------------------------------------------


def test_a_gap_is_filled_at_once() -> None:
    buffer = make()
    feed(buffer, range(10))
    assert buffer.push(frame(13), 0.26) == [Fill(3 * FRAME, "gap"), Forward(13)]


def test_a_gap_of_more_than_half_a_second_is_not_filled() -> None:
    buffer = make()
    feed(buffer, range(10))
    assert buffer.push(frame(40), 0.8) == [Forward(40)]
    assert buffer.stats.resyncs == 1


def test_silent_frames_keep_their_length() -> None:
    assert make().push(frame(0, silent=True), 0.0) == [Silence(FRAME)]


# --- rule 3: reordering and duplicates --------------------------------------------------------------------------------


def test_a_duplicate_is_dropped() -> None:
    buffer = make()
    feed(buffer, range(10))
    assert buffer.push(frame(9), 0.2) == []
    assert buffer.stats.duplicate == FRAME
    assert buffer.push(frame(10), 0.2) == [Forward(10)]


def test_the_first_overtaken_frame_is_lost_and_the_next_is_put_back() -> None:
    buffer = make()
    out = feed(buffer, [0, 1, 3, 2, 4, 5, 7, 6, 8])
    assert bodies(out) == [0, 1, 3, 4, 5, 6, 7, 8]
    assert buffer.stats.late == FRAME
    assert_accounted_for(buffer.stats)


def test_frames_that_were_overtaken_together_are_no_clock_that_was_set_back() -> None:
    buffer = make()
    out = feed(buffer, [0, 1, 4, 2, 3, 5, 6])
    assert bodies(out) == [0, 1, 4, 5, 6]
    assert (buffer.stats.late, buffer.stats.epochs) == (2 * FRAME, 0)
    assert_accounted_for(buffer.stats)


def test_the_window_closes_again() -> None:
    buffer = make()
    feed(buffer, [0, 1, 3, 2])
    feed(buffer, range(4, 600))
    assert buffer.push(frame(602), 12.04) == [Fill(2 * FRAME, "gap"), Forward(602)]


def test_a_held_frame_is_let_go_when_nothing_else_comes() -> None:
    buffer = make()
    feed(buffer, [0, 1, 3, 2])
    assert buffer.push(frame(6), 0.12) == []
    assert buffer.held_samples == FRAME
    assert bodies(buffer.on_tick(0.15)) == [6]


# --- rule 4: stalls ---------------------------------------------------------------------------------------------------


def test_a_stall_is_not_filled_for_400_ms_and_then_at_real_time() -> None:
    buffer = make()
    feed(buffer, range(10))
    last = 9 * FRAME_S
    filled = 0
    for tick in range(1, 60):
        now = last + tick * FRAME_S
        filled += length(buffer.on_tick(now))
        if tick < 20:
            assert filled == 0
    assert filled == (59 - 20) * FRAME


def test_the_backlog_loses_as_much_silence_as_was_filled_and_never_speech() -> None:
    buffer = make()
    feed(buffer, range(10))
    filled = length(buffer.on_tick(9 * FRAME_S + 1.0))
    assert filled == 30 * FRAME
    out: list[Emit[int]] = []
    for number in range(10, 60):
        out += buffer.push(frame(number, quiet=number % 2 == 0), 1.18)
    assert bodies(out) == [number for number in range(10, 60) if number % 2]
    assert buffer.stats.backlog == 25 * FRAME
    assert_accounted_for(buffer.stats)


def test_a_stall_whose_frames_never_come_is_filled_once() -> None:
    buffer = make()
    feed(buffer, range(10))
    stalled = length(buffer.on_tick(9 * FRAME_S + 0.48))
    out = buffer.push(frame(34), 0.68)
    assert stalled + length(out) == 25 * FRAME


@pytest.mark.parametrize("backlog", [0, 20])
def test_what_silence_did_not_pay_is_forgiven_when_frames_come_at_real_time_again(backlog: int) -> None:
    buffer = make()
    feed(buffer, range(10))
    buffer.on_tick(9 * FRAME_S + 1.0)
    spoken = [Timed(number, None, FRAME, silent=False, quiet=False) for number in range(backlog + 1)]
    assert bodies([emit for each in spoken for emit in buffer.push(each, 1.2)]) == list(range(backlog + 1))
    assert buffer.push(Timed(999, None, FRAME, silent=False, quiet=True), 1.22) == [Forward(999)]
    assert buffer.stats.backlog == 0


def test_a_second_stall_is_filled_from_its_own_start() -> None:
    buffer = make()
    feed(buffer, range(10))
    buffer.on_tick(9 * FRAME_S + 1.0)
    buffer.push(frame(10), 1.3)
    assert length(buffer.on_tick(1.3 + 0.6)) == 10 * FRAME


def test_nothing_is_made_up_for_a_leg_that_is_gone() -> None:
    buffer = make()
    feed(buffer, range(10))
    buffer.on_tick(5.0)
    assert buffer.on_tick(11.0) == []


# --- rule 5: jumps and drift ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jump_s", [5.0, -5.0, 1e9, -1e9])
def test_stamps_that_jump_start_a_new_epoch(jump_s: float) -> None:
    buffer = make()
    feed(buffer, range(50))
    assert buffer.push(frame(50, stamp=EPOCH + 1.0 + jump_s), 1.0) == [Forward(50)]
    assert buffer.push(frame(51, stamp=EPOCH + 1.02 + jump_s), 1.02) == [Forward(51)]
    assert buffer.stats.epochs == 1


def test_a_clock_that_was_set_back_costs_one_frame() -> None:
    buffer = make()
    feed(buffer, range(50))
    out = [emit for n in range(50, 100) for emit in buffer.push(frame(n, stamp=EPOCH + n * FRAME_S - 0.3), n * FRAME_S)]
    assert bodies(out) == list(range(51, 100))
    assert (buffer.stats.late, buffer.stats.epochs) == (FRAME, 1)
    assert_accounted_for(buffer.stats)


@pytest.mark.parametrize(("speed", "field"), [(1.002, "drift_dropped"), (0.998, "drift_added")])
def test_a_clock_that_runs_away_is_followed_in_silence(speed: float, field: str) -> None:
    buffer = make()
    out = 0
    for number in range(round(4 * DRIFT_WINDOW_S / FRAME_S)):
        out += length(buffer.push(frame(number, quiet=number % 50 == 0), number * FRAME_S / speed))
    corrected = getattr(buffer.stats, field)
    assert 3 * FRAME >= corrected >= FRAME
    assert_accounted_for(buffer.stats)


def test_an_honest_clock_is_left_alone() -> None:
    buffer = make()
    for number in range(round(4 * DRIFT_WINDOW_S / FRAME_S)):
        buffer.push(frame(number, quiet=True), number * FRAME_S + 0.003 * (number % 3))
    assert buffer.stats.drift_dropped == buffer.stats.drift_added == 0


# --- rule 6: trust ----------------------------------------------------------------------------------------------------


def test_stamps_that_stand_still_cost_no_audio() -> None:
    buffer = make()
    out = [emit for n in range(300) for emit in buffer.push(frame(n, stamp=EPOCH), n * FRAME_S)]
    assert bodies(out) == list(range(300))
    assert buffer.stats.distrusted == 1


def test_silent_frames_under_one_stamp_are_no_duplicates() -> None:
    buffer = make()
    out = [emit for n in range(50) for emit in buffer.push(frame(0, stamp=EPOCH, silent=True), n * FRAME_S)]
    assert length(out) == 50 * FRAME


def test_worthless_stamps_end_gap_filling_until_they_are_good_again() -> None:
    buffer = make()
    for number in range(200):
        buffer.push(frame(number, stamp=EPOCH + number * FRAME_S + (0.1 if number % 7 == 0 else 0.0)), number * FRAME_S)
    assert buffer.stats.distrusted == 1
    assert buffer.push(frame(210), 4.2) == [Forward(210)]
    feed(buffer, range(211, 900))
    assert buffer.push(frame(902), 18.04) == [Fill(2 * FRAME, "gap"), Forward(902)]


# --- properties -------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 20), min_size=1, max_size=60))
def test_output_duration_is_timeline_duration(steps: list[int]) -> None:
    """Steps of up to 400 ms between frames; at most one in twenty of them may be a gap before trust ends."""
    buffer = make()
    number, out, gaps = 0, 0, 0
    for step in steps:
        gap = step > 1 and gaps < 3
        gaps += gap
        number += step if gap else 1
        out += length(buffer.push(frame(number), number * FRAME_S))
    first = max(1, steps[0])
    assert out == (number - first + 1) * FRAME
    assert buffer.stats.filled_gap == out - len(steps) * FRAME


@given(st.lists(st.integers(0, 40), max_size=80))
def test_never_out_of_order_and_nothing_lost_without_a_counter(numbers: list[int]) -> None:
    buffer = make()
    out: list[Emit[int]] = []
    for index, number in enumerate(numbers):
        out += buffer.push(frame(number), index * FRAME_S)
    out += buffer.on_tick(len(numbers) * FRAME_S + 0.1)
    assert_accounted_for(buffer.stats, buffer.held_samples)
    assert buffer.stats.forwarded == len(bodies(out)) * FRAME
    if not buffer.stats.epochs and not buffer.stats.distrusted and len(set(numbers)) == len(numbers):
        assert bodies(out) == sorted(bodies(out))


@given(st.integers(1, 100), st.integers(0, 3))
def test_duplicates_change_nothing(count: int, copies: int) -> None:
    once, more = make(), make()
    expected = feed(once, range(count))
    out: list[Emit[int]] = []
    for number in range(count):
        for _ in range(1 + copies):
            out += more.push(frame(number), number * FRAME_S)
    assert bodies(out) == bodies(expected)
    assert more.stats.duplicate == copies * count * FRAME


@given(st.lists(st.floats(0.001, 0.05), min_size=1, max_size=200))
def test_how_often_the_clock_ticks_does_not_matter(ticks: list[float]) -> None:
    one, many = make(), make()
    feed(one, range(5))
    feed(many, range(5))
    now, filled = 4 * FRAME_S, 0
    for tick in ticks:
        now += tick
        filled += length(many.on_tick(now))
    assert filled == length(one.on_tick(now))


STAMPS = st.one_of(
    st.none(), st.floats(-1e300, 1e300), st.floats(EPOCH, EPOCH + 10), st.just(math.inf), st.just(math.nan)
)


@given(st.lists(st.tuples(STAMPS, st.booleans(), st.booleans(), st.floats(0, 0.7)), max_size=150))
def test_no_stamp_ever_raises_or_loses_audio_uncounted(frames: list[tuple[float | None, bool, bool, float]]) -> None:
    buffer = make()
    now, out = 0.0, 0
    for number, (stamp, silent, quiet, wait_s) in enumerate(frames):
        now += wait_s
        out += length(buffer.on_tick(now))
        out += length(buffer.push(Timed(number, stamp, FRAME, silent=silent, quiet=quiet), now))
    stats = buffer.stats
    assert_accounted_for(stats, buffer.held_samples)
    filled = stats.filled_gap + stats.filled_stall + stats.drift_added
    assert out == stats.forwarded + stats.silent + filled
