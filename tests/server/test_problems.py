from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from gateway.server.problems import bare_problem, make_problems_middleware, problem


@pytest.fixture
def bugs() -> list[None]:
    return []


@pytest.fixture
async def client(bugs: list[None]) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    async def broken(_request: web.Request) -> web.Response:
        raise RuntimeError("a secret that must not come out")

    app = web.Application(middlewares=[make_problems_middleware(lambda: bugs.append(None))])
    app.router.add_get("/broken", broken)
    async with TestClient(TestServer(app)) as connected:
        yield connected


@pytest.mark.parametrize("kind", [web.HTTPNotFound, web.HTTPRequestEntityTooLarge, web.HTTPConflict])
def test_a_problem_is_json_and_names_nothing_of_the_request(kind: type[web.HTTPException]) -> None:
    error = problem(kind, "slug", "A title.", limit_bytes=10)
    assert error.text is not None
    document = json.loads(error.text)

    assert error.content_type == "application/problem+json"
    assert error.headers["Cache-Control"] == "no-store"
    assert len(error.text) < 512
    assert set(document) == {"type", "title", "status", "instance"}
    assert (document["type"], document["status"]) == ("urn:gw:problem:slug", kind.status_code)
    assert document["instance"] != json.loads(problem(kind, "slug").text or "")["instance"]


@pytest.mark.parametrize("status", [400, 401, 404, 405, 417, 429, 500, 503])
def test_a_status_alone_makes_a_problem(status: int) -> None:
    document = json.loads(bare_problem(status).text or "")

    assert document["status"] == status
    assert document["type"].startswith("urn:gw:problem:")


async def test_what_the_router_and_bugs_answer_are_problems_too(
    client: TestClient[web.Request, web.Application], bugs: list[None]
) -> None:
    for method, path, status in (("GET", "/nothing", 404), ("POST", "/broken", 405), ("GET", "/broken", 500)):
        response = await client.request(method, path)
        text = await response.text()
        assert (response.status, response.content_type) == (status, "application/problem+json")
        assert "secret" not in text
        assert "nothing" not in text.lower().replace("there is nothing here", "")
        assert ("Allow" in response.headers) == (status == 405)
    assert len(bugs) == 1
