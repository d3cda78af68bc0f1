"""Services of the operator that are asked during a call: JSON out, JSON back, with a deadline, or nothing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from gateway.bounds import MAX_HOOK_ANSWER_BYTES
from gateway.clients.http import read_body
from gateway.config.secrets import read_key
from gateway.errors import HookFailed
from gateway.wire.strict_json import parse_json, table


@dataclass(frozen=True, slots=True)
class HookTarget:
    """Where one is."""

    url: str
    timeout_s: float
    secret_file: Path | None = None
    """read for every request: a rotated secret needs no restart"""


class Hooks:
    """Asks them; knows nothing of what for."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http

    async def ask(self, target: HookTarget, question: dict[str, Any]) -> dict[str, Any]:
        """POST a question.

        Returns:
            The answer; empty where there is no body.

        Raises:
            HookFailed: no usable answer within the deadline.
            BadMessage: the answer is not JSON.
        """
        headers = {"Content-Type": "application/json"}
        try:
            if target.secret_file is not None:
                headers["Authorization"] = f"Bearer {read_key(target.secret_file)}"
            async with (
                asyncio.timeout(target.timeout_s),
                self._http.post(target.url, data=orjson.dumps(question), headers=headers) as response,
            ):
                body = await read_body(response.content, MAX_HOOK_ANSWER_BYTES + 1)
                if response.status >= HTTPStatus.MULTIPLE_CHOICES:
                    raise HookFailed("status")
        except TimeoutError:
            raise HookFailed("timeout") from None
        except (aiohttp.ClientError, OSError, ValueError):
            raise HookFailed("connection") from None  # the original holds the address
        if len(body) > MAX_HOOK_ANSWER_BYTES:
            raise HookFailed("too_long")
        return table(parse_json(body)) if body.strip() else {}
