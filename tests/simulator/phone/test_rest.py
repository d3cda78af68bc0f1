"""The official client gets along with the REST interface, and what it must not do is refused as the service does."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from azure.communication.callautomation import (
    CommunicationUserIdentifier,
    FileSource,
    MicrosoftTeamsUserIdentifier,
    PhoneNumberIdentifier,
    UnknownIdentifier,
)
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)

from gateway.audio.wav import write_wav
from gateway.simulator.phone import At, CallPlan, CallRecord, HangUp, PhoneSwitches, Press
from gateway.simulator.phone.targets import Target

Act = Callable[[Any, Any, Any], Awaitable[None]]


def plan(seconds: float = 5.0, **switches: Any) -> CallPlan:
    return CallPlan(behaviour=(HangUp(at=At(seconds)),), switches=PhoneSwitches(**switches))


def with_call(gateway: Any, run_bench: Any, act: Act, call: CallPlan | None = None) -> CallRecord:
    """Run `act(bench, client, connection)` two seconds into an answered call; returns the call's record."""
    records: list[CallRecord] = []

    async def scenario(bench: Any) -> None:
        live = await bench.network.start_call(call or plan())
        await asyncio.sleep(2.0)
        async with gateway.client() as client:
            await act(bench, client, client.get_call_connection(gateway.connection_id))
        records.append(await live.wait())

    run_bench(scenario)
    assert records[0].errors == ()
    return records[0]


def test_answered_call_has_properties(gateway: Any, run_bench: Any) -> None:
    async def act(_bench: Any, _client: Any, connection: Any) -> None:
        properties = await connection.get_call_properties()
        assert properties.call_connection_state == "connected"
        assert properties.call_connection_id == gateway.connection_id
        assert properties.source.properties["value"] == "+18005550176"
        assert properties.answered_for.properties["value"] == "+18005550126"
        people = [person async for person in connection.list_participants()]
        assert people[0].identifier.raw_id == "4:+18005550176"
        caller = await connection.get_participant(PhoneNumberIdentifier("+18005550176"))
        assert caller.is_on_hold is False
        with pytest.raises(ResourceNotFoundError):
            await connection.get_participant(PhoneNumberIdentifier("+18005550199"))

    with_call(gateway, run_bench, act)


@pytest.mark.parametrize("is_for_everyone", [True, False])
def test_hang_up(gateway: Any, run_bench: Any, *, is_for_everyone: bool) -> None:
    async def act(_bench: Any, _client: Any, connection: Any) -> None:
        await connection.hang_up(is_for_everyone=is_for_everyone)
        with pytest.raises(ResourceNotFoundError):
            await connection.hang_up(is_for_everyone=is_for_everyone)

    record = with_call(gateway, run_bench, act)
    assert record.ending == "gateway"
    assert record.duration_s == pytest.approx(2.0, abs=0.05)
    assert gateway.kinds()[-1] == "CallDisconnected"
    assert gateway.callbacks[-1]["data"]["resultInformation"]["subCode"] == 7000


def refuse_with(gateway: Any, run_bench: Any, refuse: Callable[[Any, str], Awaitable[None]]) -> CallRecord:
    records: list[CallRecord] = []

    async def act(mini: Any, context: str) -> None:
        async with mini.client() as client:
            await refuse(client, context)
            with pytest.raises(ResourceNotFoundError):
                await mini.answer(client, context)

    async def scenario(bench: Any) -> None:
        records.append(await bench.network.place_call(plan()))

    gateway.act = act
    run_bench(scenario)
    return records[0]


def test_reject(gateway: Any, run_bench: Any) -> None:
    async def refuse(client: Any, context: str) -> None:
        await client.reject_call(context, call_reject_reason="busy")

    record = refuse_with(gateway, run_bench, refuse)
    assert (record.ending, record.callbacks) == ("rejected", ())


def test_redirect(gateway: Any, run_bench: Any) -> None:
    async def refuse(client: Any, context: str) -> None:
        await client.redirect_call(context, CommunicationUserIdentifier("8:acs:somebody"))

    record = refuse_with(gateway, run_bench, refuse)
    assert (record.ending, record.callbacks) == ("redirected", ())
    assert record.redirected_to == Target("communicationUser", "8:acs:somebody")


