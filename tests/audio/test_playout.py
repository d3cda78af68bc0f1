"""Paced playout: exact frames, on time, never too far ahead, and every sample accounted for."""

from __future__ import annotations

import itertools
import math
import random
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audio.pcm import Int16Array
from gateway.audio.playout import DUE_S, MAX_BURST_FRAMES, Frame, Playout

RATE_HZ = 16000
FRAME = RATE_HZ // 50
TICK_S = 0.02
START = 1000.0
LEAD_FRAMES = 3


def ramp(count: int, start: int = 0) -> Int16Array:
    """Samples that all differ from their neighbours, none of them zero: a zero in the output is padding."""
    return (np.arange(start, start + count) % 30000 + 1).astype(np.int16)


def frames(count: int) -> Int16Array:
    return ramp(count * FRAME)


def opened(max_lead_s: float = 0.2) -> Playout:
    playout = Playout(RATE_HZ, max_lead_s=max_lead_s)
    playout.open(START, lead_in_s=0.0)
    return playout


def tick(playout: Playout, now: float, until: float, step_s: float = TICK_S) -> list[tuple[float, Frame]]:
    """Frames with their times, of a ticker that is never late; `until` excluded."""
    count = math.ceil((until - now) / step_s - 1e-6)
    moments = [now + number * step_s for number in range(count)]
    return [(moment, frame) for moment in moments for frame in playout.frames_due(moment)]


def pcm(taken: list[Frame]) -> bytes:
    return b"".join(frame.pcm for frame in taken)


# --- opening ----------------------------------------------------------------------------------------------------------


def test_nothing_is_sent_before_the_stream_is_open() -> None:
    playout = Playout(RATE_HZ)
    playout.append("a", frames(10))
    assert playout.frames_due(START) == []
    assert playout.next_due(START) is None
    assert playout.queued_s == pytest.approx(0.2)
    assert not playout.idle(START)


def test_the_lead_in_is_silence_at_real_time_and_audio_follows_without_a_gap() -> None:
    playout = Playout(RATE_HZ)
    playout.append("a", frames(10))
    playout.open(START, lead_in_s=0.2)
    sent = tick(playout, START, START + 0.3)
    silence = [(at, frame) for at, frame in sent if frame.item is None]
    assert [round(at - START, 3) for at, _ in silence] == [round(number * 0.02, 3) for number in range(10)]
    assert all(frame.pcm == bytes(2 * FRAME) for _, frame in silence)
    assert min(at for at, frame in sent if frame.item == "a") == pytest.approx(START + 0.2)
    assert playout.ledger.first_heard_at("a") == pytest.approx(START + 0.2 + 0.15)
    assert playout.stats.silence_frames_sent == 10


def test_the_lead_in_is_sent_even_while_no_audio_waits_and_late_audio_then_goes_at_once() -> None:
    playout = Playout(RATE_HZ)
    playout.open(START, lead_in_s=0.1)
    assert len(tick(playout, START, START + 1)) == 5
    assert playout.idle(START + 1)
    assert playout.silent_since(START + 1) is None
    playout.append("a", frames(1))
    assert [frame.item for frame in playout.frames_due(START + 1)] == ["a"]


@pytest.mark.parametrize(("lead_in_s", "silent_frames"), [(0.0, 0), (0.05, 3), (0.14, 7)])
def test_the_lead_in_lasts_at_least_as_long_as_asked(lead_in_s: float, silent_frames: int) -> None:
    playout = Playout(RATE_HZ)
    playout.append("a", frames(1))
    playout.open(START, lead_in_s)
    sent = tick(playout, START, START + 0.5)
    assert [frame.item for _, frame in sent] == [None] * silent_frames + ["a"]
    assert sent[-1][0] >= START + lead_in_s - DUE_S


def test_a_ticker_that_stalls_in_the_lead_in_neither_shortens_nor_bursts_it() -> None:
    playout = Playout(RATE_HZ)
    playout.append("a", frames(10))
    playout.open(START, lead_in_s=0.1)
    sent = tick(playout, START, START + 0.03) + tick(playout, START + 0.5, START + 0.6)
    assert [frame.item for _, frame in sent[:5]] == [None] * 5
    assert [round(at - START, 2) for at, _ in sent[:5]] == [0.0, 0.02, 0.5, 0.52, 0.54]
    assert sent[5][1].item == "a"


