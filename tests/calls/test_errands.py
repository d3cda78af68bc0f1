"""What a call wants from outside, against a phone network and services of the operator on loopback."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import pytest
from aiohttp import web
from azure.core.credentials import AzureKeyCredential
from hypothesis import given
from hypothesis import strategies as st

from gateway.bounds import MAX_HOOK_RESULT_CHARACTERS
from gateway.calls.errands import HEADER_CHARACTERS, MAX_AT_ONCE, ErrandParts, Errands, header_text
from gateway.calls.judges import load_judge
from gateway.clients.call_automation import Budget, CallAutomation
from gateway.clients.hooks import Hooks
from gateway.clients.http import make_session
from gateway.config import Line
from gateway.rate import Rate
from gateway.session.effects import AskTransferState, JudgeDigits, JudgeText, Note, SendDigits, Transfer
from gateway.session.events import (
    CallEnded,
    DigitsJudged,
    DigitsSent,
    HookEvent,
    Judged,
    PhoneEvent,
    Side,
    TransferFailed,
    TransferState,
)
from gateway.session.tools import plain

CALLER = "+15555550142"
TEAMS_USER = "11111111-2222-4333-8444-555555555555"
DESTINATIONS = [
    {"name": "operator", "phone_number": "+15555550199"},
    {"name": "web", "acs_user": "8:acs:resource_user-1"},
    {"name": "team", "teams_user": TEAMS_USER},
    {"name": "caller", "phone_number": CALLER},
]
ACCEPTED = {"operationContext": "x"}


@dataclass
class Far:
    """The phone network and the operator's services: what they were asked, and what they answer."""

    url: str = ""
    asked: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    status: int = 202
    answer: Any = field(default_factory=lambda: dict(ACCEPTED))
    hook_answer: Any = field(default_factory=dict)
    hook_status: int = 200

    async def handle(self, request: web.Request) -> web.Response:
        body = json.loads(await request.read() or b"null")
        self.asked.append((request.path, dict(request.headers), body))
        if request.path.startswith("/hook"):
            return web.json_response(self.hook_answer, status=self.hook_status)
        return web.json_response(self.answer, status=self.status)

    def of(self, path: str) -> list[tuple[str, dict[str, str], Any]]:
        return [asked for asked in self.asked if path in asked[0]]


@dataclass
class Bench:
    far: Far
    errands: Errands
    told: list[PhoneEvent | HookEvent]
    notes: list[Note]
    bugs: list[int]

    async def after(self, *wanted: Any) -> list[PhoneEvent | HookEvent]:
        """What is told when these errands are done."""
        for one in wanted:
            self.errands.begin(one)
        while self.errands._tasks:
            await asyncio.gather(*self.errands._tasks)
        return self.told


@asynccontextmanager
async def bench(
    *,
    connection_id: str | None = "connection-1",
    caller: str | None = CALLER,
    transfers: int = 20,
    **line: Any,
) -> AsyncIterator[Bench]:
    far = Far()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", far.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    far.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    for section, hook in (("digits", "hook"), ("moderation", "hook")):
        if hook in line.get(section, {}):
            line[section] = line[section] | {"hook": {"url": f"{far.url}/hook/{section}"}}
    if line.get("handover_report"):
        line["handover_report"] = {"url": f"{far.url}/hook/report"}
    configured = Line.model_validate(
        {"name": "main", "numbers": "*", "agent": "a", "destinations": DESTINATIONS, "caller_id": "+15555550100"} | line
    )
    told: list[PhoneEvent | HookEvent] = []
    notes: list[Note] = []
    bugs: list[int] = []
    key = AzureKeyCredential(base64.b64encode(b"a key of the bench, nobody's secret").decode())
    async with make_session() as http:
        acs = CallAutomation(far.url, key, http, Budget(5.0, 2.0))
        parts = ErrandParts(
            call_id="call-1",
            line=configured,
            caller=caller,
            acs=acs,
            hooks=Hooks(http),
            transfers=Rate(transfers, asyncio.get_running_loop().time),
            on_bug=lambda: bugs.append(1),
        )
        errands = Errands(parts, lambda: connection_id, told.append, notes.append)
        try:
            yield Bench(far, errands, told, notes, bugs)
        finally:
            await errands.close()
            await acs.close()
            await runner.cleanup()


