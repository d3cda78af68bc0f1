"""Genuine media sockets that misbehave, and strangers' connections, beside twenty calls that must not notice."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.simulator.phone import At, CallPlan, HangUp, PhoneSwitches, WaitAgent
from gateway.simulator.phone.keys import MEDIA_TOKEN_S
from gateway.wire.ticket import Purpose, Subject

BYSTANDERS = 20
PING, TEXT, CONTINUATION = 0x9, 0x1, 0x0
MEMORY_MIB = 40
"""What twenty calls and their twin may take; a hole would take hundreds."""


def frame(opcode: int, data: bytes, *, last: bool = True, compressed: bool = False) -> bytes:
    """A WebSocket frame of a client (RFC 6455), masked with zeros."""
    head = opcode | (0x80 if last else 0) | (0x40 if compressed else 0)
    length = len(data)
    size = (
        bytes([0x80 | length])
        if length < 126
        else struct.pack("!BH", 0x80 | 126, length)
        if length < 65536
        else struct.pack("!BQ", 0x80 | 127, length)
    )
    return bytes([head]) + size + bytes(4) + data


class Socket:
    """A raw media socket with a genuine ticket and token."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def close_code(self) -> int | None:
        """Read on until the gateway closes; the code it gives, None if it only drops the connection."""
        try:
            while True:
                head = await self.reader.readexactly(2)
                length = head[1] & 0x7F
                if length == 126:
                    (length,) = struct.unpack("!H", await self.reader.readexactly(2))
                elif length == 127:
                    (length,) = struct.unpack("!Q", await self.reader.readexactly(8))
                data = await self.reader.readexactly(length)
                if head[0] & 0x0F == 0x8:
                    return int.from_bytes(data[:2])
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        finally:
            await gone(self.writer)


async def gone(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def attach(stack: Any, context: str, *extensions: str) -> tuple[Socket, str]:
    """Open a media socket by hand; also the answer's head."""
    subject = Subject(context, stack.phone.options.wall(), "twin", "main", "support", "main")
    ticket = stack.tickets.issue(Purpose.MEDIA, subject)
    token = stack.phone.keys.acs_token(stack.phone.issuer, stack.phone.audience, MEDIA_TOKEN_S)
    reader, writer = await asyncio.open_connection("127.0.0.1", stack.gateway.public_port)
    extension = "".join(f"Sec-WebSocket-Extensions: {each}\r\n" for each in extensions)
    writer.write(
        f"GET /media/{ticket} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{extension}"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        f"Authorization: Bearer {token}\r\n\r\n".encode()
    )
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    assert " 101 " in head.splitlines()[0], head
    return Socket(reader, writer), head


# --- what they do ---------------------------------------------------------------------------------------------------


async def oversize(stack: Any, context: str) -> None:
    socket, _ = await attach(stack, context)
    socket.writer.write(frame(TEXT, b"x" * (64 * 1024 + 1)))
    assert await socket.close_code() == 1009


async def deflate(stack: Any, context: str) -> None:
    """A bomb: a compressed frame although nothing of the kind was agreed on."""
    socket, head = await attach(stack, context, "permessage-deflate; client_max_window_bits")
    assert "permessage-deflate" not in head
    socket.writer.write(frame(TEXT, bytes(1000), compressed=True))
    assert await socket.close_code() == 1002


async def fragments(stack: Any, context: str) -> None:
    """A message that never ends, in pieces: it is over with the size of a message."""
    socket, _ = await attach(stack, context)
    socket.writer.write(frame(TEXT, b"x", last=False))
    for _ in range(2000):
        socket.writer.write(frame(CONTINUATION, b"x" * 64, last=False))
    assert await socket.close_code() == 1009


async def pings(stack: Any, context: str) -> None:
    socket, _ = await attach(stack, context)
    for _ in range(1000):
        socket.writer.write(frame(PING, b"ping"))
    assert await socket.close_code() == 1008


async def never_reads(stack: Any, context: str) -> None:
    """Takes part for a while and reads nothing of what the agent says."""
    socket, _ = await attach(stack, context)
    socket.reader._transport.pause_reading()  # type: ignore[attr-defined]
    await asyncio.sleep(8.0)
    socket.writer.transport.abort()
    await gone(socket.writer)


async def slow_header(stack: Any, _context: str) -> None:
    """A stranger who begins a request and goes on with a byte now and then."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stack.gateway.public_port)
    began = asyncio.get_running_loop().time()
    answer = asyncio.create_task(reader.read())
    writer.write(b"GET /media/x HTTP/1.1\r\n")
    while not answer.done() and asyncio.get_running_loop().time() - began < 30.0:
        writer.write(b"x")
        await asyncio.sleep(1.0)
    assert asyncio.get_running_loop().time() - began < 10.0
    with contextlib.suppress(ConnectionError):
        assert await answer == b""
    await gone(writer)


ATTACKS = [oversize, deflate, fragments, pings, never_reads, slow_header]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_twenty_calls_do_not_notice(
    attack: Callable[[Any, str], Awaitable[None]], tmp_path: Path, started: Any, setup_type: Any, on_virtual_time: Any
) -> None:
    async def main() -> list[Any]:
        async with started(setup_type(), tmp_path) as stack:
            waiting = CallPlan(behaviour=(HangUp(at=At(12.0)),))
            bystanders = [await stack.phone.start_call(waiting) for _ in range(BYSTANDERS)]
            refused = CallPlan(behaviour=(WaitAgent(60.0),), switches=PhoneSwitches(media_refused=100))
            hostile = await stack.phone.start_call(refused)
            await asyncio.sleep(2.0)
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            await attack(stack, hostile.call.ids.context)
            grown_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            records = [await call.wait() for call in bystanders]
            hostile.hang_up()
            await hostile.wait()
            assert await stack.gateway.supervisor.wait_empty(30.0)
            assert grown_mib < MEMORY_MIB
            assert stack.gateway.registry.get_sample_value("gateway_bug_total") == 0
            return records

    for record in on_virtual_time(main()):
        assert record.failure is None
        assert [socket.close_code for socket in record.sockets] == [1000]
    assert len(list(Path("/proc/self/fd").iterdir())) < 200
