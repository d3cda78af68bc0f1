from __future__ import annotations

from collections.abc import Callable

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry, Counter

from gateway.server.probes import make_probe_app


def yes() -> bool:
    return True


def probes(
    registry: CollectorRegistry | None = None, *, live: Callable[[], bool] = yes, ready: Callable[[], bool] = yes
) -> web.Application:
    return make_probe_app(registry or CollectorRegistry(), is_live=live, is_ready=ready)


async def test_probes_tell_alive_from_ready() -> None:
    ready, live = False, True
    async with TestClient(TestServer(probes(ready=lambda: ready, live=lambda: live))) as client:
        assert (await client.get("/livez")).status == 200
        for path in ("/readyz", "/startupz"):
            assert (await client.get(path)).status == 503
        ready = True
        for path in ("/readyz", "/startupz"):
            assert (await client.get(path)).status == 200
        live = False
        assert (await client.get("/livez")).status == 503


async def test_metrics_are_prometheus_text() -> None:
    registry = CollectorRegistry()
    Counter("gateway_example", "An example.", registry=registry).inc(3)
    async with TestClient(TestServer(probes(registry))) as client:
        response = await client.get("/metrics")
        text = await response.text()

    assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert "gateway_example_total 3.0" in text


async def test_probes_are_read_only() -> None:
    async with TestClient(TestServer(probes())) as client:
        for path in ("/metrics", "/livez", "/readyz"):
            assert (await client.post(path)).status == 405
        assert (await client.get("/calls/x/events")).status == 404
