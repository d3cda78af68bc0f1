"""There is always room for one more connection, and never at the cost of one that has proved who it is."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from aiohttp import web

from gateway.bounds import MAX_STRANGERS
from gateway.server.doorkeeper import Doorkeeper
from gateway.server.listener import listen

KNOWN = b"GET /known HTTP/1.1\r\nHost: x\r\n\r\n"
STRANGER = b"GET /stranger HTTP/1.1\r\nHost: x\r\n\r\n"
SLOW = b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"


class House:
    """A listener with its doorkeeper, and visitors whose sockets are real."""

    def __init__(self, doorkeeper: Doorkeeper) -> None:
        self.doorkeeper = doorkeeper
        self.port = 0
        self.evicted = 0
        self.visitors: list[socket.socket] = []

    def ring(self) -> socket.socket:
        """A connection, made before the listener knows of it."""
        visitor = socket.create_connection(("127.0.0.1", self.port))
        visitor.setblocking(False)
        self.visitors.append(visitor)
        return visitor

    async def come(self, count: int = 1) -> list[socket.socket]:
        """So many one after the other."""
        came = []
        for _ in range(count):
            came.append(self.ring())
            await settled()
        return came

    async def ask(self, visitor: socket.socket, request: bytes) -> int:
        """The status of the answer."""
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(visitor, request)
        answer = await asyncio.wait_for(loop.sock_recv(visitor, 4096), 5.0)
        return int(answer.split()[1])

    async def come_known(self, count: int = 1) -> list[socket.socket]:
        known = []
        for _ in range(count):
            known += await self.come()
            assert await self.ask(known[-1], KNOWN) == 200
        return known

    def still_here(self) -> list[socket.socket]:
        return [visitor for visitor in self.visitors if is_open(visitor)]


def is_open(visitor: socket.socket) -> bool:
    try:
        return visitor.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


async def settled() -> None:
    """The listener has taken whoever rang, and sent away whoever had to go."""
    for _ in range(6):
        await asyncio.sleep(0)


async def quiet() -> None:
    await settled()
    await asyncio.sleep(0.05)


@asynccontextmanager
async def house(limit: int = MAX_STRANGERS) -> AsyncIterator[House]:
    def evicted() -> None:
        here.evicted += 1

    doorkeeper = Doorkeeper(evicted, asyncio.get_running_loop().time, limit)
    here = House(doorkeeper)
    app = web.Application()
    released = asyncio.Event()

    async def known(request: web.Request) -> web.Response:
        doorkeeper.welcome(request.protocol)
        return web.Response()

    async def stranger(_request: web.Request) -> web.Response:
        return web.Response()

    async def slow(request: web.Request) -> web.Response:
        doorkeeper.welcome(request.protocol)
        await released.wait()
        return web.Response()

    app.add_routes([web.get("/known", known), web.get("/stranger", stranger), web.get("/slow", slow)])
    async with AsyncExitStack() as running:
        here.port = await listen(app, "127.0.0.1", 0, doorkeeper, running)
        try:
            yield here
        finally:
            released.set()
            for visitor in here.visitors:
                visitor.close()
            await quiet()


async def test_256_idle_strangers_stay_and_the_257th_sends_the_oldest_away() -> None:
    async with house() as here:
        strangers = await here.come(MAX_STRANGERS)
        await quiet()
        assert (here.evicted, here.still_here()) == (0, strangers)
        last = await here.come()
        await quiet()
        assert (here.evicted, here.still_here()) == (1, [*strangers[1:], *last])
        assert await here.ask(last[0], KNOWN) == 200


async def test_strangers_go_in_the_order_in_which_they_came() -> None:
    async with house(limit=5) as here:
        strangers = await here.come(5)
        for gone in range(1, 5):
            more = await here.come()
            await quiet()
            assert here.still_here()[: 5 - gone] == strangers[gone:]
            assert more[0] in here.still_here()


async def test_who_is_known_is_never_sent_away_however_long_ago_he_came() -> None:
    async with house(limit=5) as here:
        known = await here.come_known(3)
        strangers = await here.come(20)
        await quiet()
        assert here.still_here() == [*known, *strangers[-5:]]
        assert here.evicted == 15
        for friend in known:
            assert await here.ask(friend, KNOWN) == 200


async def test_who_is_known_takes_no_stranger_the_place() -> None:
    async with house(limit=5) as here:
        known = await here.come_known(12)
        strangers = await here.come(5)
        await quiet()
        assert (here.evicted, here.still_here()) == (0, [*known, *strangers])


async def test_an_answer_alone_makes_nobody_known() -> None:
    async with house(limit=5) as here:
        strangers = await here.come(5)
        assert await here.ask(strangers[0], STRANGER) == 200
        await here.come()
        await quiet()
        assert not is_open(strangers[0])


async def test_a_stranger_who_leaves_makes_room() -> None:
    async with house(limit=5) as here:
        strangers = await here.come(5)
        strangers[3].close()
        here.visitors.remove(strangers[3])
        await quiet()
        more = await here.come()
        await quiet()
        assert (here.evicted, here.still_here()) == (0, [*strangers[:3], strangers[4], *more])


async def test_who_became_known_makes_room_for_a_stranger() -> None:
    async with house(limit=5) as here:
        strangers = await here.come(5)
        assert await here.ask(strangers[0], KNOWN) == 200
        await here.come()
        await quiet()
        assert (here.evicted, len(here.still_here())) == (0, 6)


async def test_who_comes_all_at_once_is_counted_one_by_one() -> None:
    """The listener takes a whole backlog in one turn of the loop, before any of it is a connection."""
    async with house() as here:
        known = await here.come_known()
        await here.come(MAX_STRANGERS)
        for _ in range(90):
            here.ring()
        await quiet()
        assert here.still_here() == [*known, *here.visitors[-MAX_STRANGERS:]]
        assert here.evicted == 90


async def test_a_burst_larger_than_the_bound_leaves_the_last_of_it() -> None:
    """Some are sent away before they are connections at all."""
    async with house(limit=5) as here:
        for _ in range(90):
            here.ring()
        await quiet()
        assert here.still_here() == here.visitors[-5:]
        assert here.evicted == 85
        assert await here.ask(here.visitors[-1], KNOWN) == 200


async def test_few_strangers_among_many_who_are_known_are_left_alone() -> None:
    async with house(limit=20) as here:
        known = await here.come_known(15)
        strangers = await here.come(15)
        await quiet()
        assert (here.evicted, here.still_here()) == (0, [*known, *strangers])


async def test_a_request_of_one_who_is_known_goes_on_while_strangers_come() -> None:
    async with house(limit=5) as here:
        (busy,) = await here.come()
        await asyncio.get_running_loop().sock_sendall(busy, SLOW)
        await quiet()
        await here.come(50)
        await quiet()
        assert is_open(busy)


async def test_a_stranger_who_never_finishes_his_request_is_sent_away_like_one_who_never_began() -> None:
    async with house(limit=5) as here:
        (slow,) = await here.come()
        await asyncio.get_running_loop().sock_sendall(slow, KNOWN[:20])
        await here.come(5)
        await quiet()
        assert not is_open(slow)


async def test_nothing_is_kept_of_connections_that_are_gone() -> None:
    async with house(limit=5) as here:
        await here.come_known(3)
        await here.come(9)
        for visitor in here.visitors:
            visitor.close()
        await quiet()
        assert repr(here.doorkeeper) == "<Doorkeeper of 0 strangers>"
        here.visitors.clear()


async def test_two_doors_count_their_own_strangers() -> None:
    async with house(limit=2) as one, house(limit=2) as other:
        await one.come(2)
        await other.come(2)
        await quiet()
        assert (one.evicted, other.evicted) == (0, 0)
