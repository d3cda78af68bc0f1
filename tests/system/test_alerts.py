"""Every alert: it fires, does not just under its threshold, nor without traffic, nor when a process begins anew.

Judged by promtool on invented series, a sample a minute.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
RULES = sorted(ROOT.glob("deploy/monitoring/rules/*.yaml"))
MINUTES = 75
ON = 'instance="a"'

Series = dict[str, str]


@dataclass(frozen=True)
class Case:
    """One alert."""

    alert: str
    fires: Series
    under: Series
    at: str = "70m"
    number: int = 1
    """of alerts that fire"""
    window: str = ""
    """of the alert's, where it has several"""
    every: int = 1
    """minutes between two samples"""
    gauge: bool = False
    """it looks at states: a process that begins anew has none"""


def steady(value: float, minutes: int = MINUTES) -> str:
    return f"{value}x{minutes}"


def rising(step: float, minutes: int = MINUTES) -> str:
    return f"0+{step}x{minutes}"


def shares(bad: str, good: str, bad_step: float, good_step: float, minutes: int = MINUTES) -> Series:
    return {bad: rising(bad_step, minutes), good: rising(good_step, minutes)}


def histogram(name: str, labels: str, buckets: dict[str, float], minutes: int = MINUTES) -> Series:
    """Steps a minute, cumulative as buckets are."""
    found = {f'{name}_bucket{{{labels},le="{le}"}}': rising(step, minutes) for le, step in buckets.items()}
    return found | {f"{name}_count{{{labels}}}": rising(max(buckets.values()), minutes)}


def offers(bad: float, good: float, minutes: int = MINUTES) -> Series:
    return shares(
        'gateway_offers_total{result="failed"}', 'gateway_offers_total{result="answered"}', bad, good, minutes
    )


def turns(bad: float, good: float, minutes: int = MINUTES) -> Series:
    return shares('gateway_turns_total{silence="long"}', 'gateway_turns_total{silence="short"}', bad, good, minutes)


def endings(bad: float, good: float, minutes: int = MINUTES) -> Series:
    return shares(
        'gateway_calls_total{result="failed",reason="model_stalled"}',
        'gateway_calls_total{result="completed",reason="caller_hangup"}',
        bad,
        good,
        minutes,
    )


LATE = 'stage="event_to_answered"'
HEARD = 'moment="heard",source="model"'
ONSET = 'since="caller_onset"'
FULL = {f"gateway_calls_limit{{{ON}}}": steady(80), f"gateway_draining{{{ON}}}": steady(0)}
DIALS = 'gateway_voice_live_dials_total{{deployment="ptu",result="{}"}}'
BUDGET = {'gateway_ptu_budget_tokens{deployment="ptu"}': steady(100_000)}

