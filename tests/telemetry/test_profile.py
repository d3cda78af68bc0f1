"""An average call, out of metrics of replicas that had calls on several deployments."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from gateway.session.events import Usage
from gateway.telemetry.metrics import GatewayMetrics
from gateway.telemetry.profile import measured_profile
from gateway.telemetry.tokens import TokenMeter


def replica(calls: dict[str, int], *, answers: int = 12, minutes: float = 3.0, missing: int = 0) -> str:
    """`calls` of `answers` answers each, by deployment; the prompts of `main` are twice as long."""
    registry = CollectorRegistry()
    metrics = GatewayMetrics(registry, list(calls))
    meter = TokenMeter(metrics)
    for name, number in calls.items():
        for _ in range(number):
            metrics.dials.inc(name, "ready")
            metrics.dials.inc(name, "timeout")
            metrics.call_duration.observe(minutes * 60)
            for answer in range(answers):
                prompt = 2000 if name == "main" else 1000
                usage = Usage(input_text=prompt, cached_text=prompt // 4, cache_write=100, output_text=50)
                meter.add(name, None if answer < missing else usage)
                metrics.responses.inc("completed")
    return generate_latest(registry).decode()


def test_one_deployment_is_measured_as_it_is() -> None:
    found = measured_profile([replica({"main": 5})], None)
    assert (found.deployment, found.responses, found.share_of_calls) == ("main", 60, 1)
    call = found.profile
    assert (call.turns_per_minute, call.prompt_tokens, call.answer_tokens) == (4, 2000, 50)
    assert (call.cached, call.written, call.minutes) == (0.25, 0.05, 3)


def test_answers_of_another_deployment_do_not_thin_the_prompts() -> None:
    found = measured_profile([replica({"main": 5, "spill": 15})], "main")
    assert found.share_of_calls == 0.25
    assert found.profile.prompt_tokens == 2000
    assert found.profile.turns_per_minute == pytest.approx(4)


def test_replicas_are_summed() -> None:
    found = measured_profile([replica({"main": 5}), replica({"main": 10})], None)
    assert found.responses == 180
    assert found.profile.turns_per_minute == pytest.approx(4)


def test_answers_without_a_count_are_answers() -> None:
    found = measured_profile([replica({"main": 5}, missing=3)], None)
    assert found.responses == 45
    assert found.profile.turns_per_minute == pytest.approx(4)
    assert found.profile.prompt_tokens == 2000


@pytest.mark.parametrize(
    ("text", "deployment", "said"),
    [
        ("", None, "no metrics of a gateway"),
        (replica({"main": 1}), None, "holds 12 responses of main and 1 ended calls; 20 and one are needed"),
        (replica({"main": 5, "spill": 5}), None, "say whose tokens: --deployment NAME; there are main, spill"),
        (replica({"main": 5}), "mian", "there are main"),
    ],
)
def test_what_says_nothing_is_refused(text: str, deployment: str | None, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        measured_profile([text], deployment)
