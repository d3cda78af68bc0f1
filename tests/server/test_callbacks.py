from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from gateway.simulator.phone import CallPlan, WaitAgent
from gateway.wire.ticket import Purpose

FIXTURES = Path(__file__).parents[1] / "fixtures" / "acs"
Run: TypeAlias = Callable[[Callable[[Any], Awaitable[None]]], None]
CONNECTED = (FIXTURES / "call-connected.2026-03-12.recorded.json").read_bytes()
DISCONNECTED = (FIXTURES / "call-disconnected.7000.2026-03-12.recorded.json").read_bytes()


def path(ticket: str) -> str:
    return f"/calls/{ticket}/events"


def test_events_of_a_call_that_is_over_are_acknowledged_and_counted(run_bench: Run) -> None:
    async def test(bench: Any) -> None:
        where = path(bench.ticket(Purpose.CALLBACKS))
        for body in (CONNECTED, DISCONNECTED, b'[{"type":"x y"},7]'):
            assert (await bench.request("POST", where, data=body))[0] == 200
        assert bench.count("gateway_callbacks_total", kind="CallConnected") == 1
        assert bench.count("gateway_callbacks_total", kind="other") == 2

    run_bench(test)


def test_every_wrong_ticket_gets_the_same_answer(run_bench: Run) -> None:
    async def test(bench: Any) -> None:
        good = bench.ticket(Purpose.CALLBACKS)
        wrong = {
            "malformed": "x",
            "signature": good[:-1] + ("A" if good[-1] != "A" else "E"),
            "purpose": bench.ticket(Purpose.MEDIA),
            "expired": bench.ticket(Purpose.CALLBACKS, age_s=5000.0),
        }
        answers = set()
        for fault, ticket in wrong.items():
            status, headers, text = await bench.request("POST", path(ticket), data=CONNECTED)
            problem = json.loads(text)
            answers.add((status, headers["Content-Type"], problem["type"], problem["title"]))
            assert bench.count("gateway_auth_failures_total", door="callbacks", kind=f"ticket_{fault}") == 1
        assert len(answers) == 1
        assert answers.pop()[0] == 404
        assert bench.count("gateway_callbacks_total", kind="CallConnected") == 0

    run_bench(test)


@pytest.mark.parametrize(("body", "status"), [(b"[]", 400), (b"{", 400), (b" " * (256 * 1024 + 1), 413)])
def test_bodies_that_are_no_events(run_bench: Run, body: bytes, status: int) -> None:
    async def test(bench: Any) -> None:
        answer = await bench.request("POST", path(bench.ticket(Purpose.CALLBACKS)), data=body)
        assert answer[0] == status
        assert answer[1]["Content-Type"].startswith("application/problem+json")

    run_bench(test)


def test_the_end_of_a_call_reaches_the_call_and_repetitions_do_no_harm(run_bench: Run) -> None:
    async def test(bench: Any) -> None:
        live = await bench.phone.start_call(CallPlan(behaviour=(WaitAgent(60.0),)))
        await asyncio.sleep(3.0)
        assert len(bench.gateway.supervisor) == 1
        where = path(bench.ticket(Purpose.CALLBACKS, live.call.ids.context))
        theirs = json.loads(DISCONNECTED)[0]["data"]["callConnectionId"].encode()
        for _ in range(3):
            ours = DISCONNECTED.replace(theirs, live.call.ids.connection_id.encode())
            assert (await bench.request("POST", where, data=ours))[0] == 200
        assert await bench.gateway.supervisor.wait_empty(5.0)
        assert bench.count("gateway_calls_total", result="completed", reason="caller_hangup") == 1
        assert bench.count("gateway_bug_total") == 0

    run_bench(test)


def test_a_media_ticket_opens_no_socket_for_a_call_that_is_over(run_bench: Run) -> None:
    async def test(bench: Any) -> None:
        upgrade = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        }
        for ticket, status in (
            (bench.ticket(Purpose.MEDIA), 410),
            (bench.ticket(Purpose.CALLBACKS), 404),
            ("x", 404),
        ):
            assert (await bench.request("GET", f"/media/{ticket}", headers=upgrade))[0] == status

    run_bench(test)
