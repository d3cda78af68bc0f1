"""Who fails again and again is not looked at any more, where the configuration says how sources are told apart.

Behind a load balancer all requests come from the same address, and what a request says of its way is worth as much as
who wrote it: only the entries that trusted proxies appended to X-Forwarded-For count. Without trusted proxies nobody is
ever held off, because it would be everybody.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections import OrderedDict
from collections.abc import Callable

from aiohttp import web

from gateway.bounds import FAILURES_PER_MINUTE, MAX_SOURCES

_PER_S = FAILURES_PER_MINUTE / 60.0
_WITH_PORT = re.compile(r"\[(?P<v6>[^\]]*)\](?::[0-9]+)?|(?P<v4>[0-9.]+):[0-9]+")
"""Azure Application Gateway appends addresses with their port; RFC 7239 has IPv6 in brackets."""


class Sources:
    """A bucket of failures for each source; it drains by FAILURES_PER_MINUTE."""

    def __init__(self, trusted_proxies: int, clock: Callable[[], float]) -> None:
        self._trusted = trusted_proxies
        self._clock = clock
        self._failures: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """level of the bucket, and when it was that"""

    def __repr__(self) -> str:
        return f"<Sources {len(self._failures)}>"

    def turned_away(self, request: web.Request) -> int | None:
        """Seconds until this source may try again; None: now."""
        source = self._source(request)
        over = 0.0 if source is None else self._level(source) - (FAILURES_PER_MINUTE - 1)
        return math.ceil(over / _PER_S) if over > 0 else None

    def failed(self, request: web.Request) -> None:
        """This request was refused."""
        source = self._source(request)
        if source is None:
            return
        self._failures[source] = (self._level(source) + 1.0, self._clock())
        self._failures.move_to_end(source)
        while len(self._failures) > MAX_SOURCES:
            self._failures.popitem(last=False)

    def _level(self, source: str) -> float:
        level, since = self._failures.get(source, (0.0, 0.0))
        return max(0.0, level - (self._clock() - since) * _PER_S)

    def _source(self, request: web.Request) -> str | None:
        """Who called the first trusted proxy; of IPv6 the network of 64 bits, which one host may own."""
        if not self._trusted:
            return None
        hops = ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")
        if len(hops) < self._trusted:
            return None
        hop = hops[-self._trusted].strip()
        with_port = _WITH_PORT.fullmatch(hop)
        try:
            address = ipaddress.ip_address(hop if with_port is None else with_port["v6"] or with_port["v4"])
        except ValueError:
            return None
        if isinstance(address, ipaddress.IPv6Address):
            if address.ipv4_mapped is not None:
                return str(address.ipv4_mapped)  # its network of 64 bits would hold all of IPv4
            return str(ipaddress.ip_network((address, 64), strict=False))
        return str(address)
