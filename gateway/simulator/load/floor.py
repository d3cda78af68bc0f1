"""The floor: a bare relay between the two legs, and what it costs is what no gateway can do without.

aiohttp on both legs and the best settings known for it; the same rates, TLS and event loop as the gateway; frames of
20 ms cut at real time by one shared ticker; resampled only if the rates differ. No jitter buffer, no ledger, no
metrics, no checks, no failure handling: it is a yardstick, not a product.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import signal
import sys
import time
from typing import Any, TypeAlias

import aiohttp
import msgspec
import numpy as np
import orjson
import pybase64
import uvloop
from aiohttp import WSMsgType, web

from gateway.audio.pcm import FRAME_S, AudioFormat, Codec, Int16Array
from gateway.audio.resample import StreamResampler

SLOTS = 4
TIMER_S = 0.0005
STOP_AUDIO = b'{"Kind":"StopAudio","AudioData":null,"StopAudio":{}}'
WRITER_LIMIT_BYTES = 16 << 20
GC_THRESHOLD = 20_000

PhoneSocket: TypeAlias = web.WebSocketResponse[bool]
ModelSocket: TypeAlias = aiohttp.ClientWebSocketResponse[bool]


class Settings(msgspec.Struct, frozen=True):
    """What the load tool passes."""

    port: int
    call_automation: str
    voice_live: str
    phone_rate_hz: int
    model_rate_hz: int
    greeting: str


class _Audio(msgspec.Struct, frozen=True, gc=False):
    data: str = ""


class _Phone(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    kind: str
    audio_data: _Audio | None = None


class _Model(msgspec.Struct, frozen=True, gc=False):
    type: str
    delta: str = ""


_phone_decoder = msgspec.json.Decoder(_Phone)
_model_decoder = msgspec.json.Decoder(_Model)


class Relay:
    """One call."""

    def __init__(self, settings: Settings, model: ModelSocket) -> None:
        self.model = model
        self.phone: PhoneSocket | None = None
        self._same = settings.phone_rate_hz == settings.model_rate_hz
        self._up = StreamResampler(settings.phone_rate_hz, settings.model_rate_hz)
        self._down = StreamResampler(settings.model_rate_hz, settings.phone_rate_hz)
        self._frame_bytes = AudioFormat(Codec.PCM16, settings.phone_rate_hz).frame_bytes
        self._queue = bytearray()
        self._read = 0

    async def up(self, data: bytes) -> None:
        message = _phone_decoder.decode(data)
        if message.kind != "AudioData" or message.audio_data is None:
            return
        payload = message.audio_data.data.encode()
        if not self._same:
            payload = pybase64.b64encode(self._up.push(_samples(payload)).tobytes())
        await self.model.send_frame(b'{"type":"input_audio_buffer.append","audio":"' + payload + b'"}', WSMsgType.TEXT)

    async def down(self) -> None:
        """Queue what the model says until it closes."""
        while (message := await self.model.receive()).type is WSMsgType.TEXT:
            event = _model_decoder.decode(message.data)
            if event.type == "response.audio.delta":
                self._queue += self._down.push(_samples(event.delta.encode())).tobytes()
            elif event.type == "input_audio_buffer.speech_started":
                self._queue.clear()
                self._read = 0
                if self.phone is not None:
                    await self.phone.send_frame(STOP_AUDIO, WSMsgType.TEXT)
        if self.phone is not None:
            await self.phone.close()

    async def tick(self) -> None:
        """Send the frame that is due."""
        end = self._read + self._frame_bytes
        phone = self.phone
        if phone is None or phone.closed or end > len(self._queue):
            return
        frame = pybase64.b64encode(self._queue[self._read : end])
        self._read = end
        if end == len(self._queue) or end > 1 << 16:
            del self._queue[:end]
            self._read = 0
        await phone.send_frame(
            b'{"Kind":"AudioData","AudioData":{"Data":"' + frame + b'"},"StopAudio":null}', WSMsgType.TEXT
        )


def _samples(payload: bytes) -> Int16Array:
    return np.frombuffer(pybase64.b64decode(payload, validate=True), "<i2")


class Floor:
    """All calls of the process."""

    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._http = http
        self._relays: dict[int, Relay] = {}
        self._numbers = itertools.count(1)
        self._slots: list[list[Relay]] = [[] for _ in range(SLOTS)]
        self._tasks: set[asyncio.Task[None]] = set()

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/readyz", self._ok),
            web.post("/events/incoming-call", self._ring),
            web.post("/calls/{number}/events", self._ok),
            web.get("/media/{number}", self._media),
        ]

    async def run(self) -> None:
        """The shared ticker: 4 slots of 5 ms."""
        start = time.monotonic()
        for n in itertools.count(1):
            wait_s = start + n * FRAME_S / SLOTS - time.monotonic()
            if wait_s > TIMER_S:
                await asyncio.sleep(wait_s)
            elif n % SLOTS == 0:
                await asyncio.sleep(0)
            for relay in tuple(self._slots[n % SLOTS]):
                await relay.tick()

    async def _ok(self, _request: web.Request) -> web.Response:
        return web.Response()

    async def _ring(self, request: web.Request) -> web.Response:
        for event in await request.json():
            number = next(self._numbers)
            self._relays[number] = Relay(self._settings, await self._dial())
            await self._answer(event["data"]["incomingCallContext"], number)
        return web.Response()

    async def _dial(self) -> ModelSocket:
        settings = self._settings
        socket = await self._http.ws_connect(
            f"{settings.voice_live}/voice-live/realtime?api-version=2026-07-15&model=floor"
            "&profile=byom-azure-openai-chat-completion",
            compress=0,
            decode_text=False,
        )
        await socket.receive()  # session.created
        await socket.send_frame(_session_update(settings), WSMsgType.TEXT)
        await socket.receive()  # session.updated
        content = [{"type": "text", "text": settings.greeting}]
        message = {"type": "message", "role": "assistant", "content": content}
        create = {"type": "response.create", "response": {"pre_generated_assistant_message": message}}
        await socket.send_frame(orjson.dumps(create), WSMsgType.TEXT)
        return socket

    async def _answer(self, context: str, number: int) -> None:
        settings = self._settings
        own = f"127.0.0.1:{settings.port}"
        streaming = {
            "transportType": "websocket",
            "transportUrl": f"ws://{own}/media/{number}",
            "contentType": "audio",
            "audioChannelType": "unmixed",
            "startMediaStreaming": True,
            "enableBidirectional": True,
            "audioFormat": f"pcm{settings.phone_rate_hz // 1000}KMono",
        }
        body: dict[str, Any] = {"incomingCallContext": context, "callbackUri": f"http://{own}/calls/{number}/events"}
        url = f"{settings.call_automation}/calling/callConnections:answer?api-version=2026-03-12"
        async with self._http.post(url, json={**body, "mediaStreamingOptions": streaming}) as response:
            response.raise_for_status()

    async def _media(self, request: web.Request) -> web.StreamResponse:
        relay = self._relays.pop(int(request.match_info["number"]))
        phone: PhoneSocket = web.WebSocketResponse(compress=False, decode_text=False, writer_limit=WRITER_LIMIT_BYTES)
        await phone.prepare(request)
        relay.phone = phone
        slot = min(self._slots, key=len)
        slot.append(relay)
        task = asyncio.create_task(relay.down())
        self._tasks.add(task)
        try:
            while (message := await phone.receive()).type is WSMsgType.TEXT:
                await relay.up(message.data)
        finally:
            slot.remove(relay)
            await relay.model.close()
            await asyncio.gather(task, return_exceptions=True)
            self._tasks.discard(task)
        return phone


def _session_update(settings: Settings) -> bytes:
    """Formats, and what makes the service send as much as it sends to the gateway."""
    rate_hz = settings.model_rate_hz
    session = {
        "modalities": ["text", "audio"],
        "input_audio_format": "pcm16",
        "input_audio_sampling_rate": rate_hz,
        "output_audio_format": "pcm16" if rate_hz == 24000 else f"pcm16_{rate_hz}hz",  # noqa: PLR2004 - its name
        "output_audio_timestamp_types": ["word"],
    }
    return orjson.dumps({"type": "session.update", "session": session})


async def serve(settings: Settings) -> None:
    """Relay until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        floor = Floor(settings, http)
        app = web.Application(client_max_size=1 << 20)
        app.add_routes(floor.routes())
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", settings.port).start()
        ticker = asyncio.create_task(floor.run())
        await stop.wait()
        ticker.cancel()
        await asyncio.gather(ticker, return_exceptions=True)
        await runner.cleanup()


def main() -> None:
    settings = msgspec.convert(json.loads(sys.argv[1]), Settings)
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 50, 50)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings))


if __name__ == "__main__":
    main()
