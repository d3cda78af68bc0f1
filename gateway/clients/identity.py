"""This workload's Entra identity: one for all hops, asked for a token once however many want it.

azure-identity finds the identity (workload identity on Kubernetes, managed identity, `az login` on a laptop). What it
leaves to its callers is here: one request for a token at a time, renewal long before the end, the old token kept while
a renewal fails, and a failure in one line that says what to do.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import structlog
from azure.core.credentials import AccessToken
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError, ClientAuthenticationError

RENEW_AT: Final = 0.8
"""Part of a token's life after which it is renewed."""
RETRY_S: Final = 10.0
"""Between renewals that failed, while the old token is still good."""
ASK_S: Final = 10.0
"""For one token; the first of a process needs several requests to find out what identity there is."""

log = structlog.get_logger()


@dataclass(slots=True)
class _Held:
    """A token, and when to ask for the next; both in seconds since the epoch."""

    token: AccessToken
    renew_at: float


class Identity:
    """A credential for clients of ours and of the Azure SDKs alike."""

    def __init__(
        self, source: AsyncTokenCredential, wall_clock: Callable[[], float], environment: Mapping[str, str]
    ) -> None:
        """`environment`: of this process, for saying what is missing in it."""
        self._source = source
        self._wall_clock = wall_clock
        self._environment = environment
        self._held: dict[str, _Held] = {}
        self._asking: dict[str, asyncio.Task[AccessToken]] = {}

    def __repr__(self) -> str:
        return f"<Identity {len(self._held)} tokens>"

    async def get_token(
        self,
        *scopes: str,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        **_options: Any,
    ) -> AccessToken:
        """A token that is good for some time; as AsyncTokenCredential, but for one scope.

        Raises:
            ClientAuthenticationError: there is none; the text is one line that says what to do, without secrets.
        """
        (scope,) = scopes
        if claims is not None or tenant_id is not None or enable_cae:
            raise ValueError("tokens are asked for by their scope alone")
        held, now = self._held.get(scope), self._wall_clock()
        if held is not None and now < held.renew_at:
            return held.token
        try:
            return await asyncio.shield(self._ask(scope))
        except ClientAuthenticationError as error:
            if held is None or now >= held.token.expires_on:
                raise
            held.renew_at = now + RETRY_S
            log.warning("identity.renewal_failed", scope=scope, cause=str(error), left_s=held.token.expires_on - now)
            return held.token

    def _ask(self, scope: str) -> asyncio.Task[AccessToken]:
        """The one request for this scope that is under way."""
        task = self._asking.get(scope)
        if task is None:
            task = self._asking[scope] = asyncio.create_task(self._fetch(scope), name=f"token {scope}")
            task.add_done_callback(lambda done: self._asked(scope, done))
        return task

    def _asked(self, scope: str, task: asyncio.Task[AccessToken]) -> None:
        del self._asking[scope]
        if not task.cancelled():
            task.exception()  # looked at even if whoever asked has gone

    async def _fetch(self, scope: str) -> AccessToken:
        try:
            async with asyncio.timeout(ASK_S):
                token = await self._source.get_token(scope)
        except TimeoutError:
            raise ClientAuthenticationError(
                f"no token within {ASK_S:g} s: the identity endpoint does not answer"
            ) from None
        except AzureError as error:
            raise ClientAuthenticationError(explain(str(error), self._environment)) from None
        now = self._wall_clock()
        self._held[scope] = _Held(token, now + RENEW_AT * max(0.0, token.expires_on - now))
        return token

    async def close(self) -> None:
        for task in list(self._asking.values()):
            task.cancel()
        await asyncio.gather(*self._asking.values(), return_exceptions=True)
        await self._source.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self.close()


# --- what went wrong ----------------------------------------------------------------------------------------------

# Sources: the error texts themselves, as users of azure-workload-identity and Azure/login report them, and Microsoft's
# list of authentication and authorization error codes.
_CODE = re.compile(r"AADSTS[0-9]{5,7}")
_REMEDIES: Final[dict[str, str]] = {
    "AADSTS700211": "no federated credential has this cluster's OIDC issuer: compare it with `az aks show "
    "--query oidcIssuerProfile.issuerUrl`",
    "AADSTS700212": "no federated credential has this token's audience: it should be api://AzureADTokenExchange",
    "AADSTS700213": "no federated credential has this service account: its subject should be "
    "system:serviceaccount:<namespace>:<service account>",
    "AADSTS7002138": "the federated credential's subject differs from the service account's in upper or lower case",
    "AADSTS70021": "no federated credential matches issuer, subject and audience of this service account's token",
    "AADSTS700016": "AZURE_CLIENT_ID is no application of the tenant AZURE_TENANT_ID",
    "AADSTS90002": "AZURE_TENANT_ID is no tenant",
    "AADSTS700024": "the service account's token has expired: its volume must be a projected one, which is renewed",
    "AADSTS7000215": "AZURE_CLIENT_SECRET is wrong; better use workload identity",
    "AADSTS7000222": "AZURE_CLIENT_SECRET has expired; better use workload identity",
    "AADSTS500011": "the resource is unknown in this tenant: is it the right tenant?",
}
_WORKLOAD_VARIABLES: Final = ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE")


def explain(message: str, environment: Mapping[str, str]) -> str:
    """One line for a failure of azure-identity's chain: the step that should have worked, and what to do.

    Args:
        message: of the chain's exception, many lines; nothing of it is repeated but an error code.
        environment: of this process.
    """
    code = _CODE.search(message)
    found = "" if code is None else f" ({code[0]})"
    if "AZURE_FEDERATED_TOKEN_FILE" in environment:
        missing = [name for name in _WORKLOAD_VARIABLES if not environment.get(name)]
        if missing:
            return f"workload identity: {', '.join(missing)} is not set; label the pod azure.workload.identity/use"
        remedy = "look at the federated credential of the managed identity" if code is None else _remedy(code[0])
        return f"workload identity failed{found}: {remedy}"
    if any(environment.get(name) for name in ("AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH")):
        remedy = "look at the variables AZURE_*" if code is None else _remedy(code[0])
        return f"service principal of the environment failed{found}: {remedy}"
    if "Identity not found" in message or "identity_not_found" in message:
        return "managed identity failed: none is assigned to this machine, or AZURE_CLIENT_ID names another one"
    if code is not None:
        return f"no token{found}: {_remedy(code[0])}"
    return (
        "no identity found: on Kubernetes give the pod a service account with workload identity, on a virtual machine "
        "assign a managed identity, on a laptop run az login"
    )


def _remedy(code: str) -> str:
    return _REMEDIES.get(code, "look the code up at https://login.microsoftonline.com/error")
