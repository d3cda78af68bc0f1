"""Dialling a model session: the real client against the twin over loopback sockets, on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import WSCloseCode, web

from gateway.audio.pcm import PCM16_16K, PCM16_24K, AudioFormat, Codec
from gateway.clients.credentials import KeyHeader
from gateway.clients.http import make_session
from gateway.clients.voice_live import CLOSE_S, DialFailed, DialResult, ModelTarget, ReadySession, dial
from gateway.errors import BadMessage
from gateway.outcome import Reason
from gateway.session.events import ModelClosed, ModelOther
from gateway.simulator.virtual_time import virtual_time_runner
from gateway.simulator.voice_live import TwinOptions, VoiceLiveTwin
from gateway.simulator.voice_live.options import Access, Delivery, Faults, HandshakeFault
from gateway.wire.voice_live_session import PATH, SessionCreated, SessionSettings

KEY = "canary-key-0123456789"
TIMEOUT_S = 1.5
SETTINGS = SessionSettings(
    instructions="Be brief.",
    voice={"type": "azure-standard", "name": "en-US-AvaNeural"},
    input_format=PCM16_16K,
    output_format=PCM16_16K,
    turn_detection={"type": "azure_semantic_vad", "silence_duration_ms": 500},
)


@dataclass
class Dialled:
    """What one dial came to."""

    ready: ReadySession | None
    failure: DialFailed | None
    took_s: float

    @property
    def result(self) -> DialResult:
        return self.failure.result if self.failure is not None else DialResult.READY


class Credential:
    """Headers as a fixed value."""

    async def headers(self) -> dict[str, str]:
        return {"api-key": KEY}


def target(url: str, **changed: Any) -> ModelTarget:
    return replace(
        ModelTarget(
            "main", url, "2026-07-15", "byom-azure-openai-chat-completion", "canary-deployment", None, Credential()
        ),
        **changed,
    )


async def dialled(
    where: ModelTarget, *, settings: SessionSettings = SETTINGS, then: Callable[[ReadySession], Awaitable[None]] | None
) -> Dialled:
    clock = asyncio.get_running_loop().time
    began = clock()
    async with make_session() as http:
        try:
            ready = await dial(http, where, settings, timeout_s=TIMEOUT_S, clock=clock)
        except DialFailed as error:
            return Dialled(None, error, clock() - began)
        took_s = clock() - began
        if then is not None:
            await then(ready)
        await ready.leg.close()
        return Dialled(ready, None, took_s)


def dial_twin(
    options: TwinOptions | None = None,
    *,
    settings: SessionSettings = SETTINGS,
    then: Callable[[ReadySession], Awaitable[None]] | None = None,
    **changed: Any,
) -> tuple[Dialled, VoiceLiveTwin]:
    """One dial of a twin with these options."""

    async def main() -> tuple[Dialled, VoiceLiveTwin]:
        twin = VoiceLiveTwin(options, clock=asyncio.get_running_loop().time)
        await twin.start()
        try:
            return await dialled(target(twin.url, **changed), settings=settings, then=then), twin
        finally:
            await twin.stop()

    with virtual_time_runner() as runner:
        return runner.run(main())


def dial_server(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> Dialled:
    """One dial of a server that is no twin: it does what no healthy service would."""

    async def main() -> Dialled:
        app = web.Application()
        app.router.add_get(PATH, handler)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            return await dialled(target(f"http://127.0.0.1:{runner.addresses[0][1]}"), then=None)
        finally:
            await runner.cleanup()

    with virtual_time_runner() as runner:
        return runner.run(main())


# --- ready --------------------------------------------------------------------------------------------------------


def test_a_session_is_ready_when_its_settings_are_confirmed() -> None:
    done, twin = dial_twin()

    assert done.ready is not None
    assert done.ready.differences == ()
    assert done.ready.dial_s == pytest.approx(done.took_s, abs=0.01)
    assert done.ready.confirmed.input_format == PCM16_16K
    (session,) = twin.sessions
    assert session.query["api-version"] == "2026-07-15"
    assert session.query["profile"] == "byom-azure-openai-chat-completion"
    assert not set(session.query) & {"api-key", "Authorization"}


def test_another_resource_for_the_model_is_named_in_the_query() -> None:
    _, twin = dial_twin(foundry_resource_override="other-resource")

    assert twin.sessions[0].query["foundry-resource-override"] == "other-resource"


def test_the_formats_of_the_service_are_reported() -> None:
    done, _ = dial_twin(TwinOptions(delivery=Delivery(output_format="g711_ulaw")))

    assert done.ready is not None
    assert done.ready.confirmed.output_format == AudioFormat(Codec.ULAW, 8000)
    assert done.ready.differences == ()


def test_what_the_service_took_otherwise_is_listed() -> None:
    async def serve(request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        await ws.send_json({"type": "session.created", "session": {"id": "s"}})
        asked = (await ws.receive_json())["session"]
        taken = {"voice": {"type": "openai", "name": "alloy"}, "output_audio_format": "pcm16"}
        await ws.send_json({"type": "session.updated", "session": asked | taken})
        await ws.receive()
        return ws

    done = dial_server(serve)

    assert done.ready is not None
    assert done.ready.differences == ("voice.type", "voice.name")
    assert done.ready.confirmed.output_format == PCM16_24K


# --- every way to fail --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (400, DialResult.REJECTED),
        (401, DialResult.UNAUTHORIZED),
        (403, DialResult.FORBIDDEN),
        (404, DialResult.NOT_FOUND),
        (429, DialResult.RATE_LIMITED),
        (200, DialResult.REJECTED),
        (307, DialResult.REDIRECTED),
        (500, DialResult.SERVER_ERROR),
        (503, DialResult.SERVER_ERROR),
    ],
)
def test_a_refused_handshake(status: int, result: DialResult) -> None:
    location = "http://127.0.0.1:1/elsewhere" if status == 307 else None
    done, twin = dial_twin(TwinOptions(access=Access(fault=HandshakeFault(status, location=location))))

    assert done.failure is not None
    assert done.result is result
    assert str(status) in str(done.failure)
    assert done.failure.outcome.reason is Reason.MODEL_UNAVAILABLE
    assert len(twin.refusals) == 1, "nothing is tried again here"
    for secret in (KEY, "canary-deployment", "127.0.0.1", "http", "ws:"):
        assert secret not in str(done.failure)
        assert secret not in repr(done.failure)


def test_a_service_that_stays_mute_costs_its_deadline_and_no_more() -> None:
    done, _ = dial_twin(TwinOptions(faults=Faults(mute=True)))

    assert done.result is DialResult.TIMEOUT
    assert TIMEOUT_S <= done.took_s <= TIMEOUT_S + CLOSE_S + 0.1


def test_a_half_open_connection_costs_hardly_more() -> None:
    """The service upgrades and reads nothing any more: neither our messages nor our close."""

    async def serve(request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse(autoping=False)
        await ws.prepare(request)
        await asyncio.sleep(30.0)
        return ws

    done = dial_server(serve)

    assert done.result is DialResult.TIMEOUT
    assert TIMEOUT_S <= done.took_s <= TIMEOUT_S + CLOSE_S + 0.1


def test_nobody_listens() -> None:
    async def main() -> Dialled:
        return await dialled(target("ws://127.0.0.1:1"), then=None)

    with virtual_time_runner() as runner:
        done = runner.run(main())

    assert done.result is DialResult.CONNECTION
    assert "127.0.0.1" not in str(done.failure)


def test_an_error_instead_of_the_confirmation() -> None:
    done, _ = dial_twin(TwinOptions(faults=Faults(opening_error="byom_authentication_error")))

    assert done.result is DialResult.SESSION_ERROR
    assert "byom_authentication_error" in str(done.failure)


@pytest.mark.parametrize("after", ["upgrade", "created", "abort"])
def test_a_service_that_closes_before_it_confirms(after: str) -> None:
    async def serve(request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        if after == "created":
            await ws.send_json({"type": "session.created", "session": {}})
        if after == "abort":
            assert request.transport is not None
            await ws.send_json({"type": "session.created", "session": {}})
            request.transport.abort()
        else:
            await ws.close(code=WSCloseCode.INTERNAL_ERROR)
        return ws

    done = dial_server(serve)

    assert done.result is DialResult.CONNECTION


def test_a_key_file_that_is_gone_is_a_failed_dial(tmp_path: Path) -> None:
    done, twin = dial_twin(credential=KeyHeader(tmp_path / "gone.key"))

    assert done.result is DialResult.NO_IDENTITY
    assert twin.sessions == []


def test_rubbish_before_the_confirmation_is_skipped() -> None:
    async def serve(request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        for rubbish in ("{", "[]", '{"type":"session.updated","session":{}}', '{"type":"future"}'):
            await ws.send_str(rubbish)
        await ws.send_bytes(b"binary")
        await ws.send_json({"type": "session.created", "session": {"id": "s"}})
        asked = (await ws.receive_json())["session"]
        await ws.send_json({"type": "session.updated", "session": asked | {"id": "s"}})
        await ws.receive()
        return ws

    done = dial_server(serve)

    assert done.ready is not None
    assert done.ready.confirmed.session_id == "s"


# --- an open leg --------------------------------------------------------------------------------------------------


def test_a_bad_message_is_told_and_the_next_one_is_read() -> None:
    async def serve(request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        await ws.send_json({"type": "session.created", "session": {}})
        asked = (await ws.receive_json())["session"]
        await ws.send_json({"type": "session.updated", "session": asked})
        await ws.send_bytes(b"binary")
        await ws.send_str("{")
        await ws.send_json({"type": "session.created", "session": {"id": "again"}})
        await ws.send_json({"type": "response.text.done"})
        await ws.close(code=1011, message=b"bye")
        return ws

    seen: list[object] = []

    async def read(ready: ReadySession) -> None:
        while not seen or not isinstance(seen[-1], ModelClosed):
            try:
                seen.append(await ready.leg.receive())
            except BadMessage as error:
                seen.append(error.kind)

    async def main() -> None:
        app = web.Application()
        app.router.add_get(PATH, serve)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        await dialled(target(f"http://127.0.0.1:{runner.addresses[0][1]}"), then=read)
        await runner.cleanup()

    with virtual_time_runner() as runner:
        runner.run(main())

    assert seen[:4] == ["binary", "json", SessionCreated("again"), ModelOther("response.text.done")]
    closed = seen[4]
    assert isinstance(closed, ModelClosed)
    assert closed.code == 1011


def test_sending_on_a_closed_leg_is_a_connection_error() -> None:
    async def close_and_send(ready: ReadySession) -> None:
        await ready.leg.close()
        with pytest.raises(ConnectionError):
            await ready.leg.send(b"{}")

    done, _ = dial_twin(then=close_and_send)

    assert done.ready is not None
