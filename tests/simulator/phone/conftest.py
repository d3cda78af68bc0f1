"""A gateway small enough to read, on the official Call Automation client; the twin is tested against it."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import json
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import numpy as np
import pytest
from aiohttp import web
from azure.communication.callautomation import (
    AudioFormat,
    MediaStreamingAudioChannelType,
    MediaStreamingContentType,
    MediaStreamingOptions,
    StreamingTransportType,
)
from azure.communication.callautomation.aio import CallAutomationClient
from azure.core.credentials import AzureKeyCredential

from gateway.audio.pcm import Int16Array
from gateway.simulator.phone import NetworkOptions, PhoneNetwork, Speech
from gateway.simulator.phone.keys import SigningKeys
from gateway.simulator.virtual_time import virtual_time_runner

KEY = base64.b64encode(b"a key of a phone network in tests").decode()
Media = Callable[["MiniGateway", web.WebSocketResponse], Awaitable[None]]


async def listen_only(_gateway: MiniGateway, _ws: web.WebSocketResponse) -> None:
    """Say nothing; what comes in is collected anyway."""


@dataclass
class MiniGateway:
    """Answers every call at once; what it does with the media is the test's."""

    media: Media = listen_only
    audio_format: AudioFormat = AudioFormat.PCM16_K_MONO
    unmixed: bool = False
    start: bool = True
    bidirectional: bool = True
    dtmf: bool = True
    event_statuses: list[int] = field(default_factory=list)
    """what the first deliveries get instead of an answered call"""
    media_status: int = 101
    answers: int = 1
    """answer requests made for every event"""
    act: Callable[[MiniGateway, str], Awaitable[None]] | None = None
    """instead of answering"""
    endpoint: str = ""
    key: str = KEY
    url: str = ""
    events: list[Any] = field(default_factory=list)
    event_headers: list[dict[str, str]] = field(default_factory=list)
    callbacks: list[Any] = field(default_factory=list)
    callback_headers: list[dict[str, str]] = field(default_factory=list)
    handshakes: list[dict[str, str]] = field(default_factory=list)
    frames: list[tuple[float, Any]] = field(default_factory=list)
    """time and message of everything the sockets brought"""
    connection_id: str = ""
    answer_errors: list[Any] = field(default_factory=list)
    pongs: list[bool] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    media_errors: list[Exception] = field(default_factory=list)

    STOP = json.dumps({"Kind": "StopAudio", "AudioData": None, "StopAudio": {}})

    @staticmethod
    def base64_of(samples: Int16Array) -> str:
        return base64.b64encode(samples.astype("<i2").tobytes()).decode()

    @staticmethod
    def audio_message(samples: Int16Array) -> str:
        data = MiniGateway.base64_of(samples)
        return json.dumps({"Kind": "AudioData", "AudioData": {"Data": data}, "StopAudio": None})

    @staticmethod
    def speech(length_s: float) -> Speech:
        """Something for a caller to say."""
        return Speech(tone(length_s), 16000, "beep")

    def client(self) -> CallAutomationClient:
        return CallAutomationClient(self.endpoint, AzureKeyCredential(self.key), retry_total=0)

    async def start_up(self) -> web.AppRunner:
        self.arrived = asyncio.Event()
        app = web.Application()
        app.router.add_post("/events", self._on_event)
        app.router.add_options("/events", self._on_options)
        app.router.add_post("/callbacks", self._on_callback)
        app.router.add_get("/media", self._on_media)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    async def answer(self, client: CallAutomationClient, context: str, **kwargs: Any) -> Any:
        options = MediaStreamingOptions(
            transport_url=self.url.replace("http", "ws") + "/media",
            transport_type=StreamingTransportType.WEBSOCKET,
            content_type=MediaStreamingContentType.AUDIO,
            audio_channel_type=(
                MediaStreamingAudioChannelType.UNMIXED if self.unmixed else MediaStreamingAudioChannelType.MIXED
            ),
            start_media_streaming=self.start,
            enable_bidirectional=self.bidirectional,
            audio_format=self.audio_format,
            enable_dtmf_tones=self.dtmf,
        )
        return await client.answer_call(
            context, self.url + "/callbacks", media_streaming=options, operation_context="oc", **kwargs
        )

    async def _on_event(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.events.append(body)
        self.event_headers.append(dict(request.headers))
        if request.headers["aeg-event-type"] == "SubscriptionValidation":
            return web.json_response({"validationResponse": body[0]["data"]["validationCode"]})
        if self.event_statuses:
            return web.Response(status=self.event_statuses.pop(0))
        for event in body if isinstance(body, list) else [body]:
            if event.get("eventType", event.get("type")) == "Microsoft.Communication.IncomingCall":
                await self._take_call(event["data"]["incomingCallContext"])
        return web.Response()

    async def _take_call(self, context: str) -> None:
        if self.act is not None:
            await self.act(self, context)
            return
        async with self.client() as client:
            for _ in range(self.answers):
                try:
                    properties = await self.answer(client, context)
                except Exception as error:  # noqa: BLE001 - which error is what the test looks at
                    self.answer_errors.append(error)
                else:
                    self.connection_id = properties.call_connection_id

    async def _on_options(self, request: web.Request) -> web.Response:
        origin = request.headers["WebHook-Request-Origin"]
        return web.Response(headers={"WebHook-Allowed-Origin": origin, "Allow": "POST"})

    async def _on_callback(self, request: web.Request) -> web.Response:
        self.callbacks.extend(await request.json())
        self.callback_headers.append(dict(request.headers))
        return web.Response()

    async def _on_media(self, request: web.Request) -> web.StreamResponse:
        self.handshakes.append(dict(request.headers))
        if self.media_status != 101:
            return web.Response(status=self.media_status)
        ws = web.WebSocketResponse(autoping=False)
        await ws.prepare(request)
        speaking = asyncio.get_running_loop().create_task(self._speak(ws))
        async for message in ws:
            if message.type is aiohttp.WSMsgType.TEXT:
                self.frames.append((asyncio.get_running_loop().time(), json.loads(message.data)))
                self.arrived.set()
            elif message.type is aiohttp.WSMsgType.PONG:
                self.pongs.append(True)
        speaking.cancel()
        (outcome,) = await asyncio.gather(speaking, return_exceptions=True)
        if isinstance(outcome, Exception) and not isinstance(outcome, ConnectionError):
            self.media_errors.append(outcome)
        return ws

    async def _speak(self, ws: web.WebSocketResponse) -> None:
        await self.media(self, ws)

    async def until_heard(self, count: int = 1) -> None:
        """Until the socket brought so many frames with audio."""
        while len(self.audio()) < count:
            self.arrived.clear()
            await self.arrived.wait()

    def audio(self) -> list[tuple[float, Any]]:
        return [(at, message["audioData"]) for at, message in self.frames if message["kind"] == "AudioData"]

    def sound(self) -> Int16Array:
        """All frames as samples."""
        data = b"".join(base64.b64decode(body["data"]) for _, body in self.audio())
        return np.frombuffer(data, "<i2").astype(np.int16)

    def kinds(self) -> list[str]:
        return [event["type"].rpartition(".")[2] for event in self.callbacks]


def tone(length_s: float, rate_hz: int = 16000, hz: float = 1000.0, peak: int = 8000) -> Int16Array:
    at = np.arange(round(length_s * rate_hz)) / rate_hz
    samples: Int16Array = np.rint(peak * np.sin(2 * np.pi * hz * at)).astype(np.int16)
    return samples


@dataclass
class Bench:
    """Network and gateway on virtual time."""

    gateway: MiniGateway
    network: PhoneNetwork


Scenario = Callable[[Bench], Coroutine[Any, Any, None]]
Run = Callable[..., None]


@pytest.fixture
def gateway() -> MiniGateway:
    return MiniGateway()


@pytest.fixture(scope="session")
def signing_keys() -> SigningKeys:
    """One pair for all tests: making one takes a tenth of a second."""
    return SigningKeys()


@pytest.fixture
def run_bench(gateway: MiniGateway, signing_keys: SigningKeys) -> Run:
    """Run a scenario against a network that calls the mini gateway; nothing may be left over afterwards."""

    async def main(scenario: Scenario, options: NetworkOptions) -> None:
        loop = asyncio.get_running_loop()
        runner = await gateway.start_up()
        network = PhoneNetwork(gateway.url + "/events?code=s", access_key=KEY, clock=loop.time, options=options)
        await network.start()
        gateway.endpoint = network.endpoint
        try:
            await scenario(Bench(gateway, network))
        finally:
            await network.stop()
            await runner.cleanup()
        assert gateway.media_errors == []
        await asyncio.sleep(0)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"left over: {left}"

    def run(scenario: Scenario, options: NetworkOptions | None = None) -> None:
        with virtual_time_runner() as runner:
            runner.run(main(scenario, dataclasses.replace(options or NetworkOptions(), keys=signing_keys)))

    return run


@pytest.fixture
def bench_tone() -> Callable[..., Int16Array]:
    return tone
