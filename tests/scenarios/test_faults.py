"""Whole calls in which something goes wrong: the caller is never left in silence, and one call never hurts another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.simulator.phone import CallPlan, PhoneSwitches, Say, WaitAgent
from gateway.simulator.voice_live.options import (
    CloseFault,
    Faults,
    Garbage,
    HandshakeFault,
    ResponseFault,
    ResponseFaultKind,
    TwinOptions,
    UsageForm,
)

Run = Callable[[Any], Any]


def faulty(**faults: Any) -> TwinOptions:
    return TwinOptions(faults=Faults(**faults))


def response_fault(kind: ResponseFaultKind, *numbers: int, **more: Any) -> TwinOptions:
    return faulty(responses=(ResponseFault(kind, frozenset(numbers), **more),))


@pytest.mark.parametrize("profile", ["byom-azure-openai-chat-completion", "byom-azure-openai-realtime"])
def test_a_call_leaves_nothing_behind(run_call: Run, setup_type: Any, profile: str) -> None:
    result = run_call(setup_type(profile=profile))
    assert result.outcome == "caller_hangup"
    assert result.call.failure is None
    assert result.metric("gateway_calls_active") == 0
    assert result.metric("gateway_calls_total", result="completed", reason="caller_hangup") == 1
    assert result.metric("gateway_greetings_total", way="pre_generated") == 1
    assert result.metric("gateway_barge_ins_total") == 1
    assert result.metric("gateway_bug_total") == 0
    assert result.session.closed_at is not None
    assert result.longest_silence_s < 4.0


def test_the_model_dies_in_the_middle(run_call: Run, setup_type: Any) -> None:
    result = run_call(setup_type(twin=faulty(close=CloseFault(code=1011, at_response=3))))
    assert result.outcome == "model_unavailable"
    assert result.call.ending == "gateway"
    assert result.notes("clip.started")[-1]["clip"] == "apology"
    # the apology is heard whole before the hang-up
    assert result.call.heard[-1].end_at < result.call.times["ended"]
    assert result.longest_silence_s < 4.0


def test_the_connection_to_the_model_just_breaks(run_call: Run, setup_type: Any) -> None:
    result = run_call(setup_type(twin=faulty(close=CloseFault(code=None, at_response=2))))
    assert result.outcome == "model_unavailable"
    assert result.longest_silence_s < 4.0


def test_a_model_that_never_answers(run_call: Run, setup_type: Any) -> None:
    twin = response_fault(ResponseFaultKind.SKIPPED, *range(2, 20))
    patient = CallPlan(behaviour=(Say("caller.turn1"), WaitAgent(60.0)))
    result = run_call(setup_type(twin=twin, plan=patient))
    assert result.outcome == "model_stalled"
    names = [note["name"] for note in result.trace]
    assert names.index("watchdog.filler") < names.index("watchdog.ask_again") < names.index("watchdog.give_up")
    assert result.longest_silence_s < 4.0


def test_an_answer_that_stalls_halfway(run_call: Run, setup_type: Any) -> None:
    result = run_call(setup_type(twin=response_fault(ResponseFaultKind.STALL, 2, after_s=1.0)))
    assert result.outcome in {"model_stalled", "caller_hangup"}
    assert result.longest_silence_s < 4.0


@pytest.mark.parametrize("kind", [ResponseFaultKind.CONTENT_FILTER, ResponseFaultKind.CONTENT_FILTER_FAILED])
def test_a_content_filter_is_answered_and_the_conversation_goes_on(
    run_call: Run, setup_type: Any, kind: ResponseFaultKind
) -> None:
    result = run_call(setup_type(twin=response_fault(kind, 2)))
    assert "neutral" in [note["clip"] for note in result.notes("clip.started")]
    assert result.outcome == "caller_hangup"
    assert result.longest_silence_s < 4.0


@pytest.mark.parametrize(
    "kind",
    [ResponseFaultKind.SERVER_ERROR, ResponseFaultKind.RATE_LIMITED, ResponseFaultKind.SPEECH_SYNTHESIS],
)
def test_a_failed_answer_is_asked_for_again(run_call: Run, setup_type: Any, kind: ResponseFaultKind) -> None:
    result = run_call(setup_type(twin=response_fault(kind, 3)))
    assert result.outcome == "caller_hangup"
    assert result.longest_silence_s < 4.0


def test_a_throttled_model_ends_with_its_own_reason(run_call: Run, setup_type: Any) -> None:
    result = run_call(setup_type(twin=response_fault(ResponseFaultKind.RATE_LIMITED, *range(2, 30))))
    assert result.outcome == "model_rate_limited"
    assert result.longest_silence_s < 4.0


def test_missing_usage_is_counted_and_never_zero(run_call: Run, setup_type: Any) -> None:
    result = run_call(setup_type(twin=faulty(usage=UsageForm.NULL)))
    assert result.metric("gateway_usage_missing_total", deployment="main") >= 4
    assert result.metric("gateway_tokens_total", deployment="main", kind="input_text") == 0


def test_garbage_from_the_model_does_not_end_a_healthy_call(run_call: Run, setup_type: Any) -> None:
    twin = faulty(garbage=frozenset(Garbage), unknown_events=True, duplicate_every=9)
    result = run_call(setup_type(twin=twin))
    assert result.outcome == "caller_hangup"
    bad = sum(
        result.metric("gateway_bad_messages_total", leg="model", kind=kind)
        for kind in ("json", "shape", "binary", "base64", "other")
    )
    assert bad >= 4


@pytest.mark.parametrize(
    "fault",
    [
        HandshakeFault(401),
        HandshakeFault(404),
        HandshakeFault(429, retry_after_ms=1000),
        HandshakeFault(503),
        HandshakeFault(307, location="http://127.0.0.1:9/elsewhere"),
    ],
    ids=lambda fault: str(fault.status),
)
def test_a_model_that_can_not_be_had_is_found_out_before_anybody_pays(
    run_call: Run, setup_type: Any, fault: HandshakeFault
) -> None:
    options = TwinOptions()
    twin = replace(options, access=replace(options.access, fault=fault))
    result = run_call(setup_type(twin=twin))
    assert result.call.ending == "rejected"
    assert "answered" not in result.call.times
    assert result.metric("gateway_calls_total", result="failed", reason="model_unavailable") == 1


def test_a_model_that_says_nothing_is_given_up_in_time(run_call: Run, setup_type: Any) -> None:
    result = run_call(setup_type(twin=faulty(mute=True)))
    assert result.call.ending == "rejected"
    assert result.call.times["ended"] - result.call.times["event_posted"] < 6.0
    assert result.metric("gateway_voice_live_dials_total", deployment="main", result="timeout") == 1


def test_media_that_never_comes_ends_the_call_with_a_spoken_prompt(run_call: Run, setup_type: Any) -> None:
    plan = CallPlan(behaviour=(WaitAgent(20.0),), switches=PhoneSwitches(media_refused=100))
    result = run_call(setup_type(plan=plan))
    assert result.outcome == "media_missing"
    assert result.call.heard  # the network's own player said something
    assert 7.5 < result.call.times["ended"] - result.call.times["answered"] < 12.0


def test_media_that_breaks_comes_back(run_call: Run, setup_type: Any) -> None:
    plan = CallPlan(switches=PhoneSwitches(media_drop_s=7.0, media_reconnect_s=0.5))
    result = run_call(setup_type(plan=plan))
    assert result.outcome == "caller_hangup"
    assert len(result.notes("media.opened")) == 2


def test_media_that_breaks_and_stays_away_ends_the_call(run_call: Run, setup_type: Any) -> None:
    plan = CallPlan(switches=PhoneSwitches(media_drop_s=7.0, media_reconnect_s=None))
    result = run_call(setup_type(plan=plan))
    assert result.outcome == "media_lost"
    assert result.call.ending == "gateway"


@pytest.mark.parametrize("fault", ["429:1", "500", "503", "reset", "lost"])
def test_a_stumbling_call_automation_is_asked_once_more(run_call: Run, setup_type: Any, fault: str) -> None:
    result = run_call(setup_type(plan=CallPlan(switches=PhoneSwitches(answer_faults=(fault,)))))
    assert result.outcome == "caller_hangup"
    assert len({note["call_id"] for note in result.notes("call.offered")}) == 1


def test_a_caller_who_gave_up_is_not_answered(run_call: Run, setup_type: Any) -> None:
    result = run_call(setup_type(plan=CallPlan(switches=PhoneSwitches(answer_faults=("404",) * 4))))
    assert result.outcome == "caller_gone_before_answer"


def test_an_old_event_is_acknowledged_and_not_answered(run_call: Run, setup_type: Any) -> None:
    plan = CallPlan(switches=PhoneSwitches(event_age_s=45.0), ring_s=5.0)
    result = run_call(setup_type(plan=plan))
    assert result.call.event_attempts[0].status == 200
    assert result.sessions == []
    assert result.metric("gateway_calls_total", result="ignored", reason="stale_event") == 1


@pytest.mark.parametrize("behaviour", ["replay", "conflict", "second_socket"])
def test_one_call_has_one_agent_however_often_it_is_told_of(run_call: Run, setup_type: Any, behaviour: str) -> None:
    switches = PhoneSwitches(duplicate_events=3, repeated_answer=behaviour)  # type: ignore[arg-type]  # parametrised
    result = run_call(setup_type(plan=CallPlan(switches=switches)))
    assert result.outcome == "caller_hangup"
    assert len(result.sessions) == 1
    assert len(result.call.answers) == 1
    assert result.metric("gateway_calls_total", result="ignored", reason="duplicate") == 3


# --- hostile media --------------------------------------------------------------------------------------------------

HOSTILE = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'{"kind":"AudioData"}',
    b'{"kind":"AudioData","audioData":{"data":7}}',
    b'{"kind":"AudioData","audioData":{"data":"????"}}',
    b'{"kind":"AudioData","audioData":{"data":"AAAA"}}',
    b'{"kind":"AudioMetadata","audioMetadata":{"sampleRate":44100,"encoding":"PCM","channels":2}}',
    b'{"kind":"DtmfData","dtmfData":{"data":"ten"}}',
    b'{"kind":"FromTheFuture","x":{}}',
    b'{"kind":"AudioData","audioData":{"data":"' + b"A" * 40_000 + b'"}}',
    b"\xff\xfe",
    b"[" * 5000,
]


def test_hostile_frames_never_end_a_healthy_call(
    tmp_path: Path, started: Any, setup_type: Any, on_virtual_time: Any
) -> None:
    """A second socket's worth of rubbish is mixed into a live call's own stream."""

    async def main() -> Any:
        async with started(setup_type(), tmp_path) as stack:
            handle = await stack.phone.start_call(CallPlan())
            await asyncio.sleep(4.0)
            stream = handle.call.streams[-1].legs[-1]
            for message in HOSTILE * 3:
                await stream.send_raw(message)
                await asyncio.sleep(0.05)
            record = await handle.wait()
            await stack.gateway.supervisor.wait_empty(30.0)
            return record, stack

    record, stack = on_virtual_time(main())
    assert record.failure is None
    assert record.ending == "caller"
    bad = sum(
        stack.gateway.registry.get_sample_value("gateway_bad_messages_total", {"leg": "phone", "kind": kind}) or 0
        for kind in ("json", "shape", "base64", "odd_length", "format", "unknown_kind", "oversize", "other", "empty")
    )
    assert bad >= 3 * 10


async def _oversize(stack: Any, handle: Any) -> int | None:
    await asyncio.sleep(4.0)
    await handle.call.streams[-1].legs[-1].send_raw(b'{"kind":"' + b"x" * 70_000 + b'"}')
    await asyncio.sleep(0.2)
    closes = [note for note in stack.trace() if note["name"] == "media.closed"]
    return int(closes[0]["code"]) if closes else None


def test_an_oversized_message_ends_that_socket_alone(
    tmp_path: Path, started: Any, setup_type: Any, on_virtual_time: Any
) -> None:
    async def main() -> Any:
        async with started(setup_type(), tmp_path) as stack:
            bystander = await stack.phone.start_call(CallPlan(seed=2))
            handle = await stack.phone.start_call(CallPlan(seed=1))
            await _oversize(stack, handle)
            records = await handle.wait(), await bystander.wait()
            await stack.gateway.supervisor.wait_empty(30.0)
            return records

    hurt, unhurt = on_virtual_time(main())
    assert 1009 in [socket.close_code for socket in hurt.sockets]
    assert unhurt.failure is None
    assert [socket.close_code for socket in unhurt.sockets] == [1000]


# --- strangers ------------------------------------------------------------------------------------------------------


def test_strangers_find_nothing(tmp_path: Path, started: Any, setup_type: Any, on_virtual_time: Any) -> None:
    async def main() -> dict[str, int]:
        async with started(setup_type(), tmp_path) as stack, aiohttp.ClientSession() as http:
            base = f"http://127.0.0.1:{stack.gateway.public_port}"
            found: dict[str, int] = {}
            for method, path in (
                ("GET", "/media/v1.x.y"),
                ("POST", "/calls/v1.x.y/events"),
                ("POST", "/events/incoming-call"),
                ("GET", "/metrics"),
                ("GET", "/calls/v1.x.y/clips/filler.wav"),
            ):
                async with http.request(method, base + path, data=b"{" if method == "POST" else None) as answer:
                    found[f"{method} {path}"] = answer.status
            return found

    assert on_virtual_time(main()) == {
        "GET /media/v1.x.y": 404,
        "POST /calls/v1.x.y/events": 404,
        "POST /events/incoming-call": 401,
        "GET /metrics": 404,
        "GET /calls/v1.x.y/clips/filler.wav": 404,
    }
