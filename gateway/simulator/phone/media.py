"""The service's end of a media WebSocket: it dials, sends 20 ms frames when they are due, and plays what it gets."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import socket
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
import numpy as np
import orjson

from gateway.simulator.phone.ear import EarStream
from gateway.simulator.phone.uplink import UNKNOWN_MESSAGES

_CONNECT_S = 10.0
_CLOSE_S = 2.0
"""How long an orderly close waits for the other side's close frame."""
_BACKLOG = 1500
"""Messages held for a gateway that does not read: 30 s; then the oldest are dropped, as nothing can be sent late
for ever."""
_SPRINKLE_EVERY = 50


class MediaRefused(Exception):  # noqa: N818 - named for what happened
    """The gateway did not let the socket in; the text is what the network's log would say."""


class MediaLeg:
    """One media socket of one call.

    Args:
        url: transportUrl of the answer.
        headers: of the handshake.
        stream: where the sound for the caller goes; None when the answer did not ask for both directions.
        clock: monotonic seconds.
        pongs: pings are answered.
        sprinkle: messages of unknown kind among the frames.
    """

    def __init__(  # noqa: PLR0913 - the settings of one socket
        self,
        url: str,
        headers: Mapping[str, str],
        stream: EarStream | None,
        clock: Callable[[], float],
        *,
        pongs: bool = True,
        sprinkle: bool = False,
    ) -> None:
        self._url = url
        self._headers = headers
        self._stream = stream
        self._clock = clock
        self._pongs = pongs
        self._sprinkle = sprinkle
        self._ws: aiohttp.ClientWebSocketResponse | None = None
        self._due: deque[tuple[float, str, bool]] = deque()
        self._wake = asyncio.Event()
        self._last_due = 0.0
        self.opened_at: float | None = None
        self.first_frame_at: float | None = None
        self.closed_at: float | None = None
        self.close_code: int | None = None
        self.closed_by: str | None = None
        """network or gateway"""
        self.frames_sent = 0
        self.frames_dropped = 0
        self.received: Counter[str] = Counter()
        """messages by kind, and what could not be used: invalid, odd, not_asked"""

    @property
    def is_open(self) -> bool:
        return self.opened_at is not None and self.closed_at is None

    async def connect(self, http: aiohttp.ClientSession, metadata: str) -> None:
        """Dial, and send the first message.

        Raises:
            MediaRefused: no connection, or no 101.
        """
        try:
            async with asyncio.timeout(_CONNECT_S):
                self._ws = await http.ws_connect(
                    self._url,
                    headers=self._headers,
                    autoping=self._pongs,
                    timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_S),
                )
                await self._ws.send_str(metadata)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            status = getattr(error, "status", None)
            raise MediaRefused(f"{type(error).__name__} {status or ''}".strip()) from error
        self.opened_at = self._clock()

    def offer(self, message: str, due: float, *, audio: bool) -> None:
        """Send at `due`, or right after what was offered before, whichever is later; TCP keeps the order."""
        self._last_due = max(self._last_due, due)
        self._due.append((self._last_due, message, audio))
        if len(self._due) > _BACKLOG:
            self._due.popleft()
            self.frames_dropped += 1
        self._wake.set()

    async def send_raw(self, message: bytes) -> None:
        """Send any bytes as a text message, now: what no network should do."""
        with contextlib.suppress(ConnectionError, aiohttp.ClientError):
            await self._socket().send_frame(message, aiohttp.WSMsgType.TEXT)

    async def run(self) -> None:
        """Send and receive until the socket is closed, by whomever."""
        sender = asyncio.get_running_loop().create_task(self._send())
        try:
            await self._receive()
        finally:
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)
            self._note_closed("gateway")
            await self._socket().close()  # cancelled: the socket must not stay behind

    async def close(self, code: int = aiohttp.WSCloseCode.OK) -> None:
        """An orderly close from the network's side."""
        self._note_closed("network")
        if self._ws is not None:
            await self._ws.close(code=code)
            self.close_code = int(code)

    def abort(self) -> None:
        """Break the connection: the other side sees it end without a close frame."""
        self._note_closed("network")
        self.close_code = int(aiohttp.WSCloseCode.ABNORMAL_CLOSURE)
        raw = None if self._ws is None else self._ws.get_extra_info("socket")
        if raw is not None:
            with contextlib.suppress(OSError):  # it may be gone already
                raw.shutdown(socket.SHUT_RDWR)

    def _note_closed(self, by: str) -> None:
        if self.closed_at is None:
            self.closed_at, self.closed_by = self._clock(), by
            code = None if self._ws is None else self._ws.close_code
            self.close_code = None if code is None else int(code)

    async def _send(self) -> None:
        ws = self._socket()
        with contextlib.suppress(ConnectionError, aiohttp.ClientError):  # the reader sees the end as well
            while not ws.closed:
                if not self._due:
                    self._wake.clear()
                    await self._wake.wait()
                    continue
                due, message, audio = self._due.popleft()
                delay_s = due - self._clock()
                if delay_s > 0:
                    await asyncio.sleep(delay_s)
                if audio:
                    await self._sprinkle_unknown(ws)
                    self._note_frame()
                await ws.send_str(message)

    async def _sprinkle_unknown(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        if self._sprinkle and self.frames_sent % _SPRINKLE_EVERY == _SPRINKLE_EVERY // 2:
            await ws.send_str(UNKNOWN_MESSAGES[self.frames_sent // _SPRINKLE_EVERY % len(UNKNOWN_MESSAGES)])

    def _note_frame(self) -> None:
        self.frames_sent += 1
        if self.first_frame_at is None:
            self.first_frame_at = self._clock()
            if self._stream is not None:
                self._stream.opened(self.first_frame_at)

    async def _receive(self) -> None:
        ws = self._socket()
        async for message in ws:
            if message.type is aiohttp.WSMsgType.TEXT:
                self._take(message.data)
            elif message.type is aiohttp.WSMsgType.BINARY:
                self.received["binary"] += 1

    def _take(self, text: str) -> None:
        """Property names in any casing, values of `kind` as documented: so five code bases of Microsoft send them."""
        try:
            message = _lower_keys(orjson.loads(text))
        except orjson.JSONDecodeError:
            self.received["invalid"] += 1
            return
        kind = message.get("kind")
        if kind not in ("AudioData", "StopAudio"):
            self.received["unknown"] += 1
            return
        self.received[kind] += 1
        if self._stream is None:
            self.received["not_asked"] += 1
        elif kind == "StopAudio":
            self._stream.stop(self._clock())
        else:
            self._play(self._stream, _lower_keys(message.get("audiodata")).get("data"))

    def _play(self, stream: EarStream, data: Any) -> None:
        try:
            payload = base64.b64decode(data, validate=True)
        except (binascii.Error, TypeError, ValueError):
            self.received["invalid"] += 1
            return
        if len(payload) % 2:
            self.received["odd"] += 1
            return
        stream.receive(np.frombuffer(payload, "<i2").astype(np.int16, copy=False), self._clock())

    def _socket(self) -> aiohttp.ClientWebSocketResponse:
        if self._ws is None:
            raise RuntimeError("connect() comes first")
        return self._ws


def _lower_keys(value: Any) -> dict[str, Any]:
    return {key.lower(): item for key, item in value.items()} if isinstance(value, dict) else {}
