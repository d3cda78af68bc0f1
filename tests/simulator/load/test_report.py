from __future__ import annotations

import dataclasses
import json
import math

import pytest

from gateway.audio.pcm import PCM16_16K, PCM16_24K
from gateway.simulator.load.plan import LoadPlan, Talk
from gateway.simulator.load.report import as_json, table
from gateway.simulator.load.result import Load, Result, count_failures
from gateway.simulator.load.samples import spread

PLAN = LoadPlan(calls=100, seconds=30, ramp_s=7, phone=PCM16_16K, model=PCM16_24K, tls=True, talk=Talk.ALWAYS)


@pytest.fixture
def result() -> Result:
    return Result(
        subject="gateway",
        calls=100,
        measured_s=30.0,
        cpu_per_call_s=0.0032,
        memory_per_call_bytes=300_000.0,
        idle_rss_bytes=80_000_000,
        process=Load(0.32, 0.01, 110_000_000),
        generator=Load(0.4, 0.01, 90_000_000),
        uplink=spread([0.001] * 100),
        downlink=spread([0.01]),
        lateness=spread([0.0]),
        barge_in=spread([]),
        gap_share=0.0,
        frames_up_per_call_s=50.0,
        frames_down_per_call_s=48.0,
        deltas_per_call_s=9.9,
        generator_late=spread([0.0001] * 100),
        unknown_appends=0,
        failures={},
        failed_calls=0,
        loop_lag_p99_s=0.002,
        loop_lag_longest_s=0.005,
    )


def test_the_table_shows_the_ratio_to_the_floor(result: Result) -> None:
    floor = dataclasses.replace(result, subject="floor", cpu_per_call_s=0.002, loop_lag_p99_s=math.nan)
    text = table(PLAN, [result, floor], "a machine", "two cores")
    row = next(line for line in text.splitlines() if line.startswith("CPU per call-second"))
    assert row.split()[4:7] == ["3.20", "2.00", "1.60"]
    assert "a machine" in text
    assert "100 calls for 30 s; phone 16 kHz, model 24 kHz; TLS to the model; agent speaking all the time" in text
    assert "NOT TO BE TRUSTED" not in text


def test_without_a_floor_there_is_no_ratio(result: Result) -> None:
    text = table(PLAN, [result], "a machine", "two cores")
    assert "ratio <=" in text  # the target
    assert "floor" not in text


def test_no_samples_are_shown_as_none(result: Result) -> None:
    text = table(PLAN, [result], "a machine", "two cores")
    assert next(line for line in text.splitlines() if line.startswith("barge-in")).split()[-1] == "-"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"process": Load(0.3, 0.031, 1)}, "the process waited for its core 3.1% of the time"),
        ({"generator": Load(0.3, 0.2, 1)}, "the load generator waited for its core 20.0% of the time"),
        ({"generator_late": spread([0.004])}, "the load generator itself was late, p99 4.0 ms"),
    ],
)
def test_a_disturbed_run_says_that_it_can_not_be_trusted(result: Result, change: dict[str, object], words: str) -> None:
    disturbed = dataclasses.replace(result, **change)  # type: ignore[arg-type]  # the parameters name their fields
    assert f"NOT TO BE TRUSTED: {words}" in table(PLAN, [disturbed], "a machine", "two cores")


def test_failures_are_named(result: Result) -> None:
    failures, failed = count_failures([["a", "b"], [], ["a"]])
    assert (failures, failed) == ({"a": 2, "b": 1}, 2)
    text = table(PLAN, [dataclasses.replace(result, failures=failures, failed_calls=failed)], "m", "c")
    assert "gateway: 2 calls with a" in text


def test_json_holds_everything_and_no_nan(result: Result) -> None:
    document = json.loads(json.dumps(as_json(PLAN, [result], "a machine", "two cores"), allow_nan=False))
    (only,) = document["results"]
    assert only["uplink"]["p99"] == 0.001
    assert only["barge_in"] == {"count": 0, "p50": None, "p99": None, "p999": None, "longest": None}
    assert only["doubts"] == []
    assert document["plan"]["model"] == "pcm16@24000"
