"""One identity for all: single flight, renewal, and failures that say what to do."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Self

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import AzureError, ClientAuthenticationError

from gateway.clients.identity import Identity, explain

LIFE_S = 1000.0
START = 1.8e9
WORKLOAD = {"AZURE_FEDERATED_TOKEN_FILE": "/t", "AZURE_CLIENT_ID": "c", "AZURE_TENANT_ID": "t"}


class Source:
    """Gives a new token every time, or fails."""

    def __init__(self) -> None:
        self.now = START
        self.asked = 0
        self.failure: AzureError | None = None
        self.let_go = asyncio.Event()
        self.let_go.set()

    async def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        self.asked += 1
        await self.let_go.wait()
        if self.failure is not None:
            raise self.failure
        return AccessToken(f"token-{self.asked}", int(self.now + LIFE_S))

    async def close(self) -> None:
        """Nothing is open."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()


def make(source: Source, environment: Mapping[str, str] | None = None) -> Identity:
    return Identity(source, lambda: source.now, environment or {})


async def test_many_who_want_a_token_ask_once() -> None:
    source = Source()
    source.let_go.clear()
    identity = make(source)
    waiting = [asyncio.create_task(identity.get_token("scope")) for _ in range(50)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    source.let_go.set()
    tokens = await asyncio.gather(*waiting[1:])
    assert source.asked == 1
    assert {token.token for token in tokens} == {"token-1"}


async def test_a_token_is_renewed_at_four_fifths_of_its_life() -> None:
    source = Source()
    identity = make(source)
    for at, token in ((0.0, 1), (0.79, 1), (0.81, 2), (1.5, 2), (1.62, 3)):
        source.now = START + at * LIFE_S
        assert (await identity.get_token("scope")).token == f"token-{token}"


async def test_the_old_token_serves_while_a_renewal_fails_and_no_longer_than_it_lives() -> None:
    source = Source()
    identity = make(source)
    await identity.get_token("scope")
    source.failure = ClientAuthenticationError("secret")
    source.now = START + 0.9 * LIFE_S
    for _ in range(10):
        assert (await identity.get_token("scope")).token == "token-1"  # noqa: S105 - invented
    assert source.asked == 2, "a failed renewal is not repeated for every call"
    source.now = START + LIFE_S + 1
    with pytest.raises(ClientAuthenticationError, match="identity"):
        await identity.get_token("scope")


async def test_an_identity_endpoint_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.clients.identity.ASK_S", 0.01)
    source = Source()
    source.let_go.clear()
    with pytest.raises(ClientAuthenticationError, match="does not answer"):
        await make(source).get_token("scope")


@pytest.mark.parametrize(
    ("message", "environment", "says"),
    [
        ("", {}, "az login"),
        ("", {"AZURE_FEDERATED_TOKEN_FILE": "/t"}, "AZURE_CLIENT_ID, AZURE_TENANT_ID is not set"),
        ("WorkloadIdentityCredential: AADSTS700213: No matching ...", WORKLOAD, "system:serviceaccount"),
        ("AADSTS700211: No matching federated identity record ...", WORKLOAD, "oidcIssuerProfile"),
        ("AADSTS7002138: ... matches with case-insensitive comparison ...", WORKLOAD, "upper or lower case"),
        ("AADSTS999999: new", WORKLOAD, "(AADSTS999999)"),
        ("AADSTS7000215: Invalid client secret", {"AZURE_CLIENT_SECRET": "canary"}, "AZURE_CLIENT_SECRET is wrong"),
        ("ManagedIdentityCredential: Identity not found", {}, "managed identity failed"),
        ("AzureCliCredential: AADSTS500011: The resource principal ...", {}, "right tenant"),
    ],
)
def test_a_failure_is_one_line_that_says_which_step_and_what_to_do(
    message: str, environment: Mapping[str, str], says: str
) -> None:
    line = explain(f"{message} canary-token\n\tmore canary-token", environment)
    assert says in line
    assert "canary" not in line
    assert "\n" not in line