def test_a_stream_opened_again_has_lost_what_was_not_played_and_begins_with_silence() -> None:
    playout = opened()
    playout.append("a", frames(20))
    playout.finish("a")
    playout.frames_due(START)
    playout.open(START + 0.01, lead_in_s=0.04)
    sent = tick(playout, START + 0.01, START + 1)
    assert [frame.item for _, frame in sent[:3]] == [None, None, "a"]
    assert pcm([frame for _, frame in sent[2:]]) == frames(20)[LEAD_FRAMES * FRAME :].tobytes()
    assert playout.stats.samples_unplayed == LEAD_FRAMES * FRAME - FRAME // 2
    assert playout.ledger.played("a", START + 9) == 20 * FRAME - playout.stats.samples_unplayed
    assert playout.stats.underruns == playout.stats.resyncs == 0


def test_the_time_without_a_stream_is_not_taken_for_a_stall_of_our_own() -> None:
    playout = opened()
    playout.append("a", frames(50))
    tick(playout, START, START + 0.1)
    playout.open(START + 5, lead_in_s=0.0)
    tick(playout, START + 5, START + 5.7)
    assert playout.stats.underruns == playout.stats.resyncs == 0
    assert playout.lead.target_s == 0.06


def test_a_maximum_below_one_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="at least a frame"):
        Playout(RATE_HZ, max_lead_s=0.01)


# --- pacing -----------------------------------------------------------------------------------------------------------


def test_a_start_sends_the_lead_at_once_and_then_a_frame_a_tick() -> None:
    playout = opened()
    playout.append("a", frames(50))
    assert len(playout.frames_due(START)) == LEAD_FRAMES
    assert playout.lead_s(START) == pytest.approx(0.06)
    assert [len(playout.frames_due(START + number * TICK_S)) for number in range(1, 10)] == [1] * 9
    assert playout.lead_s(START + 9 * TICK_S) == pytest.approx(0.06)


def test_frames_are_exact_and_the_sound_is_the_input() -> None:
    playout = opened()
    playout.append("a", frames(50))
    sent = [frame for _, frame in tick(playout, START, START + 2)]
    assert {len(frame.pcm) for frame in sent} == {2 * FRAME}
    assert pcm(sent) == frames(50).astype("<i2").tobytes()


def test_lateness_of_single_ticks_never_adds_up() -> None:
    playout, chance = opened(), random.Random(1)
    playout.append("a", frames(5000))
    sent = 0
    for number in range(3000):
        sent += len(playout.frames_due(START + number * TICK_S + chance.uniform(0, 0.015)))
    assert LEAD_FRAMES + 2998 <= sent <= LEAD_FRAMES + 2999
    assert playout.stats.resyncs == 0


def test_a_full_lead_waits() -> None:
    playout = opened()
    playout.append("a", frames(10))
    assert [len(playout.frames_due(START)) for _ in range(3)] == [LEAD_FRAMES, 1, 0]
    assert playout.lead_s(START) == pytest.approx(0.08)


@pytest.mark.parametrize("phase_s", [0.0, 0.001, 0.005, 0.0095, 0.01, 0.0105, 0.015, 0.0195])
@pytest.mark.parametrize("late_s", [0.0, 0.001, 0.009])
def test_a_tick_that_comes_a_little_early_or_late_leaves_no_frame_behind(phase_s: float, late_s: float) -> None:
    playout, chance = opened(), random.Random(3)
    playout.append("a", frames(400))
    playout.frames_due(START)
    ticks = [START + phase_s + number * TICK_S + chance.uniform(0.0, late_s) for number in range(300)]
    assert {len(playout.frames_due(now)) for now in ticks} == {1}


def test_the_maximum_is_kept_to_the_sample_even_by_an_early_timer() -> None:
    playout = opened(max_lead_s=0.06)
    playout.append("a", frames(10))
    playout.frames_due(START)
    assert playout.frames_due(START + TICK_S - 0.0002) == []
    assert len(playout.frames_due(START + TICK_S)) == 1


@pytest.mark.parametrize("stall_s", [0.3, 3.0])
def test_a_stalled_ticker_resynchronises_once_with_few_frames_at_once(stall_s: float) -> None:
    playout = opened(max_lead_s=0.06)
    playout.append("a", frames(300))
    tick(playout, START, START + 0.2)
    burst = playout.frames_due(START + 0.2 + stall_s)
    assert len(burst) == LEAD_FRAMES
    assert playout.stats.resyncs == 1
    assert playout.stats.underruns == 0
    assert playout.lead_s(START + 0.2 + stall_s) == pytest.approx(0.06)
    after = tick(playout, START + 0.22 + stall_s, START + 0.32 + stall_s)
    assert len(after) == 5
    assert playout.stats.resyncs == 1


