"""Ports for servers that must know their own address before they listen, as the gateway must."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

HOST = "127.0.0.1"


@contextmanager
def reserved_ports(count: int) -> Iterator[list[int]]:
    """Distinct loopback ports that nobody else is given until the context ends.

    Linux hands a port that a bound socket holds to nobody, neither for port 0 nor for an outgoing connection, and yet
    lets a server listen on it by its number, as long as both sockets carry SO_REUSEADDR and only one listens (asyncio's
    servers carry it). Other systems would refuse that server, so there the ports are only known to have been free a
    moment ago.
    """
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            each.bind((HOST, 0))
        ports = [each.getsockname()[1] for each in sockets]
        if sys.platform != "linux":
            held.close()
        yield ports
