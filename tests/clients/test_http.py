from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.bounds import MAX_ANSWER_BYTES
from gateway.clients.http import AnswerTooLarge, RedirectRefused, azure_transport, make_session
from gateway.simulator.load.certificate import make_authority


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


async def test_an_answer_that_announces_too_much_is_not_read() -> None:
    async def large(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(MAX_ANSWER_BYTES + 1)})
        await response.prepare(request)
        return response

    app = web.Application()
    app.router.add_get("/", large)
    async with TestServer(app) as server, make_session() as session:
        with pytest.raises(AnswerTooLarge):
            await session.get(server.make_url("/"))


async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    app = web.Application()
    server = TestServer(app, scheme="https")
    await server.start_server(ssl=make_authority(tmp_path).server)
    try:
        async with make_session() as session:
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await session.get(server.make_url("/"))
    finally:
        await server.close()


async def test_the_azure_sdks_go_the_same_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy of the environment, no session of their own."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    async with make_session() as session:
        transport = azure_transport(session)
        async with transport:
            assert transport.session is session
        assert not session.closed, "its owner closes it"
        assert not session.trust_env
