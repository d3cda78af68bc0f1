"""The exposition as Prometheus itself judges it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from gateway.audio.pcm import Direction
from gateway.outcome import Outcome, Reason
from gateway.telemetry.counts import CallCounts
from gateway.telemetry.labels import ReplyMoment, ReplySource
from gateway.telemetry.metrics import GatewayMetrics

pytestmark = pytest.mark.system


@pytest.fixture
def promtool(needs: Callable[..., None]) -> str:
    needs("promtool")
    return shutil.which("promtool") or "promtool"


def test_promtool_has_nothing_to_say(promtool: str) -> None:
    registry = CollectorRegistry()
    metrics = GatewayMetrics(registry, ["ptu", "payg"])
    metrics.call_ended(Outcome(Reason.CALLER_HANGUP))
    metrics.reply_latency.observe(ReplyMoment.HEARD, ReplySource.MODEL, amount=0.8)
    metrics.throttled.inc("ptu")
    metrics.model_cost.admit("payg", "EUR")
    metrics.ptu_cost.labels("ptu", "EUR").set(75)
    metrics.new_folder().fold(CallCounts(uplink_ms=20, underruns=1))
    metrics.added_delay.fold(Direction.DOWNLINK, [0.0004])

    checked = subprocess.run(
        [promtool, "check", "metrics"], input=generate_latest(registry), capture_output=True, check=False, timeout=60
    )

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_rules_say_what_they_should(promtool: str) -> None:
    files = sorted(Path(__file__).parent.joinpath("rules").glob("*.test.yaml"))
    assert files
    checked = subprocess.run(
        [promtool, "test", "rules", *map(str, files)], capture_output=True, check=False, timeout=60
    )
    assert checked.returncode == 0, checked.stdout.decode() + checked.stderr.decode()
