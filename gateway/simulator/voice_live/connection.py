"""One upgraded WebSocket: carries messages to the protocol core and its effects out."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Collection
from functools import partial

import orjson
from aiohttp import WSMsgType, web

from gateway.simulator.voice_live.outbox import Abort, CloseSocket, Effect, Send, SendRaw, StopReading, Synthesise
from gateway.simulator.voice_live.session import TwinSession
from gateway.simulator.voice_live.speech import Voice

_QUEUE_MESSAGES = 20_000
"""A client that reads nothing for so long (minutes of answers) is cut off, as a service would."""
_ABNORMAL = 1006


class Connection:
    """Runs one session until either side ends it."""

    def __init__(
        self,
        transport: asyncio.Transport | None,
        socket: web.WebSocketResponse,
        session: TwinSession,
        *,
        voice: Voice,
        clock: Callable[[], float],
    ) -> None:
        self._transport = transport
        self._socket = socket
        self._session = session
        self._record = session.record
        self._voice = voice
        self._clock = clock
        self._outbound: asyncio.Queue[Effect] = asyncio.Queue(_QUEUE_MESSAGES)
        self._timer: asyncio.TimerHandle | None = None
        self._deaf = asyncio.Event()
        self._ended = asyncio.Event()
        self._helpers: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"<Connection {self._record!r} queued={self._outbound.qsize()}>"

    async def run(self) -> None:
        writer = asyncio.create_task(self._write())
        try:
            self._perform(self._session.on_open(self._clock()))
            await self._read()
        finally:
            if self._timer is not None:
                self._timer.cancel()
            tasks = [writer, *self._helpers]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._record.closed_at = self._clock()
            self._note_code(self._socket.close_code)

    async def close(self, code: int, reason: str) -> None:
        """End the connection from outside."""
        self._ended.set()
        self._note_code(code)
        await self._socket.close(code=code, message=reason.encode())

    async def _read(self) -> None:
        while True:
            if self._deaf.is_set():
                await self._ended.wait()
                return
            message = await self._socket.receive()
            if message.type is WSMsgType.TEXT:
                self._perform(self._session.on_message(message.data, self._clock()))
            elif message.type is WSMsgType.BINARY:
                self._perform(self._session.on_message(b"", self._clock()))  # binary frames are no events
            else:
                self._note_code(self._socket.close_code)
                return

    def _perform(self, effects: Collection[Effect]) -> None:
        for effect in effects:
            match effect:
                case Abort():
                    self._abort()
                case StopReading():
                    self._deaf.set()
                case Synthesise(response_id, text):
                    helper = asyncio.create_task(self._synthesise(response_id, text))
                    self._helpers.add(helper)
                    helper.add_done_callback(self._helpers.discard)
                case Send() | SendRaw() | CloseSocket():
                    self._enqueue(effect)
        self._arm()

    def _enqueue(self, effect: Effect) -> None:
        try:
            self._outbound.put_nowait(effect)
        except asyncio.QueueFull:
            self._abort()

    def _note_code(self, code: int | None) -> None:
        """Whoever ends the connection first says how."""
        if self._record.close_code is None:
            self._record.close_code = code or _ABNORMAL

    def _abort(self) -> None:
        self._note_code(_ABNORMAL)
        self._ended.set()
        if self._transport is not None:
            self._transport.abort()

    def _arm(self) -> None:
        """Set the one timer to the core's next moment."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        next_at = self._session.next_at
        if not math.isinf(next_at):
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(0.0, next_at - self._clock()), self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._perform(self._session.on_timer(self._clock()))

    async def _write(self) -> None:
        """The only place that sends; waits while the client does not read."""
        while True:
            effect = await self._outbound.get()
            try:
                await self._send(effect)
            except (ConnectionError, RuntimeError):
                return  # the socket is closed or closing; the reader notices

    async def _send(self, effect: Effect) -> None:
        match effect:
            case Send(event):
                await self._socket.send_frame(orjson.dumps(event), WSMsgType.TEXT)
            case SendRaw(data, binary):
                await self._socket.send_frame(data, WSMsgType.BINARY if binary else WSMsgType.TEXT)
            case CloseSocket(code, reason):
                await self.close(code, reason)
            case _:
                raise AssertionError(effect)

    async def _synthesise(self, response_id: str, text: str) -> None:
        """Make a sentence's sound in a thread, for which a loop on virtual time holds its clock (not for a process)."""
        speech = self._voice.find(text)
        if speech is None:
            speech = await asyncio.get_running_loop().run_in_executor(None, partial(self._voice.make, text))
            self._voice.remember(text, speech)
        self._perform(self._session.on_speech(response_id, speech, self._clock()))
