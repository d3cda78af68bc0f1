"""Where `gateway capacity` gets metrics from: a file, or a gateway's own listener."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from gateway.bounds import MAX_ANSWER_BYTES
from gateway.clients.http import make_session

DEADLINE_S = 15.0
OK = 200


class MetricsUnreadable(Exception):  # noqa: N818 - named for what happened
    """There is no text; says why."""


def read_metrics(source: str) -> str:
    """The text at a URL (http or https) or in a file.

    Raises:
        MetricsUnreadable: there is none, or more of it than a gateway has to say.
    """
    if urlsplit(source).scheme in ("http", "https"):
        return asyncio.run(_fetched(source)).decode(errors="replace")
    try:
        with Path(source).open("rb") as file:
            content = file.read(MAX_ANSWER_BYTES + 1)
    except OSError as error:
        raise MetricsUnreadable(f"can not be read: {error.strerror}") from None
    return _bounded(content).decode(errors="replace")


async def _fetched(url: str) -> bytes:
    try:
        async with asyncio.timeout(DEADLINE_S), make_session() as http, http.get(url) as response:
            if response.status != OK:
                raise MetricsUnreadable(f"answers with status {response.status}; is it the /metrics of a gateway?")
            body = b""
            while len(body) <= MAX_ANSWER_BYTES and (more := await response.content.read(MAX_ANSWER_BYTES)):
                body += more
            return _bounded(body)
    except TimeoutError:
        raise MetricsUnreadable(f"no answer within {DEADLINE_S:.0f} s") from None
    except aiohttp.ClientError as error:
        raise MetricsUnreadable(f"can not be fetched: {str(error) or type(error).__name__}") from None


def _bounded(content: bytes) -> bytes:
    if len(content) > MAX_ANSWER_BYTES:
        raise MetricsUnreadable("is larger than what a gateway has to say")
    return content
