"""Request bodies, bounded in size and time, and error answers that repeat nothing of them."""

from __future__ import annotations

import asyncio
import json
import uuid

from aiohttp import web

BODY_S = 5.0
"""aiohttp has no deadline for a body that stalls."""


async def read_body(request: web.Request, limit_bytes: int) -> bytes:
    """The whole body.

    Raises:
        web.HTTPException: 415 for a compressed one, 413 for one that is too large, 408 for one that does not come.
    """
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise problem(web.HTTPUnsupportedMediaType, "encoding", "Send the body uncompressed.")
    try:
        async with asyncio.timeout(BODY_S):
            body = await request.content.read(limit_bytes + 1)
            while len(body) <= limit_bytes and (more := await request.content.read(limit_bytes + 1 - len(body))):
                body += more
    except TimeoutError:
        raise problem(web.HTTPRequestTimeout, "slow-body", "The body did not arrive in time.") from None
    if len(body) > limit_bytes:
        raise problem(web.HTTPRequestEntityTooLarge, "too-large", f"At most {limit_bytes} bytes.", limit_bytes)
    return body


def problem(kind: type[web.HTTPException], slug: str, title: str, limit_bytes: int = 0) -> web.HTTPException:
    """An error as application/problem+json (RFC 9457), without any of the input."""
    status = kind.status_code
    document = {"type": f"urn:gw:problem:{slug}", "title": title, "status": status, "instance": uuid.uuid4().hex}
    headers = {"Cache-Control": "no-store"}
    text, content_type = json.dumps(document), "application/problem+json"
    if kind is web.HTTPRequestEntityTooLarge:
        return web.HTTPRequestEntityTooLarge(
            limit_bytes, limit_bytes, text=text, content_type=content_type, headers=headers
        )
    return kind(text=text, content_type=content_type, headers=headers)
