"""Request bodies, bounded in size and time."""

from __future__ import annotations

import asyncio

from aiohttp import web

from gateway.bounds import BODY_S
from gateway.server.problems import problem

JSON_TYPES = frozenset({"application/json", "application/cloudevents+json", "application/cloudevents-batch+json"})


def check_declared_size(request: web.Request, limit_bytes: int) -> None:
    """Before anything else is looked at: what says itself that it is too large needs no other judgement.

    Raises:
        web.HTTPException: 413.
    """
    declared = request.content_length
    if declared is not None and declared > limit_bytes:
        raise _too_large(limit_bytes)


def check_json(request: web.Request) -> None:
    """The body is JSON as the senders of events write it, uncompressed.

    Raises:
        web.HTTPException: 415.
    """
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise problem(web.HTTPUnsupportedMediaType, "encoding", "Send the body uncompressed.")
    if request.content_type not in JSON_TYPES or (request.charset or "utf-8").lower() not in ("utf-8", "utf8"):
        raise problem(web.HTTPUnsupportedMediaType, "content-type", "Send JSON in UTF-8.")


async def read_body(request: web.Request, limit_bytes: int) -> bytes:
    """The whole body.

    Raises:
        web.HTTPException: 413 for one that is too large, 408 for one that does not come, 400 for one that breaks off.
    """
    try:
        async with asyncio.timeout(BODY_S):
            body = await request.content.read(limit_bytes + 1)
            while len(body) <= limit_bytes and (more := await request.content.read(limit_bytes + 1 - len(body))):
                body += more
    except TimeoutError:
        raise problem(web.HTTPRequestTimeout, "slow-body", "The body did not arrive in time.") from None
    except (web.RequestPayloadError, ConnectionError):
        raise problem(web.HTTPBadRequest, "broken-body", "The body broke off.") from None
    if len(body) > limit_bytes:
        raise _too_large(limit_bytes)
    return body


def _too_large(limit_bytes: int) -> web.HTTPException:
    title = f"At most {limit_bytes} bytes."
    return problem(web.HTTPRequestEntityTooLarge, "too-large", title, limit_bytes=limit_bytes)
