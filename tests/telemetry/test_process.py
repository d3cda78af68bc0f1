from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from gateway.telemetry.metrics import GatewayMetrics
from gateway.telemetry.process import ProcessWatch, run_queue_wait_s


def test_the_wait_is_the_second_field(tmp_path: Path) -> None:
    file = tmp_path / "schedstat"
    file.write_text("8000000000 1500000000 321\n")

    assert run_queue_wait_s(file) == 1.5


@pytest.mark.parametrize("content", ["", "5", "a b c"])
def test_a_kernel_that_does_not_tell_is_not_an_error(tmp_path: Path, content: str) -> None:
    file = tmp_path / "schedstat"
    file.write_text(content)

    assert run_queue_wait_s(file) is None
    assert run_queue_wait_s(tmp_path / "missing") is None


def test_only_growth_of_the_wait_is_counted() -> None:
    registry = CollectorRegistry()
    waits = iter([10.0, 10.5, 10.5, None, 10.25, 11.0])
    watch = ProcessWatch(GatewayMetrics(registry, []), clock=lambda: 0.0, read_wait_s=lambda: next(waits))
    for _ in range(5):
        watch.sample(0.0)

    assert registry.get_sample_value("gateway_run_queue_wait_seconds_total") == 1.25


def test_without_a_wait_only_the_lag_is_measured() -> None:
    registry = CollectorRegistry()
    watch = ProcessWatch(GatewayMetrics(registry, []), clock=lambda: 0.0, read_wait_s=lambda: None)
    watch.sample(0.25)

    assert registry.get_sample_value("gateway_event_loop_lag_seconds_sum") == 0.25
    assert registry.get_sample_value("gateway_run_queue_wait_seconds_total") == 0


async def test_a_late_timer_is_lag() -> None:
    registry = CollectorRegistry()
    moments = iter([0.0, 0.1, 1.0, 1.13])
    watch = ProcessWatch(GatewayMetrics(registry, []), clock=lambda: next(moments, 2.0), read_wait_s=lambda: None)
    task = asyncio.create_task(watch.run())
    while registry.get_sample_value("gateway_event_loop_lag_seconds_count") != 2:  # noqa: ASYNC110 - nobody tells when
        await asyncio.sleep(0.01)
    task.cancel()

    assert registry.get_sample_value("gateway_event_loop_lag_seconds_sum") == pytest.approx(0.03)
