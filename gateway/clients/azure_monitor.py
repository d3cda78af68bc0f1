"""Azure Monitor's utilisation of a provisioned deployment, read from Azure Resource Manager.

A role that may read metrics is needed (Monitoring Reader, or Reader) on the account that holds the *model*: for a model
of another resource that is not the account of the Voice Live endpoint.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

import aiohttp
from yarl import URL

from gateway.bounds import MAX_ANSWER_BYTES
from gateway.clients.credentials import HeaderSource
from gateway.clients.http import read_body
from gateway.errors import BadMessage, ModelUnavailable, MonitorFailed
from gateway.wire.azure_monitor import METRIC, Minute, parse

API_VERSION = "2023-10-01"
NAMESPACE = "Microsoft.CognitiveServices/accounts"
LOOK_BACK_S = 600.0
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

    def __init__(self, http: aiohttp.ClientSession, credential: Callable[[], HeaderSource]) -> None:
        """`credential`: of this workload; asked for when it is needed, because most gateways have no monitor."""
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
            headers = await self._credential().headers()
        except ModelUnavailable as error:
            raise MonitorFailed("no_identity", str(error)) from None
        try:
            async with asyncio.timeout(TIMEOUT_S), self._http.get(_url(target, now), headers=headers) as response:
                body = await read_body(response.content, MAX_ANSWER_BYTES)
                status = response.status
        except TimeoutError:
            raise MonitorFailed("timeout") from None
        except (aiohttp.ClientError, OSError):
            raise MonitorFailed("connection") from None  # the original holds the address
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise MonitorFailed("forbidden", "the identity needs the role Monitoring Reader on the model's account")
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            raise MonitorFailed("rate_limited")
        if status == HTTPStatus.NOT_FOUND:
            raise MonitorFailed("not_found", "there is no such resource: look at monitor.resource_id")
        if status != HTTPStatus.OK:
            raise MonitorFailed("status")
        try:
            return parse(body)
        except BadMessage as error:
            raise MonitorFailed("answer") from error


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
            "aggregation": "Average",
            "$filter": f"ModelDeploymentName eq '{name}'",
        }
    )