def test_a_stall_shorter_than_the_lead_is_caught_up_and_not_heard() -> None:
    playout = opened()
    playout.append("a", frames(100))
    tick(playout, START, START + 0.2)
    assert len(playout.frames_due(START + 0.23)) == 2
    tick(playout, START + 0.24, START + 3)
    assert playout.stats.resyncs == 0
    assert playout.ledger.last_played_at("a") == pytest.approx(START + 2)


def test_a_burst_is_bounded() -> None:
    playout = opened()
    playout.lead.target_s = 0.2
    playout.append("a", frames(100))
    assert [len(playout.frames_due(START + number * TICK_S)) for number in range(4)] == [MAX_BURST_FRAMES, 5, 1, 1]


def test_a_ticker_that_is_often_late_raises_the_lead_and_only_silence_lowers_it() -> None:
    playout = opened()
    playout.append("a", frames(6500))
    for stall in range(20):
        tick(playout, START + stall * 0.2, START + stall * 0.2 + 0.11)  # and then nothing for 100 ms
    assert playout.lead.target_s == pytest.approx(0.13)
    assert playout.stats.resyncs == 3, "until the first half second is over"
    tick(playout, START + 4, START + 130)
    assert playout.lead.target_s == pytest.approx(0.13)
    playout.drop("a")
    over = playout.ledger.sound_until()
    tick(playout, START + 130, over + 3 + TICK_S)
    assert playout.lead.target_s == pytest.approx(0.1, abs=0.001)


def test_how_late_another_item_takes_over_says_nothing_about_our_lateness() -> None:
    playout = opened()
    playout.append("broke off", frames(4))
    tick(playout, START, START + 3)
    playout.append("a", frames(100))
    tick(playout, START + 3, START + 5)
    assert playout.stats.underruns == 1
    assert playout.lead.target_s == 0.06


def test_a_stall_is_counted_even_before_the_first_frame_of_an_item_that_stands_behind_another() -> None:
    playout = opened()
    playout.append("a", frames(4))
    playout.finish("a")
    playout.frames_due(START)
    playout.frames_due(START)
    playout.append("b", frames(3))
    assert playout.frames_due(START + 0.01) == []
    playout.frames_due(START + 0.2)
    assert playout.stats.resyncs == 1


def test_next_due_drives_playout_without_a_ticker() -> None:
    playout = Playout(RATE_HZ)
    playout.open(START, lead_in_s=0.04)
    playout.append("a", frames(20))
    now, moments = START, []
    while (due_at := playout.next_due(now)) is not None:
        now = max(now, due_at)
        moments += [now] * len(playout.frames_due(now))
    expected = [0.0, 0.02, 0.04, 0.04, 0.04, 0.04, *(0.04 + number * 0.02 for number in range(1, 17))]
    assert [moment - START for moment in moments] == pytest.approx(expected)
    assert playout.next_due(now) is None


def test_next_due_waits_for_the_end_before_another_item_takes_over() -> None:
    playout = opened()
    playout.append("a", ramp(FRAME + 10))
    playout.frames_due(START)
    playout.append("b", frames(1))
    assert playout.next_due(START) == pytest.approx(START + TICK_S)


# --- items ------------------------------------------------------------------------------------------------------------


def test_the_rest_of_an_item_waits_until_it_is_finished_and_is_then_padded() -> None:
    playout = opened()
    playout.append("a", ramp(FRAME + 100))
    assert len(playout.frames_due(START)) == 1
    assert playout.frames_due(START + TICK_S) == []
    playout.finish("a")
    (last,) = playout.frames_due(START + 2 * TICK_S)
    assert last.pcm == ramp(100, FRAME).tobytes() + bytes(2 * (FRAME - 100))
    assert playout.stats.samples_padded == FRAME - 100
    assert playout.ledger.sent("a") == FRAME + 100
    assert playout.idle(START + 3 * TICK_S)


def test_items_follow_each_other_without_a_gap_and_never_share_a_frame() -> None:
    playout = opened()
    for item in ("a", "b"):
        playout.append(item, ramp(FRAME + 1))
        playout.finish(item)
    sent = [frame for _, frame in tick(playout, START, START + 1)]
    assert [frame.item for frame in sent] == ["a", "a", "b", "b"]
    assert playout.ledger.first_heard_at("b") == pytest.approx(START + 0.04 + 0.15)


