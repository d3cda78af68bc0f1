from __future__ import annotations

import io
import logging
from typing import Any

import orjson
import pytest
import structlog
from prometheus_client import CollectorRegistry

from gateway.config import LogConfig
from gateway.telemetry.logs import LineSink, configure_logs, dropped_lines
from gateway.telemetry.metrics import GatewayMetrics
from gateway.telemetry.process import ProcessWatch

pytestmark = pytest.mark.usefixtures("own_logs")


@pytest.fixture
def stream() -> io.BytesIO:
    return io.BytesIO()


def lines_of(stream: io.BytesIO) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in stream.getvalue().splitlines()]


def fail(error: Exception) -> None:
    raise error


def test_a_line_is_one_json_object_with_the_call_it_belongs_to(stream: io.BytesIO) -> None:
    configure_logs(LogConfig(), stream)
    structlog.contextvars.bind_contextvars(call_id="abc")
    structlog.get_logger().info("call.ended", result="completed", duration_s=1.5)

    (line,) = lines_of(stream)
    assert line.pop("time").endswith("Z")
    assert line == {
        "event": "call.ended",
        "level": "info",
        "call_id": "abc",
        "result": "completed",
        "duration_s": 1.5,
    }


def test_lines_below_the_level_are_not_written(stream: io.BytesIO) -> None:
    configure_logs(LogConfig(level="warning"), stream)
    log = structlog.get_logger()
    log.info("quiet")
    log.warning("loud")

    assert [line["event"] for line in lines_of(stream)] == ["loud"]


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_traceback_is_written_without_secrets_and_without_values_of_variables(stream: io.BytesIO, form: str) -> None:
    configure_logs(LogConfig.model_validate({"format": form}), stream)
    hidden = "the value of a variable"
    try:
        fail(RuntimeError(f"sent api-key: s3cr3t to +15555550100 {len(hidden)}"))
    except RuntimeError:
        structlog.get_logger().exception("call.broken")

    written = stream.getvalue().decode()
    assert "RuntimeError" in written
    assert "test_logs.py" in written
    assert "[redacted]" in written
    for secret in ("s3cr3t", "5555550100", hidden):
        assert secret not in written


def test_the_console_is_for_people(stream: io.BytesIO) -> None:
    configure_logs(LogConfig(format="console"), stream)
    structlog.get_logger().info("gateway.ready", public_port=8080)

    written = stream.getvalue().decode()
    assert "gateway.ready" in written
    assert "public_port=8080" in written
    assert "\x1b" not in written


def test_libraries_speak_through_the_same_door(stream: io.BytesIO) -> None:
    configure_logs(LogConfig(), stream)
    logging.getLogger("azure.core").info("request with headers")
    logging.getLogger("azure.core").warning("refused: %s", "Bearer abc123")
    try:
        fail(ValueError("api-key=s3cr3t"))
    except ValueError:
        logging.getLogger("asyncio").exception("Task exception was never retrieved")

    warning, error = lines_of(stream)
    assert (warning["event"], warning["level"], warning["logger"]) == ("library", "warning", "azure.core")
    assert warning["message"] == "refused: [redacted]"
    assert error["level"] == "error"
    assert "s3cr3t" not in error["exception"]
    assert "ValueError" in error["exception"]


@pytest.mark.parametrize("awkward", ["\ud800", 1 << 70, {1: 2}, object(), float("nan"), b"\xff", "line\nbreak"])
def test_whatever_is_logged_becomes_a_line(stream: io.BytesIO, awkward: object) -> None:
    configure_logs(LogConfig(), stream)
    structlog.get_logger().info("odd", value=awkward)

    (line,) = lines_of(stream)
    assert "odd" in line["event"]


class _Broken(io.BytesIO):
    def write(self, _data: Any) -> int:
        raise BrokenPipeError


def test_a_line_that_can_not_be_written_is_counted_and_hurts_nobody() -> None:
    assert dropped_lines() == 0
    sink = configure_logs(LogConfig(), _Broken())
    structlog.get_logger().info("one")
    structlog.get_logger().info("two")
    assert dropped_lines() == sink.dropped == 2
    registry = CollectorRegistry()
    watch = ProcessWatch(GatewayMetrics(registry, []), clock=lambda: 0.0, read_wait_s=lambda: None)
    watch.sample(0.0)
    watch.sample(0.0)
    assert registry.get_sample_value("gateway_log_lines_dropped_total") == 2

    closed = io.BytesIO()
    closed.close()
    sink = LineSink(closed)
    sink.msg(b"three")
    assert sink.dropped == 1
