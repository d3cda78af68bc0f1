"""The account of what was heard, against a far end that is simulated sample by sample."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audio.heard import MAX_ITEMS, HeardLedger
from gateway.audio.playout import Playout

RATE_HZ = 8000
FRAME = RATE_HZ // 50
DELAY_S = 0.15
DELAY = round(DELAY_S * RATE_HZ)

ITEMS = st.sampled_from("abc")


class FarEnd:
    """A buffer of single samples, one of which is played in every sample period; `at` is a whole number of them."""

    def __init__(self) -> None:
        self.at = 0
        self.buffer: list[str] = []
        self.played: Counter[str] = Counter()
        self.history: list[tuple[int, str]] = []

    def run_until(self, at: int) -> None:
        now_played, self.buffer = self.buffer[: at - self.at], self.buffer[at - self.at :]
        self.played.update(now_played)
        self.history.extend((self.at + offset, label) for offset, label in enumerate(now_played))
        self.at = at

    def put(self, label: str, samples: int, frame_samples: int) -> None:
        self.buffer += [label] * samples + ["silence"] * (frame_samples - samples)

    def heard(self, item: str) -> int:
        return sum(label == item and began + 1 + DELAY <= self.at for began, label in self.history)


def sent(ledger: HeardLedger, item: str, frames: int, now: float) -> None:
    ledger.receive(item, frames * FRAME)
    for _ in range(frames):
        ledger.send(item, FRAME, FRAME, now)


def test_a_frame_half_played_counts_half() -> None:
    ledger = HeardLedger(RATE_HZ)
    sent(ledger, "a", 1, 5.0)
    assert ledger.played("a", 5.01) == FRAME // 2
    assert ledger.played_ms("a", 5.01) == 10


def test_frames_play_one_after_the_other_whenever_they_were_sent() -> None:
    ledger = HeardLedger(RATE_HZ)
    sent(ledger, "a", 3, 1.0)
    sent(ledger, "a", 2, 1.05)
    assert ledger.played_ms("a", 1.09) == 90
    assert ledger.played_ms("a", 9.0) == 100
    assert ledger.last_played_at("a") == pytest.approx(1.1)
    assert ledger.lead_s(1.06) == pytest.approx(0.04)


def test_a_frame_sent_after_the_end_begins_when_it_is_sent() -> None:
    ledger = HeardLedger(RATE_HZ)
    sent(ledger, "a", 1, 1.0)
    sent(ledger, "a", 1, 1.1)
    assert [ledger.played_ms("a", now) for now in (1.03, 1.1, 1.11, 1.13)] == [20, 20, 30, 40]


def test_heard_is_what_was_played_a_far_end_delay_ago_even_over_a_gap() -> None:
    ledger = HeardLedger(RATE_HZ, DELAY_S)
    sent(ledger, "a", 1, 1.0)
    sent(ledger, "a", 1, 1.1)
    assert ledger.first_sent_at("a") == 1.0
    assert ledger.first_heard_at("a") == pytest.approx(1.15)
    assert [ledger.heard_ms("a", now) for now in (1.15, 1.16, 1.2, 1.26, 1.3)] == [0, 10, 20, 30, 40]


def test_padding_and_silence_are_not_counted_but_take_time() -> None:
    ledger = HeardLedger(RATE_HZ)
    ledger.receive("a", 40)
    ledger.send(None, 0, FRAME, 1.0)
    ledger.send("a", 40, FRAME, 1.0)
    sent(ledger, "b", 1, 1.0)
    assert ledger.played("a", 2.0) == ledger.sent("a") == 40
    assert ledger.last_played_at("a") == pytest.approx(1.025)
    assert ledger.first_heard_at("b") == pytest.approx(1.04 + DELAY_S)


def test_truncation_stays_a_frame_before_what_was_played_and_rounds_down() -> None:
    ledger = HeardLedger(RATE_HZ)
    sent(ledger, "a", 4, 1.0)
    assert [ledger.truncate_at_ms("a", now) for now in (1.0, 1.02, 1.0305, 1.0399, 9.0)] == [0, 0, 10, 19, 60]


def test_after_a_stop_the_rest_counts_as_unplayed_for_good() -> None:
    ledger = HeardLedger(RATE_HZ)
    sent(ledger, "a", 5, 1.0)
    ledger.receive("b", 100)
    cut = ledger.stop(1.03)
    assert [(each.item, each.unsent, each.unplayed) for each in cut] == [("a", 0, 560), ("b", 100, 0)]
    assert ledger.played_ms("a", 9.0) == ledger.heard_ms("a", 9.0) == 30
    assert ledger.sent_ms("a") == ledger.received_ms("a") == 100
    assert ledger.last_played_at("a") == pytest.approx(1.03)
    assert ledger.first_heard_at("b") is None
    assert ledger.lead_s(1.03) == 0.0
    sent(ledger, "c", 1, 1.04)
    assert ledger.played_ms("c", 1.05) == 10


def test_an_item_stopped_before_its_first_sample_was_played_is_never_heard() -> None:
    ledger = HeardLedger(RATE_HZ)
    sent(ledger, "a", 2, 1.0)
    sent(ledger, "b", 2, 1.0)
    ledger.stop(1.02)
    assert ledger.first_heard_at("a") == pytest.approx(1.15)
    assert ledger.first_sent_at("b") == 1.0
    assert ledger.first_heard_at("b") is None
    assert ledger.last_played_at("b") is None


def test_an_item_stopped_after_a_gap_was_heard_before_the_gap() -> None:
    ledger = HeardLedger(RATE_HZ)
    for now in (1.0, 2.0, 3.0):
        sent(ledger, "a", 1, now)
    ledger.stop(3.0)
    assert ledger.played_ms("a", 9.0) == 40
    assert ledger.first_heard_at("a") == pytest.approx(1.15)
    assert ledger.last_played_at("a") == pytest.approx(2.02)


def test_an_item_sent_again_after_its_stream_was_lost_is_heard_then() -> None:
    ledger = HeardLedger(RATE_HZ)
    sent(ledger, "a", 1, 1.0)
    assert ledger.restart(1.0) == {"a": FRAME}
    sent(ledger, "a", 1, 2.0)
    assert ledger.first_sent_at("a") == 1.0
    assert ledger.first_heard_at("a") == pytest.approx(2.15)
    assert ledger.played_ms("a", 9.0) == 20


def test_an_item_goes_on_behind_silence_in_its_own_time() -> None:
    ledger = HeardLedger(RATE_HZ)
    sent(ledger, "a", 1, 1.0)
    ledger.send(None, 0, FRAME, 2.0)
    sent(ledger, "a", 1, 2.0)
    assert [ledger.played_ms("a", now) for now in (1.5, 2.02, 2.03, 2.04)] == [20, 20, 30, 40]


def test_a_stop_names_only_items_that_were_not_over() -> None:
    ledger = HeardLedger(RATE_HZ)
    sent(ledger, "over", 1, 1.0)
    ledger.finish("over")
    sent(ledger, "growing", 1, 1.02)
    ledger.receive("waiting", FRAME)
    ledger.finish("waiting")
    sent(ledger, "playing", 1, 1.99)
    ledger.finish("playing")
    assert [each.item for each in ledger.stop(2.0)] == ["growing", "waiting", "playing"]
    assert not ledger.accepts("over")
    assert not ledger.accepts("growing")
    assert ledger.stop(2.0) == []


def test_the_network_may_hold_audio_for_the_far_end_delay_and_not_after_a_stop() -> None:
    ledger = HeardLedger(RATE_HZ)
    assert not ledger.network_may_hold(0.0)
    sent(ledger, "a", 1, 1.0)
    assert ledger.network_may_hold(1.16)
    assert not ledger.network_may_hold(1.18)
    sent(ledger, "a", 1, 2.0)
    ledger.stop(2.01)
    assert not ledger.network_may_hold(2.01)


def test_the_last_word_is_heard_when_all_items_are_over_and_silence_does_not_count() -> None:
    ledger = HeardLedger(RATE_HZ)
    assert ledger.last_word_at() == -math.inf
    sent(ledger, "a", 2, 1.0)
    ledger.send(None, 0, FRAME, 1.0)
    assert ledger.last_word_at() == pytest.approx(1.04 + DELAY_S)
    ledger.stop(1.03)
    assert ledger.last_word_at() == pytest.approx(1.03 + DELAY_S)


def test_an_item_is_fully_played_when_it_is_finished_sent_and_over() -> None:
    ledger = HeardLedger(RATE_HZ)
    sent(ledger, "a", 1, 1.0)
    assert not ledger.fully_played("a", 1.5)
    ledger.receive("a", FRAME)
    ledger.finish("a")
    assert not ledger.fully_played("a", 1.5)
    ledger.send("a", FRAME, FRAME, 2.0)
    assert not ledger.fully_played("a", 2.01)
    assert ledger.fully_played("a", 2.02)
    assert ledger.fully_played("never seen", 0.0)


def test_a_stopped_or_dropped_item_is_over_too() -> None:
    ledger = HeardLedger(RATE_HZ)
    sent(ledger, "a", 3, 1.0)
    ledger.stop(1.01)
    assert ledger.fully_played("a", 1.01)
    sent(ledger, "b", 1, 2.0)
    ledger.receive("b", 500)
    ledger.drop("b")
    assert not ledger.fully_played("b", 2.01)
    assert ledger.fully_played("b", 2.02)


def test_the_item_that_plays_is_known() -> None:
    ledger = HeardLedger(RATE_HZ)
    ledger.send(None, 0, FRAME, 1.0)
    sent(ledger, "a", 1, 1.0)
    sent(ledger, "b", 1, 1.0)
    assert [ledger.playing(now) for now in (1.01, 1.03, 1.05, 1.07)] == [None, "a", "b", None]


def test_an_item_unknown_or_forgotten_has_zero_of_everything() -> None:
    ledger = HeardLedger(RATE_HZ)
    sent(ledger, "a", 1, 1.0)
    ledger.forget("a")
    ledger.forget("never seen")
    for item in ("a", "never seen"):
        assert ledger.received(item) == ledger.sent(item) == ledger.played(item, 9.0) == 0
        assert ledger.truncate_at_ms(item, 9.0) == 0
        assert ledger.first_sent_at(item) is None
        assert ledger.first_heard_at(item) is None
        assert ledger.last_played_at(item) is None
    assert ledger.last_word_at() == pytest.approx(1.02 + DELAY_S)


def test_an_item_with_audio_queued_is_not_forgotten() -> None:
    ledger = HeardLedger(RATE_HZ)
    ledger.receive("a", FRAME)
    ledger.forget("a")
    ledger.send("a", FRAME, FRAME, 1.0)
    assert ledger.sent("a") == FRAME


def test_the_number_of_items_is_bounded_and_the_oldest_without_queue_goes() -> None:
    ledger = HeardLedger(RATE_HZ)
    ledger.receive("waits", FRAME)
    for number in range(3 * MAX_ITEMS):
        sent(ledger, f"item{number}", 1, float(number))
    known = [item for item in ("waits", *(f"item{n}" for n in range(3 * MAX_ITEMS))) if ledger.received(item)]
    assert len(known) == MAX_ITEMS
    assert known[0] == "waits"
    assert known[-1] == f"item{3 * MAX_ITEMS - 1}"
    assert repr(ledger) == f"<HeardLedger {MAX_ITEMS} items>"


def test_many_gaps_in_one_item_are_counted_right_and_take_no_memory() -> None:
    ledger = HeardLedger(RATE_HZ)
    for number in range(1000):
        sent(ledger, "a", 1, number * 0.05)
    assert ledger.played("a", 100.0) == ledger.heard("a", 100.0) == 1000 * FRAME
    assert len(ledger._accounts["a"].runs) < 10


def test_an_hour_of_unbroken_audio_ends_on_the_sample() -> None:
    ledger = HeardLedger(24000)
    began = 1234567.891
    for number in range(180_000):
        ledger.receive("a", 480)
        ledger.send("a", 480, 480, began + number * 0.02 - 0.001 * (number > 0))
    assert ledger.last_played_at("a") == pytest.approx(began + 3600, abs=1e-6)
    assert ledger.played("a", began + 1800) == 1800 * 24000
    assert ledger.played("a", began + 1800.0001) == 1800 * 24000 + 2


moments = st.one_of(st.integers(0, 400).map(float), st.floats(0.0, 700.0), st.floats(1000.0, 5000.0))
"""Sample periods until the next thing happens."""
happenings = st.lists(
    st.tuples(
        moments,
        st.one_of(
            st.tuples(ITEMS, st.integers(1, 6), st.integers(1, FRAME)),
            st.just("silence"),
            st.just("stop"),
            st.just("look"),
        ),
    ),
    max_size=25,
)


@settings(deadline=None)
@given(steps=happenings)
def test_the_account_agrees_with_a_far_end_simulated_by_sample(
    steps: list[tuple[float, tuple[str, int, int] | str]],
) -> None:
    ledger, far_end, at, stops = HeardLedger(RATE_HZ, DELAY_S), FarEnd(), 100_000.0, 0
    far_end.run_until(int(at))
    seen: set[str] = set()
    for wait, happening in steps:
        at += wait
        now = at / RATE_HZ
        far_end.run_until(int(at + 1e-3))
        match happening:
            case (str(letter), int(frames), int(samples)):
                item = f"{letter}{stops}"  # a stopped item never goes on
                seen.add(item)
                ledger.receive(item, frames * samples)
                for _ in range(frames):
                    ledger.send(item, samples, FRAME, now)
                    far_end.put(item, samples, FRAME)
            case "silence":
                ledger.send(None, 0, FRAME, now)
                far_end.put("silence", 0, FRAME)
            case "stop":
                unplayed = {each.item: each.unplayed for each in ledger.stop(now)}
                assert all(abs(unplayed.get(item, 0) - far_end.buffer.count(item)) <= 1 for item in seen)
                far_end.buffer.clear()
                stops += 1
            case _:
                pass  # only look
        for item in seen:
            assert abs(ledger.played(item, now) - far_end.played[item]) <= 1
            assert abs(ledger.heard(item, now) - far_end.heard(item)) <= 1
            assert 0 <= ledger.heard(item, now) <= ledger.played(item, now) <= ledger.sent(item)


@settings(deadline=None)
@given(
    deltas=st.lists(st.tuples(st.floats(0.0, 0.25), st.integers(1, 3000)), min_size=1, max_size=12),
    ticks=st.lists(st.floats(0.015, 0.03) | st.floats(0.1, 0.5), min_size=1, max_size=50),
    stop_after=st.integers(0, 200),
)
def test_truncation_agrees_with_the_far_end_under_jitter_stalls_and_gaps(
    deltas: list[tuple[float, int]], ticks: list[float], stop_after: int
) -> None:
    """Playout and ledger together: deltas with gaps, a ticker that jitters and stalls, a barge-in somewhere."""
    playout, far_end, now = Playout(RATE_HZ, far_end_delay_s=DELAY_S), FarEnd(), 3.0
    arrivals, arrives_at = [], now
    for gap_s, samples in deltas:
        arrives_at += gap_s
        arrivals.append((arrives_at, samples))
    playout.open(now, 0.1)
    far_end.run_until(int(now * RATE_HZ + 1e-3))
    for number in range(stop_after):
        now += ticks[number % len(ticks)]
        far_end.run_until(int(now * RATE_HZ + 1e-3))
        while arrivals and arrivals[0][0] <= now:
            playout.append("a", np.ones(arrivals.pop(0)[1], np.int16))
        for frame in playout.frames_due(now):
            samples = int(np.count_nonzero(np.frombuffer(frame.pcm, np.int16)))
            far_end.put(frame.item or "silence", samples, FRAME)
        assert abs(playout.ledger.played("a", now) - far_end.played["a"]) <= 1
    stopped = playout.stop(now)
    assert abs(stopped.unplayed_samples - far_end.buffer.count("a")) <= 1
    truncate_at = playout.ledger.truncate_at_ms("a", now + 10)
    assert 0 <= truncate_at <= playout.ledger.received_ms("a")
    assert abs(truncate_at - max(0, far_end.played["a"] * 1000 / RATE_HZ - 20)) <= 1.2