@pytest.mark.parametrize(
    ("identifier", "target"),
    [
        (PhoneNumberIdentifier("+18005550199"), Target("phoneNumber", "+18005550199")),
        (MicrosoftTeamsUserIdentifier("a-team-user"), Target("microsoftTeamsUser", "a-team-user")),
    ],
)
def test_redirect_to_a_number_or_a_teams_user(gateway: Any, run_bench: Any, identifier: Any, target: Target) -> None:
    async def refuse(client: Any, context: str) -> None:
        await client.redirect_call(context, identifier)

    assert refuse_with(gateway, run_bench, refuse).redirected_to == target


def test_redirect_to_what_is_no_target_leaves_the_phone_ringing(gateway: Any, run_bench: Any) -> None:
    async def act(mini: Any, context: str) -> None:
        async with mini.client() as client:
            for identifier in (PhoneNumberIdentifier("5550199"), UnknownIdentifier("somebody")):
                with pytest.raises(HttpResponseError, match="8523"):
                    await client.redirect_call(context, identifier)
            await mini.answer(client, context)

    async def scenario(bench: Any) -> None:
        record = await bench.network.place_call(plan())
        assert (record.ending, record.redirected_to) == ("caller", None)

    gateway.act = act
    run_bench(scenario)


def test_wrong_key_is_refused(gateway: Any, run_bench: Any) -> None:
    gateway.key = base64.b64encode(b"another key").decode()

    async def scenario(bench: Any) -> None:
        record = await bench.network.place_call(CallPlan(behaviour=(), ring_s=1.0))
        assert record.ending == "unanswered"
        assert [note.status for note in bench.network.requests] == [401]

    run_bench(scenario)
    (error,) = gateway.answer_errors
    assert isinstance(error, ClientAuthenticationError)
    assert error.error is not None
    assert error.error.code == "7509"


def test_request_without_a_signature_and_unknown_paths(gateway: Any, run_bench: Any) -> None:
    async def act(bench: Any, client: Any, connection: Any) -> None:
        async with (
            aiohttp.ClientSession() as http,
            http.post(bench.network.endpoint + "/calling/callConnections:answer?api-version=1", json={}) as response,
        ):
            assert response.status == 401
            assert set((await response.json())["error"]) == {"code", "message"}
        with pytest.raises(ResourceNotFoundError):
            await client.start_recording(call_connection_id=gateway.connection_id)
        with pytest.raises(ResourceNotFoundError):
            await connection.mute_participant(PhoneNumberIdentifier("+18005550176"))
        with pytest.raises(ResourceNotFoundError):
            await client.get_call_connection("00000000-0000-4000-8000-000000000000").get_call_properties()
        with pytest.raises(ResourceNotFoundError):
            await client.reject_call("no such context")

    with_call(gateway, run_bench, act)


def test_late_answer_finds_nobody(gateway: Any, run_bench: Any) -> None:
    async def late(mini: Any, context: str) -> None:
        async with mini.client() as client:
            await asyncio.sleep(3.0)
            with pytest.raises(ResourceNotFoundError):
                await mini.answer(client, context)
            mini.answer_errors.append("late")

    gateway.act = late

    async def scenario(bench: Any) -> None:
        assert (await bench.network.place_call(CallPlan(behaviour=(), ring_s=2.0))).ending == "unanswered"
        await asyncio.sleep(2.0)

    run_bench(scenario)
    assert gateway.answer_errors == ["late"]


# --- answering twice ------------------------------------------------------------------------------------------------


def answered_twice(gateway: Any, run_bench: Any, repeated_answer: str) -> CallRecord:
    gateway.answers = 2

    async def act(_bench: Any, _client: Any, _connection: Any) -> None:
        return

    return with_call(gateway, run_bench, act, plan(repeated_answer=repeated_answer))


def test_second_answer_is_replayed(gateway: Any, run_bench: Any) -> None:
    record = answered_twice(gateway, run_bench, "replay")
    assert [status for _, status in record.answers] == [200, 200]
    assert len(record.sockets) == 1


def test_second_answer_is_a_conflict(gateway: Any, run_bench: Any) -> None:
    record = answered_twice(gateway, run_bench, "conflict")
    assert [status for _, status in record.answers] == [200, 409]
    assert isinstance(gateway.answer_errors[0], ResourceExistsError)
    assert len(record.sockets) == 1


def test_second_answer_opens_a_second_socket(gateway: Any, run_bench: Any) -> None:
    record = answered_twice(gateway, run_bench, "second_socket")
    assert [status for _, status in record.answers] == [200, 200]
    assert len(record.sockets) == 2
    assert min(socket.frames_sent for socket in record.sockets) > 200


