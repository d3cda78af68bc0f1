"""Late frames, by shapes that can be repeated."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gateway.simulator.phone import At, CallPlan, HangUp, PhoneSwitches
from gateway.simulator.phone.arrival import arrival_shape

NAMES = ["scheduler_jitter", "late_frames", "bursts", "retransmits", "stalls"]


def lateness(name: str | None, seed: int = 1, frames: int = 5000) -> list[float]:
    shape = arrival_shape(name, seed)
    return [shape(frame) for frame in range(1, frames + 1)]


@pytest.mark.parametrize("name", NAMES)
def test_shape_is_never_early_and_repeats_with_its_seed(name: str) -> None:
    assert min(lateness(name)) >= 0.0
    assert max(lateness(name)) > 0.0
    assert lateness(name) == lateness(name)


def test_sizes() -> None:
    assert set(lateness(None)) == {0.0}
    assert 0.001 < float(np.mean(lateness("scheduler_jitter"))) < 0.003
    late = [value for value in lateness("late_frames") if value]
    assert len(late) / 5000 == pytest.approx(0.03, abs=0.01)
    assert max(late) <= 0.08
    assert lateness("bursts", frames=6) == pytest.approx([0.08, 0.06, 0.04, 0.02, 0.0, 0.08])
    assert 0.2 < max(lateness("stalls")) <= 0.6
    assert 0.04 < max(lateness("retransmits")) <= 0.12


def test_unknown_shape_is_named() -> None:
    with pytest.raises(ValueError, match="there are: scheduler_jitter"):
        arrival_shape("gremlins", 0)


def test_impaired_frames_are_late_in_order_and_complete(gateway: Any, run_bench: Any) -> None:
    async def scenario(bench: Any) -> None:
        plan = CallPlan(behaviour=(HangUp(at=At(3.0)),), switches=PhoneSwitches(impairment="bursts"))
        record = await bench.network.place_call(plan)
        assert record.sockets[0].frames_sent == len(gateway.audio())

    run_bench(scenario)
    stamps = [body["timestamp"] for _, body in gateway.audio()]
    assert stamps == sorted(stamps)
    steps = np.diff([at for at, _ in gateway.audio()])[10:-10]
    assert sorted({round(float(step), 3) for step in steps}) == [0.0, 0.1]


def test_call_with_an_unknown_shape_is_not_placed(run_bench: Any) -> None:
    async def scenario(bench: Any) -> None:
        with pytest.raises(ValueError, match="gremlins"):
            await bench.network.place_call(CallPlan(behaviour=(), switches=PhoneSwitches(impairment="gremlins")))

    run_bench(scenario)
