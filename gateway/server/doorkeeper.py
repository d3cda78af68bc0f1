"""Connections of strangers, bounded: there is always room for one who can prove who he is.

Opening a connection costs a stranger nothing, so nothing can be refused on account of it, and nothing is kept for it
either: when too many wait without having proved themselves, the one that waits longest makes room. And whoever takes
longer than KEEP_ALIVE_S to say what he wants is sent away, however busily he goes on speaking: aiohttp's own deadline
begins anew with every byte.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler
from aiohttp.web_protocol import RequestHandler

from gateway.bounds import KEEP_ALIVE_S, MAX_STRANGERS
from gateway.server.problems import as_problem, bare_problem

LOOK_S = 1.0


class QuietHandler(RequestHandler):
    """Answers what is no HTTP like every other error, without repeating any of it; and says what becomes of it."""

    __slots__ = ("_on_lost", "busy", "idle_since")

    def __init__(self, server: web.Server, on_lost: Callable[[QuietHandler], None], now: float, **options: Any) -> None:
        super().__init__(server, **options)
        self._on_lost = on_lost
        self.busy = False
        """a request is being dealt with"""
        self.idle_since = now

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self._force_close:
            self.force_close()  # sent away before it was a connection, when there was nothing to close yet

    def connection_lost(self, exc: BaseException | None) -> None:
        self._on_lost(self)
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,  # noqa: ARG002 - given by aiohttp; it repeats what was sent
        message: str | None = None,  # noqa: ARG002 - the same
    ) -> web.StreamResponse:
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has been begun; another can not be sent")
        response = bare_problem(status)
        response.force_close()
        return response

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """The last place that every answer passes, also those that aiohttp gives before any middleware runs.

        Its own answer to `Expect`, for one, repeats the header.
        """
        if isinstance(resp, web.HTTPException):
            resp = as_problem(resp)
        return await super().finish_response(request, resp, start_time)


class Doorkeeper:
    """Makes the protocols of a listener, and knows which of them belong to strangers."""

    def __init__(self, on_evicted: Callable[[], None], clock: Callable[[], float], limit: int = MAX_STRANGERS) -> None:
        self._on_evicted = on_evicted
        self._clock = clock
        self._limit = limit
        self._handler_args: dict[str, Any] = {}
        self._server: web.Server | None = None
        self._strangers: dict[RequestHandler, None] = {}
        """in the order in which they came, from the moment their protocol is made: the loop takes a whole backlog in
        one turn, long before the server counts any of it as a connection"""

    def __repr__(self) -> str:
        return f"<Doorkeeper of {len(self._strangers)} strangers>"

    def guard(self, server: web.Server, handler_args: dict[str, Any]) -> None:
        """Stand before this server; `handler_args` are those of its protocols."""
        self._server, self._handler_args = server, handler_args

    def __call__(self) -> asyncio.Protocol:
        """The protocol of a new connection."""
        if self._server is None:
            raise RuntimeError("guard() comes first")
        while len(self._strangers) >= self._limit:
            longest = next(iter(self._strangers))
            self._forget(longest)
            self._on_evicted()
            longest.force_close()
        loop, now = asyncio.get_running_loop(), self._clock()
        handler = QuietHandler(self._server, self._forget, now, loop=loop, **self._handler_args)
        self._strangers[handler] = None
        return handler

    async def run(self) -> None:
        """Send away who does not come to the point, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            latest = self._clock() - KEEP_ALIVE_S
            for each in [] if self._server is None else self._server.connections:
                if isinstance(each, QuietHandler) and not each.busy and each.idle_since < latest:
                    each.force_close()

    @web.middleware
    async def presence(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """A middleware that knows which connections have a request."""
        protocol = request.protocol
        if not isinstance(protocol, QuietHandler):
            return await handler(request)
        protocol.busy = True
        try:
            return await handler(request)
        finally:
            protocol.busy, protocol.idle_since = False, self._clock()

    def welcome(self, protocol: RequestHandler) -> None:
        """This connection has proved who it is; it stays known until it is closed."""
        self._forget(protocol)

    def _forget(self, protocol: RequestHandler) -> None:
        self._strangers.pop(protocol, None)
