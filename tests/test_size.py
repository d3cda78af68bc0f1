"""`gateway capacity`, as a user would call it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from gateway.cli import main
from gateway.session.events import Usage
from gateway.telemetry.metrics import GatewayMetrics
from gateway.telemetry.profile import LEAST_RESPONSES
from gateway.telemetry.tokens import TokenMeter

EXAMPLES = Path(__file__).parents[1] / "deploy/examples"


def planned(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["capacity", *arguments, "--json"]) == 0
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


def refused(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 2) -> str:
    assert main(["capacity", *arguments]) == code
    return capsys.readouterr().err


def test_the_published_example_by_command(capsys: pytest.CaptureFixture[str]) -> None:
    """gpt-5.2, 1,000 requests a minute of 200 and 20 tokens, half of them cached: 76.47 units, 80 to buy."""
    call = ("--turns", "1", "--prompt", "200", "--answer", "20", "--target", "100")
    plain = planned(capsys, "--model", "gpt-5.2", "--calls", "1000", *call, "--cached", "0")["plan"]
    assert (round(plain["exact_units"], 2), plain["units"]) == (105.88, 110)
    cached = planned(capsys, "--model", "gpt-5.2", "--calls", "1000", *call, "--cached", "50")["plan"]
    assert (round(cached["exact_units"], 2), cached["units"]) == (76.47, 80)


def test_units_become_calls(capsys: pytest.CaptureFixture[str]) -> None:
    found = planned(capsys, "--model", "gpt-4.1", "--kind", "regional", "--units", "50", "--unit-hour", "2")
    assert found["plan"]["calls"] == 35
    assert found["monthly_price"] == 50 * 2 * 730
    assert planned(capsys, "--model", "gpt-4.1", "--units", "50", "--target", "100")["plan"]["calls"] == 44


def test_the_table_for_people_says_what_each_number_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["capacity", "--model", "gpt-4.1", "--calls", "40"]) == 0
    said = capsys.readouterr().out
    for word in ("3,360", "134,400", "44.80", "units to buy", "steps of 5", "Voice Live resources", "Estimates"):
        assert word in said
    assert max(map(len, said.splitlines())) <= 120


def test_a_configuration_brings_its_units(capsys: pytest.CaptureFixture[str]) -> None:
    found = planned(capsys, "--config", str(EXAMPLES / "azure-entra.yaml"))
    assert found["units_given"] == 50
    assert found["plan"]["calls"] == 35


def metrics_text(responses: int) -> str:
    registry = CollectorRegistry()
    metrics = GatewayMetrics(registry, ["main", "other"])
    meter = TokenMeter(metrics)
    for _ in range(responses):
        meter.add("main", Usage(input_text=1000, cached_text=250, output_text=40, output_reasoning=10))
        metrics.responses.inc("completed")
    for _ in range(5):
        metrics.call_duration.observe(120.0)
    return generate_latest(registry).decode()


def test_a_call_is_measured_from_metrics(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "metrics.txt"
    file.write_text(metrics_text(50))
    call = planned(capsys, "--model", "gpt-4.1", "--calls", "10", "--from-metrics", str(file), "--minutes", "7")["call"]
    assert call == {
        "turns_per_minute": 5.0,
        "prompt_tokens": 1000.0,
        "answer_tokens": 50.0,
        "cached": 0.25,
        "written": 0.0,
        "minutes": 7.0,
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no metrics of a gateway"),
        ("up 1\n", "no metrics of a gateway"),
        (metrics_text(LEAST_RESPONSES - 1), "responses of 5 ended calls"),
        (metrics_text(0), "say whose tokens"),
    ],
)
def test_metrics_that_say_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "metrics.txt"
    file.write_text(text)
    assert said in refused(capsys, "--model", "gpt-4.1", "--calls", "1", "--from-metrics", str(file))


def test_errors_say_what_to_do(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "did you mean gpt-4.1?" in refused(capsys, "--model", "gpt4.1", "--calls", "1")
    assert "there are: gpt-6-sol" in refused(capsys, "--model", "x", "--calls", "1")
    assert "--model NAME" in refused(capsys, "--calls", "1")
    assert "--calls N" in refused(capsys, "--model", "gpt-4.1")
    assert "not sold as regional" in refused(capsys, "--model", "DeepSeek-R1", "--kind", "regional", "--calls", "1")
    assert "weights.output" in refused(capsys, "--model", "GLM-5", "--calls", "1")
    assert "do not carry one call" in refused(capsys, "--model", "o1", "--units", "1")
    assert "can not be read" in refused(capsys, "--config", str(tmp_path / "none.yaml"), code=78)
    loopback = str(EXAMPLES / "azure-entra.yaml")
    assert "provisioned in" in refused(capsys, "--config", loopback, "--deployment", "none")
    assert ".png and .svg" in refused(capsys, "--model", "gpt-4.1", "--calls", "1", "--plot", str(tmp_path / "x.pdf"))
    assert "can not be read" in refused(
        capsys, "--model", "gpt-4.1", "--calls", "1", "--from-metrics", str(tmp_path / "n")
    )


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_the_picture(capsys: pytest.CaptureFixture[str], tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"plot.{suffix}"
    assert main(["capacity", "--model", "gpt-4.1", "--calls", "40", "--plot", str(path)]) == 0
    begins = {"png": b"\x89PNG", "svg": b"<?xml"}[suffix]
    assert path.read_bytes().startswith(begins)
    capsys.readouterr()
