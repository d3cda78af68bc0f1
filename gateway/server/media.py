"""GET /media/{ticket}: the media socket of a call. The phone network is the client."""

from __future__ import annotations

import socket

from aiohttp import web

from gateway.errors import BadMessage
from gateway.server.bodies import problem
from gateway.server.keys import SUPERVISOR, TELEMETRY, TICKETS, WALL_CLOCK
from gateway.wire.ticket import Purpose

MAX_MESSAGE_BYTES = 64 * 1024
"""A frame of 24 kHz is 1.5 kB; a larger message than this ends the socket with close code 1009."""
WRITER_LIMIT_BYTES = 16 * 1024 * 1024
"""So large that sending never waits: the ticker sends for all calls, and watches the write buffer itself."""
SEND_BUFFER_BYTES = 32 * 1024
"""Without it a peer that stops reading takes a minute of audio into kernel buffers before anybody notices."""
CLOSE_S = 2.0

routes = web.RouteTableDef()


@routes.get("/media/{ticket}")
async def media_socket(request: web.Request) -> web.StreamResponse:
    telemetry = request.app[TELEMETRY]
    try:
        wall_now = request.app[WALL_CLOCK]()
        ticket = request.app[TICKETS].verify(request.match_info["ticket"], Purpose.MEDIA, wall_now)
    except BadMessage as error:
        telemetry.ticket_refused(error.kind)
        raise problem(web.HTTPNotFound, "not-found", "There is nothing here.") from None
    call = request.app[SUPERVISOR].get(ticket.call_id)
    if call is None:
        raise problem(web.HTTPGone, "call-over", "This call is over.")
    if not call.may_attach():
        raise problem(web.HTTPConflict, "media-attached", "This call has its media already.")
    ws = web.WebSocketResponse(
        timeout=CLOSE_S,
        compress=False,
        max_msg_size=MAX_MESSAGE_BYTES,
        writer_limit=WRITER_LIMIT_BYTES,
        decode_text=False,
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
