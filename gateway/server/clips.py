"""GET /calls/{ticket}/clips/{name}.wav: a sentence of our own, which the phone network's player fetches.

It does so where there is no media socket. It brings no token, so the ticket in the address is all that is asked for.
"""

from __future__ import annotations

from aiohttp import web

from gateway.server.keys import CLIPS, GUARD
from gateway.server.problems import problem
from gateway.wire.ticket import Purpose

routes = web.RouteTableDef()


@routes.get("/calls/{ticket}/clips/{name}.wav")
async def clip(request: web.Request) -> web.Response:
    request.app[GUARD].ticket(request, Purpose.CLIPS)
    body = request.app[CLIPS].get(request.match_info["name"])
    if body is None:
        raise problem(web.HTTPNotFound)
    return web.Response(body=body, content_type="audio/wav", headers={"Cache-Control": "no-store"})
