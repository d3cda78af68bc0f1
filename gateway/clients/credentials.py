"""Credentials of outgoing connections: a key from a file, or a token of this workload's Entra identity."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import aiohttp
from azure.core.credentials import AzureKeyCredential
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import ClientAuthenticationError
from azure.identity.aio import DefaultAzureCredential

from gateway.clients.http import azure_transport
from gateway.clients.identity import Identity
from gateway.config.secrets import read_base64_key, read_key
from gateway.errors import ModelUnavailable

VOICE_LIVE_SCOPE = "https://ai.azure.com/.default"
PUBLIC_RESOURCE_MANAGER = "https://management.azure.com"


class HeaderSource(Protocol):
    """Where the headers come from that identify us to a peer."""

    async def headers(self) -> dict[str, str]: ...


class KeyHeader:
    """An API key, read from its file at every use: a rotated secret needs no restart."""

    def __init__(self, key_file: Path) -> None:
        self._key_file = key_file

    async def headers(self) -> dict[str, str]:
        """The key as it is now.

        Raises:
            ModelUnavailable: the file holds no key; the text names the file, never its content.
        """
        try:
            return {"api-key": read_key(self._key_file)}
        except ValueError as error:
            raise ModelUnavailable(str(error)) from error


class EntraHeader:
    """A bearer token of this workload's identity."""

    def __init__(self, identity: Identity, scope: str = VOICE_LIVE_SCOPE) -> None:
        self._identity = identity
        self._scope = scope

    async def headers(self) -> dict[str, str]:
        """A bearer token of this workload.

        Raises:
            ModelUnavailable: there is none; the text says what to do, and holds no secret.
        """
        try:
            token = await self._identity.get_token(self._scope)
        except ClientAuthenticationError as error:
            raise ModelUnavailable(error.message) from None
        return {"Authorization": f"Bearer {token.token}"}


class Credentials:
    """The identities of one process; made once, closed at the end."""

    def __init__(self, http: aiohttp.ClientSession, wall_clock: Callable[[], float]) -> None:
        """`http`: for asking for tokens; its owner closes it."""
        self._http = http
        self._wall_clock = wall_clock
        self._entra: Identity | None = None

    def for_voice_live(self, key_file: Path | None) -> HeaderSource:
        return KeyHeader(key_file) if key_file is not None else EntraHeader(self._identity())

    def for_resource_manager(self, endpoint: str) -> HeaderSource:
        """`endpoint`: of the cloud, which is what its tokens are for; for a twin's they are the public cloud's."""
        cloud = endpoint if endpoint.startswith("https://") else PUBLIC_RESOURCE_MANAGER
        return EntraHeader(self._identity(), f"{cloud}/.default")

    def for_call_automation(self, key_file: Path | None) -> AzureKeyCredential | AsyncTokenCredential:
        return AzureKeyCredential(read_base64_key(key_file)) if key_file is not None else self._identity()

    def _identity(self) -> Identity:
        if self._entra is None:
            chain = DefaultAzureCredential(transport=azure_transport(self._http))
            self._entra = Identity(chain, self._wall_clock, os.environ)
        return self._entra

    async def close(self) -> None:
        if self._entra is not None:
            await self._entra.close()
