from __future__ import annotations

import pytest

from gateway.audio.pcm import PCM16_16K
from gateway.simulator.load.calls import Bench, CallBook, LoadCall
from gateway.simulator.load.dialogue import Dialogue, Spurt
from gateway.simulator.load.metronome import Metronome
from gateway.simulator.load.phone_leg import Ear, Stamps
from gateway.simulator.load.plan import LoadPlan, Talk
from gateway.simulator.load.samples import Samples

FRAME_S = 0.02


@pytest.fixture
def samples() -> Samples:
    return Samples(open=True)


@pytest.fixture
def call() -> LoadCall:
    call = CallBook().new_call()
    call.dialogue = Dialogue(Talk.ALWAYS, 16000, 1)
    call.dialogue.spurt = Spurt(9.9, given_s=100.0)
    return call


@pytest.fixture
def ear(call: LoadCall, samples: Samples) -> Ear:
    plan = LoadPlan(calls=1, seconds=1, ramp_s=0, phone=PCM16_16K, model=PCM16_16K, tls=False, talk=Talk.ALWAYS)
    return Ear(call, Bench(plan, samples, Metronome(lambda: 0.0, lambda _: None), lambda: 0.0))


def test_the_first_frame_of_a_spurt_ends_the_wait_for_it(ear: Ear, samples: Samples) -> None:
    ear.on_frame(10.0)
    ear.on_frame(10.02)
    assert list(samples.downlink) == [pytest.approx(0.1)]


def test_frames_on_the_grid_are_not_late(ear: Ear, samples: Samples) -> None:
    for number in range(50):
        ear.on_frame(10.0 + number * FRAME_S)
    assert max(samples.lateness) == pytest.approx(0.0, abs=1e-9)


def test_frames_ahead_of_the_grid_set_it(ear: Ear, samples: Samples) -> None:
    for at in (10.0, 10.0, 10.0, 10.025):
        ear.on_frame(at)
    assert samples.lateness[-1] == pytest.approx(0.005)
    assert samples.gaps == 0


def test_a_frame_that_comes_after_its_time_to_be_played_is_a_gap(ear: Ear, samples: Samples) -> None:
    for at in (10.0, 10.02, 10.065, 10.06):
        ear.on_frame(at)
    assert samples.gaps == 1


def test_a_new_spurt_has_a_grid_of_its_own(ear: Ear, call: LoadCall, samples: Samples) -> None:
    assert call.dialogue is not None
    ear.on_frame(10.0)
    call.dialogue.spurt.cut_at = 10.01
    ear.on_stop(10.012)
    call.dialogue.spurt = Spurt(11.0)
    ear.on_frame(11.007)
    assert samples.lateness[-1] == 0.0
    assert list(samples.barge_in) == [pytest.approx(0.002)]
    assert not call.problems


def test_sound_after_a_stop_is_a_failure(ear: Ear, call: LoadCall) -> None:
    assert call.dialogue is not None
    ear.on_frame(10.0)
    call.dialogue.spurt.cut_at = 10.01
    ear.on_stop(10.012)
    ear.on_frame(10.03)
    assert list(call.problems) == ["audio_after_stop"]


def test_a_stop_in_the_middle_of_what_is_said_is_a_failure(ear: Ear, call: LoadCall) -> None:
    ear.on_frame(10.0)
    ear.on_stop(10.012)
    assert list(call.problems) == ["stop_without_reason"]


def test_a_stop_when_everything_was_said_is_harmless(ear: Ear, call: LoadCall) -> None:
    assert call.dialogue is not None
    call.dialogue.spurt.given_s = 0.1
    for number in range(5):
        ear.on_frame(10.0 + number * FRAME_S)
    ear.on_stop(10.5)
    assert not call.problems


def test_a_stop_that_never_comes_is_a_failure(ear: Ear, call: LoadCall) -> None:
    assert call.dialogue is not None
    ear.on_frame(10.0)
    call.dialogue.spurt.cut_at = 10.01
    ear.settle(12.0)
    assert "stop_missing" in call.problems


def test_where_nothing_is_being_played_no_stop_is_needed(ear: Ear, call: LoadCall) -> None:
    assert call.dialogue is not None
    ear.on_frame(10.0)
    call.dialogue.spurt.cut_at = 10.5
    ear.settle(12.0)
    assert "stop_missing" not in call.problems


def test_stamps_are_those_of_a_media_clock() -> None:
    stamps = Stamps(1_700_000_000.99)
    assert stamps.of(0) == b"2023-11-14T22:13:20.990Z"
    assert stamps.of(1) == b"2023-11-14T22:13:21.010Z"
    assert stamps.of(50) == b"2023-11-14T22:13:21.990Z"
