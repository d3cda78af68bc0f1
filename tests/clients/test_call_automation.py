"""Call Automation through the official SDK, against the twin's phone network on loopback, on virtual time."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import web
from azure.core.credentials import AzureKeyCredential

from gateway.audio.pcm import PCM16_16K, PCM16_24K
from gateway.clients.call_automation import AnswerUrls, Budget, CallAutomation, TransferTarget
from gateway.clients.http import make_session
from gateway.errors import AcsError, CallGone, GatewayError, LostRace
from gateway.simulator.phone import CallPlan, PhoneNetwork
from gateway.simulator.phone.network import LiveCall
from gateway.simulator.phone.rest import RequestNote
from gateway.simulator.phone.switches import PhoneSwitches
from gateway.simulator.phone.targets import Headers, Target
from gateway.simulator.virtual_time import virtual_time_runner

KEY = base64.b64encode(b"a key of the twin, nobody's secret").decode()
BUDGET = Budget(total_s=5.0, try_s=2.0)
URLS = AnswerUrls("http://127.0.0.1:1/calls/t/events", "ws://127.0.0.1:1/media/t")


@dataclass
class Line:
    """A ringing phone and a client that may answer it."""

    phone: PhoneNetwork
    live: LiveCall
    acs: CallAutomation

    @property
    def context(self) -> str:
        return self.live.call.ids.context

    async def answer(self, acs: CallAutomation | None = None) -> str:
        return await (acs or self.acs).answer(self.context, URLS, PCM16_16K, mixed=False)

    def answers(self) -> list[RequestNote]:
        return [note for note in self.phone.requests if note.path.endswith(":answer")]


@asynccontextmanager
async def client(endpoint: str, budget: Budget = BUDGET) -> AsyncIterator[CallAutomation]:
    async with make_session() as http:
        acs = CallAutomation(endpoint, AzureKeyCredential(KEY), http, budget)
        try:
            yield acs
        finally:
            await acs.close()


@asynccontextmanager
async def ringing(switches: PhoneSwitches) -> AsyncIterator[Line]:
    phone = PhoneNetwork("http://127.0.0.1:1/events", access_key=KEY, clock=asyncio.get_running_loop().time)
    await phone.start()
    try:
        live = await phone.start_call(CallPlan(switches=switches, ring_s=10.0))
        async with client(phone.endpoint) as acs:
            yield Line(phone, live, acs)
    finally:
        await phone.stop()


def with_ringing(test: Callable[[Line], Awaitable[None]], *faults: str, **switches: Any) -> None:
    async def main() -> None:
        async with ringing(PhoneSwitches(answer_faults=faults, **switches)) as line:
            await test(line)

    with virtual_time_runner() as runner:
        runner.run(main())


def now() -> float:
    return asyncio.get_running_loop().time()


# --- what is sent -------------------------------------------------------------------------------------------------


def with_server(test: Callable[[CallAutomation, list[Any]], Awaitable[None]], *replies: web.Response) -> None:
    """A server that writes requests down and answers them in turn with `replies`, the last one for ever."""

    async def main() -> None:
        seen: list[Any] = []
        left = list(replies)

        async def handle(request: web.Request) -> web.Response:
            seen.append((request.path, dict(request.headers), json.loads(await request.read() or b"null")))
            reply = left.pop(0) if len(left) > 1 else left[0]
            return web.Response(status=reply.status, body=reply.body, headers=reply.headers)

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            async with client(f"http://127.0.0.1:{runner.addresses[0][1]}") as acs:
                await test(acs, seen)
        finally:
            await runner.cleanup()

    with virtual_time_runner() as runner:
        runner.run(main())


ANSWERED = web.json_response({"callConnectionId": "connection-1", "callConnectionState": "connecting"})


@pytest.mark.parametrize(
    ("fmt", "mixed", "format_name", "channels"),
    [(PCM16_16K, False, "pcm16KMono", "unmixed"), (PCM16_24K, True, "pcm24KMono", "mixed")],
)
def test_an_answer_asks_for_everything_a_conversation_needs(
    fmt: Any, mixed: bool, format_name: str, channels: str
) -> None:
    async def test(acs: CallAutomation, seen: list[Any]) -> None:
        assert await acs.answer("context", URLS, fmt, mixed=mixed) == "connection-1"
        ((path, headers, body),) = seen
        assert path == "/calling/callConnections:answer"
        assert headers["Repeatability-Request-ID"]
        assert headers["Authorization"].startswith("HMAC-SHA256 ")
        assert (body["incomingCallContext"], body["callbackUri"]) == ("context", URLS.callbacks)
        assert body["mediaStreamingOptions"] == {
            "transportUrl": URLS.media,
            "transportType": "websocket",
            "contentType": "audio",
            "audioChannelType": channels,
            "startMediaStreaming": True,
            "enableBidirectional": True,
            "audioFormat": format_name,
            "enableDtmfTones": True,
        }

    with_server(test, ANSWERED)


def test_a_caller_who_is_rejected_hears_a_busy_line() -> None:
    async def test(acs: CallAutomation, seen: list[Any]) -> None:
        await acs.reject("context")
        ((path, _, body),) = seen
        assert path == "/calling/callConnections:reject"
        assert body["callRejectReason"] == "busy"

    with_server(test, web.Response(status=204))


def test_two_replicas_send_the_same_request_id_and_other_calls_and_operations_another() -> None:
    async def test(acs: CallAutomation, seen: list[Any]) -> None:
        await acs.answer("context", URLS, PCM16_16K, mixed=False)
        async with client(f"http://{seen[0][1]['Host']}") as other:
            await other.answer("context", URLS, PCM16_16K, mixed=False)
        await acs.answer("another", URLS, PCM16_16K, mixed=False)
        await acs.reject("context")
        first, second, another, rejected = (headers["Repeatability-Request-ID"] for _, headers, _ in seen)
        assert first == second
        assert len({first, another, rejected}) == 3

    with_server(test, ANSWERED, ANSWERED, ANSWERED, web.Response(status=204))


def test_a_redirect_is_never_followed() -> None:
    async def test(acs: CallAutomation, seen: list[Any]) -> None:
        with pytest.raises(AcsError) as error:
            await acs.answer("context", URLS, PCM16_16K, mixed=False)
        assert {path for path, _, _ in seen} == {"/calling/callConnections:answer"}
        assert "elsewhere" not in str(error.value)

    with_server(test, web.Response(status=307, headers={"Location": "/elsewhere"}))


@pytest.mark.parametrize("status", [400, 401, 403, 405, 409, 412, 404, 410])
def test_what_cannot_get_better_is_not_tried_again(status: int) -> None:
    async def test(acs: CallAutomation, seen: list[Any]) -> None:
        with pytest.raises((AcsError, CallGone, LostRace)) as error:
            await acs.answer("context", URLS, PCM16_16K, mixed=False)
        expected = {404: CallGone, 410: CallGone, 409: LostRace, 412: LostRace}
        assert type(error.value) is expected.get(status, AcsError)
        assert len(seen) == 1
        assert "canary" not in str(error.value)

    with_server(test, web.json_response({"error": {"code": "x", "message": "canary"}}, status=status))


def test_a_wait_longer_than_the_budget_is_not_begun() -> None:
    """The phone rings meanwhile, and another delivery of the event may have more luck."""

    async def test(acs: CallAutomation, seen: list[Any]) -> None:
        began = now()
        with pytest.raises(AcsError, match="429"):
            await acs.answer("context", URLS, PCM16_16K, mixed=False)
        assert now() - began < 0.5
        assert len(seen) == 1

    with_server(test, web.json_response({"error": {}}, status=429, headers={"Retry-After": "60"}))


# --- against the phone network ------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["429:1", "500", "503", "reset"])
def test_what_may_pass_is_tried_once_more_with_the_same_request_id(fault: str) -> None:
    async def test(line: Line) -> None:
        assert await line.answer() == line.live.call.ids.connection_id
        ids = {note.repeatability_id for note in line.answers()}
        assert len(line.answers()) == 2
        assert len(ids) == 1
        assert None not in ids

    with_ringing(test, fault)


def test_a_second_failure_is_the_last() -> None:
    async def test(line: Line) -> None:
        with pytest.raises(AcsError, match="503"):
            await line.answer()
        assert len(line.answers()) == 2

    with_ringing(test, "503", "503", "503")


def test_a_lost_reply_is_asked_for_again_and_answers_only_once() -> None:
    async def test(line: Line) -> None:
        assert await line.answer() == line.live.call.ids.connection_id
        assert [status for _, status in line.live.call.answers] == [0, 200]

    with_ringing(test, "lost")


def test_the_budget_holds_when_nothing_comes_back() -> None:
    async def test(line: Line) -> None:
        began = now()
        with pytest.raises(AcsError):
            await line.answer()
        assert now() - began <= BUDGET.total_s + 0.1

    with_ringing(test, "hang", "hang")


def test_a_caller_who_is_gone() -> None:
    async def test(line: Line) -> None:
        line.live.hang_up()
        await line.live.wait()
        with pytest.raises(CallGone):
            await line.answer()

    with_ringing(test)


def test_a_call_that_another_replica_answered_is_shared_or_lost() -> None:
    async def shared(line: Line) -> None:
        async with client(line.phone.endpoint) as other:
            assert await line.answer() == await line.answer(other)

    async def lost(line: Line) -> None:
        async with client(line.phone.endpoint) as other:
            await line.answer()
            with pytest.raises(LostRace):
                await line.answer(other)

    with_ringing(shared)
    with_ringing(lost, repeated_answer="conflict")


def test_hanging_up_ends_the_call_and_may_be_repeated() -> None:
    async def test(line: Line) -> None:
        connection_id = await line.answer()
        await line.acs.hang_up(connection_id)
        record = await line.live.wait()
        assert record.ending == "gateway"
        await line.acs.hang_up(connection_id)
        await line.acs.hang_up("never-was")

    with_ringing(test)


def test_a_call_without_its_media_is_seen_as_such() -> None:
    async def test(line: Line) -> None:
        connection_id = await line.answer()
        await asyncio.sleep(0.5)
        assert not await line.acs.media_is_active(connection_id)

    with_ringing(test, media_refused=100)


# --- during the call ----------------------------------------------------------------------------------------------

OPERATOR = TransferTarget.of(phone_number="+18005550199", caller_id="+18005550126")
TEAMS_ID = "11111111-2222-4333-8444-555555555555"


@pytest.mark.parametrize(
    ("target", "reached", "headers"),
    [
        (OPERATOR, Target("phoneNumber", "+18005550199"), Headers({"X-MS-Custom-Reference": "call-1"}, {})),
        (
            TransferTarget.of(acs_user="8:acs:agent", caller_id="+18005550126"),
            Target("communicationUser", "8:acs:agent"),
            Headers({}, {"Reference": "call-1"}),
        ),
        (
            TransferTarget.of(teams_user=TEAMS_ID),
            Target("microsoftTeamsUser", TEAMS_ID),
            Headers({}, {"Reference": "call-1"}),
        ),
    ],
)
def test_a_caller_is_handed_over_to_each_kind_of_person(
    target: TransferTarget, reached: Target, headers: Headers
) -> None:
    async def test(line: Line) -> None:
        connection_id = await line.answer()
        await asyncio.sleep(1.0)
        await line.acs.transfer(connection_id, target, {"Reference": "call-1"}, 1)
        assert await line.acs.transfer_is_under_way(connection_id)
        record = await line.live.wait()
        assert record.ending == "transferred"
        (request,) = record.transfers
        assert (request.target, request.headers) == (reached, headers)
        assert request.source_caller_id == ("+18005550126" if target is OPERATOR else None)
        with pytest.raises(CallGone):
            await line.acs.transfer_is_under_way(connection_id)

    with_ringing(test)


def test_a_destination_without_an_address_is_none() -> None:
    with pytest.raises(ValueError, match="address"):
        TransferTarget.of(caller_id="+18005550126")


def test_a_target_shows_no_number() -> None:
    assert "1800" not in repr(OPERATOR)


def test_the_same_attempt_is_one_transfer_and_the_next_another() -> None:
    async def test(line: Line) -> None:
        connection_id = await line.answer()
        await asyncio.sleep(1.0)
        for _ in range(2):
            await line.acs.transfer(connection_id, OPERATOR, {}, 1)
        await asyncio.sleep(10.0)
        assert not await line.acs.transfer_is_under_way(connection_id)
        await line.acs.transfer(connection_id, OPERATOR, {}, 2)
        await asyncio.sleep(10.0)
        await line.acs.hang_up(connection_id)
        assert len((await line.live.wait()).transfers) == 2

    with_ringing(test, transfer=("failed",))


def test_a_second_transfer_at_the_same_time_is_refused() -> None:
    async def test(line: Line) -> None:
        connection_id = await line.answer()
        await asyncio.sleep(1.0)
        await line.acs.transfer(connection_id, OPERATOR, {}, 1)
        with pytest.raises(GatewayError):
            await line.acs.transfer(connection_id, OPERATOR, {}, 2)
        await line.live.wait()

    with_ringing(test)


def test_tones_are_sent_to_the_caller_once_for_each_attempt() -> None:
    async def test(line: Line) -> None:
        connection_id = await line.answer()
        await asyncio.sleep(1.0)
        number = line.live.call.plan.caller
        for attempt in (1, 1, 2):
            await line.acs.send_digits(connection_id, "1*#", number, attempt)
            await asyncio.sleep(5.0)
        await line.acs.hang_up(connection_id)
        record = await line.live.wait()
        assert [sent.tones for sent in record.sent_tones] == [("one", "asterisk", "pound")] * 2

    with_ringing(test)


def test_nothing_of_a_call_is_in_an_error() -> None:
    async def test(line: Line) -> None:
        with pytest.raises(AcsError) as error:
            await line.answer()
        for secret in (line.context, KEY, str(URLS.media), line.phone.endpoint):
            assert secret not in str(error.value)

    with_ringing(test, "500", "500")
