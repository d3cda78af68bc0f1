"""`gateway capacity`, as a user would call it."""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest

from gateway.cli import main
from gateway.config.price import Price
from gateway.config.ptu_file import read_table
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
    metrics.dials.inc("main", "ready", amount=5)
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
        "growth_tokens": 0.0,
        "history_turns": None,
        "mean_prompt_tokens": 1000.0,
        "measured_from_responses": 50,
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no metrics of a gateway"),
        ("up 1\n", "no metrics of a gateway"),
        (metrics_text(LEAST_RESPONSES - 1), "19 responses of main and 5 ended calls"),
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


def test_the_picture_is_the_same_every_time(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    drawn = []
    for number in range(2):
        path = tmp_path / f"{number}.svg"
        assert main(["capacity", "--model", "gpt-4.1", "--calls", "40", "--plot", str(path)]) == 0
        drawn.append(path.read_bytes())
    assert drawn[0] == drawn[1]
    capsys.readouterr()


def test_what_the_picture_needs_is_said_before_anything_else(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "gateway.size_plot", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["capacity", "--model", "gpt-4.1", "--calls", "40", "--plot", str(tmp_path / "x.png")]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "pip install 'voice-gateway[demo]'" in said.err


# --- metrics of a gateway that runs -----------------------------------------------------------------------------------


@pytest.fixture
def listener() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == "/metrics"
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(metrics_text(50).encode() if found else b"")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_metrics_come_from_urls_and_files_together(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, listener: str
) -> None:
    file = tmp_path / "metrics.txt"
    file.write_text(metrics_text(50))
    both = ("--from-metrics", f"{listener}/metrics", "--from-metrics", str(file))
    call = planned(capsys, "--model", "gpt-4.1", "--calls", "10", *both)["call"]
    assert (call["measured_from_responses"], call["turns_per_minute"]) == (100, 5)


def test_a_listener_that_has_none(capsys: pytest.CaptureFixture[str], listener: str) -> None:
    call = ("--model", "gpt-4.1", "--calls", "1", "--from-metrics")
    assert "status 404" in refused(capsys, *call, f"{listener}/")
    assert "can not be fetched" in refused(capsys, *call, "http://127.0.0.1:1/metrics")


# --- money and configurations -----------------------------------------------------------------------------------------

PRICED = """
    price: {currency: EUR, unit_hour: 1.0}
  - name: support-payg
    resource: foundry
    profile: byom-azure-openai-chat-completion
    price: {currency: EUR, input: 2, cached_input: 0.5, output: 8}
"""


@pytest.fixture
def priced(tmp_path: Path) -> str:
    text = (EXAMPLES / "azure-entra.yaml").read_text()
    before = "\n  - name: support-payg\n    resource: foundry\n    profile: byom-azure-openai-chat-completion\n"
    assert before in text
    file = tmp_path / "gateway.yaml"
    file.write_text(text.replace(before, PRICED))
    return str(file)


def test_prices_come_from_the_configuration(capsys: pytest.CaptureFixture[str], priced: str) -> None:
    found = planned(capsys, "--config", priced, "--against", "support-payg")
    assert found["monthly_price"] == 50 * 730
    assert found["price_per_call_minute"] == pytest.approx(4 * (600 * 2 + 900 * 0.5 + 60 * 8) / 1e6)
    assert found["break_even_call_minutes"] == pytest.approx(36_500 / 0.00852)
    assert found["most_call_minutes"] == 44 * 730 * 60
    assert main(["capacity", "--config", priced, "--against", "support-payg"]) == 0
    assert "EUR a month" in (said := capsys.readouterr().out)
    assert "pay as you go is cheaper" in said


def test_prices_come_from_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    prices = ("--unit-hour", "0.1", "--token-prices", "2", "0.5", "8", "--currency", "USD")
    assert main(["capacity", "--model", "gpt-4.1", "--calls", "40", *prices]) == 0
    said = capsys.readouterr().out
    assert "USD a call-minute" in said
    assert "with more of them units are cheaper" in said
    assert max(map(len, said.splitlines())) <= 120


def test_prices_that_can_not_be_compared(capsys: pytest.CaptureFixture[str], priced: str) -> None:
    assert "tokens in the configuration are: support-payg" in refused(capsys, "--config", priced, "--against", "x")
    mixed = ("--config", priced, "--token-prices", "2", "0.5", "8", "--currency", "USD")
    assert "prices are in EUR and USD" in refused(capsys, *mixed)


def test_a_configuration_brings_its_target_and_its_table(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, priced: str
) -> None:
    file = Path(priced)
    (tmp_path / "ptu.yaml").write_text(
        "source: ours\ndate: 2026-11-01\nmodels:\n"
        "  gpt-4.1: {tpm_per_ptu: 6000, output: 4, global: [15, 5]}\n"
        "  mine: {tpm_per_ptu: 1, output: 4, global: [1, 1]}\n"
    )
    text = file.read_text().replace("ptu_model: gpt-4.1", "ptu_model: gpt-4.1, target: 0.5")
    file.write_text(text + "\nptu_table_file: ptu.yaml\n")
    found = planned(capsys, "--config", priced)
    assert found["subject"]["source"] == "table of 2026-11-01"
    assert found["plan"]["calls"] == 44  # half of twice as much
    assert planned(capsys, "--config", priced, "--model", "mine", "--units", "99999")["plan"]["calls"] == 23
    assert "not sold as regional; --kind global" in refused(capsys, "--config", priced, "--kind", "regional")


def test_a_realtime_model_is_not_guessed_at(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    text = (EXAMPLES / "azure-entra.yaml").read_text()
    file.write_text(text.replace("byom-azure-openai-chat-completion", "byom-azure-openai-realtime", 1))
    assert "no weight is published" in refused(capsys, "--config", str(file))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--calls", "0"),
        ("--calls", "many"),
        ("--target", "0"),
        ("--cached", "101"),
        ("--growth", "-1"),
        ("--dials", "1.5"),
        ("--calls", "nan"),
    ],
)
def test_numbers_that_can_not_be_meant(capsys: pytest.CaptureFixture[str], option: str, value: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["capacity", "--model", "gpt-4.1", option, value])
    assert stopped.value.code == 2
    assert f"argument {option}" in capsys.readouterr().err


def test_shares_of_one_prompt_are_not_more_than_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert "together at most 100" in refused(
        capsys, "--model", "gpt-6-sol", "--calls", "1", "--cached", "60", "--written", "50"
    )


def test_a_growing_prompt_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    growing = ("--prompt", "900", "--growth", "120", "--history-turns", "8", "--minutes", "6")
    assert main(["capacity", "--model", "gpt-4.1", "--calls", "40", *growing]) == 0
    said = capsys.readouterr().out
    assert "900 tokens at first, 120 more with every turn, 8 turns kept" in said
    assert "1,600 in" in said


def test_a_configuration_says_whose_metrics(capsys: pytest.CaptureFixture[str], tmp_path: Path, priced: str) -> None:
    file = tmp_path / "metrics.txt"
    file.write_text(metrics_text(50).replace('"main"', '"support-ptu"').replace('"other"', '"support-payg"'))
    assert planned(capsys, "--config", priced, "--from-metrics", str(file))["call"]["turns_per_minute"] == 5


# --- the page ------------------------------------------------------------------------------------------------------

PAGE = (EXAMPLES.parents[1] / "docs" / "CAPACITY.md").read_text()


def test_the_page_shows_what_the_command_says(capsys: pytest.CaptureFixture[str]) -> None:
    command, *_ = re.findall(r"^gateway (capacity --model .*)$", PAGE, re.MULTILINE)
    assert main(command.split()) == 0
    assert capsys.readouterr().out in PAGE


def test_the_table_on_the_page_is_one(tmp_path: Path) -> None:
    (shown,) = [block for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if block.startswith("source:")]
    file = tmp_path / "ptu.yaml"
    file.write_text(shown)
    assert read_table(file).models.keys() == {"gpt-4.1", "gpt-7"}


def test_the_prices_on_the_page_are_some() -> None:
    (shown,) = [block for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if "price:" in block]
    prices = [Price.model_validate(each["price"]) for each in yaml.safe_load(shown)["deployments"]]
    assert [price.of_units is None for price in prices] == [False, True]
