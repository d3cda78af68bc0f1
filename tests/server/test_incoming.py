from __future__ import annotations

import asyncio
import io
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from gateway.config.lines import Day
from gateway.simulator.phone import CallPlan, WaitAgent

FIXTURES = Path(__file__).parents[1] / "fixtures" / "acs"
PATH = "/events/incoming-call"
VALIDATION = {"aeg-event-type": "SubscriptionValidation"}
Run: TypeAlias = Callable[..., None]


NOT_TODAY = list(Day)[(datetime.now(UTC).weekday() + 3) % 7].value


def call(bench: Any, *, age_s: float = 0.0, context: str = "context", **envelope: Any) -> dict[str, Any]:
    """A call that rings, as Event Grid tells about it."""
    data = json.loads((FIXTURES / "incoming-call.data.pstn.2024.recorded.json").read_bytes())
    return {
        "id": f"event-{context}",
        "topic": bench.topic,
        "eventType": "Microsoft.Communication.IncomingCall",
        "eventTime": datetime.fromtimestamp(bench.wall_now - age_s, UTC).isoformat(),
        "data": data | {"incomingCallContext": context},
    } | envelope


def events(bench: Any, kind: str) -> float:
    count: float = bench.count("gateway_event_grid_events_total", kind=kind)
    return count


def test_both_handshakes(run_bench: Run) -> None:
    async def test(bench: Any) -> None:
        body = (FIXTURES / "subscription-validation.eventgrid.docs.json").read_bytes()
        body = re.sub(rb"/subscriptions/[^/\"]+", b"/subscriptions/00000000-0000-4000-8000-000000000001", body)
        status, _, text = await bench.request("POST", PATH, data=body, headers=VALIDATION)
        assert status == 200
        assert json.loads(text) == {"validationResponse": json.loads(body)[0]["data"]["validationCode"]}
        assert events(bench, "validation") == 1

        asking = {"WebHook-Request-Origin": "eventgrid.azure.net"}
        status, headers, _ = await bench.request("OPTIONS", PATH, headers=asking)
        assert (status, headers["WebHook-Allowed-Origin"]) == (200, "eventgrid.azure.net")
        for origin in ({}, {"WebHook-Request-Origin": "evil.example"}):
            status, headers, text = await bench.request("OPTIONS", PATH, headers=origin)
            assert (status, "WebHook-Allowed-Origin" in headers) == (400, False)
            assert "evil" not in text

    run_bench(test)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"[1]", b"null", b"\xef\xbb\xbf[]", b"[" * 50_000, b"[{}]" * 2])
def test_a_body_that_is_no_list_of_events_is_a_problem_without_an_echo(run_bench: Run, body: bytes) -> None:
    async def test(bench: Any) -> None:
        status, headers, text = await bench.request("POST", PATH, data=body)
        assert status == 400
        assert headers["Content-Type"].startswith("application/problem+json")
        assert len(text) < 512
        assert events(bench, "malformed") == 1

    run_bench(test)


def test_too_large_and_compressed_bodies_are_refused(run_bench: Run) -> None:
    async def test(bench: Any) -> None:
        assert (await bench.request("POST", PATH, data=io.BytesIO(b" " * (1024 * 1024 + 1))))[0] == 413
        assert (await bench.request("POST", PATH, data=b"x", headers={"Content-Encoding": "br"}))[0] in (400, 415)

    run_bench(test)


def test_what_is_no_call_of_ours_is_acknowledged_and_counted(run_bench: Run) -> None:
    async def test(bench: Any) -> None:
        other = {"eventType": "Microsoft.Communication.RecordingFileStatusUpdated", "data": {}}
        bad = call(bench, id="\n")
        stranger = call(bench, context="stranger", topic="/subscriptions/someone-else")
        stale = call(bench, context="stale", age_s=3600.0)
        status, _, _ = await bench.request("POST", PATH, json=[other, bad, stranger, stale])

        assert status == 200
        assert (events(bench, "other"), events(bench, "bad_item"), events(bench, "incoming_call")) == (1, 1, 2)
        assert bench.count("gateway_calls_total", result="ignored", reason="stale_event") == 1
        assert bench.count("gateway_calls_total", result="refused", reason="no_line") == 1
        assert bench.phone.requests == [], "nothing was said to the network about them"

    run_bench(test)


def test_a_validation_among_calls_does_not_hide_them(run_bench: Run) -> None:
    async def test(bench: Any) -> None:
        (validation,) = json.loads((FIXTURES / "subscription-validation.eventgrid.docs.json").read_bytes())
        status, _, text = await bench.request("POST", PATH, json=[validation, call(bench, age_s=3600.0)])

        assert (status, text) == (200, "")
        assert (events(bench, "validation"), events(bench, "bad_item"), events(bench, "incoming_call")) == (0, 1, 1)

    run_bench(test)


def test_a_call_that_is_gone_is_dealt_with_and_its_copy_is_a_duplicate(run_bench: Run) -> None:
    """The phone network knows no call of this context: the caller hung up before the answer."""

    async def test(bench: Any) -> None:
        for _ in range(2):
            assert (await bench.request("POST", PATH, json=[call(bench)]))[0] == 200
        await bench.gateway.supervisor.wait_empty(5.0)

        assert bench.count("gateway_calls_total", result="ignored", reason="caller_gone_before_answer") == 1
        assert bench.count("gateway_calls_total", result="ignored", reason="duplicate") == 1
        assert bench.count("gateway_calls_active") == 0
        assert bench.count("gateway_voice_live_dials_total", deployment="main", result="ready") == 1

    run_bench(test)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ({"block_callers": ["+1*"]}, "rejected_caller_limit"),
        ({"hours": {"timezone": "UTC", "open": {NOT_TODAY: ["08:00-18:00"]}}}, "after_hours"),
    ],
)
def test_a_line_that_does_not_take_a_call_lets_it_be_busy_and_dials_nobody(
    run_bench: Run, line: dict[str, Any], reason: str
) -> None:
    def changed(document: dict[str, Any]) -> None:
        document["lines"][0] |= line

    async def test(bench: Any) -> None:
        live = await bench.phone.start_call(CallPlan(behaviour=(WaitAgent(60.0),)))
        record = await live.wait()
        await asyncio.sleep(1.0)  # the network knows of the rejection before the gateway knows that it does
        assert [note.path.rpartition(":")[2] for note in bench.phone.requests] == ["reject"]
        assert record.sockets == ()
        assert bench.count("gateway_calls_total", result="refused", reason=reason) == 1
        assert bench.count("gateway_voice_live_dials_total", deployment="main", result="ready") == 0

    run_bench(test, changed)
