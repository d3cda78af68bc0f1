"""Nothing personal and no secret leaves the gateway: canaries in all it is told, and a search of all it emits."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.exposition import generate_latest

from gateway.config import LogConfig
from gateway.session.session import CallSession
from gateway.simulator.phone import At, CallPlan, Press, Say, WaitAgent
from gateway.telemetry.logs import configure_logs

CALLER, CALLED = "+15550137377", "+15550198989"
CANARY = "canaryword"
DIGITS = "492917038852"
SECRETS = {
    "caller": CALLER[1:],
    "called": CALLED[1:],
    "canary": CANARY,
    "access key": base64.b64encode(b"a key of the twin, nobody's secret").decode(),
    "token": "eyJ",
    "ticket": "v1.eyJ",
    "bearer": "Bearer ey",
    "greeting": "How can I help you",
    "instructions": "You answer the phone",
    "transcript": "router",
    "digits": DIGITS,
    "context": "incomingCallContext",
}


@pytest.fixture
def lines(own_logs: None) -> io.BytesIO:  # noqa: ARG001 - set up before, and put back after
    """Log lines of this test, at the most talkative level."""
    stream = io.BytesIO()
    configure_logs(LogConfig(level="debug", access=True), stream)
    return stream


def assert_silent_about(secrets: dict[str, str], emitted: dict[str, str]) -> None:
    for where, text in emitted.items():
        for name, secret in secrets.items():
            assert secret.lower() not in text.lower(), f"{name} in {where}: {excerpt(text, secret)}"


def excerpt(text: str, secret: str) -> str:
    at = text.lower().find(secret.lower())
    return text[max(0, at - 80) : at + 80]


def plan() -> CallPlan:
    """A caller with a name of their own who says something and presses keys."""
    story = (Say("caller.turn1"), Press(DIGITS, At(9.0)), WaitAgent(20.0))
    return CallPlan(
        behaviour=story,
        caller=CALLER,
        number=CALLED,
        display_name=f"{CANARY} name",
        sip_headers=(("X-MS-Custom-name", CANARY), (f"X-{CANARY}", CANARY)),
        max_s=30.0,
    )


async def knock(base: str) -> dict[str, str]:
    """Answers to requests that carry canaries wherever there is room for one."""
    canary = f"{CANARY}-{CALLER}"
    headers = {
        "Authorization": f"Bearer eyJhbGciOiJub25lIn0.{CANARY}.x",
        "X-Canary": canary,
        "WebHook-Request-Origin": canary,
        "x-ms-call-connection-id": canary,
        "Origin": f"https://{CANARY}.example",
    }
    answers = {}
    async with aiohttp.ClientSession() as http:
        for method, path in (
            ("OPTIONS", "/events/incoming-call"),
            ("POST", "/events/incoming-call"),
            ("POST", f"/calls/v1.{CANARY * 3}.{'A' * 43}/events"),
            ("GET", f"/media/v1.{CANARY * 3}.{'A' * 43}"),
            ("GET", f"/calls/{CANARY}/clips/{CANARY}.wav"),
            ("GET", f"/{CANARY}"),
            ("DELETE", f"/{CANARY}"),
        ):
            body = json.dumps({CANARY: canary}) if method == "POST" else None
            async with http.request(method, f"{base}{path}?q={CANARY}", headers=headers, data=body) as answer:
                text = await answer.text()
                said = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
                answers[f"answer to {method} {path[:12]}"] = f"{answer.status} {said}\n{text}"
    return answers


@asynccontextmanager
async def called(stack: Any) -> AsyncIterator[None]:
    await stack.phone.place_call(plan())
    await stack.gateway.supervisor.wait_empty(30.0)
    yield


def test_a_call_leaves_nothing_personal_in_logs_metrics_or_answers(
    lines: io.BytesIO, tmp_path: Path, started: Any, setup_type: Any, on_virtual_time: Any
) -> None:
    async def main() -> dict[str, str]:
        agent = {
            "instructions": "You answer the phone for {{context.name}}.",
            "greeting": "Hello {{context.name}}, you have reached Northwind Support. How can I help you?",
        }
        setup = setup_type(server={"log": {"access": True}}, agent=agent)
        async with started(setup, tmp_path) as stack, called(stack):
            assert CANARY in stack.twin.sessions[0].session["instructions"]
            emitted = await knock(f"http://127.0.0.1:{stack.gateway.public_port}")
            emitted["metrics"] = generate_latest(stack.gateway.registry).decode()
            return emitted

    emitted = on_virtual_time(main())
    log = lines.getvalue().decode()
    assert_silent_about(SECRETS, emitted | {"log": log})
    events = [json.loads(line) for line in log.splitlines()]
    names = {event["event"] for event in events}
    assert {"call.offered", "call.answered", "call.ended", "auth.refused", "http.request"} <= names
    offered = next(event for event in events if event["event"] == "call.offered")
    assert re.fullmatch(r"1-[0-9a-f]{8}", offered["caller"])
    routes = {event["route"] for event in events if event["event"] == "http.request"}
    assert routes == {
        "/events/incoming-call",
        "/calls/{ticket}/events",
        "/media/{ticket}",
        "/calls/{ticket}/clips/{name}.wav",
        "",
    }


@pytest.fixture
def bug(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that knows what was said, by whom and with which token."""
    real = CallSession.on_model

    def broken(self: CallSession, event: Any, now: float) -> Any:
        if type(event).__name__ == "TranscriptDone":
            words, number, authorization = event.text, CALLER, f"Bearer {CANARY}"
            raise RuntimeError(f"broken while {len(words)} words of {number} were sent with {authorization}")
        return real(self, event, now)

    monkeypatch.setattr(CallSession, "on_model", broken)


@pytest.mark.usefixtures("bug")
def test_a_bug_in_the_middle_of_a_call_shows_where_it_is_and_nothing_of_what_was_said(
    lines: io.BytesIO, tmp_path: Path, started: Any, setup_type: Any, on_virtual_time: Any
) -> None:
    async def main() -> float:
        async with started(setup_type(), tmp_path) as stack, called(stack):
            return float(stack.gateway.registry.get_sample_value("gateway_bug_total"))

    assert on_virtual_time(main()) == 1.0
    log = lines.getvalue().decode()
    assert "RuntimeError" in log
    assert_silent_about(SECRETS, {"log": log})
