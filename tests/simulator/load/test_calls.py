from __future__ import annotations

from gateway.simulator.load.calls import CallBook, LoadCall
from gateway.simulator.load.dialogue import Spurt
from gateway.simulator.load.marks import NUMBERS
from gateway.simulator.load.samples import Samples


def calling(frames: int) -> LoadCall:
    """A call that has sent so many frames, the n-th at second n."""
    call = CallBook().new_call()
    call.sent_at.extend(map(float, range(frames)))
    return call


def test_the_delay_of_a_frame_is_measured_from_its_own_moment() -> None:
    call, samples = calling(200), Samples(open=True)
    for number in range(200):
        assert call.heard(number % NUMBERS, number + 0.5, samples)
    assert list(samples.uplink) == [0.5] * 200


def test_nothing_is_measured_before_the_run_is_open() -> None:
    call, samples = calling(1), Samples()
    assert call.heard(0, 0.5, samples)
    assert len(samples.uplink) == 0


def test_a_frame_that_comes_twice_is_not_a_frame_of_the_call() -> None:
    call, samples = calling(10), Samples(open=True)
    assert call.heard(0, 1.0, samples)
    assert not call.heard(0, 1.0, samples)
    assert call.lost_up == 0


def test_a_frame_that_was_never_sent_is_not_a_frame_of_the_call() -> None:
    assert not calling(3).heard(5, 1.0, Samples())


def test_skipped_frames_are_lost_and_the_next_one_is_measured_right() -> None:
    call, samples = calling(10), Samples(open=True)
    assert call.heard(4, 4.25, samples)
    assert call.lost_up == 4
    assert list(samples.uplink) == [0.25]


def test_a_call_that_lost_more_than_a_little_on_the_way_up_has_failed() -> None:
    call = calling(1000)
    for number in range(900):
        call.heard(number % NUMBERS, 1.0, Samples())
    call.settle()
    assert list(call.problems) == ["uplink_audio_missing"]


def test_frames_under_way_at_the_end_are_not_missing() -> None:
    call = calling(1000)
    for number in range(990):
        call.heard(number % NUMBERS, 1.0, Samples())
    call.settle()
    assert not call.problems


def test_audio_that_was_cut_off_is_not_expected() -> None:
    call = calling(0)
    call.close_spurt(Spurt(10.0, given_s=8.0, cut_at=12.1), first_frame_at=10.0, frames=100, now=13.0)
    call.settle()
    assert call.expected_down == 100
    assert not call.problems


def test_audio_that_was_given_and_never_came_is_a_failure() -> None:
    call = calling(0)
    call.close_spurt(Spurt(10.0, given_s=4.0), first_frame_at=10.0, frames=150, now=16.0)
    call.settle()
    assert list(call.problems) == ["downlink_audio_missing"]


def test_a_spurt_of_which_nothing_came_is_expected_as_a_whole() -> None:
    call = calling(0)
    call.close_spurt(Spurt(10.0, given_s=4.0), first_frame_at=None, frames=0, now=16.0)
    assert call.expected_down == 200


def test_what_ends_after_the_caller_hung_up_is_no_failure() -> None:
    call = calling(0)
    call.over = True
    call.failed("phone_leg_closed_early")
    assert not call.problems


def test_calls_are_found_by_what_each_far_side_knows() -> None:
    book = CallBook()
    calls = [book.new_call() for _ in range(3)]
    assert book.with_mark(1) is calls[1]
    assert book.with_context(calls[2].ids.context) is calls[2]
    assert book.with_connection(calls[0].ids.connection_id) is calls[0]
    assert book.with_mark(3) is None
    assert len({call.caller for call in calls}) == 3
