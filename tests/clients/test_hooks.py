"""A service of the operator on loopback, well and badly behaved."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from gateway.bounds import MAX_HOOK_ANSWER_BYTES
from gateway.clients.hooks import Hooks, HookTarget
from gateway.clients.http import make_session
from gateway.errors import BadMessage, HookFailed

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def service(handler: Handler) -> AsyncIterator[tuple[Hooks, str]]:
    """Hooks, and the address of a service that answers with `handler`."""
    app = web.Application()
    app.router.add_post("/hook", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with make_session() as http:
            yield Hooks(http), f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    finally:
        await runner.cleanup()


def answering(body: bytes, status: int = 200) -> Handler:
    async def handle(_request: web.Request) -> web.Response:
        return web.Response(body=body, status=status)

    return handle


async def failure(handler: Handler, timeout_s: float = 5.0) -> str:
    async with service(handler) as (hooks, url):
        with pytest.raises(HookFailed) as failed:
            await hooks.ask(HookTarget(url, timeout_s), {"digits": "4711"})
    assert "4711" not in str(failed.value)
    assert url not in str(failed.value)
    return failed.value.kind


async def test_a_question_is_posted_as_json_and_the_answer_comes_back(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret-of-the-hook\n")
    seen: list[tuple[str | None, str | None, object]] = []

    async def handle(request: web.Request) -> web.Response:
        headers = request.headers
        seen.append((headers.get("Authorization"), headers.get("Content-Type"), json.loads(await request.read())))
        return web.json_response({"result": "known"})

    async with service(handle) as (hooks, url):
        assert await hooks.ask(HookTarget(url, 5.0, secret), {"a": "ü", "b": [1]}) == {"result": "known"}
        secret.write_text("another")
        assert await hooks.ask(HookTarget(url, 5.0, secret), {}) == {"result": "known"}
        assert await hooks.ask(HookTarget(url, 5.0), {}) == {"result": "known"}
    assert seen == [
        ("Bearer s3cret-of-the-hook", "application/json", {"a": "ü", "b": [1]}),
        ("Bearer another", "application/json", {}),
        (None, "application/json", {}),
    ]


async def test_an_answer_that_comes_in_pieces_is_read_to_its_end() -> None:
    text = json.dumps({"result": "x" * 3000}).encode()

    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for begin in range(0, len(text), 1000):
            await response.write(text[begin : begin + 1000])
            await asyncio.sleep(0.02)
        return response

    async with service(handle) as (hooks, url):
        assert await hooks.ask(HookTarget(url, 5.0), {}) == {"result": "x" * 3000}


@pytest.mark.parametrize("body", [b"", b" \n", b"[]", b"5", b"null", b'"stop"'])
async def test_an_answer_that_is_no_object_says_nothing(body: bytes) -> None:
    async with service(answering(body)) as (hooks, url):
        assert await hooks.ask(HookTarget(url, 5.0), {}) == {}


@pytest.mark.parametrize("body", [b"{", b'{"a":NaN}', b"\xff", b"\xef\xbb\xbf{}", b"[" * 5000])
async def test_an_answer_that_cannot_be_read_is_a_bad_message(body: bytes) -> None:
    async with service(answering(body)) as (hooks, url):
        with pytest.raises(BadMessage):
            await hooks.ask(HookTarget(url, 5.0), {})


@pytest.mark.parametrize("status", [301, 307, 400, 401, 404, 500, 503])
async def test_an_error_is_no_answer(status: int) -> None:
    assert await failure(answering(b'{"stop":true}', status)) in ("status", "connection")


async def test_a_redirect_is_not_followed() -> None:
    seen: list[str] = []

    async def moved(request: web.Request) -> web.Response:
        seen.append(request.path)
        raise web.HTTPTemporaryRedirect("/hook")

    await failure(moved)
    assert seen == ["/hook"]


async def test_a_service_that_takes_too_long_is_not_waited_for() -> None:
    async def slow(request: web.Request) -> web.StreamResponse:
        await request.read()
        await asyncio.Event().wait()
        raise AssertionError

    assert await failure(slow, 0.05) == "timeout"


async def test_a_service_that_trickles_is_not_waited_for() -> None:
    async def trickle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):  # who asked has left
            while True:
                await response.write(b" ")
                await asyncio.sleep(0.01)
        return response

    assert await failure(trickle, 0.2) == "timeout"


@pytest.mark.parametrize("announced", [True, False])
async def test_an_answer_without_end_is_not_read(announced: bool) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        if announced:
            response.content_length = MAX_HOOK_ANSWER_BYTES + 1
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            await response.write(b" " * (MAX_HOOK_ANSWER_BYTES + 1))
        return response

    assert await failure(endless) == "too_long"


async def test_an_answer_of_just_the_size_is_read() -> None:
    text = b'{"a":1}'.ljust(MAX_HOOK_ANSWER_BYTES)
    async with service(answering(text)) as (hooks, url):
        assert await hooks.ask(HookTarget(url, 5.0), {}) == {"a": 1}


async def test_a_service_that_breaks_off_gave_no_answer() -> None:
    async def broken(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = 100
        await response.prepare(request)
        await response.write(b'{"stop":')
        assert request.transport is not None
        request.transport.abort()
        return response

    assert await failure(broken) == "connection"


async def test_nobody_there_is_no_answer_either() -> None:
    async with make_session() as http:
        with pytest.raises(HookFailed, match=r"^connection$"):
            await Hooks(http).ask(HookTarget("http://127.0.0.1:1/hook", 5.0), {})


@pytest.mark.parametrize("content", [None, b"", b"two words", b"\xff", b"a\nb"])
async def test_without_its_secret_nothing_is_asked(tmp_path: Path, content: bytes | None) -> None:
    asked: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response()

    secret = tmp_path / "secret"
    if content is not None:
        secret.write_bytes(content)
    async with service(handle) as (hooks, url):
        with pytest.raises(HookFailed, match=r"^connection$"):
            await hooks.ask(HookTarget(url, 5.0, secret), {})
    assert asked == []
