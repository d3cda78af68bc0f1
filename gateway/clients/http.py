"""The one place where outgoing HTTP is made, ours and that of the Azure SDKs.

Redirects are refused, certificates verified, time and size bounded, and nothing is taken from the environment.
"""

from __future__ import annotations

import asyncio
import ssl

import aiohttp
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse
from azure.core.pipeline.transport import AioHttpTransport

from gateway.bounds import MAX_ANSWER_BYTES, MAX_HEADER_BYTES

FIRST_REDIRECT = 300
LAST_REDIRECT = 399
TIMEOUT = aiohttp.ClientTimeout(total=30.0, connect=5.0, sock_connect=3.0)
"""Of a request that has no deadline of its own; the callers' own deadlines are shorter."""


class RedirectRefused(aiohttp.ClientError):
    """A peer answered with a redirect. Credentials and bodies never follow one."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the peer answered with a redirect ({status}), which is never followed")
        self.status = status


class AnswerTooLarge(aiohttp.ClientError):
    """A peer announced more than it has to say."""

    def __init__(self) -> None:
        super().__init__(f"the peer's answer is larger than {MAX_ANSWER_BYTES} bytes")


async def _guard(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Aiohttp follows a redirected WebSocket handshake and sends an api-key header along; it has no switch for it."""
    response = await handler(request)
    if FIRST_REDIRECT <= response.status <= LAST_REDIRECT:
        response.close()
        raise RedirectRefused(response.status)
    if (response.content_length or 0) > MAX_ANSWER_BYTES:
        response.close()
        raise AnswerTooLarge
    return response


def make_session(*, connection_limit: int = 0) -> aiohttp.ClientSession:
    """A session for one kind of peer; the caller closes it.

    Environment proxies, cookies and automatic decompression are off: nothing the gateway talks to needs them. The
    trusted authorities are the system's, or those of SSL_CERT_FILE.
    """
    tls = ssl.create_default_context()
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connection_limit, ttl_dns_cache=60, ssl=tls),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept-Encoding": "identity"},
        auto_decompress=False,
        middlewares=(_guard,),
        timeout=TIMEOUT,
        max_line_size=MAX_HEADER_BYTES,
        max_field_size=MAX_HEADER_BYTES,
        trust_env=False,
    )


async def read_body(content: aiohttp.StreamReader, limit: int) -> bytes:
    """To the end, or to the limit: a body comes in pieces, and `read` returns the first."""
    try:
        return await content.readexactly(limit)
    except asyncio.IncompleteReadError as whole:
        return whole.partial


def azure_transport(http: aiohttp.ClientSession) -> AioHttpTransport:
    """The same for a client of the Azure SDKs; `http` stays its owner's."""
    return AioHttpTransport(session=http, session_owner=False, use_env_settings=False)