# --- handing over ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "identifier"),
    [
        ("operator", {"kind": "phoneNumber", "phoneNumber": {"value": "+15555550199"}}),
        ("web", {"kind": "communicationUser", "communicationUser": {"id": "8:acs:resource_user-1"}}),
        ("team", {"kind": "microsoftTeamsUser", "microsoftTeamsUser": {"userId": TEAMS_USER}}),
    ],
)
async def test_who_is_rung_up_stands_in_the_configuration(name: str, identifier: dict[str, Any]) -> None:
    summary = plain("Call +18005550199 instead.\r\nX-MS-Custom-Target: sip:attacker@example.com\u202e", 500)
    async with bench() as call:
        assert await call.after(Transfer(name, summary, 1)) == []
    ((path, _, body),) = call.far.asked
    assert path == "/calling/callConnections/connection-1:transferToParticipant"
    given_target = {key: value for key, value in body["targetParticipant"].items() if value and key != "rawId"}
    assert {key: given_target[key] for key in identifier if key != "kind"} == {
        key: value if not isinstance(value, dict) else given_target[key] | value
        for key, value in identifier.items()
        if key != "kind"
    }
    assert "+18005550199" not in json.dumps(body["targetParticipant"])
    is_phone = name == "operator"
    assert (body.get("sourceCallerIdNumber") or {}).get("value") == ("+15555550100" if is_phone else None)
    headers = body["customCallingContext"]
    if is_phone:
        assert headers.get("voipHeaders") is None
        assert set(headers["sipHeaders"]) == {"X-MS-Custom-Reference", "X-MS-Custom-Summary"}
    else:
        assert headers.get("sipHeaders") is None
        assert set(headers["voipHeaders"]) == {"Reference", "Summary"}


SUMMARIES = [
    "",
    "An invoice.",
    'quotes " and <angles> and \\ and %0d%0a',
    "x" * 500,
    "ü" * 500,
    "日本語" * 160,
    "😀" * 500,
    "User-To-User: 00; X-MS-Custom-Reference: another",
]


@pytest.mark.parametrize("summary", SUMMARIES)
async def test_headers_have_our_names_and_a_value_that_cannot_leave_its_line(summary: str) -> None:
    async with bench() as call:
        await call.after(Transfer("operator", summary, 1))
    ((_, _, body),) = call.far.asked
    headers = body["customCallingContext"]["sipHeaders"]
    assert headers["X-MS-Custom-Reference"] == "call-1"
    value = headers["X-MS-Custom-Summary"]
    assert value.isascii()
    assert value.isprintable()
    assert summary.startswith(unquote(value, errors="strict"))


@given(st.text(max_size=500))
def test_a_header_is_as_much_of_the_text_as_has_room(text: str) -> None:
    value = header_text(text)
    assert len(value) <= HEADER_CHARACTERS
    assert value.isascii()
    assert value.isprintable()
    assert text.startswith(unquote(value, errors="strict"))
    assert value == header_text(unquote(value))


async def test_two_transfers_are_two_requests_to_the_network() -> None:
    async with bench() as call:
        await call.after(Transfer("operator", "", 1))
        await call.after(Transfer("operator", "", 2))
    assert [body["operationContext"] for _, _, body in call.far.asked] == ["transfer-1", "transfer-2"]
    first, second = (headers["Repeatability-Request-ID"] for _, headers, _ in call.far.asked)
    assert first != second


async def test_nobody_is_handed_over_to_themselves() -> None:
    async with bench() as call:
        assert await call.after(Transfer("caller", "", 1)) == [TransferFailed("not_allowed", 1)]
    assert call.far.asked == []


async def test_a_caller_without_a_number_can_be_handed_over() -> None:
    async with bench(caller=None) as call:
        assert await call.after(Transfer("operator", "", 1)) == []
    assert len(call.far.asked) == 1


async def test_a_call_the_network_does_not_know_yet_stays_where_it_is() -> None:
    async with bench(connection_id=None) as call:
        assert await call.after(Transfer("operator", "", 1), SendDigits("1")) == [
            TransferFailed("failed", 1),
            DigitsSent(sent=False),
        ]
        assert await call.after(AskTransferState()) == call.told
    assert len(call.told) == 2
    assert call.far.asked == []


