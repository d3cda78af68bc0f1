"""Credentials of outgoing connections: a key from a file, or a token of this workload's Entra identity."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from azure.core.credentials import AzureKeyCredential
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError
from azure.identity.aio import DefaultAzureCredential

from gateway.config.secrets import read_base64_key, read_key
from gateway.errors import ModelUnavailable

VOICE_LIVE_SCOPE = "https://ai.azure.com/.default"


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
    """A bearer token; azure-identity caches it and renews it before it expires."""

    def __init__(self, credential: AsyncTokenCredential, scope: str = VOICE_LIVE_SCOPE) -> None:
        self._credential = credential
        self._scope = scope

    async def headers(self) -> dict[str, str]:
        """A bearer token of this workload.

        Raises:
            ModelUnavailable: no identity could be found; the text says what to check, and holds no secret.
        """
        try:
            token = await self._credential.get_token(self._scope)
        except AzureError as error:  # no identity, or none that could be asked just now
            raise ModelUnavailable(
                "no Entra token: give this workload an identity (workload identity, managed identity or az login)"
            ) from error
        return {"Authorization": f"Bearer {token.token}"}


class Credentials:
    """The identities of one process; made once, closed at the end."""

    def __init__(self) -> None:
        self._entra: DefaultAzureCredential | None = None

    def for_voice_live(self, key_file: Path | None) -> HeaderSource:
        return KeyHeader(key_file) if key_file is not None else EntraHeader(self._identity())

    def for_call_automation(self, key_file: Path | None) -> AzureKeyCredential | AsyncTokenCredential:
        return AzureKeyCredential(read_base64_key(key_file)) if key_file is not None else self._identity()

    def _identity(self) -> DefaultAzureCredential:
        if self._entra is None:
            self._entra = DefaultAzureCredential()
        return self._entra

    async def close(self) -> None:
        if self._entra is not None:
            await self._entra.close()
