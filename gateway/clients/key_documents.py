"""Where the public keys of token issuers are published: one GET, bounded in time and size, never redirected."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

import aiohttp

from gateway.bounds import MAX_KEY_SET_BYTES
from gateway.clients.http import RedirectRefused
from gateway.errors import GatewayError

FETCH_S = 3.0


class FetchFailed(GatewayError):  # noqa: N818 - named for what happened
    """The document did not come; the text says why and holds nothing of what came instead."""


async def fetch_keys(http: aiohttp.ClientSession, url: str) -> bytes:
    """The document at `url`, at most MAX_KEY_SET_BYTES and one byte.

    Raises:
        FetchFailed: it did not come within FETCH_S, or something else came.
    """
    try:
        async with asyncio.timeout(FETCH_S), http.get(url, allow_redirects=False) as response:
            if response.status != HTTPStatus.OK:
                raise FetchFailed(f"answered {response.status}")
            document = b""
            while len(document) <= MAX_KEY_SET_BYTES and (more := await response.content.read(64 * 1024)):
                document += more
            return document
    except TimeoutError:
        raise FetchFailed(f"no answer within {FETCH_S:g} s") from None
    except RedirectRefused as error:
        raise FetchFailed(str(error)) from None
    except (aiohttp.ClientError, OSError) as error:
        raise FetchFailed(type(error).__name__) from None  # its text holds the URL, and headers at times
