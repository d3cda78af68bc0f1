"""Pieces of any length in, exact frames out, item after item."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gateway.audio.frame_queue import MAX_ITEMS, FrameQueue
from gateway.audio.pcm import Int16Array

FRAME = 160


def ramp(count: int, start: int = 1) -> Int16Array:
    return np.arange(start, start + count).astype(np.int16)


def take_all(queue: FrameQueue, *, may_change: bool = False) -> list[tuple[str, int]]:
    """Items and sample counts of all frames that come."""
    taken = []
    while (frame := queue.take(1, may_change=may_change)) is not None:
        taken.append(frame[1:])
    return taken


@given(cuts=st.lists(st.integers(1, 500), max_size=20), count=st.integers(1, 2000))
def test_how_the_audio_was_cut_does_not_matter(cuts: list[int], count: int) -> None:
    samples, queue = ramp(count), FrameQueue(FRAME)
    edges = [0, *(edge for edge in itertools.accumulate(cuts) if edge < count), count]
    out = b""
    for begin, end in itertools.pairwise(edges):
        queue.push("a", samples[begin:end])
        while (frame := queue.take(1, may_change=False)) is not None:
            assert len(frame[0]) == 2 * FRAME
            assert frame[1:] == ("a", FRAME)
            out += frame[0]
    queue.finish("a")
    rest = queue.take(1, may_change=False)
    assert (rest is None) == (count % FRAME == 0)
    if rest is not None:
        assert len(rest[0]) == 2 * FRAME
        assert rest[2] == count % FRAME
        out += rest[0]
    assert out == samples.astype("<i2").tobytes() + bytes(2 * (-count % FRAME))
    assert queue.samples == 0
    assert queue.current is None


def test_what_was_pushed_may_be_overwritten_afterwards() -> None:
    queue, samples = FrameQueue(FRAME), ramp(FRAME)
    queue.push("a", samples)
    samples[:] = 0
    frame = queue.take(1, may_change=False)
    assert frame is not None
    assert frame[0] == ramp(FRAME).tobytes()


def test_the_rest_of_an_unfinished_item_waits_and_holds_up_the_next() -> None:
    queue = FrameQueue(FRAME)
    queue.push("a", ramp(200))
    queue.push("b", ramp(160))
    assert take_all(queue) == [("a", 160)]
    assert queue.current == "a"
    queue.push("a", ramp(130))
    queue.finish("a")
    assert take_all(queue) == [("a", 160), ("a", 10), ("b", 160)]


def test_an_item_that_has_no_frame_yet_holds_up_the_next_unless_a_change_is_allowed() -> None:
    queue = FrameQueue(FRAME)
    queue.push("a", ramp(10))
    queue.push("b", ramp(160))
    assert not queue.ready(1, may_change=False)
    assert take_all(queue) == []
    assert take_all(queue, may_change=True) == [("b", 160)]


def test_items_that_broke_off_do_not_fill_the_queue() -> None:
    queue = FrameQueue(FRAME)
    for number in range(3 * MAX_ITEMS):
        assert queue.push(f"item{number}", ramp(160))
        assert take_all(queue, may_change=True) == [(f"item{number}", 160)]


def test_an_item_that_ran_dry_gives_way_when_allowed_and_comes_back() -> None:
    queue = FrameQueue(FRAME)
    queue.push("a", ramp(170))
    queue.push("b", ramp(320))
    queue.push("c", ramp(160))
    assert take_all(queue) == [("a", 160)]
    taken = queue.take(1, may_change=True)
    assert taken is not None
    assert taken[1] == "b"
    queue.push("a", ramp(160))
    queue.finish("b")
    queue.finish("c")
    assert take_all(queue) == [("b", 160), ("a", 160)], "b is not interrupted, and a goes on before c"
    queue.finish("a")
    assert take_all(queue) == [("a", 10), ("c", 160)]


def test_an_item_may_be_asked_to_gather_before_it_goes_on() -> None:
    queue = FrameQueue(FRAME)
    queue.push("a", ramp(160))
    take_all(queue)
    queue.push("a", ramp(300))
    assert not queue.ready(2, may_change=False)
    assert queue.take(2, may_change=False) is None
    queue.push("a", ramp(20))
    assert queue.ready(2, may_change=False)
    queue.drop("a")
    queue.push("b", ramp(10))
    queue.finish("b")
    assert queue.ready(2, may_change=False), "a finished item has nothing to gather"


def test_dropping_and_clearing_leave_nothing_behind() -> None:
    queue = FrameQueue(FRAME)
    queue.push("a", ramp(400))
    queue.push("b", ramp(160))
    take_all(queue)
    assert queue.drop("a") == 80
    assert queue.drop("a") == 0
    assert queue.samples == 160
    assert take_all(queue) == [("b", 160)]
    queue.push("b", ramp(160))
    queue.clear()
    assert queue.samples == 0
    assert queue.current is None
    assert take_all(queue, may_change=True) == []


def test_finishing_an_item_that_was_taken_whole_ends_it() -> None:
    queue = FrameQueue(FRAME)
    queue.push("a", ramp(160))
    take_all(queue)
    assert queue.current == "a"
    queue.finish("a")
    queue.finish("never pushed")
    assert queue.current is None


def test_the_number_of_waiting_items_is_bounded() -> None:
    queue = FrameQueue(FRAME)
    taken = [queue.push(f"item{number}", ramp(1)) for number in range(MAX_ITEMS + 1)]
    assert taken == [True] * MAX_ITEMS + [False]
    assert queue.push("item0", ramp(1)), "an item that waits already may grow"
    assert queue.samples == MAX_ITEMS + 1
    assert repr(queue) == f"<FrameQueue {MAX_ITEMS + 1} samples of {MAX_ITEMS} items>"
