"""People who have no business here: requests without a right to them, and sockets that say nothing, beside live calls.

A process of its own, so that what it does is not the phones' doing. Prints what it was answered as JSON when it ends.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator

import aiohttp
import msgspec
import uvloop

from gateway.simulator.phone.keys import SigningKeys
from gateway.simulator.phone.network import EVENT_AUDIENCE, TENANT

CONNECTIONS = 25
"""Requests go over so many connections at once, as through a proxy's pool."""
REOPEN_S = 0.2


class Orders(msgspec.Struct, frozen=True):
    """What they are asked to do."""

    port: int
    keys_url: str
    """the genuine keys, which everybody can read: forged tokens name them"""
    requests_per_s: float
    idle_sockets: int


class Strangers:
    """Knocks at every door of one gateway."""

    def __init__(self, orders: Orders, genuine_key_id: str) -> None:
        self._orders = orders
        self._requests = _requests(genuine_key_id)
        self.answers: Counter[str] = Counter()

    async def run(self) -> None:
        """Until cancelled."""
        orders = self._orders
        async with asyncio.TaskGroup() as tasks:
            for number in range(CONNECTIONS):
                tasks.create_task(
                    self._knock(number * 1.0 / orders.requests_per_s, CONNECTIONS / orders.requests_per_s)
                )
            for _ in range(orders.idle_sockets):
                tasks.create_task(self._idle())

    async def _knock(self, first_s: float, every_s: float) -> None:
        """One connection: a request at a fixed beat, however long the answer takes."""
        due = time.monotonic() + first_s
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._orders.port)
                try:
                    while True:
                        await asyncio.sleep(max(0.0, due - time.monotonic()))
                        due += every_s
                        writer.write(next(self._requests))
                        self.answers[await _status(reader)] += 1
                finally:
                    writer.transport.abort()
            except (OSError, asyncio.IncompleteReadError):
                self.answers["closed"] += 1
                await asyncio.sleep(REOPEN_S)

    async def _idle(self) -> None:
        """A socket that says nothing, and another when it has been closed."""
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._orders.port)
                try:
                    await reader.read(1)
                finally:
                    writer.transport.abort()
                self.answers["idle socket closed"] += 1
            except OSError:
                self.answers["idle socket refused"] += 1
            await asyncio.sleep(REOPEN_S)


async def _status(reader: asyncio.StreamReader) -> str:
    """Read one answer; its status."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        (int(line.partition(b":")[2]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0
    )
    await reader.readexactly(length)
    return head.split(b" ", 2)[1].decode()


def _requests(genuine_key_id: str) -> Iterator[bytes]:
    """Every kind of knock in turn: the cheap ones, and those that cost a signature check or ask for unknown keys."""
    forger = SigningKeys()
    forged = forger.event_grid_token(TENANT, EVENT_AUDIENCE)
    _, payload, signature = forged.split(".")
    ticket = f"v1.{base64.urlsafe_b64encode(bytes(150)).decode()}.{'A' * 43}"
    upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n"
    for number in itertools.count():
        named = _header(genuine_key_id) + f".{payload}.{signature}"
        unknown = _header(f"unknown-{number}") + f".{payload}.{signature}"
        yield _post("/events/incoming-call", "")
        yield _post("/events/incoming-call", f"Authorization: Bearer {named}\r\n")
        yield _post("/events/incoming-call", f"Authorization: Bearer {unknown}\r\n")
        yield _post(f"/calls/{ticket}/events", f"Authorization: Bearer {named}\r\n")
        yield f"GET /media/{ticket} HTTP/1.1\r\nHost: x\r\n{upgrade}\r\n".encode()


def _header(key_id: str) -> str:
    header = json.dumps({"alg": "RS256", "typ": "JWT", "kid": key_id}).encode()
    return base64.urlsafe_b64encode(header).decode().rstrip("=")


def _post(path: str, headers: str) -> bytes:
    body = b'[{"eventType":"Microsoft.Communication.IncomingCall","data":{}}]'
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{head}{headers}\r\n".encode() + body


async def _main(orders: Orders) -> dict[str, int]:
    async with aiohttp.ClientSession() as http, http.get(orders.keys_url) as answer:
        key_id = str((await answer.json())["keys"][0]["kid"])
    strangers = Strangers(orders, key_id)
    task = asyncio.create_task(strangers.run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await asyncio.gather(task, return_exceptions=True)
    return dict(strangers.answers)


def main() -> None:
    orders = msgspec.json.decode(sys.argv[1], type=Orders)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.stdout.write(json.dumps(runner.run(_main(orders))) + "\n")


if __name__ == "__main__":
    main()
