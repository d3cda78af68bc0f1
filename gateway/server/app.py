"""The public listener: events, callbacks, media sockets, and the sentences the network can fetch."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from gateway.server import callbacks, clips, incoming, media
from gateway.server.access import make_access_middleware
from gateway.server.doorkeeper import Doorkeeper
from gateway.server.problems import make_problems_middleware
from gateway.telemetry.observer import Telemetry

ROUTES = (*incoming.routes, *callbacks.routes, *media.routes, *clips.routes)


def make_public_app(
    telemetry: Telemetry, doorkeeper: Doorkeeper, clock: Callable[[], float], *, access_log: bool
) -> web.Application:
    """The application; its owner fills in the keys of `gateway.server.keys`."""
    app = web.Application(
        middlewares=[
            doorkeeper.presence,
            make_access_middleware(telemetry, clock, log_requests=access_log),
            make_problems_middleware(telemetry.bug),
        ]
    )
    app.add_routes(ROUTES)
    return app
