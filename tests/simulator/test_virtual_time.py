"""The clock jumps over idle time and over nothing else."""

from __future__ import annotations

import asyncio
import time

import aiohttp
import pytest
from aiohttp import web

from gateway.simulator.virtual_time import START_S, VirtualDeadlock, VirtualTimeLoop, virtual_time_runner


def test_an_hour_of_sleep_takes_no_time_and_wakes_in_order() -> None:
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        woken.append((name, asyncio.get_running_loop().time()))

    async def main() -> None:
        await asyncio.gather(sleeper("late", 3600.0), sleeper("early", 0.02), sleeper("middle", 60.0))

    began = time.monotonic()
    with virtual_time_runner() as runner:
        runner.run(main())
    assert time.monotonic() - began < 1.0
    assert [name for name, _ in woken] == ["early", "middle", "late"]
    assert [at for _, at in woken] == pytest.approx([START_S + 0.02, START_S + 60.0, START_S + 3600.0], abs=1e-6)


def test_absolute_schedule_keeps_its_grid() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        start, worst = loop.time(), 0.0
        for n in range(1, 3001):
            await asyncio.sleep(start + n * 0.02 - loop.time())
            worst = max(worst, abs(loop.time() - start - n * 0.02))
        return worst

    with virtual_time_runner() as runner:
        assert runner.run(main()) < 1e-6


def test_data_on_a_socket_comes_before_a_timer() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)
        writer.close()
        await writer.wait_closed()

    async def main() -> list[float]:
        loop = asyncio.get_running_loop()
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        took = []
        for _ in range(200):
            sent_at = loop.time()
            writer.write(b"x" * 2000 + b"\n")
            async with asyncio.timeout(0.001):  # a jump over data in flight would run into this
                await reader.readline()
            took.append(loop.time() - sent_at)
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()
        return took

    with virtual_time_runner() as runner:
        assert max(runner.run(main())) == 0.0


def test_executor_job_holds_the_clock() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.timeout(10.0):
            await loop.run_in_executor(None, time.sleep, 0.15)
        return loop.time() - began

    with virtual_time_runner() as runner:
        assert runner.run(main()) == 0.0


def test_websocket_conversation_of_a_minute() -> None:
    async def serve(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(heartbeat=20.0)
        await ws.prepare(request)
        async for message in ws:
            await ws.send_str(f"{message.data}!")
        return ws

    async def main() -> tuple[int, float]:
        loop = asyncio.get_running_loop()
        app = web.Application()
        app.router.add_get("/", serve)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        began, echoed = loop.time(), 0
        async with aiohttp.ClientSession() as http, http.ws_connect(f"http://{host}:{port}/") as ws:
            for n in range(60 * 50):
                await asyncio.sleep(began + n * 0.02 - loop.time())
                await ws.send_str(str(n))
                echoed += await ws.receive_str() == f"{n}!"
        took = loop.time() - began
        await runner.cleanup()
        return echoed, took

    with virtual_time_runner() as runner:
        echoed, took = runner.run(main())
    assert echoed == 3000
    assert took == pytest.approx(59.98, abs=0.01)


def test_deadlock_is_an_error_and_not_a_hang() -> None:
    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    def impatient_loop() -> VirtualTimeLoop:
        return VirtualTimeLoop(patience_s=0.05)

    with asyncio.Runner(loop_factory=impatient_loop) as runner, pytest.raises(VirtualDeadlock, match="no timer"):
        runner.run(main())
