"""Whole calls on the line that docs/AGENTS.md arrives at: its very agents and lines, with the twin on both sides.

Only the addresses of the operator's services are others: they lead to one of the test.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from aiohttp import web

from gateway.clips import load_clips
from gateway.simulator.phone import AfterAgent, At, CallPlan, HangUp, PhoneSwitches, Press, Say, WaitAgent, heard_at
from gateway.simulator.voice_live.options import TwinOptions
from gateway.simulator.voice_live.script import Cue, Script, ScriptTurn, ToolCall, script_from_json

EXAMPLES = Path(__file__).parents[2] / "deploy" / "examples"
PAGE = Path(__file__).parents[2] / "docs" / "AGENTS.md"
NUMBER = "+15555550100"
OPERATOR = "+15555550199"
OPEN = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
"""Monday noon in New York."""
CLOSED = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)
SECRET = "a-secret-to-try"  # noqa: S105 - of the test's own service
RATE_HZ = 16_000


@dataclass
class Services:
    """The operator's: what they were asked, by path; all answer the same."""

    answer: dict[str, Any] = field(default_factory=dict)
    asked: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    authorizations: set[str] = field(default_factory=set)
    url: str = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        app = web.Application()
        app.router.add_post("/{path}", self._handle)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield
        finally:
            await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.Response:
        self.authorizations.add(request.headers.get("Authorization", ""))
        self.asked.setdefault(request.path, []).append(await request.json())
        return web.json_response(self.answer)


def example(services: Services) -> dict[str, Any]:
    """The configuration of the page, with its services at ours."""
    raw: dict[str, Any] = yaml.safe_load((EXAMPLES / "support-line.yaml").read_text(encoding="utf-8"))
    for agent in raw["agents"]:
        agent["instructions_file"] = str(EXAMPLES / agent["instructions_file"])
    (line,) = raw["lines"]
    for hook in (line["handover_report"], line["digits"]["hook"]):
        hook["url"] = services.url + urlsplit(hook["url"]).path
    return raw


def shown_fields() -> list[set[str]]:
    """Of every request that the page shows."""
    page = PAGE.read_text(encoding="utf-8")
    return [set(json.loads(block.partition("```")[0])) for block in page.split("```json\n")[1:]]


Call = Callable[..., Any]


@pytest.fixture(params=["byom-azure-openai-chat-completion", "byom-azure-openai-realtime"])
def call(
    request: pytest.FixtureRequest, started: Any, on_virtual_time: Any, setup_type: Any, tmp_path: Path
) -> tuple[Call, Services]:
    """Runs a call on the line; and the operator's services."""
    services = Services()
    (tmp_path / "hooks.key").write_text(SECRET)

    def run(plan: CallPlan, script: Script, at: datetime = OPEN) -> Any:
        async def main() -> Any:
            async with services.running():
                file = example(services)
                twin = TwinOptions(script=script)
                async with started(
                    setup_type(profile=request.param, plan=plan, twin=twin, file=file, at=at), tmp_path
                ) as stack:
                    return await stack.run(plan)

        return on_virtual_time(main())

    return run, services


def story() -> Script:
    return script_from_json(json.loads((EXAMPLES / "support-line.story.json").read_text(encoding="utf-8")))


def heard_whole(result: Any, text: str) -> Any:
    """The one playing of a sentence the service said, heard from its first sound to its last."""
    item = next(item for item in result.session.items if item.text == text)
    (match,) = [match for match in heard_at(result.call, item.rendered, item.rate_hz) if match.whole]
    return match


def clip_heard(result: Any, name: str) -> Any:
    return heard_at(result.call, load_clips("en-US", RATE_HZ)[name], RATE_HZ)


