"""What the timeline makes of seven ways in which networks spoil a stream: exact counts for a seed.

Five are arrival shapes of the twin (TCP: late, in order); gaps and reordering change the stream itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from gateway.audio.jitter import Emit, Fill, Forward, JitterBuffer, Timed
from gateway.simulator.phone.arrival import arrival_shape

RATE_HZ = 16000
FRAME = 320
FRAME_S = 0.02
FRAMES = 3000
"""A minute."""


def late_stream(shape: str, seed: int) -> Iterator[tuple[float, int]]:
    """(arrival, number); TCP keeps the order, so a late frame delays those behind it."""
    late, free = arrival_shape(shape, seed), 0.0
    for number in range(FRAMES):
        free = max(free, number * FRAME_S + late(number + 1))
        yield free, number


def gap_stream(loss: float, burst: float, seed: int) -> Iterator[tuple[float, int]]:
    """Gilbert-Elliott: `loss` of the frames are missing, in runs of `burst` frames on average."""
    random, missing = Random(seed), False
    for number in range(FRAMES):
        leave = 1 / burst
        enter = leave * loss / (1 - loss)
        missing = random.random() >= leave if missing else random.random() < enter
        if not missing:
            yield number * FRAME_S, number


def shuffled_stream(seed: int) -> Iterator[tuple[float, int]]:
    """One frame in a hundred comes twice, one in a hundred behind its follower."""
    random = Random(seed)
    number = 0
    while number < FRAMES:
        now, chance = number * FRAME_S, random.random()
        if chance < 0.01 and number + 1 < FRAMES:
            yield now + FRAME_S, number + 1
            yield now + FRAME_S, number
            number += 2
            continue
        yield now, number
        if chance > 0.99:
            yield now, number
        number += 1


def play(stream: Iterator[tuple[float, int]]) -> tuple[JitterBuffer[int], list[Emit[int]], float]:
    """Run a stream with a tick every 20 ms; also returns the longest time a frame was held."""
    buffer: JitterBuffer[int] = JitterBuffer(FRAME, RATE_HZ)
    out: list[Emit[int]] = []
    tick, held_s = 0.0, 0.0
    came: dict[int, float] = {}
    for now, number in stream:
        while tick < now:
            out += buffer.on_tick(tick)
            tick += FRAME_S
        came[number] = now
        emitted = buffer.push(Timed(number, 1e9 + number * FRAME_S, FRAME, silent=False, quiet=number % 5 == 0), now)
        held_s = max([held_s, *(now - came[emit.body] for emit in emitted if isinstance(emit, Forward))])
        out += emitted
    return buffer, out, held_s


def numbers(out: list[Emit[int]]) -> list[int]:
    return [emit.body for emit in out if isinstance(emit, Forward)]


@pytest.mark.parametrize("shape", ["scheduler_jitter", "late_frames", "bursts", "retransmits"])
def test_lateness_alone_costs_nothing_and_adds_nothing(shape: str) -> None:
    buffer, out, held_s = play(late_stream(shape, seed=1))
    assert numbers(out) == list(range(FRAMES))
    assert held_s == 0.0
    assert not any(isinstance(emit, Fill) for emit in out)
    assert buffer.stats.late == buffer.stats.duplicate == buffer.stats.backlog == 0


def test_long_stalls_are_filled_and_paid_back_with_silence() -> None:
    buffer, out, held_s = play(late_stream("stalls", seed=3))
    stats = buffer.stats
    assert held_s == 0.0
    assert stats.filled_stall > 0
    assert 0 < stats.backlog <= stats.filled_stall
    lost = sorted(set(range(FRAMES)) - set(numbers(out)))
    assert len(lost) * FRAME == stats.backlog
    assert all(number % 5 == 0 for number in lost), "only silence is given up"
    assert (stats.filled_stall // FRAME, stats.backlog // FRAME) == GOLDEN_STALLS


@pytest.mark.parametrize(("loss", "burst"), [(0.01, 1), (0.01, 3), (0.01, 10), (0.05, 1), (0.05, 3), (0.05, 10)])
def test_gaps_are_concealed_exactly(loss: float, burst: int) -> None:
    buffer, out, held_s = play(gap_stream(loss, burst, seed=5))
    stats = buffer.stats
    missing = FRAMES - len(numbers(out))
    assert held_s == 0.0
    assert numbers(out) == sorted(numbers(out))
    assert missing == FRAMES - len(list(gap_stream(loss, burst, seed=5))), "nothing that came is given up"
    assert (missing, stats.filled_gap // FRAME, stats.distrusted) == GOLDEN_GAPS[loss, burst]
    if not stats.distrusted and not stats.resyncs:
        assert missing * FRAME == stats.filled_gap


def test_duplicates_and_reordering() -> None:
    buffer, out, held_s = play(shuffled_stream(seed=7))
    stats = buffer.stats
    assert numbers(out) == sorted(numbers(out))
    assert held_s <= FRAME_S
    assert (stats.duplicate // FRAME, stats.late // FRAME, stats.reordered_frames) == GOLDEN_SHUFFLED
    assert len(numbers(out)) + stats.late // FRAME == FRAMES


GOLDEN_STALLS = (15, 14)
GOLDEN_GAPS = {
    (0.01, 1): (32, 32, 0),
    (0.01, 3): (36, 36, 0),
    (0.01, 10): (67, 32, 0),  # one run was longer than half a second: a new start instead of a filling
    (0.05, 1): (144, 14, 2),  # one step in twenty off: the stamps lose their trust, and with it the filling ends
    (0.05, 3): (132, 127, 1),
    (0.05, 10): (216, 174, 0),
}
"""(frames missing, frames filled, times the stamps lost their trust)"""
GOLDEN_SHUFFLED = (27, 6, 6)
"""(duplicates, frames that came too late to be put back, times reordering was seen)"""
