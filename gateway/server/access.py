"""What was asked for and answered, by route template: a path holds a ticket, and a query what anybody put there."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from gateway.telemetry.observer import Telemetry

log = structlog.get_logger()


def make_access_middleware(telemetry: Telemetry, clock: Callable[[], float], *, log_requests: bool) -> Middleware:
    """A middleware that counts every answer, and logs it if that is wanted."""

    @web.middleware
    async def access(request: web.Request, handler: Handler) -> web.StreamResponse:
        began = clock()
        resource = request.match_info.route.resource
        route = "" if resource is None else resource.canonical
        status = 0
        try:
            response = await handler(request)
        except web.HTTPException as error:
            status = error.status
            raise
        else:
            status = response.status
            return response
        finally:
            telemetry.answered(request.method, route, status)
            if log_requests:
                took_s = round(clock() - began, 4)
                log.info("http.request", method=request.method, route=route, status=status, took_s=took_s)

    return access
