"""The model leg: one WebSocket to a Voice Live BYOM session.

Our own client on aiohttp rather than the official one, which ends silently on any close, loses the body and
headers of a refused handshake, and decodes every delta eagerly.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Final, TypeAlias

import aiohttp
from aiohttp import ClientWebSocketResponse, WSMsgType

from gateway.bounds import MAX_MODEL_MESSAGE_BYTES
from gateway.clients.credentials import HeaderSource
from gateway.clients.http import RedirectRefused
from gateway.errors import BadMessage, ModelUnavailable
from gateway.session.events import ModelClosed, ModelError, ModelEvent
from gateway.wire.voice_live import decode
from gateway.wire.voice_live_session import (
    PATH,
    SessionCreated,
    SessionSettings,
    SessionUpdated,
    connect_query,
    differences,
    session_update,
)

HEARTBEAT_S = 10.0
"""aiohttp waits half of it for the pong, and any data postpones the ping: a half-open socket is seen in 15 s."""

CLOSE_S = 0.5
"""How long a close waits for the service's own; aiohttp's 10 s would outlast every dial's budget."""

ModelSocket: TypeAlias = ClientWebSocketResponse[bool]


class DialResult(StrEnum):
    """How a dial ended; a metric label."""

    READY = "ready"
    TIMEOUT = "timeout"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    RATE_LIMITED = "rate_limited"
    REDIRECTED = "redirected"
    REJECTED = "rejected"
    SERVER_ERROR = "server_error"
    CONNECTION = "connection"
    SESSION_ERROR = "session_error"
    NO_IDENTITY = "no_identity"


_RESULT_OF_STATUS: Final[dict[int, DialResult]] = {
    HTTPStatus.UNAUTHORIZED: DialResult.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN: DialResult.FORBIDDEN,
    HTTPStatus.NOT_FOUND: DialResult.NOT_FOUND,
    HTTPStatus.TOO_MANY_REQUESTS: DialResult.RATE_LIMITED,
}


class DialFailed(ModelUnavailable):
    """A deployment gave no ready session. The text names the step, never a URL or a credential."""

    def __init__(self, result: DialResult, detail: str = "") -> None:
        super().__init__(f"{result}: {detail}" if detail else str(result))
        self.result = result


@dataclass(frozen=True, slots=True)
class ModelTarget:
    """Where a session is dialled."""

    deployment: str
    """our name of it, for logs and metrics"""
    endpoint: str
    """https:// or wss://, plain only on loopback"""
    api_version: str
    profile: str
    model: str
    foundry_resource_override: str | None
    credential: HeaderSource


@dataclass(frozen=True, slots=True)
class ReadySession:
    """A session whose settings the service has confirmed."""

    leg: ModelLeg
    target: ModelTarget
    confirmed: SessionUpdated
    differences: tuple[str, ...]
    """settings that the service took otherwise than asked, as dotted paths"""
    dial_s: float


class ModelLeg:
    """An open session socket."""

    def __init__(self, socket: ModelSocket) -> None:
        self._socket = socket

    def send(self, message: bytes) -> Awaitable[None]:
        """Send one text message; waits while the service does not read.

        Raises:
            ConnectionError: awaiting finds the socket closed.
        """
        return self._socket.send_frame(message, WSMsgType.TEXT)

    async def receive(self) -> ModelEvent | SessionCreated | SessionUpdated:
        """The next event; a close of any kind is the event ModelClosed.

        Raises:
            BadMessage: a message that is not an event; the next call goes on.
        """
        message = await self._socket.receive()
        if message.type is WSMsgType.TEXT:
            return decode(message.data)
        if message.type is WSMsgType.BINARY:
            raise BadMessage("binary")
        return ModelClosed(self._socket.close_code, str(message.extra or ""))

    async def close(self) -> None:
        await self._socket.close()


async def dial(
    http: aiohttp.ClientSession,
    target: ModelTarget,
    settings: SessionSettings,
    *,
    timeout_s: float,
    clock: Callable[[], float],
) -> ReadySession:
    """Open a session and have its settings confirmed, all within `timeout_s`; a failure may take CLOSE_S more.

    Raises:
        DialFailed: it did not come to that; nothing is left open.
    """
    started = clock()
    try:
        async with asyncio.timeout(timeout_s):
            leg = ModelLeg(await _connect(http, target))
            try:
                confirmed = await _configure(leg, settings)
            except BaseException:
                await leg.close()
                raise
    except TimeoutError as error:
        raise DialFailed(DialResult.TIMEOUT, f"no confirmed session within {timeout_s} s") from error
    except ConnectionError as error:
        raise DialFailed(DialResult.CONNECTION, "closed before the session was ready") from error
    return ReadySession(leg, target, confirmed, tuple(differences(settings, confirmed)), clock() - started)


async def _connect(http: aiohttp.ClientSession, target: ModelTarget) -> ModelSocket:
    query = connect_query(
        api_version=target.api_version,
        model=target.model,
        profile=target.profile,
        foundry_resource_override=target.foundry_resource_override,
    )
    try:
        headers = await target.credential.headers()
    except ModelUnavailable as error:
        raise DialFailed(DialResult.NO_IDENTITY, str(error)) from error
    try:
        return await http.ws_connect(
            target.endpoint.rstrip("/") + PATH,
            params=query,
            headers=headers,
            max_msg_size=MAX_MODEL_MESSAGE_BYTES,
            heartbeat=HEARTBEAT_S,
            timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_S),
            compress=0,
            decode_text=False,
        )
    except aiohttp.WSServerHandshakeError as error:
        other = DialResult.SERVER_ERROR if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR else DialResult.REJECTED
        result = _RESULT_OF_STATUS.get(error.status, other)
        raise DialFailed(result, f"handshake answered {error.status}") from None  # the original holds URL and headers
    except RedirectRefused as error:
        raise DialFailed(DialResult.REDIRECTED, f"handshake answered {error.status}") from None
    except (aiohttp.ClientError, OSError) as error:
        raise DialFailed(DialResult.CONNECTION, type(error).__name__) from None


async def _configure(leg: ModelLeg, settings: SessionSettings) -> SessionUpdated:
    """Wait for the session, send its settings, wait for their confirmation."""
    asked = False
    while True:
        try:
            event = await leg.receive()
        except BadMessage:
            continue  # the deadline bounds how many of these are read
        match event:
            case SessionCreated() if not asked:
                await leg.send(session_update(settings))
                asked = True
            case SessionUpdated() if asked:
                return event
            case ModelError(code=code, param=param):
                raise DialFailed(DialResult.SESSION_ERROR, f"{code} {param}".strip())
            case ModelClosed(code=code):
                raise DialFailed(DialResult.CONNECTION, f"closed with {code} before the session was ready")
            case _:
                continue
