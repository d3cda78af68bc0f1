"""The playout buffer plays at real time, and knows what was played when."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audio.pcm import Int16Array
from gateway.simulator.phone.lane import Lane
from gateway.simulator.phone.switches import PhoneSwitches

RATE_HZ = 16000
T0 = 50.0


def lane(**switches: Any) -> Lane:
    return Lane(RATE_HZ, T0, PhoneSwitches(**{"far_end_delay_s": 0.0, **switches}))


def sound(length_s: float, value: int = 1) -> Int16Array:
    return np.full(round(length_s * RATE_HZ), value, np.int16)


def runs(track: Int16Array) -> list[tuple[int, float]]:
    """Value and length in seconds of every stretch of equal samples."""
    edges = np.flatnonzero(np.diff(track)) + 1
    return [(int(part[0]), round(len(part) / RATE_HZ, 6)) for part in np.split(track, edges) if len(part)]


def test_frame_starts_when_it_comes_or_when_the_one_before_it_ends() -> None:
    player = lane()
    player.receive(sound(0.1, 1), T0 + 0.2)
    player.receive(sound(0.1, 2), T0 + 0.21)
    player.receive(sound(0.1, 3), T0 + 0.6)
    assert runs(player.read(RATE_HZ)) == [(0, 0.2), (1, 0.1), (2, 0.1), (0, 0.2), (3, 0.1), (0, 0.3)]


def test_short_hole_is_a_gap_and_long_one_a_new_spurt() -> None:
    player = lane(far_end_delay_s=0.15)
    player.receive(sound(0.1), T0)
    player.receive(sound(0.1), T0 + 0.13)
    player.receive(sound(0.1), T0 + 5.0)
    assert [(round(gap.at - T0, 6), round(gap.length_s, 6)) for gap in player.gaps] == [(0.25, 0.03)]
    assert [round(arrival.lateness_s, 6) for arrival in player.arrivals] == [0.0, 0.03, 0.0]


def test_lead_is_negative_lateness() -> None:
    player = lane()
    for n in range(10):
        player.receive(sound(0.02), T0 + max(0.0, n * 0.02 - 0.06))
    assert [round(arrival.lateness_s, 3) for arrival in player.arrivals][-3:] == [-0.06, -0.06, -0.06]
    assert player.gaps == []


def test_stop_throws_away_what_waits() -> None:
    player = lane(far_end_delay_s=0.15)
    player.receive(sound(1.0), T0)
    stop = player.stop(T0 + 0.3)
    assert stop.silence_at == pytest.approx(T0 + 0.3 + 0.15)
    assert stop.discarded_s == pytest.approx(0.7)
    assert runs(player.read(RATE_HZ)) == [(1, 0.3), (0, 0.7)]
    (ghost,) = player.unheard
    assert (ghost.why, round(ghost.would_start_at - T0, 6)) == ("stop", 0.45)
    assert len(ghost.samples) == round(0.7 * RATE_HZ)


def test_stop_with_lag_lets_the_sound_go_on_and_new_sound_follows() -> None:
    player = lane(stop_lag_s=0.2)
    player.receive(sound(1.0, 1), T0)
    assert player.stop(T0 + 0.3).silence_at == pytest.approx(T0 + 0.5)
    player.receive(sound(0.1, 2), T0 + 0.35)
    assert runs(player.read(RATE_HZ)) == [(1, 0.5), (2, 0.1), (0, 0.4)]


def test_stop_of_silence_says_when_silence_began() -> None:
    player = lane()
    player.receive(sound(0.1), T0)
    player.read(RATE_HZ // 2)
    assert player.stop(T0 + 0.5).silence_at == pytest.approx(T0 + 0.1)
    assert player.stop(T0 + 0.6).silence_at is None


def test_overflow_drops_new_sound() -> None:
    player = lane(buffer_depth_s=0.5)
    player.receive(sound(0.4, 1), T0)
    player.receive(sound(0.3, 2), T0 + 0.1)
    assert runs(player.read(RATE_HZ)) == [(1, 0.4), (2, 0.2), (0, 0.4)]
    (ghost,) = player.unheard
    assert (ghost.why, len(ghost.samples)) == ("overflow", round(0.1 * RATE_HZ))


def test_overflow_drops_old_sound() -> None:
    player = lane(buffer_depth_s=0.5, overflow="drop_old")
    player.receive(sound(0.4, 1), T0)
    player.receive(sound(0.3, 2), T0 + 0.1)
    assert runs(player.read(RATE_HZ)) == [(1, 0.3), (2, 0.3), (0, 0.4)]
    (ghost,) = player.unheard
    assert (ghost.why, len(ghost.samples)) == ("overflow", round(0.1 * RATE_HZ))


def test_hang_up_cuts_what_waits() -> None:
    player = lane()
    player.receive(sound(1.0), T0)
    player.hang_up(T0 + 0.4)
    assert runs(player.read(RATE_HZ)) == [(1, 0.4), (0, 0.6)]
    assert [ghost.why for ghost in player.unheard] == ["hang_up"]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["frame", "frame", "frame", "burst", "stop", "read"]), st.floats(0, 0.3, allow_subnormal=False)
    ),
    max_size=60,
)


@given(
    STEPS,
    st.sampled_from([None, 0.1, 0.5]),
    st.sampled_from(["drop_new", "drop_old"]),
    st.sampled_from([0.0, 0.07, 0.4]),
)
def test_every_sample_is_heard_once_in_order_or_counted(
    steps: list[tuple[str, float]], depth_s: float | None, overflow: str, lag_s: float
) -> None:
    player = lane(buffer_depth_s=depth_s, overflow=overflow, stop_lag_s=lag_s)
    now, sent, played = T0, 0, []
    for action, wait_s in steps:
        now += wait_s
        if action in ("frame", "burst"):
            count = 320 if action == "frame" else 4800
            player.receive((np.arange(sent, sent + count) % 30000 + 1).astype(np.int16), now)
            sent += count
        elif action == "stop":
            player.stop(now)
        else:
            played.append(player.read(player.index_at(now)))
    played.append(player.read(player.index_at(now + 60)))
    track = np.concatenate(played)
    heard = track[track > 0].astype(np.int64)
    lost = sum(len(piece.samples) for piece in player.unheard)
    assert len(heard) + lost == sent
    assert len(track) == player.index_at(now + 60)
    if sent < 30000:
        assert np.all(np.diff(heard) > 0)