CASES = (
    Case("GatewayMissing", {"other": steady(1)}, {f"gateway_build_info{{{ON}}}": steady(1)}, gauge=True),
    Case("GatewayBug", {f"gateway_bug_total{{{ON}}}": "0x65 1x9"}, {f"gateway_bug_total{{{ON}}}": steady(3)}),
    Case(
        "GatewayNearlyFull",
        FULL | {f"gateway_calls_active{{{ON}}}": steady(69)},
        FULL | {f"gateway_calls_active{{{ON}}}": steady(68)},
        gauge=True,
    ),
    Case(
        "GatewayMemoryHigh",
        {f"gateway_memory_ratio{{{ON}}}": steady(0.86)},
        {f"gateway_memory_ratio{{{ON}}}": steady(0.85)},
        gauge=True,
    ),
    Case(
        "GatewayStarved",
        {f"gateway_run_queue_wait_seconds_total{{{ON}}}": rising(6.1)},
        {f"gateway_run_queue_wait_seconds_total{{{ON}}}": rising(5.9)},
    ),
    Case(
        "GatewayFramesLate",
        histogram("gateway_ticker_lateness_seconds", ON, {"0.02": 2900, "0.05": 3000, "+Inf": 3000})
        | {f"gateway_calls_active{{{ON}}}": steady(1)},
        histogram("gateway_ticker_lateness_seconds", ON, {"0.02": 2980, "0.05": 3000, "+Inf": 3000})
        | {f"gateway_calls_active{{{ON}}}": steady(1)},
    ),
    Case(
        "GatewayDrainTooLong",
        {f"gateway_draining{{{ON}}}": "0x5 1x70"},
        {f"gateway_draining{{{ON}}}": "0x15 1x60"},
        gauge=True,
    ),
    Case(
        "GatewayCallsCutByDrain",
        {'gateway_calls_total{result="failed",reason="drain_deadline"}': "0x60 2x15"},
        {'gateway_calls_total{result="failed",reason="drain_deadline"}': steady(2)},
    ),
    Case(
        "GatewayReloadRefused",
        {'gateway_config_reloads_total{result="wrong"}': "0x65 1x9"},
        {'gateway_config_reloads_total{result="taken"}': rising(1)},
    ),
    Case(
        "GatewayConfigurationsDiffer",
        {
            'gateway_config_info{instance="a",checksum="1"}': steady(1),
            'gateway_config_info{instance="b",checksum="2"}': steady(1),
            'gateway_draining{instance="a"}': steady(0),
        },
        {
            'gateway_config_info{instance="a",checksum="1"}': steady(1),
            'gateway_config_info{instance="b",checksum="2"}': steady(1),
            'gateway_draining{instance="a"}': steady(1),
        },
        gauge=True,
    ),
    Case(
        "GatewayKeysOld",
        {'gateway_key_set_age_seconds{keys="acs"}': steady(7201)},
        {'gateway_key_set_age_seconds{keys="acs"}': steady(7200)},
        gauge=True,
    ),
    Case(
        "GatewayRefusesAzure",
        {'gateway_auth_failures_total{door="callbacks",kind="audience"}': rising(1.2)},
        {
            'gateway_auth_failures_total{door="callbacks",kind="audience"}': rising(0.9),
            'gateway_auth_failures_total{door="callbacks",kind="missing"}': rising(50),
        },
    ),
    Case(
        "GatewayDialsFail",
        shares(DIALS.format("timeout"), DIALS.format("ready"), 0.3, 1),
        shares(DIALS.format("timeout"), DIALS.format("ready"), 0.24, 1),
    ),
    Case(
        "GatewayThrottled",
        {'gateway_throttled_total{deployment="ptu"}': rising(1.2)},
        {'gateway_throttled_total{deployment="ptu"}': rising(0.9)},
    ),
    Case(
        "GatewayUnitsNearlyUsed",
        BUDGET | {'gateway_ptu_forecast_tokens{deployment="ptu"}': steady(91_000)},
        BUDGET | {'gateway_ptu_forecast_tokens{deployment="ptu"}': steady(90_000)},
        gauge=True,
    ),
    Case(
        "GatewayEstimateOff",
        {
            'gateway_ptu_estimate_to_monitor_ratio{deployment="ptu"}': steady(0.8),
            'gateway_ptu_monitor_utilisation_ratio{deployment="ptu"}': steady(0.5),
        },
        {
            'gateway_ptu_estimate_to_monitor_ratio{deployment="ptu"}': steady(0.9),
            'gateway_ptu_monitor_utilisation_ratio{deployment="ptu"}': steady(0.5),
        },
        gauge=True,
    ),
    Case(
        "GatewayCallsSpill",
        {'gateway_spilled_calls_total{deployment="payg"}': rising(0.4)},
        {'gateway_spilled_calls_total{deployment="payg"}': rising(0.3)},
    ),
    Case(
        "GatewayAnswersLate",
        histogram("gateway_call_setup_seconds", LATE, {"2": 8.9, "3": 10, "+Inf": 10}),
        histogram("gateway_call_setup_seconds", LATE, {"2": 9.4, "3": 10, "+Inf": 10}),
    ),
    Case(
        "GatewayRepliesLate",
        histogram("gateway_reply_latency_seconds", HEARD, {"2": 9, "2.5": 10, "+Inf": 10}),
        histogram("gateway_reply_latency_seconds", HEARD, {"1.5": 9, "2": 9.6, "2.5": 10, "+Inf": 10}),
    ),
    Case(
        "GatewayInterruptionsIgnored",
        histogram("gateway_barge_in_stop_seconds", ONSET, {"0.8": 9, "1.2": 10, "+Inf": 10}),
        histogram("gateway_barge_in_stop_seconds", ONSET, {"0.5": 9, "0.8": 9.6, "1.2": 10, "+Inf": 10}),
    ),
    Case(
        "GatewayOneWayAudio",
        shares("gateway_one_way_audio_suspected_total", "gateway_call_duration_seconds_count", 0.2, 3),
        shares("gateway_one_way_audio_suspected_total", "gateway_call_duration_seconds_count", 0.2, 5),
    ),
    Case(
        "GatewayFalseInterruptions",
        shares("gateway_false_interruptions_total", "gateway_barge_ins_total", 4, 6),
        shares("gateway_false_interruptions_total", "gateway_barge_ins_total", 2, 6),
    ),
    # Promises: 14.4, 6 and 1 times too fast.
    Case("GatewayCallsNotAnswered", offers(0.73, 9.27), offers(0.71, 9.29), window="1h"),
    Case("GatewayCallersInSilence", turns(0.145, 9.855), turns(0.143, 9.857), window="1h"),
    Case("GatewayCallsBroken", endings(0.73, 9.27), endings(0.71, 9.29), window="1h"),
    Case("GatewayCallsNotAnswered", offers(3.1, 96.9, 60), offers(2.9, 97.1, 60), "6h10m", window="6h", every=10),
    Case("GatewayCallersInSilence", turns(0.62, 99.38, 60), turns(0.58, 99.42, 60), "6h10m", window="6h", every=10),
    Case("GatewayCallsBroken", endings(3.1, 96.9, 60), endings(2.9, 97.1, 60), "6h10m", window="6h", every=10),
    Case("GatewayCallsNotAnswered", offers(1.6, 298, 160), offers(1.4, 298, 160), "3d1h", window="3d", every=30),
    Case("GatewayCallersInSilence", turns(0.32, 300, 160), turns(0.28, 300, 160), "3d1h", window="3d", every=30),
    Case("GatewayCallsBroken", endings(1.6, 298, 160), endings(1.4, 298, 160), "3d1h", window="3d", every=30),
    # Too few calls to tell.
    Case("GatewayCallsNotAnswered", offers(0.1, 0.8), offers(0.1, 0.7), window="1h"),
)


