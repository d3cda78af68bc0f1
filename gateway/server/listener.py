"""A port that is listened on, with the bounds on what comes in before there is a request."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

from aiohttp import web

from gateway.bounds import KEEP_ALIVE_S, MAX_HEADER_BYTES, MAX_HEADERS, MAX_LINE_BYTES
from gateway.server.doorkeeper import Doorkeeper

SHUTDOWN_S = 1.0
_PROTOCOL: dict[str, Any] = {
    "access_log": None,
    "keepalive_timeout": KEEP_ALIVE_S,
    "max_line_size": MAX_LINE_BYTES,
    "max_field_size": MAX_HEADER_BYTES,
    "max_headers": MAX_HEADERS,
    "auto_decompress": False,
}


async def listen(app: web.Application, host: str, port: int, doorkeeper: Doorkeeper, running: AsyncExitStack) -> int:
    """Serve `app` until `running` ends; returns the port.

    Raises:
        OSError: the port can not be had.
    """
    runner = web.AppRunner(app, shutdown_timeout=SHUTDOWN_S, **_PROTOCOL)
    await runner.setup()
    running.push_async_callback(runner.cleanup)
    if runner.server is None:
        raise RuntimeError("the runner has no server after its set-up")
    doorkeeper.guard(runner.server, _PROTOCOL)
    server = await asyncio.get_running_loop().create_server(doorkeeper, host, port)
    running.callback(server.close)
    return int(server.sockets[0].getsockname()[1])
