"""The real processes of the demonstration, up and down again."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.calls.routing import route
from gateway.config import parse
from gateway.demo import stack as stack_module
from gateway.demo.stack import CASCADE, NAIVE_MODEL, Rates, gateway_config, running
from gateway.demo.story import CASCADE_NUMBER, REALTIME_NUMBER
from gateway.simulator.load.subject import SubjectFailed
from gateway.simulator.phone import CallPlan, HangUp, WaitAgent


@pytest.mark.parametrize("rates", [Rates(), Rates(24_000, 8_000), Rates(16_000, 24_000)])
def test_the_configuration_is_a_valid_one(tmp_path: Path, rates: Rates) -> None:
    (tmp_path / "twin.key").write_text("a2V5")
    (tmp_path / "tickets.key").write_text("x" * 48)
    raw = gateway_config(rates, 18080, 19090, "http://127.0.0.1:18090", "ws://127.0.0.1:18091")
    config = parse(raw, tmp_path)
    now = datetime.now(UTC)
    lines = [route(config.lines, number, None, now).line for number in (CASCADE_NUMBER, REALTIME_NUMBER)]
    assert [line.name if line else None for line in lines] == ["cascade", "realtime"]
    assert config.acs.audio_format.audio.rate_hz == rates.phone_hz
    assert {deployment.output_format.audio.rate_hz for deployment in config.deployments} == {rates.model_hz}


async def test_both_bridges_answer_a_death_is_noticed_and_nothing_stays_behind(tmp_path: Path) -> None:
    short = CallPlan(number=CASCADE_NUMBER, behaviour=(WaitAgent(0.2), HangUp(0.2)), max_s=15.0)
    async with running(tmp_path, Rates(), naive=True, scripted=True) as stack:
        assert stack.naive_phone is not None
        ours, naive = await asyncio.gather(stack.phone.place_call(short), stack.naive_phone.place_call(short))
        stack.check()
        pids = [process.pid for process in stack.processes]
        trace = await stack.trace_of("cascade")
        metrics = await stack.scrape()
        os.kill(stack.gateway.pid, signal.SIGKILL)
        with pytest.raises(SubjectFailed, match=r"gateway ended with exit code -9(.|\n)*call\.ended"):
            await _until_noticed(stack)
        sessions = await stack.sessions()
    assert ours.failure is None
    assert naive.failure is None
    assert len(pids) == 3
    assert trace[0]["name"] == "call.offered"
    assert trace[-1]["name"] == "call.stats"
    assert 'gateway_greetings_total{way="pre_generated"} 1.0' in metrics
    assert 'gateway_calls_total{reason="caller_hangup",result="completed"} 1.0' in metrics
    assert {session.model for session in sessions} == {"cascade", NAIVE_MODEL}
    assert {session.profile for session in sessions} == {CASCADE}
    assert all(session.items[0].delivered_samples for session in sessions)
    assert {path.stem for path in stack.logs} == {"gateway", "naive bridge", "voice-live twin"}
    assert stat.S_IMODE(os.stat(tmp_path).st_mode) == 0o700  # noqa: PTH116 - nothing waits for it but this test
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def _until_noticed(stack: stack_module.Stack) -> None:
    async with asyncio.timeout(5.0):
        while True:
            stack.check()
            await asyncio.sleep(0.01)


async def test_a_process_that_does_not_come_up_is_named_with_its_last_words(tmp_path: Path) -> None:
    (tmp_path / "sessions").write_text("where the twin's records are to go")
    with pytest.raises(SubjectFailed, match=r"voice-live twin ended before it was ready(.|\n)*sessions"):
        async with running(tmp_path, Rates(), naive=False, scripted=True):
            pass
    assert "gateway.stopped" in _text(tmp_path / "gateway.log")


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_a_trace_is_found_by_its_line_though_half_a_line_is_missing(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"name":"call.offered","line":"cascade","t":1}\n{"name":"ca')
    (tmp_path / "b.jsonl").write_text('{"name":"call.offered","line":"realtime","t":1}\n{"name":"call.stats","t":2}\n')
    assert [note["name"] for note in stack_module._notes_of(tmp_path, "cascade")] == ["call.offered"]
    assert [note["name"] for note in stack_module._notes_of(tmp_path, "realtime")] == ["call.offered", "call.stats"]
    assert stack_module._notes_of(tmp_path, "nobody") == []
