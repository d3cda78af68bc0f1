"""The tool as a user has it, small: a real gateway process, the bare relay, real sockets, real time."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from gateway.audio.pcm import PCM16_16K, PCM16_24K
from gateway.cli import main
from gateway.simulator.load.bench import Run
from gateway.simulator.load.plan import LoadPlan, Talk
from gateway.simulator.load.proc import Cores
from gateway.simulator.load.subject import floor_subject
from gateway.simulator.ports import reserved_ports

Load: TypeAlias = Callable[..., tuple[int, list[dict[str, Any]]]]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Run `gateway load`; returns its exit code and results."""

    def run(*arguments: str) -> tuple[int, list[dict[str, Any]]]:
        file = tmp_path / "run.json"
        code = main(["load", "--no-pin", "--json", str(file), *arguments])
        return code, json.loads(file.read_text())["results"] if file.exists() else []

    return run


def assert_sane(result: dict[str, Any], calls: int, seconds: float) -> None:
    assert (result["calls"], result["failed_calls"], result["failures"]) == (calls, 0, {})
    assert result["measured_s"] == pytest.approx(seconds, abs=0.5)
    assert result["frames_up_per_call_s"] == pytest.approx(50, rel=0.1)
    assert 30 < result["frames_down_per_call_s"] < 60
    assert result["uplink"]["count"] == pytest.approx(50 * calls * seconds, rel=0.2)
    assert 0 < result["uplink"]["p50"] < 0.1
    assert result["lateness"]["p50"] < 0.1
    assert 0 < result["cpu_per_call_s"] < 0.5
    assert result["idle_rss_bytes"] > 20_000_000
    assert result["unknown_appends"] == 0


def test_three_calls_on_the_gateway(load: Load, capsys: pytest.CaptureFixture[str]) -> None:
    affinity = os.sched_getaffinity(0)
    code, (result,) = load("--calls", "3", "--seconds", "4", "--ramp", "0.2", "--no-floor")
    output = capsys.readouterr().out
    assert code == 0, output
    assert_sane(result, 3, 4)
    assert result["barge_in"]["count"] >= 1
    assert 0 < result["barge_in"]["p50"] < 0.2
    assert "CPU per call-second, ms" in output
    assert os.sched_getaffinity(0) == affinity


def test_the_bare_relay_carries_the_same_load_at_two_rates(tmp_path: Path) -> None:
    plan = LoadPlan(calls=2, seconds=1, ramp_s=0.1, phone=PCM16_16K, model=PCM16_24K, tls=False, talk=Talk.ALWAYS)
    said: list[str] = []
    run = Run(plan, None, Cores(None, None), said.append)
    with reserved_ports(1) as (port,):
        (result,) = asyncio.run(run.measure(lambda far: floor_subject(plan, far, tmp_path, port)))
    assert said[0] == "floor: starting"
    assert (result.failed_calls, result.failures, result.unknown_appends) == (0, {}, 0)
    assert result.frames_up_per_call_s == pytest.approx(50, rel=0.1)
    assert result.frames_down_per_call_s > 30


def test_a_gateway_that_does_not_come_up_is_shown_with_its_last_words(
    load: Load, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("lines: []\n")
    code, results = load("--calls", "1", "--seconds", "1", "--config", str(wrong))
    assert (code, results) == (1, [])
    assert "lines" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--calls", "0"],
        ["--calls", "1024"],
        ["--seconds", "0"],
        ["--ramp", "-1"],
        ["--config", "/nowhere"],
        ["--json", "/no/where"],
    ],
)
def test_arguments_that_can_not_be_used_are_refused(load: Load, arguments: list[str]) -> None:
    assert load(*arguments) == (2, [])


def test_strangers_are_refused_and_counted_beside_calls_that_go_on(
    load: Load, capsys: pytest.CaptureFixture[str]
) -> None:
    code, (quiet, disturbed) = load(
        "--calls", "2", "--seconds", "2", "--ramp", "0.1", "--knocks", "100", "--idle-sockets", "5"
    )
    output = capsys.readouterr().out
    assert code == 0, output
    assert (quiet["subject"], disturbed["subject"]) == ("quiet", "knocked at")
    answers = disturbed["strangers"]
    assert {"401", "404"} <= set(answers) <= {"401", "404", "500", "closed", "idle socket closed"}
    assert sum(answers.values()) > 100
    assert disturbed["frames_down_per_call_s"] > 30
    assert "strangers were answered" in output
