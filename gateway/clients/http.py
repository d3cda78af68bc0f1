"""The one place where outgoing HTTP sessions are made: redirects refused, certificates verified, bounds set."""

from __future__ import annotations

import aiohttp
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse

FIRST_REDIRECT = 300
LAST_REDIRECT = 399


class RedirectRefused(aiohttp.ClientError):
    """A peer answered with a redirect. Credentials and bodies never follow one."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the peer answered with a redirect ({status}), which is never followed")
        self.status = status


async def _refuse_redirects(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Aiohttp follows a redirected WebSocket handshake and sends an api-key header along; it has no switch for it."""
    response = await handler(request)
    if FIRST_REDIRECT <= response.status <= LAST_REDIRECT:
        response.close()
        raise RedirectRefused(response.status)
    return response


def make_session(*, connection_limit: int = 0) -> aiohttp.ClientSession:
    """A session for one kind of peer; the caller closes it.

    Environment proxies, cookies and automatic decompression are off: nothing the gateway talks to needs them.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connection_limit, ttl_dns_cache=60),
        cookie_jar=aiohttp.DummyCookieJar(),
        middlewares=(_refuse_redirects,),
        trust_env=False,
    )
