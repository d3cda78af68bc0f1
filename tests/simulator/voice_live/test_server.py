"""The twin on a socket: who gets in, how sessions end, and that nothing is left behind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from gateway.simulator.virtual_time import virtual_time_runner
from gateway.simulator.voice_live import TwinOptions, VoiceLiveTwin
from gateway.simulator.voice_live.options import (
    BYOM_CHAT,
    BYOM_REALTIME,
    Access,
    CloseFault,
    Faults,
    HandshakeFault,
    PtuPlan,
    Timing,
)

QUERY = {"api-version": "2026-07-15", "model": "m", "profile": BYOM_CHAT}
HEADERS = {"api-key": "a-key"}
GREET = {
    "type": "response.create",
    "response": {
        "pre_generated_assistant_message": {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "text", "text": "This sentence is in no clip."}],
        }
    },
}

Socket = aiohttp.ClientWebSocketResponse[bool]


class Line:
    """A twin and a client session, on one loop's clock."""

    def __init__(self, twin: VoiceLiveTwin, http: aiohttp.ClientSession) -> None:
        self.twin = twin
        self.http = http
        self.sockets: list[Socket] = []
        self.clock = asyncio.get_running_loop().time

    async def connect(self, query: dict[str, str] | None = None, headers: dict[str, str] | None = None) -> Socket:
        url = f"{self.twin.url}/voice-live/realtime"
        socket = await self.http.ws_connect(
            url, params=QUERY if query is None else query, headers=HEADERS if headers is None else headers
        )
        self.sockets.append(socket)
        return socket

    async def ready(self) -> Socket:
        socket = await self.connect()
        await socket.receive_json()
        await socket.send_json({"type": "session.update", "session": {"instructions": "Be brief."}})
        assert (await socket.receive_json())["type"] == "session.updated"
        return socket

    async def refusal(
        self, query: dict[str, str], headers: dict[str, str] | None = None
    ) -> aiohttp.WSServerHandshakeError:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await self.connect(query, headers)
        return refused.value


def run(
    call: Callable[[Line], Awaitable[None]],
    options: TwinOptions | None = None,
    per_model: dict[str, TwinOptions] | None = None,
) -> VoiceLiveTwin:
    async def main() -> VoiceLiveTwin:
        twin = VoiceLiveTwin(options, per_model=per_model, clock=asyncio.get_running_loop().time)
        await twin.start()
        async with aiohttp.ClientSession() as http:
            line = Line(twin, http)
            await call(line)
            await twin.stop()
            for socket in line.sockets:
                await socket.close()
        assert twin.open_sessions == 0
        assert all(record.closed_at is not None for record in twin.sessions)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return twin

    with virtual_time_runner() as runner:
        return runner.run(main())


def test_only_a_complete_request_with_a_credential_gets_in() -> None:
    async def call(line: Line) -> None:
        for missing in ("api-version", "model"):
            assert (await line.refusal({key: value for key, value in QUERY.items() if key != missing})).status == 400
        assert (await line.refusal(QUERY | {"profile": "byom-of-tomorrow"})).status == 400
        assert (await line.refusal(QUERY | {"agent-name": "a", "agent-project-name": "p"})).status == 400
        assert (await line.refusal(QUERY, {})).status == 401
        assert (await line.refusal(QUERY, {"Authorization": "Basic eA=="})).status == 401
        await (await line.connect(headers={"Authorization": "Bearer token"})).close()
        await (await line.connect(dict(reversed(QUERY.items())) | {"foundry-resource-override": "other"})).close()
        with pytest.raises(aiohttp.WSServerHandshakeError) as lost:
            await line.http.ws_connect(f"{line.twin.url}/elsewhere")
        assert lost.value.status == 404

    twin = run(call)
    assert len(twin.sessions) == 2
    assert "api-key" not in str(twin.sessions[0].query)


def test_an_unknown_deployment_or_key_is_refused() -> None:
    async def call(line: Line) -> None:
        assert (await line.refusal(QUERY | {"model": "other"})).status == 404
        assert (await line.refusal(QUERY, {"api-key": "wrong"})).status == 401
        await (await line.connect()).close()

    run(call, TwinOptions(access=Access(models=frozenset({"m"}), keys=frozenset({"a-key"}))))


