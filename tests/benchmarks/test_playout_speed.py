"""Playout against the JSON and base64 of the frames it sends, in one run: only ratios decide."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable

import numpy as np
import pytest

from gateway.audio.playout import Playout

ROUNDS = 15
FRAMES = 500
TICK_S = 0.02


def best_us_per_frame(*candidates: Callable[[], object]) -> list[float]:
    """The best of several rounds for each; the candidates take turns, so that a disturbance meets them alike."""
    best = [float("inf")] * len(candidates)
    for _ in range(ROUNDS):
        for index, candidate in enumerate(candidates):
            started = time.perf_counter()
            candidate()
            best[index] = min(best[index], (time.perf_counter() - started) / FRAMES * 1e6)
    return best


def json_and_base64(rate_hz: int) -> Callable[[], object]:
    pcm = bytes(2 * rate_hz // 50)

    def encode() -> None:
        for _ in range(FRAMES):
            json.dumps({"kind": "AudioData", "audioData": {"data": base64.b64encode(pcm).decode()}})

    return encode


def playing(rate_hz: int, delta_s: float, ahead_s: float) -> Callable[[], object]:
    """Ten seconds of an item: deltas in, `ahead_s` before they are needed, and a frame out at every tick."""
    delta = np.ones(round(delta_s * rate_hz), np.int16)

    def play() -> None:
        playout, received_s, sent = Playout(rate_hz), 0.0, 0
        playout.open(0.0, 0.0)
        for number in range(FRAMES):
            while received_s <= number * TICK_S + ahead_s:
                playout.append("item", delta)
                received_s += delta_s
            sent += len(playout.frames_due(number * TICK_S))
        assert sent >= FRAMES

    return play


@pytest.mark.parametrize("rate_hz", [8000, 16000, 24000])
@pytest.mark.parametrize(("delta_s", "ahead_s"), [(0.1, 0.2), (0.13, 5.0), (1.0, 30.0)])
def test_a_frame_stays_near_the_cost_of_its_json_and_base64(rate_hz: int, delta_s: float, ahead_s: float) -> None:
    ours_us, json_us = best_us_per_frame(playing(rate_hz, delta_s, ahead_s), json_and_base64(rate_hz))
    assert ours_us < 1.5 * json_us, f"{ours_us:.2f} us against {json_us:.2f} us"


def test_a_call_in_which_nothing_plays_costs_a_fraction_of_that() -> None:
    playout, now = Playout(16000), 0.0
    playout.open(now, 0.0)
    playout.append("item", np.ones(320, np.int16))
    playout.finish("item")
    playout.frames_due(now)

    def idle() -> None:
        nonlocal now
        for _ in range(FRAMES):
            now += TICK_S
            playout.frames_due(now)

    idle_us, json_us = best_us_per_frame(idle, json_and_base64(16000))
    assert idle_us < 0.3 * json_us, f"{idle_us:.2f} us against {json_us:.2f} us"
