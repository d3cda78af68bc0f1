from __future__ import annotations

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.clients.http import RedirectRefused, make_session


async def test_a_redirected_handshake_is_refused_and_no_header_follows() -> None:
    seen: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        seen.append(request.headers.get("api-key", ""))
        return web.Response()

    async def moved(_request: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect("/elsewhere")

    app = web.Application()
    app.router.add_get("/moved", moved)
    app.router.add_get("/elsewhere", elsewhere)
    async with TestServer(app) as server, make_session() as session:
        with pytest.raises(RedirectRefused) as refused:
            await session.ws_connect(server.make_url("/moved"), headers={"api-key": "secret"})
    assert refused.value.status == 307
    assert "secret" not in str(refused.value)
    assert seen == []


async def test_other_answers_pass() -> None:
    async def fine(_request: web.Request) -> web.Response:
        return web.Response(text="ok")

    app = web.Application()
    app.router.add_get("/", fine)
    async with TestServer(app) as server, make_session() as session, session.get(server.make_url("/")) as response:
        assert await response.text() == "ok"
    assert isinstance(session, aiohttp.ClientSession)