def test_the_quota_of_new_connections_says_when_to_come_back() -> None:
    async def call(line: Line) -> None:
        for _ in range(2):
            await (await line.connect()).close()
        await asyncio.sleep(20.0)
        refused = await line.refusal(QUERY)
        assert refused.status == 429
        assert refused.headers is not None
        wait_ms = int(refused.headers["retry-after-ms"])
        assert wait_ms == pytest.approx(40_000, abs=100)
        await asyncio.sleep(wait_ms / 1000)
        await (await line.connect()).close()

    run(call, TwinOptions(access=Access(connections_per_minute=2)))


def test_a_deployment_can_have_options_of_its_own() -> None:
    async def call(line: Line) -> None:
        assert (await line.refusal(QUERY | {"model": "down"})).status == 503
        await (await line.connect()).close()

    run(call, per_model={"down": TwinOptions(access=Access(fault=HandshakeFault(503)))})


def test_a_slow_service_takes_its_time_at_every_step() -> None:
    async def call(line: Line) -> None:
        began = line.clock()
        socket = await line.connect()
        assert line.clock() - began == pytest.approx(0.5, abs=0.01)
        await socket.receive_json()
        assert line.clock() - began == pytest.approx(1.5, abs=0.01)
        await socket.send_json({"type": "session.update", "session": {}})
        await socket.receive_json()
        assert line.clock() - began == pytest.approx(3.5, abs=0.01)

    run(call, TwinOptions(timing=Timing(upgrade_s=0.5, created_s=1.0, updated_s=2.0)))


def test_a_mute_service_never_speaks() -> None:
    async def call(line: Line) -> None:
        socket = await line.connect()
        await socket.send_json({"type": "session.update", "session": {}})
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.receive(), 780)

    assert run(call, TwinOptions(faults=Faults(mute=True))).sessions[0].log[0].direction == "received"


@pytest.mark.parametrize("deaf", [False, True])
def test_a_silent_service_still_answers_pings_and_a_deaf_one_does_not(deaf: bool) -> None:
    faults = Faults(deaf_after_s=1.0) if deaf else Faults(silent_after_s=1.0)

    async def call(line: Line) -> None:
        url = f"{line.twin.url}/voice-live/realtime"
        socket = await line.http.ws_connect(url, params=QUERY, headers=HEADERS, heartbeat=10.0)
        line.sockets.append(socket)
        await socket.receive_json()
        await asyncio.sleep(1.5)
        await socket.send_json({"type": "session.update", "session": {}})  # the last thing a deaf one hears
        try:
            async with asyncio.timeout(60):
                message = await socket.receive()
            assert deaf
            assert message.type in (aiohttp.WSMsgType.ERROR, aiohttp.WSMsgType.CLOSED)
        except TimeoutError:
            assert not deaf
        except aiohttp.ServerTimeoutError:
            assert deaf

    run(call, TwinOptions(faults=faults))


@pytest.mark.parametrize("code", [1000, 1001, 1011, None])
def test_a_session_can_end_by_itself(code: int | None) -> None:
    async def call(line: Line) -> None:
        began = line.clock()
        socket = await line.ready()
        message = await socket.receive()
        assert line.clock() - began == pytest.approx(5.0, abs=0.1)
        assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
        assert socket.close_code == (1006 if code is None else code)
        assert (await line.ready()).close_code is None  # only the first session has this fault

    faults = Faults(sessions=1, close=CloseFault(code, "over", after_s=5.0))
    twin = run(call, TwinOptions(faults=faults))
    assert twin.sessions[0].close_code == (1006 if code is None else code)


def test_a_session_can_end_in_the_midst_of_an_answer() -> None:
    async def call(line: Line) -> None:
        socket = await line.ready()
        await socket.send_json(GREET)
        types = [json.loads(message.data)["type"] async for message in socket]
        assert "response.audio.delta" in types
        assert "response.done" not in types
        assert types[-1] == "error"

    close = CloseFault(1011, at_response=1, error_code="server_error")
    run(call, TwinOptions(faults=Faults(close=close)))


