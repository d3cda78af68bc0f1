"""Azure Monitor's utilisation of a provisioned deployment, read from Azure Resource Manager.

Not verified against the live service: how late a minute appears, what a minute without requests looks like (missing,
null and an empty series all mean that nothing is known), and the form of errors, of which only the status is used.

A role that may read metrics is needed (Monitoring Reader, or Reader) on the account that holds the *model*: for a model
of another resource that is not the account of the Voice Live endpoint.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

import aiohttp
from yarl import URL

from gateway.bounds import MAX_ANSWER_BYTES
from gateway.clients.credentials import HeaderSource
from gateway.clients.http import RedirectRefused, read_body
from gateway.errors import BadMessage, ModelUnavailable, MonitorFailed
from gateway.wire.azure_monitor import METRIC, Minute, parse

API_VERSION = "2023-10-01"
NAMESPACE = "Microsoft.CognitiveServices/accounts"
LOOK_BACK_S = 600.0
"""Monitor is late, and a read that failed is made up for by the next ones."""
MAX_RETRY_AFTER_S = 600.0
MONITORING_READER = "43d0d8ad-25c7-4714-9337-8ba259a9fe05"
_SECONDS = re.compile(r"[0-9]{1,6}")
_REFUSALS: dict[int, tuple[str, str]] = {
    HTTPStatus.UNAUTHORIZED: ("unauthorized", "the token was not accepted: is the account in the identity's tenant?"),
    HTTPStatus.FORBIDDEN: (
        "forbidden",
        f"the identity needs the role Monitoring Reader ({MONITORING_READER}) on the model's account",
    ),
    HTTPStatus.NOT_FOUND: ("not_found", "there is no such account: look at monitor.resource_id"),
    HTTPStatus.TOO_MANY_REQUESTS: ("rate_limited", ""),
    HTTPStatus.BAD_REQUEST: ("rejected", "is the deployment's `model` a deployment of monitor.resource_id?"),
}
TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class MonitorTarget:
    """Where the metrics of a deployment are."""

    endpoint: str
    resource_id: str
    deployment: str
    """its name in Azure"""


class AzureMonitor:
    """Reads utilisation."""

    def __init__(self, http: aiohttp.ClientSession, credential: Callable[[str], HeaderSource]) -> None:
        """`credential`: of this workload for a resource manager; asked for late, as most gateways have no monitor."""
        self._http = http
        self._credential = credential

    async def utilisation(self, target: MonitorTarget, now: float) -> list[Minute]:
        """The minutes of the last ten that have a value.

        Args:
            target: whose.
            now: seconds since the epoch.

        Raises:
            MonitorFailed: no answer, or none that can be used; its kind is safe as a metric label.
        """
        try:
            headers = await self._credential(target.endpoint).headers()
        except ModelUnavailable as error:
            raise MonitorFailed("no_identity", str(error)) from None
        try:
            async with asyncio.timeout(TIMEOUT_S), self._http.get(_url(target, now), headers=headers) as response:
                body = await read_body(response.content, MAX_ANSWER_BYTES)
                status, retry_after = response.status, response.headers.get("Retry-After", "")
        except TimeoutError:
            raise MonitorFailed("timeout") from None
        except RedirectRefused as error:
            raise MonitorFailed("redirected", str(error)) from None
        except (aiohttp.ClientError, OSError):
            raise MonitorFailed("connection") from None  # the original holds the address
        if status != HTTPStatus.OK:
            kind, hint = _REFUSALS.get(status, ("status", f"answered {status}"))
            raise MonitorFailed(kind, hint, _retry_after_s(retry_after))
        try:
            return parse(body)
        except BadMessage as error:
            raise MonitorFailed("answer", f"it could not be understood ({error.kind})") from None


def _retry_after_s(value: str) -> float:
    """Whole seconds. The header may hold a date instead: not worth a parser where the next read comes in a minute."""
    return min(float(value), MAX_RETRY_AFTER_S) if _SECONDS.fullmatch(value) else 0.0


def _url(target: MonitorTarget, now: float) -> URL:
    since, until = (datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for at in (now - LOOK_BACK_S, now))
    name = target.deployment.replace("'", "''")
    return URL(f"{target.endpoint}{target.resource_id}/providers/Microsoft.Insights/metrics").with_query(
        {
            "api-version": API_VERSION,
            "metricnames": METRIC,
            "metricnamespace": NAMESPACE,
            "timespan": f"{since}/{until}",
            "interval": "PT1M",
            "aggregation": "Average,Maximum",
            "$filter": f"ModelDeploymentName eq '{name}'",
        }
    )
