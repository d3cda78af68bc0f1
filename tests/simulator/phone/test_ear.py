"""What is heard: mixed, delayed, with the losses at a stream's start; and when the agent spoke."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gateway.audio.pcm import Int16Array
from gateway.simulator.phone.ear import Ear, level_dbfs, voice_bounds
from gateway.simulator.phone.switches import PhoneSwitches

T0 = 50.0


def ear(rate_hz: int = 16000, **switches: Any) -> Ear:
    return Ear(rate_hz, T0, PhoneSwitches(**switches))


def voice(length_s: float, rate_hz: int = 16000) -> Int16Array:
    at = np.arange(round(length_s * rate_hz)) / rate_hz
    samples: Int16Array = np.rint(8000 * np.sin(2 * np.pi * 500 * at)).astype(np.int16)
    return samples


def hear_until(listener: Ear, until: float) -> None:
    for n in range(1, round((until - T0) / 0.02) + 1):
        listener.advance(T0 + n * 0.02)


def test_sound_is_heard_after_the_far_end_delay() -> None:
    listener = ear(24000, far_end_delay_s=0.15)
    stream = listener.open_stream()
    stream.opened(T0 + 0.1)
    stream.receive(voice(1.0, 24000), T0 + 0.5)
    hear_until(listener, T0 + 3.0)
    (segment,) = listener.segments
    assert segment.start_at == pytest.approx(T0 + 0.65, abs=0.02)
    assert segment.end_at == pytest.approx(T0 + 1.65, abs=0.02)
    track = listener.track()
    assert len(track) == 3 * 24000
    assert np.array_equal(track[round(0.65 * 24000) :][:24000], voice(1.0, 24000))
    assert not track[: round(0.65 * 24000)].any()


def test_voiced_tells_of_the_moment_at_the_ear_and_not_at_the_network() -> None:
    listener = ear(far_end_delay_s=0.3)
    stream = listener.open_stream()
    stream.opened(T0)
    stream.receive(voice(0.2), T0 + 0.1)
    voiced = []
    for n in range(1, 51):
        listener.advance(T0 + n * 0.02)
        if listener.voiced:
            voiced.append(round(n * 0.02, 2))
    assert voiced[0] == pytest.approx(0.42, abs=0.02)
    assert voiced[-1] == pytest.approx(0.6, abs=0.02)


def test_pause_between_words_does_not_end_a_segment() -> None:
    listener = ear(far_end_delay_s=0.0)
    stream = listener.open_stream()
    stream.opened(T0)
    for at in (0.0, 0.4, 1.5):
        stream.receive(voice(0.2), T0 + at)
    hear_until(listener, T0 + 3.0)
    assert [(round(s.start_at - T0, 2), round(s.end_at - T0, 2)) for s in listener.segments] == [(0.0, 0.6), (1.5, 1.7)]


def test_audio_before_the_stream_runs_is_lost() -> None:
    listener = ear(start_offset_s=0.2)
    stream = listener.open_stream()
    stream.receive(voice(0.02), T0)
    stream.opened(T0 + 0.1)
    stream.receive(voice(0.02), T0 + 0.29)
    stream.receive(voice(0.02), T0 + 0.31)
    assert [piece.why for piece in listener.unheard] == ["early", "early"]
    assert len(listener.arrivals) == 1


def test_first_frames_are_lost_on_every_stream() -> None:
    listener = ear(early_frames_lost=2)
    for _ in range(2):
        stream = listener.open_stream()
        stream.opened(T0)
        for n in range(5):
            stream.receive(voice(0.02), T0 + n * 0.02)
    assert len(listener.unheard) == 4
    assert len(listener.arrivals) == 6


def test_two_sockets_are_heard_together() -> None:
    listener = ear(far_end_delay_s=0.0)
    for value in (1000, 300):
        stream = listener.open_stream()
        stream.opened(T0)
        stream.receive(np.full(1600, value, np.int16), T0)
    hear_until(listener, T0 + 0.2)
    assert set(listener.track()[:1600]) == {1300}


def test_late_lane_begins_in_the_present() -> None:
    listener = ear(far_end_delay_s=0.1)
    hear_until(listener, T0 + 1.0)
    stream = listener.open_stream()
    stream.opened(T0 + 1.0)
    stream.receive(voice(0.2), T0 + 1.0)
    hear_until(listener, T0 + 1.0)
    for n in range(51, 80):
        listener.advance(T0 + n * 0.02)
    assert listener.segments[0].start_at == pytest.approx(T0 + 1.1, abs=0.02)


def test_hang_up_keeps_what_was_on_its_way_to_the_ear() -> None:
    listener = ear(far_end_delay_s=0.2)
    stream = listener.open_stream()
    stream.opened(T0)
    stream.receive(voice(1.0), T0)
    listener.advance(T0 + 0.5)
    listener.hang_up(T0 + 0.5)
    assert listener.segments[-1].end_at == pytest.approx(T0 + 0.7, abs=0.001)
    assert [piece.why for piece in listener.unheard] == ["hang_up"]


def test_level() -> None:
    assert level_dbfs(np.zeros(320, np.int16)) == -120.0
    assert level_dbfs(np.empty(0, np.int16)) == -120.0
    assert level_dbfs(np.full(320, 3277, np.int16)) == pytest.approx(-20.0, abs=0.01)


def test_voice_bounds_leave_silence_out() -> None:
    recording = np.concatenate([np.zeros(1600, np.int16), voice(0.5), np.zeros(3200, np.int16)])
    assert voice_bounds(recording, 16000) == (1600, 9600)
    assert voice_bounds(np.zeros(500, np.int16), 16000) == (0, 500)
    assert voice_bounds(np.zeros(5, np.int16), 16000) == (0, 5)
