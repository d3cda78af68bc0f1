from __future__ import annotations

import asyncio
import socket

from gateway.simulator.ports import HOST, reserved_ports


def test_nobody_else_is_given_a_reserved_port() -> None:
    with reserved_ports(20) as ports:
        assert len(set(ports)) == 20
        for reuse in (0, 1):
            others = [socket.socket() for _ in range(500)]
            try:
                for each in others:
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
                    each.bind((HOST, 0))
                assert not set(ports) & {each.getsockname()[1] for each in others}
            finally:
                for each in others:
                    each.close()


def test_a_server_listens_on_a_reserved_port() -> None:
    async def talk(port: int) -> bytes:
        async def hello(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"hello")
            writer.close()
            await writer.wait_closed()

        async with await asyncio.start_server(hello, HOST, port):
            reader, writer = await asyncio.open_connection(HOST, port)
            said = await reader.read()
            writer.close()
            await writer.wait_closed()
            return said

    with reserved_ports(1) as (port,):
        assert asyncio.run(talk(port)) == b"hello"
        assert asyncio.run(talk(port)) == b"hello"  # again, beside what the first server left behind
