"""Operators' commands over the listener that is never published."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.auth.secret_files import LOOK_S
from gateway.server import operate
from gateway.simulator.phone import CallPlan, PhoneSwitches, WaitAgent

Run = Callable[..., None]
KEY, NEXT_KEY = "operator-key-of-thirty-two-letters", "the-next-operator-key-of-35-letters"
KEY_ID = hashlib.sha256(KEY.encode()).hexdigest()[:8]
COMMANDS = (
    ("GET", "/operate/calls"),
    ("GET", "/operate/lines"),
    ("POST", "/operate/calls/any/hang-up"),
    ("POST", "/operate/lines/main/close"),
    ("POST", "/operate/lines/main/open"),
    ("POST", "/operate/reload"),
)


class Operator:
    """Sends commands."""

    def __init__(self, bench: Any, key: str = KEY) -> None:
        self._bench = bench
        self._headers = {"Authorization": f"Bearer {key}"}

    async def __call__(
        self, method: str, path: str, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        url = f"http://127.0.0.1:{self._bench.gateway.metrics_port}{path}"
        own = self._headers if headers is None else headers
        async with self._bench.http.request(method, url, headers=own) as response:
            assert response.headers["Cache-Control"] == "no-store"
            good = "application/json" if response.status < 400 else "application/problem+json"
            assert response.content_type == good
            answer = await response.json(content_type=good)
            assert isinstance(answer, dict)
            return response.status, answer


@pytest.fixture
def with_key(tmp_path: Path) -> Callable[[dict[str, Any]], None]:
    """For `run_bench`: a configuration that takes commands."""
    (tmp_path / "operator.key").write_text(KEY)
    return lambda document: document["server"].update(operator_key_file="operator.key")


def calls_of(bench: Any, result: str, reason: str) -> float:
    return float(bench.count("gateway_calls_total", result=result, reason=reason))


async def bridged(bench: Any) -> Any:
    """A call in which the agent and the caller hear each other."""
    live = await bench.phone.start_call(CallPlan(behaviour=(WaitAgent(3600.0),)))
    await asyncio.sleep(2.0)
    assert len(bench.gateway.supervisor) == 1
    return live


# --- who may ----------------------------------------------------------------------------------------------------------


def test_these_are_all_the_commands() -> None:
    known = {(method, path.replace("any", "{call_id}").replace("main", "{name}")) for method, path in COMMANDS}
    assert known == {(route.method, route.path) for route in operate.routes}  # type: ignore[attr-defined]  # they are RouteDef


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": KEY},
        {"Authorization": f"Basic {KEY}"},
        {"Authorization": f"Bearer {KEY}x"},
        {"Authorization": f"Bearer {KEY[:-1]}"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer ä"},
        {"X-Gateway-Key": KEY},
    ],
)
def test_nobody_commands_without_the_key(
    run_bench: Run, with_key: Any, capsys: pytest.CaptureFixture[str], headers: dict[str, str]
) -> None:
    async def test(bench: Any) -> None:
        for method, path in COMMANDS:
            status, answer = await Operator(bench)(method, path, headers)
            assert status == 401
            assert answer["type"] == "urn:gw:problem:unauthorized"
        faults = sum(
            bench.count("gateway_auth_failures_total", door="operate", kind=kind)
            for kind in ("missing", "malformed", "secret")
        )
        assert faults == len(COMMANDS)
        assert not bench.gateway.live.current.offers._parts.closed
        assert bench.count("gateway_config_reloads_total", result="unchanged") == 0

    run_bench(test, with_key)
    said = capsys.readouterr().out
    # One line a second: how many that is depends on how long the requests took.
    assert 1 <= said.count("auth.refused") < len(COMMANDS), "a flood of strangers must not become a flood of lines"
    assert KEY not in said


def test_two_authorizations_are_none(run_bench: Run, with_key: Any) -> None:
    async def test(bench: Any) -> None:
        answer = await bench.wire(
            b"GET /operate/calls HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            + f"Authorization: Bearer {KEY}\r\n".encode() * 2
            + b"\r\n",
            port=bench.gateway.metrics_port,
        )
        assert b" 401 " in answer.splitlines()[0]

    run_bench(test, with_key)


def test_without_a_configured_key_there_are_no_commands(run_bench: Run) -> None:
    async def test(bench: Any) -> None:
        for method, path in COMMANDS:
            status, answer = await Operator(bench)(method, path)
            assert status == 403
            assert "server.operator_key_file is not set" in answer["title"]

    run_bench(test)


def test_commands_are_not_to_be_had_in_public(run_bench: Run, with_key: Any) -> None:
    async def test(bench: Any) -> None:
        for method, path in COMMANDS:
            status, _, _ = await bench.ask(method, path, headers={"Authorization": f"Bearer {KEY}"})
            assert status == 404

    run_bench(test, with_key)


def test_a_key_is_changed_without_a_restart(run_bench: Run, tmp_path: Path) -> None:
    (tmp_path / "operator.key").write_text(NEXT_KEY)
    (tmp_path / "before.key").write_text(KEY)

    def adapt(document: dict[str, Any]) -> None:
        document["server"].update(operator_key_file="operator.key", previous_operator_key_file="before.key")

    async def test(bench: Any) -> None:
        for key in (KEY, NEXT_KEY):
            assert (await Operator(bench, key)("GET", "/operate/lines"))[0] == 200
        (tmp_path / "before.key").write_text(NEXT_KEY)
        await asyncio.sleep(LOOK_S)
        assert (await Operator(bench, KEY)("GET", "/operate/lines"))[0] == 401
        assert (await Operator(bench, NEXT_KEY)("GET", "/operate/lines"))[0] == 200

    run_bench(test, adapt)


# --- calls ------------------------------------------------------------------------------------------------------------


def test_live_calls_are_listed_without_who_calls(run_bench: Run, with_key: Any) -> None:
    async def test(bench: Any) -> None:
        operator = Operator(bench)
        assert await operator("GET", "/operate/calls") == (200, {"calls": []})
        live = await bridged(bench)
        await asyncio.sleep(10.0)
        status, answer = await operator("GET", "/operate/calls")
        (call,) = answer["calls"]
        assert status == 200
        assert call.pop("call_id") == next(iter(bench.gateway.supervisor)).call_id
        assert 10.0 < call.pop("age_s") < 15.0
        assert call == {"line": "main", "agent": "support", "deployment": "main", "state": "bridged"}
        assert live.call.ids.context not in json.dumps(answer)

    run_bench(test, with_key)


def test_one_call_is_hung_up_and_no_other(run_bench: Run, with_key: Any, capsys: pytest.CaptureFixture[str]) -> None:
    async def test(bench: Any) -> None:
        operator = Operator(bench)
        first, second = await bridged(bench), await bench.phone.start_call(CallPlan(behaviour=(WaitAgent(3600.0),)))
        await asyncio.sleep(2.0)
        call, other = bench.gateway.supervisor
        path = f"/operate/calls/{call.call_id}/hang-up"
        assert await operator("POST", path) == (202, {"call_id": call.call_id, "goodbye": False})
        await asyncio.sleep(0.5)
        assert first.call.ending == "gateway"
        assert [each.call_id for each in bench.gateway.supervisor] == [other.call_id]
        assert second.call.ending != "gateway"
        assert calls_of(bench, "completed", "operator_kill") == 1
        status, answer = await operator("POST", path)
        assert (status, answer["type"]) == (404, "urn:gw:problem:no-call")
        assert bench.count("gateway_operator_commands_total", command="hang_up", result="done") == 1
        assert bench.count("gateway_operator_commands_total", command="hang_up", result="not_found") == 1

    run_bench(test, with_key)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "hang_up" in line and "done" in line]
    assert f"{KEY_ID}" in line
    assert KEY not in line


def test_a_goodbye_is_heard_before_the_end(run_bench: Run, with_key: Any) -> None:
    async def test(bench: Any) -> None:
        live = await bridged(bench)
        (call,) = bench.gateway.supervisor
        status, answer = await Operator(bench)("POST", f"/operate/calls/{call.call_id}/hang-up?goodbye=true")
        assert (status, answer["goodbye"]) == (202, True)
        assert await bench.gateway.supervisor.wait_empty(20.0)
        assert live.call.ending == "gateway"
        assert bench.count("gateway_clips_played_total", clip="apology") == 1
        assert calls_of(bench, "completed", "operator_kill") == 1

    run_bench(test, with_key)


def test_a_call_whose_media_never_came_ends_at_once(run_bench: Run, with_key: Any) -> None:
    async def test(bench: Any) -> None:
        plan = CallPlan(behaviour=(WaitAgent(60.0),), switches=PhoneSwitches(media_refused=100))
        await bench.phone.start_call(plan)
        await asyncio.sleep(1.0)
        (call,) = bench.gateway.supervisor
        assert call.state == "connecting"
        await Operator(bench)("POST", f"/operate/calls/{call.call_id}/hang-up?goodbye=true")
        assert await bench.gateway.supervisor.wait_empty(1.0)
        assert calls_of(bench, "completed", "operator_kill") == 1

    run_bench(test, with_key)


def test_a_goodbye_is_said_or_not(run_bench: Run, with_key: Any) -> None:
    async def test(bench: Any) -> None:
        status, answer = await Operator(bench)("POST", "/operate/calls/any/hang-up?goodbye=perhaps")
        assert (status, answer["type"]) == (400, "urn:gw:problem:goodbye")

    run_bench(test, with_key)


# --- lines ------------------------------------------------------------------------------------------------------------


def test_a_closed_line_refuses_new_calls_and_keeps_the_live_one(run_bench: Run, with_key: Any) -> None:
    async def test(bench: Any) -> None:
        operator = Operator(bench)
        await bridged(bench)
        status, line = await operator("POST", "/operate/lines/main/close")
        assert status == 200
        assert line.pop("closed_at").endswith("Z")
        assert line == {"name": "main", "state": "closed", "closed_by": KEY_ID, "live_calls": 1}
        assert bench.count("gateway_lines_closed") == 1
        refused = await bench.phone.place_call(CallPlan(behaviour=(WaitAgent(60.0),)))
        assert refused.ending == "rejected"
        await asyncio.sleep(0.1)
        assert calls_of(bench, "refused", "line_closed") == 1
        assert len(bench.gateway.supervisor) == 1, "who is talking goes on talking"

        opened = {"name": "main", "state": "open", "closed_at": None, "closed_by": None, "live_calls": 1}
        assert await operator("POST", "/operate/lines/main/open") == (200, opened)
        assert await operator("GET", "/operate/lines") == (200, {"lines": [opened]})
        assert bench.count("gateway_lines_closed") == 0
        await bench.phone.start_call(CallPlan(behaviour=(WaitAgent(60.0),)))
        await asyncio.sleep(2.0)
        assert len(bench.gateway.supervisor) == 2

    run_bench(test, with_key)


def test_closing_twice_keeps_the_first_moment(run_bench: Run, with_key: Any) -> None:
    async def test(bench: Any) -> None:
        operator = Operator(bench)
        _, first = await operator("POST", "/operate/lines/main/close")
        await asyncio.sleep(100.0)
        assert await operator("POST", "/operate/lines/main/close") == (200, first)
        assert await operator("GET", "/operate/lines") == (200, {"lines": [first]})

    run_bench(test, with_key)


@pytest.mark.parametrize("name", ["mian", "Main", "main%2f", "%2b18005550126", "m" * 200])
def test_a_line_that_does_not_exist_can_not_be_closed(run_bench: Run, with_key: Any, name: str) -> None:
    async def test(bench: Any) -> None:
        for command in ("close", "open"):
            status, answer = await Operator(bench)("POST", f"/operate/lines/{name}/{command}")
            assert (status, answer["type"]) == (404, "urn:gw:problem:no-line")
            assert bench.count("gateway_operator_commands_total", command=command, result="not_found") == 1
        assert bench.count("gateway_lines_closed") == 0

    run_bench(test, with_key)