@pytest.mark.parametrize(("every", "promise"), sorted({(case.every, case.window != "") for case in CASES}))
def test_every_alert_fires_when_it_should_and_only_then(
    needs: Callable[..., None], tmp_path: Path, every: int, *, promise: bool
) -> None:
    """Those of promises, whose windows are long, apart from the others."""
    needs("promtool")
    file = tmp_path / "alerts.test.yaml"
    content = {
        "rule_files": [str(path) for path in RULES if (path.name == "service-levels.yaml") == promise],
        "evaluation_interval": f"{every}m",
        "tests": [
            test
            for case in CASES
            if case.every == every and (case.window != "") == promise
            for test in unit_tests(case)
        ],
    }
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    promtool = shutil.which("promtool") or "promtool"
    checked = subprocess.run([promtool, "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout[-4000:] + checked.stderr[-4000:]


def unit_tests(case: Case) -> Iterator[dict[str, Any]]:
    yield one("fires", case, case.fires, case.number)
    yield one("just under", case, case.under, 0)
    if not case.gauge:
        yield one("without traffic", case, {name: steady(7, 9) for name in case.fires}, 0)
        yield one("when a process begins anew", case, {name: anew(values) for name, values in case.under.items()}, 0)


def anew(values: str) -> str:
    """The same counter, of a process that is restarted in the midst of the alert's windows."""
    steps = re.fullmatch(r"0\+([\d.]+)x(\d+)", values)
    if steps is None:
        return values
    step, minutes = float(steps[1]), int(steps[2])
    before = max(1, minutes - 12)
    return f"0+{step}x{before} 0+{step}x{minutes - before}"


def one(name: str, case: Case, series: Series, number: int) -> dict[str, Any]:
    window = f',window="{case.window}"' if case.window else ""
    expression = f'count(ALERTS{{alertname="{case.alert}",alertstate="firing"{window}}})'
    return {
        "name": f"{case.alert} {case.window} {name}",
        "interval": f"{case.every}m",
        "input_series": [{"series": each, "values": values} for each, values in series.items()],
        "promql_expr_test": [
            {
                "expr": expression,
                "eval_time": case.at,
                "exp_samples": [{"labels": "{}", "value": number}] if number else [],
            }
        ],
    }


def alerts() -> list[dict[str, Any]]:
    return [
        rule
        for path in RULES
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
        if "alert" in rule
    ]


def test_every_alert_has_a_case() -> None:
    assert {rule["alert"] for rule in alerts()} == {case.alert for case in CASES}


def test_every_alert_says_what_to_do() -> None:
    runbook = (ROOT / "docs" / "RUNBOOK.md").read_text(encoding="utf-8")
    sections = {line.removeprefix("## ").strip() for line in runbook.splitlines() if line.startswith("## ")}
    for rule in alerts():
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
        path, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert (ROOT / path).is_file()
        assert rule["alert"] in sections
        assert anchor == rule["alert"].lower()


def test_rules_pass_prometheus_own_lint(needs: Callable[..., None]) -> None:
    needs("promtool")
    promtool = shutil.which("promtool") or "promtool"
    arguments = [promtool, "check", "rules", "--lint=all", "--lint-fatal", *map(str, RULES)]
    checked = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