def test_repeated_request_id_gets_the_first_response(gateway: Any, run_bench: Any) -> None:
    async def act(bench: Any, _client: Any, connection: Any) -> None:
        target, ours = PhoneNumberIdentifier("+18005550199"), PhoneNumberIdentifier("+18005550126")

        async def transfer(request_id: str) -> None:
            headers = {"Repeatability-Request-ID": request_id}
            await connection.transfer_call_to_participant(target, source_caller_id_number=ours, headers=headers)

        for _ in range(2):  # a second transfer of its own would be a conflict
            await transfer("r-1")
        with pytest.raises(ResourceExistsError):
            await transfer("r-2")
        notes = [note for note in bench.network.requests if note.path.endswith("transferToParticipant")]
        assert [note.repeatability_id for note in notes] == ["r-1", "r-1", "r-2"]
        assert all(note.first_sent for note in notes)

    assert with_call(gateway, run_bench, act).ending == "transferred"


# --- faults ---------------------------------------------------------------------------------------------------------


def answer_with_fault(gateway: Any, run_bench: Any, *faults: str) -> tuple[Any, CallRecord]:
    """The error of the first answer request, and the record of a call answered by the second."""
    records: list[CallRecord] = []

    async def twice(mini: Any, context: str) -> None:
        async with mini.client() as client:
            try:
                await mini.answer(client, context, read_timeout=2.0)
            except Exception as error:  # noqa: BLE001 - which error is what the test looks at
                mini.answer_errors.append(error)
                mini.connection_id = (await mini.answer(client, context)).call_connection_id

    gateway.act = twice

    async def scenario(bench: Any) -> None:
        records.append(await bench.network.place_call(plan(answer_faults=faults)))

    run_bench(scenario)
    assert records[0].ending == "caller"
    return (gateway.answer_errors or [None])[0], records[0]


def test_throttled_answer_says_when_to_come_again(gateway: Any, run_bench: Any) -> None:
    error, _ = answer_with_fault(gateway, run_bench, "429:3")
    assert isinstance(error, HttpResponseError)
    response: Any = error.response
    assert (error.status_code, response.headers["Retry-After"]) == (429, "3")


@pytest.mark.parametrize("status", [500, 503, 404])
def test_failed_answer_changes_nothing(gateway: Any, run_bench: Any, status: int) -> None:
    error, record = answer_with_fault(gateway, run_bench, str(status))
    assert error.status_code == status
    assert [code for _, code in record.answers] == [status, 200]


def test_hanging_reset_and_lost_answers(gateway: Any, run_bench: Any) -> None:
    for fault in ("hang", "lost", "reset"):
        gateway.answer_errors.clear()
        error, record = answer_with_fault(gateway, run_bench, fault)
        assert isinstance(error, ServiceResponseError | ServiceRequestError), fault
        assert record.answers[-1][1] == 200


def test_lost_answer_was_carried_out(gateway: Any, run_bench: Any) -> None:
    _, record = answer_with_fault(gateway, run_bench, "lost")
    answered = record.times["answered"]
    assert record.answers[0] == (answered, 0)
    assert record.times["media_opened"] - answered < 1.0


def test_slow_answer(gateway: Any, run_bench: Any) -> None:
    error, record = answer_with_fault(gateway, run_bench, "delay:1.5")
    assert error is None
    assert record.times["answered"] - record.times["event_posted"] == pytest.approx(1.5, abs=0.01)


# --- operations in a call -------------------------------------------------------------------------------------------


def play(gateway: Any, run_bench: Any, data: bytes, path: str = "/prompt.wav") -> CallRecord:
    async def act(_bench: Any, _client: Any, connection: Any) -> None:
        async def serve(_request: aiohttp.web.Request) -> aiohttp.web.Response:
            return aiohttp.web.Response(body=data)

        app = aiohttp.web.Application()
        app.router.add_get("/prompt.wav", serve)
        runner = aiohttp.web.AppRunner(app)
        await runner.setup()
        await aiohttp.web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}{path}"
        await connection.play_media(FileSource(url=url), operation_context="p-1")
        await asyncio.sleep(1.0)
        await runner.cleanup()

    return with_call(gateway, run_bench, act)