def test_zero_brings_the_operator(call: tuple[Call, Services]) -> None:
    run, services = call
    plan = CallPlan(
        number=NUMBER,
        behaviour=(Press("0"), WaitAgent(60.0)),
        switches=PhoneSwitches(transfer=("accepted",), transfer_s=6),
    )
    result = run(plan, story())

    assert result.outcome == result.call.ending == "transferred"
    disclosure = heard_whole(result, "You are speaking with the automated assistant of Northwind.")
    greeting = heard_whole(result, "Hello, how can I help you? Press zero at any time to speak with a person.")
    assert disclosure.end_at < greeting.start_at
    (transfer,) = result.call.transfers
    assert (transfer.target.kind, transfer.target.id, transfer.source_caller_id) == ("phoneNumber", OPERATOR, NUMBER)
    assert clip_heard(result, "connecting")[0].end_at < transfer.at
    assert any(match.start_at > transfer.at for match in clip_heard(result, "hold"))
    (report,) = services.asked["/handover"]
    assert report["destination"] == "operator"
    assert set(report) in shown_fields()
    assert services.authorizations == {f"Bearer {SECRET}"}


def test_the_model_asks_for_the_operator(call: tuple[Call, Services]) -> None:
    run, services = call
    plan = CallPlan(
        number=NUMBER,
        behaviour=(Say("caller.turn1"), WaitAgent(60.0)),
        switches=PhoneSwitches(transfer=("accepted",), transfer_s=6),
    )
    result = run(plan, story())

    assert result.outcome == "transferred"
    sentence = heard_whole(result, "I am connecting you with a colleague.")
    (transfer,) = result.call.transfers
    assert sentence.end_at < transfer.at
    assert transfer.target.id == OPERATOR
    assert transfer.headers.sip["X-MS-Custom-Summary"] == "Internet down since this morning."
    (report,) = services.asked["/handover"]
    assert (report["line"], report["summary"]) == ("support", "Internet down since this morning.")
    assert report["reference"] == transfer.headers.sip["X-MS-Custom-Reference"]


def test_a_busy_operator_brings_the_agent_back(call: tuple[Call, Services]) -> None:
    run, _ = call
    plan = CallPlan(
        number=NUMBER,
        behaviour=(Say("caller.turn1"), WaitAgent(2.0), HangUp(1.0, AfterAgent(2.0))),
        switches=PhoneSwitches(transfer=("failed",), transfer_s=6),
    )
    result = run(plan, story())

    assert [transfer.outcome for transfer in result.call.transfers] == ["failed"]
    heard_whole(result, "I am sorry, my colleague is busy. May we call you back?")
    assert result.outcome == "caller_hangup"


def test_a_pin_is_for_the_operators_service_alone(call: tuple[Call, Services]) -> None:
    run, services = call
    services.answer = {"result": "The PIN is right."}
    ask = ToolCall("collect_digits", '{"count": 4, "purpose": "PIN"}', says="Please type your PIN.")
    turn = ScriptTurn("Hi, my internet connection has been down since this morning.", "never said", tools=(ask,))
    script = Script("pin", "Hello.", (turn,), cues=(Cue("PIN is right", "Thank you, that was right."),))
    plan = CallPlan(number=NUMBER, behaviour=(Say("caller.turn1"), Press("4071"), WaitAgent(2.0), HangUp(1.0)))
    result = run(plan, script)

    (question,) = services.asked["/digits"]
    assert (question["purpose"], question["digits"]) == ("PIN", "4071")
    assert set(question) in shown_fields()
    assert result.call.transfers == ()  # its zero is no shortcut
    told = [message.text for message in result.session.messages]
    assert told == ["The caller has typed the digits. The check says: The PIN is right."]
    heard_whole(result, "Thank you, that was right.")


def test_on_a_sunday_the_operator_is_called_without_an_agent(call: tuple[Call, Services]) -> None:
    run, _ = call
    plan = CallPlan(number=NUMBER, behaviour=(Press("0", At(90.0)),), switches=PhoneSwitches(transfer_s=6))
    result = run(plan, story(), at=CLOSED)

    assert result.call.ending == "transferred"
    assert result.call.transfers[0].target.id == OPERATOR
    assert result.sessions == []
