"""The operator's listener: /metrics, /startupz, /livez, /readyz. On its own port, never published."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

REGISTRY = web.AppKey("registry", CollectorRegistry)
READY = web.AppKey[Callable[[], bool]]("ready", Callable)  # type: ignore[arg-type]  # AppKey wants a class for its repr
LIVE = web.AppKey[Callable[[], bool]]("live", Callable)  # type: ignore[arg-type]  # the same

routes = web.RouteTableDef()


@routes.get("/metrics")
async def metrics(request: web.Request) -> web.Response:
    """Everything that is measured, as Prometheus text."""
    return web.Response(body=generate_latest(request.app[REGISTRY]), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})


@routes.get("/livez")
async def live(request: web.Request) -> web.Response:
    """The event loop turns, and everything runs that all calls need."""
    if not request.app[LIVE]():
        return web.Response(status=503, text="broken\n")
    return web.Response(text="ok\n")


@routes.get("/startupz")
@routes.get("/readyz")
async def ready(request: web.Request) -> web.Response:
    """New calls are taken."""
    if not request.app[READY]():
        return web.Response(status=503, text="not ready\n")
    return web.Response(text="ready\n")


def make_probe_app(
    registry: CollectorRegistry, *, is_live: Callable[[], bool], is_ready: Callable[[], bool]
) -> web.Application:
    app = web.Application()
    app[LIVE] = is_live
    app[REGISTRY] = registry
    app[READY] = is_ready
    app.add_routes(routes)
    return app