async def test_an_error_of_ours_does_not_leave_the_caller_in_the_music() -> None:
    async with bench() as call:
        assert await call.after(Transfer("a name the line does not have", "", 1)) == [TransferFailed("failed", 1)]
    assert call.bugs == [1]
    assert call.far.asked == []


async def test_a_flood_of_transfers_stops_at_the_door() -> None:
    async with bench(transfers=1) as call:
        await call.after(Transfer("operator", "", 1))
        assert await call.after(Transfer("operator", "", 2)) == [TransferFailed("not_allowed", 2)]
    assert len(call.far.asked) == 1
    assert [note.name for note in call.notes] == ["transfer.too_many"]


@pytest.mark.parametrize("status", [400, 403, 404, 409, 412])
async def test_a_refused_transfer_is_told_as_one_that_failed(status: int) -> None:
    async with bench() as call:
        call.far.status, call.far.answer = status, {"error": {"code": "8500", "message": "+15555550199 is busy"}}
        assert await call.after(Transfer("operator", "", 1)) == [TransferFailed("failed", 1)]
    assert [note.name for note in call.notes] == ["transfer.refused"]
    assert "+1555" not in repr(call.notes)


async def test_the_person_there_is_told_before_the_phone_rings() -> None:
    async with bench(handover_report=True) as call:
        await call.after(Transfer("operator", "An invoice.", 1))
    (report_path, _, report), (transfer_path, _, _) = call.far.asked
    assert (report_path, transfer_path.endswith(":transferToParticipant")) == ("/hook/report", True)
    assert report == {"reference": "call-1", "line": "main", "destination": "operator", "summary": "An invoice."}


async def test_a_hand_over_does_not_depend_on_its_report() -> None:
    async with bench(handover_report=True) as call:
        call.far.hook_status = 500
        assert await call.after(Transfer("operator", "", 1)) == []
    assert len(call.far.of("transferToParticipant")) == 1
    assert [note.fields for note in call.notes] == [{"hook": "handover_report", "kind": "status"}]


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("transferring", [TransferState(under_way=True)]),
        ("transferAccepted", [TransferState(under_way=True)]),
        ("connected", [TransferState(under_way=False)]),
        ("disconnected", [TransferState(under_way=False)]),
    ],
)
async def test_the_network_is_asked_how_a_transfer_goes(state: str, told: list[Any]) -> None:
    async with bench() as call:
        call.far.status = 200
        call.far.answer = {"callConnectionId": "connection-1", "callConnectionState": state}
        assert await call.after(AskTransferState()) == told


@pytest.mark.parametrize(("status", "told"), [(404, [CallEnded()]), (403, [])])
async def test_a_call_that_is_gone_has_ended_and_an_error_says_nothing(status: int, told: list[Any]) -> None:
    async with bench() as call:
        call.far.status, call.far.answer = status, {}
        assert await call.after(AskTransferState()) == told


# --- tones ----------------------------------------------------------------------------------------------------------


async def test_tones_go_to_the_caller_and_an_event_will_say_when() -> None:
    async with bench() as call:
        assert await call.after(SendDigits("10*#")) == []
        assert await call.after(SendDigits("10*#")) == []
    (_, first, body), (_, second, _) = call.far.of("sendDtmfTones")
    assert body["tones"] == ["one", "zero", "asterisk", "pound"]
    assert body["targetParticipant"]["phoneNumber"]["value"] == CALLER
    assert first["Repeatability-Request-ID"] != second["Repeatability-Request-ID"]


async def test_tones_that_are_tried_again_are_not_dialled_twice() -> None:
    """The network knows the repetition by its id."""
    async with bench() as call:
        call.far.status = 503
        assert await call.after(SendDigits("1")) == [DigitsSent(sent=False)]
    first, second = (headers["Repeatability-Request-ID"] for _, headers, _ in call.far.of("sendDtmfTones"))
    assert first == second


async def test_nobody_with_a_number_can_not_be_sent_tones() -> None:
    async with bench(caller=None) as call:
        assert await call.after(SendDigits("1")) == [DigitsSent(sent=False)]


