from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self

import pytest
from azure.core.credentials import AccessToken, AzureKeyCredential
from azure.core.exceptions import AzureError, ClientAuthenticationError, ServiceRequestError

from gateway.clients.credentials import VOICE_LIVE_SCOPE, Credentials, EntraHeader, KeyHeader
from gateway.clients.http import make_session
from gateway.clients.identity import Identity
from gateway.errors import ModelUnavailable


class Source:
    """An identity that gives the same answer to everybody."""

    def __init__(self, answer: str | AzureError) -> None:
        self._answer = answer
        self.scopes: list[str] = []

    async def get_token(
        self,
        *scopes: str,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        **_kwargs: Any,
    ) -> AccessToken:
        assert (claims, tenant_id, enable_cae) == (None, None, False)
        self.scopes += scopes
        if isinstance(self._answer, AzureError):
            raise self._answer
        return AccessToken(self._answer, 2**31)

    async def close(self) -> None:
        """Nothing is open."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()


def identity(source: Source) -> Identity:
    return Identity(source, lambda: 1.8e9, {})


@pytest.fixture
async def credentials() -> AsyncIterator[Credentials]:
    async with make_session() as http:
        made = Credentials(http, lambda: 1.8e9)
        yield made
        await made.close()


async def test_a_rotated_key_is_used_without_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "voice.key"
    source = KeyHeader(file)

    file.write_text("first\n")
    assert await source.headers() == {"api-key": "first"}
    file.write_text("second\n")
    assert await source.headers() == {"api-key": "second"}


@pytest.mark.parametrize("content", [None, b"", b"two keys", b"a\r\nX-Other: b", b"\xff\xfe", b"k" * 10_000])
async def test_a_file_that_holds_no_key_makes_the_model_unavailable(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "voice.key"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(ModelUnavailable) as error:
        await KeyHeader(file).headers()

    assert str(file) in str(error.value)
    assert "two keys" not in str(error.value)


async def test_a_token_is_asked_for_by_the_scope_of_voice_live() -> None:
    source = Source("canary-token")

    assert await EntraHeader(identity(source)).headers() == {"Authorization": "Bearer canary-token"}
    assert source.scopes == [VOICE_LIVE_SCOPE]


@pytest.mark.parametrize(
    "failure",
    [ClientAuthenticationError("canary-token"), ServiceRequestError("canary-token"), AzureError("canary-token")],
)
async def test_without_a_token_the_model_is_unavailable_and_the_hint_holds_no_secret(failure: AzureError) -> None:
    with pytest.raises(ModelUnavailable, match="identity") as error:
        await EntraHeader(identity(Source(failure))).headers()

    assert "canary-token" not in str(error.value)


async def test_files_win_over_the_workloads_identity_which_is_made_once(
    tmp_path: Path, credentials: Credentials
) -> None:
    file = tmp_path / "acs.key"
    file.write_text(base64.b64encode(b"a key").decode())

    assert isinstance(credentials.for_voice_live(file), KeyHeader)
    key = credentials.for_call_automation(file)
    assert isinstance(key, AzureKeyCredential)
    assert isinstance(credentials.for_voice_live(None), EntraHeader)
    assert credentials.for_call_automation(None) is credentials.for_call_automation(None)


@pytest.mark.parametrize(
    ("endpoint", "scope"),
    [
        ("https://management.azure.com", "https://management.azure.com/.default"),
        ("https://management.usgovcloudapi.net", "https://management.usgovcloudapi.net/.default"),
        ("http://127.0.0.1:8093", "https://management.azure.com/.default"),
    ],
)
async def test_a_token_is_for_the_resource_manager_of_the_cloud(
    credentials: Credentials, monkeypatch: pytest.MonkeyPatch, endpoint: str, scope: str
) -> None:
    source = Source("a token")
    monkeypatch.setattr(credentials, "_entra", identity(source))

    assert await credentials.for_resource_manager(endpoint).headers() == {"Authorization": "Bearer a token"}
    assert source.scopes == [scope]


async def test_a_key_of_call_automation_must_be_base64(tmp_path: Path, credentials: Credentials) -> None:
    file = tmp_path / "acs.key"
    file.write_text("not*base64")

    with pytest.raises(ValueError, match="base64") as error:
        credentials.for_call_automation(file)

    assert "not*base64" not in str(error.value)
