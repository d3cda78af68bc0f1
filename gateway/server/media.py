"""GET /media/{ticket}: the media socket of a call. The phone network is the client.

Whoever may not come in is refused before the upgrade, with a status; no socket is accepted and then closed.
"""

from __future__ import annotations

import re
import socket
from typing import NoReturn

from aiohttp import web

from gateway.bounds import FIRST_ATTACH_S, MAX_MEDIA_MESSAGE_BYTES
from gateway.calls.live import Attach, LiveCall
from gateway.server.keys import GUARD, LIVE, SUPERVISOR, WALL_CLOCK
from gateway.server.problems import problem
from gateway.telemetry.labels import Door
from gateway.wire.ticket import Purpose

WRITER_LIMIT_BYTES = 16 * 1024 * 1024
"""So large that sending never waits: the ticker sends for all calls, and watches the write buffer itself."""
SEND_BUFFER_BYTES = 32 * 1024
"""Without it a peer that stops reading takes a minute of audio into kernel buffers before anybody notices."""
CLOSE_S = 2.0
CONNECTION_ID = "x-ms-call-connection-id"
_HANDSHAKE_KEY = re.compile(r"[A-Za-z0-9+/]{22}==")

routes = web.RouteTableDef()


@routes.get("/media/{ticket}", allow_head=False)  # RFC 6455: a handshake is a GET
async def media_socket(request: web.Request) -> web.StreamResponse:
    call = await _admit(request)
    ws = web.WebSocketResponse(
        timeout=CLOSE_S,
        compress=False,
        max_msg_size=MAX_MEDIA_MESSAGE_BYTES,
        writer_limit=WRITER_LIMIT_BYTES,
        decode_text=False,
        autoping=False,
    )
    await ws.prepare(request)
    transport = request.transport
    if transport is None:
        return ws  # gone in the moment of the upgrade
    raw = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    await call.serve_phone(ws, transport)
    return ws


async def _admit(request: web.Request) -> LiveCall:
    """The call this socket is for.

    Raises:
        web.HTTPException: there is none, or not for whoever asks.
    """
    guard = request.app[GUARD]
    ticket = guard.ticket(request, Purpose.MEDIA)
    call = request.app[SUPERVISOR].get(ticket.call_id)
    late = request.app[WALL_CLOCK]() > ticket.issued_at + FIRST_ATTACH_S
    if late and call is not None and not call.had_media:
        guard.refuse_ticket(request, Door.MEDIA, "late")
    token_hash = await guard.media_token(request, ticket)
    if "Origin" in request.headers:
        guard.refuse_origin(request, Door.MEDIA)
    if "websocket" not in request.headers.get("Upgrade", "").lower():
        raise problem(web.HTTPUpgradeRequired, headers={"Upgrade": "websocket"})
    if not _is_handshake(request):
        raise problem(web.HTTPBadRequest, "handshake", "This is no WebSocket handshake.")
    if call is None and not late and not request.app[SUPERVISOR].had(ticket.call_id):
        # Another process answered it, and leaves.
        connection_id = request.headers.get(CONNECTION_ID)
        offers = request.app[LIVE].current.offers
        call = await offers.adopt(ticket, connection_id) if connection_id is not None else None
    if call is None:
        raise _over()
    if not call.bind(request.headers.get(CONNECTION_ID)):
        guard.refuse_binding(request, Door.MEDIA)
    attach = call.attach(token_hash)
    if attach is not Attach.WELCOME:
        _refuse(attach)
    return call


def _is_handshake(request: web.Request) -> bool:
    """Asked before the socket is counted: one that can not be opened costs the call none of its three."""
    key = request.headers.get("Sec-WebSocket-Key", "")
    return _HANDSHAKE_KEY.fullmatch(key) is not None and web.WebSocketResponse().can_prepare(request).ok


def _refuse(attach: Attach) -> NoReturn:
    match attach:
        case Attach.TAKEN:
            raise problem(web.HTTPConflict, "media-attached", "This call has its media already.")
        case Attach.TOO_MANY:
            raise problem(web.HTTPTooManyRequests, "media-attaches", "This call had its media too often.")
        case _:
            raise _over()


def _over() -> web.HTTPException:
    return problem(web.HTTPGone, "call-over", "This call is over.")
