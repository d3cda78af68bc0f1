"""The lean Voice Live service: echoes settings, recognises the frames that reach it, and tells its dialogue."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from typing import Any, TypeAlias

import aiohttp
import msgspec
import orjson
from aiohttp import WSMsgType, web

from gateway.simulator.load.calls import Bench, CallBook, LoadCall
from gateway.simulator.load.dialogue import Dialogue
from gateway.simulator.load.events import event
from gateway.simulator.load.marks import MarkReader
from gateway.simulator.voice_live.checks import Refused
from gateway.simulator.voice_live.settings import SessionConfig
from gateway.simulator.voice_live.traits import fresh_session, traits_of

PATH = "/voice-live/realtime"
SESSION_S = 3600
SHUTDOWN_S = 1.0
APPEND = "input_audio_buffer.append"

ModelSocket: TypeAlias = web.WebSocketResponse[bool]


class _Message(msgspec.Struct, frozen=True, gc=False):
    """What is read of the event that comes fifty times a second; the others are decoded again."""

    type: str
    audio: str | None = None


_decoder = msgspec.json.Decoder(_Message)


class ModelService:
    """Serves sessions until stopped."""

    def __init__(self, bench: Bench, book: CallBook) -> None:
        self._bench = bench
        self._book = book
        self._reader = MarkReader(bench.plan.phone, bench.plan.model)
        self._runner: web.AppRunner | None = None
        self._sockets: set[ModelSocket] = set()
        self._sessions = 0
        self.endpoint = ""

    async def start(self, tls: ssl.SSLContext | None) -> None:
        app = web.Application()
        app.router.add_get(PATH, self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=tls).start()
        self.endpoint = f"{'http' if tls is None else 'https'}://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        for socket in tuple(self._sockets):
            await socket.close(code=aiohttp.WSCloseCode.GOING_AWAY)
        if self._runner is not None:
            await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        socket: ModelSocket = web.WebSocketResponse(compress=False, decode_text=False)
        await socket.prepare(request)
        self._sessions += 1
        session = _Session(self._bench, self._book, self._reader, socket, self._sessions)
        leave = self._bench.metronome.join(session.step)
        self._sockets.add(socket)
        try:
            await session.run(request.query)
        except ConnectionError:
            pass  # the gateway hung up in the middle of an answer
        finally:
            leave()
            self._sockets.discard(socket)
        return socket


class _Session:
    """One session after its upgrade."""

    def __init__(self, bench: Bench, book: CallBook, reader: MarkReader, socket: ModelSocket, number: int) -> None:
        self._bench = bench
        self._book = book
        self._reader = reader
        self._socket = socket
        self._number = number
        self._dialogue = Dialogue(bench.plan.talk, bench.plan.model.rate_hz, number)
        self._call: LoadCall | None = None
        self._config: SessionConfig | None = None

    async def run(self, query: Mapping[str, str]) -> None:
        """Talk until the gateway hangs up."""
        await self._begin(query)
        while True:
            message = await self._socket.receive()
            if message.type is not WSMsgType.TEXT:
                break
            decoded = _decoder.decode(message.data)
            if decoded.type == APPEND and decoded.audio is not None:
                self._on_audio(decoded.audio)
            else:
                await self._on_other(decoded.type, orjson.loads(message.data))
        if self._call is not None:
            self._call.failed("model_leg_closed_early")

    async def step(self, _now: float) -> None:
        """Every 20 ms: send what the dialogue has to say."""
        dialogue, samples = self._dialogue, self._bench.samples
        before = dialogue.deltas
        for message in dialogue.step(self._bench.clock()):
            if self._socket.closed:
                return
            await self._socket.send_frame(message, WSMsgType.TEXT)
        if samples.open:
            samples.deltas += dialogue.deltas - before

    async def _begin(self, query: Mapping[str, str]) -> None:
        traits = traits_of(query.get("profile"), query.get("model", ""), query.get("api-version", ""))
        fresh = fresh_session(traits, f"sess_load{self._number}", query.get("model", ""), int(time.time()) + SESSION_S)
        self._config = SessionConfig(traits, fresh, forced_output=None, hyphenated=False)
        await self._send(event("session.created", session=self._config.echo()))

    def _on_audio(self, payload: str) -> None:
        now, samples = self._bench.clock(), self._bench.samples
        try:
            marks = self._reader.read(payload)
        except ValueError:
            marks = [(-1, 0)]
        for mark, number in marks:
            call = self._call
            if call is None:
                call = self._recognise(mark, now)
            if call is None or mark != call.number or not call.heard(number, now, samples):
                samples.unknown_appends += samples.open

    def _recognise(self, mark: int, now: float) -> LoadCall | None:
        """The first frame says whose session this is."""
        call = self._book.with_mark(mark)
        if call is None or call.dialogue is not None:
            return None
        call.dialogue = self._dialogue
        self._call = call
        self._dialogue.caller_heard(now)
        return call

    async def _on_other(self, kind: str, message: dict[str, Any]) -> None:
        match kind:
            case "session.update":
                await self._update(message)
            case "response.create":
                self._dialogue.greeting_asked()
            case "conversation.item.truncate":
                fields = {name: message.get(name) for name in ("item_id", "content_index", "audio_end_ms")}
                await self._send(event("conversation.item.truncated", **fields))
            case _:
                pass  # the others have no answer

    async def _update(self, message: dict[str, Any]) -> None:
        config = self._config
        if config is None:
            return
        try:
            config.update(message["session"], audio_received=self._call is not None, audio_produced=False)
        except Refused as error:
            problem = {"type": "invalid_request_error", "code": "invalid_value", "message": str(error), "param": None}
            await self._send(event("error", error={**problem, "event_id": message.get("event_id")}))
            return
        self._dialogue.times_words = config.times_words
        await self._send(event("session.updated", session=config.echo()))

    async def _send(self, message: bytes) -> None:
        if not self._socket.closed:
            await self._socket.send_frame(message, WSMsgType.TEXT)