def test_played_file_is_heard(gateway: Any, run_bench: Any, bench_tone: Any) -> None:
    record = play(gateway, run_bench, write_wav(bench_tone(0.5), 16000))
    (segment,) = record.heard
    assert segment.end_at - segment.start_at == pytest.approx(0.5, abs=0.03)
    played = [event for event in gateway.callbacks if "Play" in event["type"]]
    assert [event["type"].rpartition(".")[2] for event in played] == ["PlayStarted", "PlayCompleted"]
    assert played[1]["data"]["operationContext"] == "p-1"


@pytest.mark.parametrize(("rate_hz", "path", "sub_code"), [(24000, "/prompt.wav", 8535), (16000, "/none.wav", 8536)])
def test_file_that_cannot_be_played(  # noqa: PLR0913 - three fixtures and three parameters
    gateway: Any, run_bench: Any, bench_tone: Any, rate_hz: int, path: str, sub_code: int
) -> None:
    record = play(gateway, run_bench, write_wav(bench_tone(0.5), rate_hz), path)
    assert record.heard == ()
    failed = next(event for event in gateway.callbacks if event["type"].endswith("PlayFailed"))
    assert failed["data"]["resultInformation"]["subCode"] == sub_code


def test_streaming_starts_when_it_is_asked_for_and_stops(gateway: Any, run_bench: Any) -> None:
    gateway.start = False

    async def act(_bench: Any, _client: Any, connection: Any) -> None:
        assert gateway.handshakes == []
        await connection.start_media_streaming(operation_context="m-1")
        await asyncio.sleep(1.0)
        state = (await connection.get_call_properties()).media_streaming_subscription.state
        await connection.stop_media_streaming()
        await asyncio.sleep(0.5)
        assert state == "active"
        assert (await connection.get_call_properties()).media_streaming_subscription.state == "inactive"

    record = with_call(gateway, run_bench, act)
    (socket,) = record.sockets
    assert socket.closed_by == "network"
    assert 40 <= socket.frames_sent <= 60
    started = next(event for event in gateway.callbacks if event["type"].endswith("MediaStreamingStarted"))
    assert started["data"]["operationContext"] == "m-1"
    assert "MediaStreamingStopped" in gateway.kinds()


def test_held_caller_sends_nothing(gateway: Any, run_bench: Any) -> None:
    async def act(_bench: Any, _client: Any, connection: Any) -> None:
        caller = PhoneNumberIdentifier("+18005550176")
        await connection.hold(caller)
        await asyncio.sleep(0.1)
        before = len(gateway.frames)
        await asyncio.sleep(1.0)
        assert len(gateway.frames) == before
        await connection.unhold(caller)
        await asyncio.sleep(1.0)
        assert len(gateway.frames) >= before + 49

    with_call(gateway, run_bench, act)
    rosters = [event["data"] for event in gateway.callbacks if event["type"].endswith("ParticipantsUpdated")]
    assert [roster["participants"][0]["isOnHold"] for roster in rosters] == [False, True, False]
    assert [roster["sequenceNumber"] for roster in rosters] == [1, 2, 3]


def test_digits_as_callbacks(gateway: Any, run_bench: Any) -> None:
    async def act(_bench: Any, _client: Any, connection: Any) -> None:
        caller = PhoneNumberIdentifier("+18005550176")
        await connection.start_continuous_dtmf_recognition(caller)
        await asyncio.sleep(2.0)
        await connection.stop_continuous_dtmf_recognition(caller)
        await connection.send_dtmf_tones(["one", "pound"], caller)

    with_call(gateway, run_bench, act, CallPlan(behaviour=(Press("8*", At(3.0)), HangUp(at=At(6.0)))))
    tones = [event["data"] for event in gateway.callbacks if "ToneReceived" in event["type"]]
    assert [(tone["sequenceId"], tone["tone"]) for tone in tones] == [(1, "eight"), (2, "asterisk")]
    assert {"ContinuousDtmfRecognitionStopped", "SendDtmfTonesCompleted"} <= set(gateway.kinds())


def test_invalid_answer(gateway: Any, run_bench: Any) -> None:
    async def act(mini: Any, context: str) -> None:
        async with mini.client() as client:
            with pytest.raises(HttpResponseError, match="CallbackUri"):
                await client.answer_call(context, "ftp://nowhere")
            mini.url = "gopher://x"
            with pytest.raises(HttpResponseError, match="CallbackUri"):
                await mini.answer(client, context)

    gateway.act = act

    async def scenario(bench: Any) -> None:
        assert (await bench.network.place_call(CallPlan(behaviour=(), ring_s=1.0))).ending == "unanswered"

    run_bench(scenario)