def test_the_item_that_plays_is_known_and_so_is_the_silence_after_it() -> None:
    playout = opened()
    playout.append("a", frames(2))
    playout.append("b", frames(2))
    playout.finish("a")
    playout.finish("b")
    assert playout.silent_since(START) is None
    tick(playout, START, START + 0.1)
    assert [playout.playing_item(START + 0.01 + number * 0.02) for number in range(5)] == ["a", "a", "b", "b", None]
    assert playout.silent_since(START + 0.07) is None
    assert playout.silent_since(START + 0.5) == pytest.approx(START + 0.08)
    assert not playout.idle(START + 0.07)
    assert playout.idle(START + 0.08)


def test_audio_of_an_item_that_is_over_is_refused_and_counted() -> None:
    playout = opened()
    playout.append("finished", frames(1))
    playout.finish("finished")
    playout.append("dropped", frames(1))
    playout.drop("dropped")
    assert playout.append("finished", frames(2)) == playout.append("dropped", frames(3)) == 0
    assert playout.stats.samples_late == 5 * FRAME
    assert [frame.item for _, frame in tick(playout, START, START + 1)] == ["finished"]


def test_dropping_an_item_leaves_what_was_sent_of_it_and_the_others() -> None:
    playout = opened()
    playout.append("a", frames(10))
    playout.append("b", frames(1))
    playout.finish("b")
    playout.frames_due(START)
    assert playout.drop("a") == 7 * FRAME
    assert [frame.item for _, frame in tick(playout, START + TICK_S, START + 1)] == ["b"]
    assert playout.ledger.played("a", START + 1) == LEAD_FRAMES * FRAME
    assert playout.stats.samples_dropped == 7 * FRAME
    assert playout.stats.resyncs == playout.stats.underruns == 0


def test_dropping_what_plays_is_not_taken_for_a_stall() -> None:
    playout = opened()
    playout.append("a", frames(10))
    playout.frames_due(START)
    playout.drop("a")
    tick(playout, START + TICK_S, START + 1)
    assert playout.stats.resyncs == playout.stats.underruns == 0


def test_the_newest_audio_is_refused_when_the_queue_is_full() -> None:
    playout = Playout(RATE_HZ, max_queue_samples=1000)
    assert playout.append("a", ramp(600)) == 600
    assert playout.append("a", ramp(600, 600)) == 400
    assert playout.append("b", ramp(1)) == 0
    assert playout.stats.samples_refused == 201
    playout.open(START, 0.0)
    playout.finish("a")
    sent = pcm([frame for _, frame in tick(playout, START, START + 1)])
    assert sent == ramp(1000).tobytes() + bytes(2 * (4 * FRAME - 1000))


def test_too_many_items_at_once_are_refused() -> None:
    playout = opened()
    taken = [playout.append(f"item{number}", ramp(10)) for number in range(80)]
    assert sum(taken) == playout.stats.samples_taken == 640
    assert playout.stats.samples_refused == 160


def test_empty_pieces_change_nothing() -> None:
    playout = opened()
    assert playout.append("a", ramp(0)) == 0
    assert playout.idle(START)
    assert playout.stop(START).items == ()


@pytest.mark.parametrize("samples", [np.zeros(10), np.zeros((10, 1), np.int16), np.zeros(10, np.int32)])
def test_anything_but_a_line_of_int16_is_refused(samples: Int16Array) -> None:
    with pytest.raises(ValueError, match="must be int16"):
        opened().append("a", samples)


# --- underrun ---------------------------------------------------------------------------------------------------------


def test_an_underrun_is_counted_once_and_the_item_gathers_40_ms_before_it_goes_on() -> None:
    playout = opened()
    playout.append("a", frames(5))
    assert len(tick(playout, START, START + 0.5)) == 5, "no silence is sent"
    assert playout.stats.underruns == 1
    playout.append("a", ramp(FRAME + 10))
    assert playout.frames_due(START + 0.5) == []
    playout.append("a", ramp(FRAME - 10))
    assert len(playout.frames_due(START + 0.52)) == 2
    assert playout.stats.underruns == 1
    assert playout.stats.resyncs == 0
    tick(playout, START + 0.54, START + 1)
    assert playout.stats.underruns == 2


def test_audio_that_comes_between_two_ticks_after_the_last_is_over_is_an_underrun_and_no_stall() -> None:
    playout = opened()
    playout.append("a", ramp(3 * FRAME + 10))
    tick(playout, START, START + 0.07)
    playout.append("a", frames(5))
    assert len(playout.frames_due(START + 0.08)) == LEAD_FRAMES
    assert (playout.stats.underruns, playout.stats.resyncs) == (1, 0)


