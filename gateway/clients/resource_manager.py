"""Azure Resource Manager, read only: what `gateway check --online` compares the configuration with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import aiohttp
import orjson
from yarl import URL

from gateway.bounds import MAX_ANSWER_BYTES
from gateway.clients.credentials import HeaderSource
from gateway.clients.http import RedirectRefused, read_body
from gateway.errors import GatewayError, ModelUnavailable

TIMEOUT_S = 10.0


class NotReadable(GatewayError):  # noqa: N818 - named for what happened
    """A resource could not be read; `status` is 0 where nothing answered. The text holds no address."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class ResourceManager:
    """Of one cloud."""

    def __init__(self, http: aiohttp.ClientSession, credential: Callable[[str], HeaderSource], endpoint: str) -> None:
        """`endpoint`: such as https://management.azure.com; the token is for it."""
        self._http = http
        self._credential = credential
        self._endpoint = endpoint

    async def read(self, resource_id: str, api_version: str) -> dict[str, Any]:
        """A resource, or a list of them, as Azure has it.

        Raises:
            NotReadable: it could not be read.
        """
        try:
            headers = await self._credential(self._endpoint).headers()
        except ModelUnavailable as error:
            raise NotReadable(0, str(error)) from None
        url = URL(f"{self._endpoint}{resource_id}").with_query({"api-version": api_version})
        try:
            async with asyncio.timeout(TIMEOUT_S), self._http.get(url, headers=headers) as response:
                body = await read_body(response.content, MAX_ANSWER_BYTES)
                status = response.status
        except TimeoutError:
            raise NotReadable(0, f"no answer within {TIMEOUT_S:g} s") from None
        except RedirectRefused as error:
            raise NotReadable(0, str(error)) from None
        except (aiohttp.ClientError, OSError) as error:
            raise NotReadable(0, type(error).__name__) from None  # its text holds the address
        if status != HTTPStatus.OK:
            raise NotReadable(status, f"answered {status}")
        try:
            found = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise NotReadable(status, "answered no JSON") from None
        if not isinstance(found, dict):
            raise NotReadable(status, "answered something else than a resource")
        return found
