from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from gateway.server import bodies
from gateway.server.bodies import check_declared_size, check_json, read_body

LIMIT = 1000


async def echo(request: web.Request) -> web.Response:
    check_declared_size(request, LIMIT)
    return web.Response(body=await read_body(request, LIMIT))


async def read_json(request: web.Request) -> web.Response:
    check_json(request)
    return web.Response()


@pytest.fixture
async def client() -> AsyncIterator[TestClient[web.Request, web.Application]]:
    app = web.Application()
    app.router.add_post("/", echo)
    app.router.add_post("/json", read_json)
    async with TestClient(TestServer(app)) as connected:
        yield connected


async def pieces(count: int, size: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * size
        await asyncio.sleep(0)


@pytest.mark.parametrize("size", [0, 1, LIMIT - 1, LIMIT])
async def test_a_body_up_to_the_limit_is_read_whole(
    client: TestClient[web.Request, web.Application], size: int
) -> None:
    assert await (await client.post("/", data=b"x" * size)).read() == b"x" * size
    assert await (await client.post("/", data=pieces(size, 1))).read() == b"x" * size


async def test_a_larger_one_is_refused_whether_it_says_so_or_not(
    client: TestClient[web.Request, web.Application],
) -> None:
    assert (await client.post("/", data=b"x" * (LIMIT + 1))).status == 413
    assert (await client.post("/", data=pieces(11, 100))).status == 413


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "identity, gzip"])
async def test_a_compressed_one_is_refused_unread(
    client: TestClient[web.Request, web.Application], encoding: str
) -> None:
    headers = {"Content-Encoding": encoding, "Content-Type": "application/json"}

    response = await client.post("/json", data=b"x", headers=headers)

    assert response.status in (400, 415)


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("application/cloudevents+json; charset=UTF-8", 200),
        ("application/cloudevents-batch+json", 200),
        ("application/json; charset=utf-16", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("", 415),
    ],
)
async def test_only_json_is_read(
    client: TestClient[web.Request, web.Application], content_type: str, status: int
) -> None:
    response = await client.post("/json", data=b"[]", headers={"Content-Type": content_type})

    assert response.status == status


async def test_one_that_does_not_come_is_not_waited_for(
    client: TestClient[web.Request, web.Application], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "BODY_S", 0.05)
    server = client.server
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
    status = await asyncio.wait_for(reader.readline(), 2.0)
    writer.close()
    await writer.wait_closed()

    assert b" 408 " in status