def test_the_rest_of_a_finished_item_need_not_gather() -> None:
    playout = opened()
    playout.append("a", frames(1))
    tick(playout, START, START + 0.1)
    playout.append("a", ramp(10))
    playout.finish("a")
    assert len(playout.frames_due(START + 0.1)) == 1


def test_the_end_of_a_finished_item_is_no_underrun() -> None:
    playout = opened()
    for number in range(3):
        playout.append(f"item{number}", frames(5))
        playout.finish(f"item{number}")
        tick(playout, START + number, START + number + 1)
    assert playout.stats.underruns == playout.stats.resyncs == 0


def test_an_item_finished_before_its_last_frame_is_over_is_no_underrun() -> None:
    playout = opened()
    playout.append("a", frames(3))
    playout.frames_due(START)
    playout.frames_due(START + 0.04)
    playout.finish("a")
    tick(playout, START + 0.06, START + 1)
    assert playout.stats.underruns == 0


def test_audio_that_comes_while_the_lead_lasts_is_no_underrun() -> None:
    playout = opened()
    for number in range(20):
        playout.append("a", frames(3))
        tick(playout, START + number * 0.06, START + (number + 1) * 0.06)
    assert playout.stats.underruns == 0
    assert playout.lead.target_s == 0.06
    assert playout.ledger.last_played_at("a") == pytest.approx(START + 1.2)


def test_an_item_that_broke_off_holds_up_the_next_until_its_last_sample_and_then_gives_way() -> None:
    playout = opened()
    playout.append("a", ramp(3 * FRAME + 5))
    playout.frames_due(START)
    playout.append("clip", frames(2))
    playout.finish("clip")
    sent = tick(playout, START + TICK_S, START + 1)
    assert [(round(at - START, 2), frame.item) for at, frame in sent] == [(0.08, "clip"), (0.08, "clip")]
    playout.append("a", ramp(FRAME - 5))
    assert [frame.item for frame in playout.frames_due(START + 1)] == ["a"]


# --- barge-in ---------------------------------------------------------------------------------------------------------


def test_a_stop_drops_what_is_queued_and_says_what_was_cut() -> None:
    playout = opened()
    playout.append("a", frames(10))
    playout.append("b", ramp(77))
    tick(playout, START, START + 0.05)
    stopped = playout.stop(START + 0.05)
    assert stopped.items == ("a", "b")
    assert stopped.unsent_samples == 5 * FRAME + 77
    assert stopped.unplayed_samples == 5 * FRAME - round(0.05 * RATE_HZ)
    assert stopped.needs_stop
    assert playout.idle(START + 0.05)
    assert tick(playout, START + 0.05, START + 1) == []
    assert playout.ledger.truncate_at_ms("a", START + 1) == 30
    assert playout.stats.samples_stopped == stopped.unsent_samples
    assert playout.stats.samples_unplayed == stopped.unplayed_samples


def test_after_a_stop_its_items_are_refused_and_new_ones_start_at_once() -> None:
    playout = opened()
    playout.append("a", frames(10))
    playout.frames_due(START)
    playout.stop(START + 0.01)
    assert playout.append("a", frames(1)) == 0
    playout.append("b", frames(10))
    assert [frame.item for frame in playout.frames_due(START + 0.01)] == ["b"] * LEAD_FRAMES
    assert playout.ledger.first_heard_at("b") == pytest.approx(START + 0.01 + 0.15)


@pytest.mark.parametrize("pause_s", [0.02, 2.0])
def test_the_pause_after_a_stop_is_not_taken_for_a_stall(pause_s: float) -> None:
    playout = opened()
    playout.append("a", frames(100))
    tick(playout, START, START + 0.1)
    playout.stop(START + 0.1)
    tick(playout, START + 0.12, START + 0.1 + pause_s)
    playout.append("b", frames(100))
    tick(playout, START + 0.1 + pause_s, START + 1 + pause_s)
    assert playout.stats.resyncs == playout.stats.underruns == 0
    assert playout.lead.target_s == 0.06


def test_a_stop_is_needed_as_long_as_the_network_may_hold_our_audio_and_only_once() -> None:
    playout = opened()
    assert not playout.stop(START).needs_stop
    for at, needed in ((0.0, True), (1.0 + 0.02 + 0.149, True), (2.0 + 0.02 + 0.151, False)):
        playout.append(f"at {at}", frames(1))
        playout.finish(f"at {at}")
        playout.frames_due(START + math.floor(at))
        assert playout.stop(START + at).needs_stop is needed
        assert not playout.stop(START + at).needs_stop