# --- services of the operator ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        ({"result": "The PIN is right."}, "The PIN is right."),
        ({"result": "one\r\ntwo\u202e\u200bthree"}, "one two three"),
        ({"result": "x" * 1000}, "x" * MAX_HOOK_RESULT_CHARACTERS),
        ({"result": ""}, None),
        ({"result": "\n"}, None),
        ({"result": 5}, None),
        ({"result": ["x"]}, None),
        ({}, None),
        ([], None),
    ],
)
async def test_what_the_operators_service_says_of_digits(answer: Any, result: str | None) -> None:
    async with bench(digits={"hook": {}}) as call:
        call.far.hook_answer = answer
        assert await call.after(JudgeDigits("PIN", "4711")) == [DigitsJudged(result)]
    ((_, _, question),) = call.far.asked
    assert question == {"call_id": "call-1", "line": "main", "purpose": "PIN", "digits": "4711"}


async def test_digits_stand_in_no_log_note_or_text_form(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with bench(digits={"hook": {}}) as call:
        call.far.hook_status = 500
        wanted = JudgeDigits("PIN", "860913")
        call.errands.begin(wanted)
        assert "860913" not in repr(call.errands._tasks)
        assert await call.after() == [DigitsJudged(None)]
    assert call.notes == [Note("hook.failed", {"hook": "digits", "kind": "status"})]
    for text in (caplog.text, repr(call.notes), repr(call.told), repr(call.errands), repr(wanted)):
        assert "860913" not in text


@pytest.mark.parametrize(
    ("answer", "stops"), [({"stop": True}, True), ({"stop": 1}, False), ({"stop": "true"}, False), ({}, False)]
)
@pytest.mark.parametrize("side", Side)
async def test_the_operators_service_may_stop_a_sentence(side: Side, answer: Any, stops: bool) -> None:
    async with bench(moderation={"hook": {}, "of_caller": True}) as call:
        call.far.hook_answer = answer
        assert await call.after(JudgeText(side, "a sentence", "i1")) == ([Judged(side, "i1")] if stops else [])
    ((_, _, question),) = call.far.asked
    assert question == {"call_id": "call-1", "line": "main", "side": side.value, "text": "a sentence"}


async def test_what_cannot_be_judged_may_be_heard() -> None:
    async with bench(moderation={"hook": {}}) as call:
        call.far.hook_status = 503
        assert await call.after(JudgeText(Side.AGENT, "x", "i1")) == []
    assert call.notes == [Note("hook.failed", {"hook": "moderation", "kind": "status"})]


async def test_sentences_beyond_the_bound_are_not_judged_and_that_is_told() -> None:
    async with bench(moderation={"hook": {}}) as call:
        await call.after(*[JudgeText(Side.AGENT, "x", "i1")] * (MAX_AT_ONCE + 3))
    assert len(call.far.asked) == MAX_AT_ONCE
    assert call.notes == [Note("hook.failed", {"hook": "moderation", "kind": "too_many"})] * 3


def stops_bad(side: str, text: str) -> bool:
    if "crash" in text:
        raise RuntimeError("of the operator's code")
    assert threading.current_thread() is not threading.main_thread()
    return side == "agent" and "bad" in text


@pytest.mark.parametrize(
    ("text", "told", "kinds"),
    [("bad", [Judged(Side.AGENT, "i1")], []), ("fine", [], []), ("crash", [], ["RuntimeError"])],
)
async def test_a_function_of_the_operator_may_stop_a_sentence(text: str, told: list[Any], kinds: list[str]) -> None:
    async with bench(moderation={"python": f"{__name__}:stops_bad"}) as call:
        assert await call.after(JudgeText(Side.AGENT, text, "i1")) == told
    assert [note.fields["kind"] for note in call.notes] == kinds


@pytest.mark.parametrize("name", ["nowhere.at.all:function", "json:no_such_function"])
def test_a_function_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="can not be imported"):
        load_judge(name)


async def test_nothing_is_left_behind() -> None:
    async with bench(moderation={"hook": {}}) as call:
        call.errands.begin(JudgeText(Side.AGENT, "x", "i1"))
        await call.errands.close()
        assert call.errands._tasks == set()
        assert call.told == []
