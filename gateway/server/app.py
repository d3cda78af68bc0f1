"""The public listener: events, callbacks, media sockets, and the sentences the network can fetch."""

from __future__ import annotations

from aiohttp import web

from gateway.server import callbacks, incoming, media
from gateway.server.bodies import problem
from gateway.server.keys import CLIPS

MAX_HEADER_BYTES = 8190
MAX_LINE_BYTES = 4096
KEEP_ALIVE_S = 5.0
"""Also aiohttp's deadline for a complete request header."""

routes = web.RouteTableDef()


@routes.get("/clips/{name}.wav")
async def clip(request: web.Request) -> web.Response:
    """A sentence of our own as a WAV file: the network's player fetches it when there is no media socket."""
    body = request.app[CLIPS].get(request.match_info["name"])
    if body is None:
        raise problem(web.HTTPNotFound, "not-found", "There is nothing here.")
    return web.Response(body=body, content_type="audio/wav")


def make_public_app() -> web.Application:
    """The application; its owner fills in the keys of `gateway.server.keys`."""
    app = web.Application()
    app.add_routes(incoming.routes)
    app.add_routes(callbacks.routes)
    app.add_routes(media.routes)
    app.add_routes(routes)
    return app