def test_a_stop_in_the_lead_in_needs_no_stop_at_the_network() -> None:
    playout = Playout(RATE_HZ)
    playout.open(START, 0.2)
    playout.append("a", frames(10))
    playout.frames_due(START)
    stopped = playout.stop(START + 0.01)
    assert not stopped.needs_stop
    assert stopped.items == ("a",)
    assert [frame.item for _, frame in tick(playout, START + 0.02, START + 1)] == [None] * 9


def test_a_stop_cuts_an_item_that_waits_for_more_audio() -> None:
    playout = opened()
    playout.append("a", frames(2))
    tick(playout, START, START + 0.5)
    stopped = playout.stop(START + 0.5)
    assert stopped.items == ("a",)
    assert stopped.unsent_samples == stopped.unplayed_samples == 0
    playout.append("b", frames(1))
    assert len(playout.frames_due(START + 0.5)) == 1, "what was interrupted does not make the next item gather"


def test_an_item_that_was_played_is_not_cut() -> None:
    playout = opened()
    playout.append("a", frames(2))
    playout.finish("a")
    tick(playout, START, START + 0.1)
    assert playout.stop(START + 0.1).items == ()


# --- holding ----------------------------------------------------------------------------------------------------------


class FarEnd:
    """A network that plays what it is sent in real time and forgets the rest at a stop."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, bytes]] = []
        self._free_at = 0.0

    def take(self, moment: float, frame: Frame) -> None:
        begin = max(moment, self._free_at)
        self._waiting.append((begin, frame.pcm))
        self._free_at = begin + TICK_S

    def played(self, until: float) -> bytes:
        """Samples whose time has come."""
        return b"".join(pcm[: 2 * max(0, round((until - begin) * RATE_HZ))] for begin, pcm in self._waiting)

    def stop(self, now: float) -> None:
        self._waiting = [
            (begin, pcm[: 2 * max(0, round((now - begin) * RATE_HZ))]) for begin, pcm in self._waiting if begin < now
        ]
        self._free_at = now


@settings(max_examples=150)
@given(
    lengths=st.lists(st.integers(1, 40 * FRAME), min_size=1, max_size=3),
    holds=st.lists(st.tuples(st.integers(1, 60), st.integers(0, 40)), max_size=4),
)
def test_whatever_is_held_and_resumed_the_far_end_plays_every_sample_once(
    lengths: list[int], holds: list[tuple[int, int]]
) -> None:
    playout, far_end, now, sound = opened(), FarEnd(), START, []
    for number, length in enumerate(lengths):
        samples = ramp(length, 7000 * number)
        sound.append(samples)
        playout.append(str(number), samples)
        playout.finish(str(number))
    for ticks, pause in [*holds, (300, 0)]:
        for _ in range(ticks):
            for frame in playout.frames_due(now):
                far_end.take(now, frame)
            now += TICK_S
        playout.hold(now)
        far_end.stop(now)
        now += pause * TICK_S
        assert playout.frames_due(now) == []
        playout.resume(now)
    heard = np.frombuffer(far_end.played(now), "<i2")
    assert np.array_equal(heard[heard != 0], np.concatenate(sound))
    for number, length in enumerate(lengths):
        assert playout.ledger.played(str(number), now) == length
        assert playout.ledger.fully_played(str(number), now)
    assert playout.stats.samples_sent == playout.stats.samples_taken == sum(lengths)


def test_a_word_that_was_broken_off_is_said_again_from_its_beginning() -> None:
    playout = opened()
    playout.append("a", frames(50))
    sent = pcm([frame for _, frame in tick(playout, START, START + 0.4)])
    before = playout.ledger.played("a", START + 0.4)
    held = playout.hold(START + 0.4)
    assert held.anything
    assert held.needs_stop
    assert playout.ledger.played("a", START + 0.9) == before
    playout.resume(START + 0.9, rewind_s=0.1)
    assert playout.ledger.played("a", START + 0.9) == before
    again = pcm(playout.frames_due(START + 0.9))
    assert playout.ledger.played("a", START + 0.9) == before - round(0.1 * RATE_HZ)
    begin = 2 * (before - round(0.1 * RATE_HZ))
    assert again[:200] == sent[begin : begin + 200]


def test_a_rewind_never_goes_back_before_the_item() -> None:
    playout = opened()
    playout.append("a", frames(50))
    tick(playout, START, START + 0.04)
    playout.hold(START + 0.04)
    playout.resume(START + 0.04, rewind_s=0.9)
    assert playout.frames_due(START + 0.04)[0].pcm == frames(1).tobytes()


def test_audio_that_comes_while_it_is_held_follows_what_was_held() -> None:
    playout = opened()
    playout.append("a", ramp(10 * FRAME))
    tick(playout, START, START + 0.1)
    playout.hold(START + 0.1)
    playout.append("a", ramp(10 * FRAME, 10 * FRAME))
    playout.finish("a")
    playout.resume(START + 0.1)
    tick(playout, START + 0.1, START + 1.0)
    assert playout.ledger.played("a", START + 1.0) == 20 * FRAME


def test_a_stop_gives_up_what_was_held() -> None:
    playout = opened()
    playout.append("a", frames(50))
    tick(playout, START, START + 0.4)
    before = playout.ledger.played("a", START + 0.4)
    playout.hold(START + 0.4)
    stopped = playout.stop(START + 0.6)
    assert stopped.items == ("a",)
    assert not stopped.needs_stop
    assert playout.queued_s == 0
    assert playout.ledger.played("a", START + 0.6) == before
    playout.append("b", frames(5))
    assert playout.frames_due(START + 0.62) != []


def test_nothing_to_hold() -> None:
    playout = opened()
    held = playout.hold(START + 1.0)
    assert not held.anything
    assert not held.needs_stop


def test_the_repr_tells_queue_and_lead() -> None:
    playout = opened()
    playout.append("a", frames(4))
    assert repr(playout) == "<Playout queued=80ms lead=60ms>"


# --- properties -------------------------------------------------------------------------------------------------------

NAMES = ("a", "b", "c", "d")
steps = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.sampled_from(NAMES), st.integers(0, 3000)),
        st.tuples(st.just("finish"), st.sampled_from(NAMES), st.just(0)),
        st.tuples(st.just("drop"), st.sampled_from(NAMES), st.just(0)),
        st.tuples(st.just("tick"), st.sampled_from(NAMES), st.integers(0, 40_000)),
        st.tuples(st.just("tick"), st.sampled_from(NAMES), st.integers(15_000, 25_000)),
        st.tuples(st.just("tick"), st.sampled_from(NAMES), st.integers(0, 1_000_000)),
        st.tuples(st.just("stop"), st.sampled_from(NAMES), st.just(0)),
    ),
    max_size=60,
)


class Rig:
    """Drives a playout and checks after every step what must always hold."""

    def __init__(self, max_lead_s: float, lead_in_s: float) -> None:
        self.playout = Playout(RATE_HZ, max_lead_s=max_lead_s, max_queue_samples=8000)
        self.max_lead_s = max_lead_s
        self.now = START
        self.appended = 0
        self.frames_sent = 0
        self.taken: dict[str, bytes] = defaultdict(bytes)
        self.sent: dict[str, bytes] = defaultdict(bytes)
        self.padded: set[str] = set()
        self.closed: set[str] = set()
        self.stopped: set[str] = set()
        self.played: dict[str, int] = defaultdict(int)
        self.playout.open(self.now, lead_in_s)

    def append(self, item: str, count: int) -> None:
        samples = ramp(count, len(self.taken[item]) // 2)
        took = self.playout.append(item, samples)
        assert not (took and item in self.closed)
        self.appended += count
        self.taken[item] += samples[:took].tobytes()

    def finish(self, item: str, _: int) -> None:
        self.playout.finish(item)
        if self.taken[item]:
            self.closed.add(item)

    def drop(self, item: str, _: int) -> None:
        self.playout.drop(item)
        if self.taken[item]:
            self.closed.add(item)

    def stop(self, _item: str, _: int) -> None:
        stopped = self.playout.stop(self.now)
        self.stopped.update(stopped.items)
        self.closed.update(stopped.items)
        assert self.playout.lead_s(self.now) == 0.0
        assert self.playout.queued_s == 0.0

    def tick(self, _: str, wait_us: int) -> None:
        self.now += wait_us / 1e6
        burst = self.playout.frames_due(self.now)
        assert len(burst) <= MAX_BURST_FRAMES + 1
        self.frames_sent += len(burst)
        for frame in burst:
            assert len(frame.pcm) == 2 * FRAME
            if frame.item is None:
                continue
            assert frame.item not in self.stopped
            assert frame.item not in self.padded, "padding stands at the end of an item only"
            real = int(np.count_nonzero(np.frombuffer(frame.pcm, np.int16)))
            if real < FRAME:
                self.padded.add(frame.item)
                assert frame.item in self.closed
            self.sent[frame.item] += frame.pcm[: 2 * real]
            assert frame.pcm[2 * real :] == bytes(2 * (FRAME - real))

    def check(self) -> None:
        playout, stats = self.playout, self.playout.stats
        assert playout.lead_s(self.now) <= self.max_lead_s + 1e-6
        assert self.appended == stats.samples_taken + stats.samples_refused + stats.samples_late
        queued = round(playout.queued_s * RATE_HZ)
        assert stats.samples_taken == stats.samples_sent + stats.samples_stopped + stats.samples_dropped + queued
        assert stats.samples_sent + stats.samples_padded == FRAME * (self.frames_sent - stats.silence_frames_sent)
        for item in NAMES:
            assert self.taken[item].startswith(self.sent[item])
            self._check_account(item)

    def _check_account(self, item: str) -> None:
        ledger = self.playout.ledger
        played = ledger.played(item, self.now)
        assert self.played[item] <= played <= ledger.sent(item) <= ledger.received(item)
        assert ledger.heard(item, self.now) <= played
        assert ledger.truncate_at_ms(item, self.now) <= ledger.received_ms(item)
        assert ledger.sent(item) == len(self.sent[item]) // 2
        assert ledger.received(item) == len(self.taken[item]) // 2
        self.played[item] = played


@settings(deadline=None, max_examples=200)
@given(
    steps=steps, max_lead_s=st.sampled_from([0.02, 0.05, 0.06, 0.2, 0.21]), lead_in_s=st.sampled_from([0.0, 0.05, 0.2])
)
def test_whatever_happens_every_sample_is_accounted_for(
    steps: list[tuple[str, str, int]], max_lead_s: float, lead_in_s: float
) -> None:
    rig = Rig(max_lead_s, lead_in_s)
    for action, item, count in steps:
        getattr(rig, action)(item, count)
        rig.check()
    unplayed = rig.playout.stats.samples_unplayed
    for item in NAMES:
        rig.finish(item, 0)
    for _ in range(200):
        rig.tick("", 20_000)
        rig.check()
    assert rig.playout.idle(rig.now), "finished items never get stuck"
    assert sum(rig.played.values()) == rig.playout.stats.samples_sent - unplayed


@settings(deadline=None)
@given(
    count=st.integers(1, 6000),
    cuts=st.lists(st.integers(1, 6000), max_size=10),
    waits_us=st.lists(st.integers(0, 60_000), min_size=1, max_size=20),
)
def test_neither_the_cut_of_the_deltas_nor_the_ticks_change_what_is_sent(
    count: int, cuts: list[int], waits_us: list[int]
) -> None:
    edges = sorted({0, count, *(cut for cut in cuts if cut < count)})
    pieces = [ramp(end - begin, begin) for begin, end in itertools.pairwise(edges)]
    playout, now, sent = opened(), START, []
    for number in itertools.count():
        if pieces:
            playout.append("a", pieces.pop(0))
        else:
            playout.finish("a")
        now += waits_us[number % len(waits_us)] / 1e6 + 0.001
        sent += playout.frames_due(now)
        if not pieces and playout.idle(now):
            break
    assert pcm(sent) == ramp(count).tobytes() + bytes(2 * (-count % FRAME))


# --- a model and a ticker as they are ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("late_s", "gap_s", "underruns"),
    [
        pytest.param(0.015, 0.1, 0, id="jittery ticker, model faster than real time"),
        pytest.param(0.0, 0.4, 19, id="model slower than real time"),
        pytest.param(0.015, 0.15, 0, id="deltas of 0.2 s every 0.15 s"),
    ],
)
def test_the_caller_hears_everything_in_order_and_gaps_only_when_the_model_is_late(
    late_s: float, gap_s: float, underruns: int
) -> None:
    """Twenty deltas of 200 ms; the phone's buffer is simulated from what is sent and when."""
    playout, chance = opened(), random.Random(7)
    heard, gaps, buffer_until, appended = b"", 0, START, 0
    for number in range(800):
        now = START + number * TICK_S + chance.uniform(0, late_s)
        while appended < 20 and START + appended * gap_s <= now:
            playout.append("a", ramp(3200, appended * 3200))
            appended += 1
            if appended == 20:
                playout.finish("a")
        for frame in playout.frames_due(now):
            gaps += bool(heard) and now > buffer_until + DUE_S
            buffer_until = max(now, buffer_until) + TICK_S
            heard += frame.pcm
    assert heard == ramp(20 * 3200).tobytes()
    assert gaps == playout.stats.underruns == underruns
    assert playout.stats.resyncs == 0
    assert playout.ledger.last_word_at() == pytest.approx(buffer_until + 0.15)