def test_an_expired_session_says_so_and_closes_with_1001() -> None:
    async def call(line: Line) -> None:
        socket = await line.connect()
        created = await socket.receive_json()
        assert created["session"]["expires_at"] > 1_700_000_000
        error = await socket.receive_json()
        assert error["error"]["code"] == "session_expired"
        await socket.receive()
        assert socket.close_code == 1001

    run(call, TwinOptions(session_s=3600))


def test_what_is_no_event_is_answered_and_borne() -> None:
    async def call(line: Line) -> None:
        socket = await line.ready()
        for junk in ("not json", "[1, 2]", '{"type": 3}', '{"type": "session.dance", "event_id": "x"}'):
            await socket.send_str(junk)
            assert (await socket.receive_json())["type"] == "error"
        await socket.send_bytes(b"\x00")
        assert (await socket.receive_json())["type"] == "error"
        await socket.send_json({"type": "response.create", "response": {"modalities": ["text"]}})
        assert (await socket.receive_json())["type"] == "response.created"

    run(call)


def test_stopping_in_the_midst_of_everything_leaves_nothing_behind() -> None:
    async def call(line: Line) -> None:
        async def read_to_the_end() -> int | None:
            socket = await line.ready()
            await socket.send_json(GREET)
            async for _ in socket:
                pass
            return socket.close_code

        readers = [asyncio.create_task(read_to_the_end()) for _ in range(5)]
        await asyncio.sleep(0.3)
        await line.twin.stop()
        assert await asyncio.gather(*readers) == [1001] * 5

    run(call)


def test_a_client_that_reads_nothing_is_cut_off_by_the_stop() -> None:
    async def call(line: Line) -> None:
        socket = await line.ready()
        for _ in range(40):
            await socket.send_json(GREET)
            await asyncio.sleep(5.0)
        await line.twin.stop()

    assert run(call).sessions[0].close_code == 1001


def test_a_client_that_vanishes_ends_its_session() -> None:
    async def call(line: Line) -> None:
        socket = await line.ready()
        await socket.send_json(GREET)
        response: Any = socket._response
        response.connection.transport.abort()
        await asyncio.sleep(1.0)
        assert line.twin.open_sessions == 0

    assert run(call).sessions[0].close_code == 1006


def test_sessions_share_the_units_of_their_deployment_and_no_other() -> None:
    plan = PtuPlan(units=1, tpm_per_ptu=100, output_ratio=4)

    async def call(line: Line) -> None:
        for _ in range(3):
            socket = await line.ready()
            await socket.send_json({"type": "response.create", "response": {"modalities": ["text"]}})
            async for message in socket:
                if json.loads(message.data)["type"] == "response.done":
                    break
            await socket.close()
        now = line.clock()
        assert line.twin.ptu("m").throttled > 0
        assert line.twin.ptu("m").utilisation(now) > 0
        assert line.twin.ptu("n").utilisation(now) == 0
        with pytest.raises(KeyError):
            line.twin.ptu("unlimited")

    twin = run(call, TwinOptions(ptu=plan), {"unlimited": TwinOptions()})
    assert twin.sessions[0].responses[0].status == "completed"
    assert twin.sessions[-1].responses[0].error_code == "rate_limit_exceeded"


def test_two_runs_with_one_seed_send_the_same() -> None:
    async def call(line: Line) -> None:
        socket = await line.ready()
        await socket.send_json(GREET)
        await asyncio.sleep(5.0)

    first, second = run(call), run(call)
    assert [(entry.type, entry.fields) for entry in first.sessions[0].log] == [
        (entry.type, entry.fields) for entry in second.sessions[0].log
    ]


def test_a_managed_model_is_recognised_by_its_name() -> None:
    async def call(line: Line) -> None:
        for model, prefix in (("gpt-realtime", "alloy"), ("gpt-4.1", "en-US-AvaNeural")):
            socket = await line.connect({"api-version": "2026-07-15", "model": model})
            assert (await socket.receive_json())["session"]["voice"]["name"] == prefix

    run(call)
    assert BYOM_REALTIME in Access().profiles
