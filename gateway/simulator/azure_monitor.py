"""Azure Monitor as its metrics API answers, for provisioned deployments of the twin, and the identity that may ask it.

Shape: Microsoft Learn, "Metrics - List", api-version 2023-10-01. How late the service is in practice is not documented:
here a minute can be asked for when it has been over for `lag_s`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from aiohttp import web

from gateway.simulator.ports import HOST

METRIC = "AzureOpenAIProvisionedManagedUtilizationV2"
MINUTE_S = 60.0
PART_S = 10.0
"""What a minute's maximum is the largest of; not documented."""
IDENTITY_PATH = "/msi/token"
_IDENTITY_HEADER = "twin"
_TOKEN_S = 24 * 3600
_FILTER = re.compile(r"ModelDeploymentName eq '([^']+)'")
_RESOURCE = re.compile(r"(/subscriptions/[^/]+/resourceGroups/[^/]+/providers/[^/]+/accounts/[^/]+)/")


@dataclass
class MonitorFaults:
    """What goes wrong; may be changed while it runs."""

    status: int = 200
    retry_after_s: int | None = None
    empty: bool = False
    """no series at all: what a deployment without traffic shows"""


class MonitorTwin:
    """A resource manager that knows one account's deployments.

    Args:
        resource_id: of the account.
        deployments: by name, the average utilisation between two times since the epoch; None: not known.
        wall_clock: seconds since the epoch.
        lag_s: how long a minute must be over before it is told.
    """

    def __init__(
        self,
        resource_id: str,
        deployments: Mapping[str, Callable[[float, float], float | None]],
        wall_clock: Callable[[], float],
        lag_s: float = 60.0,
    ) -> None:
        self.faults = MonitorFaults()
        self.requests: list[web.BaseRequest] = []
        self.tokens_for: list[str] = []
        """what tokens were asked for"""
        self.url = ""
        self._resource_id = resource_id
        self._deployments = deployments
        self._wall_clock = wall_clock
        self._lag_s = lag_s
        self._runner: web.AppRunner | None = None

    @property
    def identity_environment(self) -> dict[str, str]:
        """Environment of a process whose managed identity this is, as App Service sets it."""
        return {"IDENTITY_ENDPOINT": self.url + IDENTITY_PATH, "IDENTITY_HEADER": _IDENTITY_HEADER}

    async def start(self) -> None:
        """Listen on a free port of the loopback address."""
        app = web.Application()
        app.router.add_get(IDENTITY_PATH, self._token)
        app.router.add_get("/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, 0).start()
        self.url = f"http://{HOST}:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _token(self, request: web.Request) -> web.Response:
        """Shape: Microsoft Learn, "How to use managed identities for App Service", REST endpoint reference."""
        if request.headers.get("X-IDENTITY-HEADER") != _IDENTITY_HEADER:
            return _error(400, "BadRequest")
        resource = request.query.get("resource", "")
        self.tokens_for.append(resource)
        expires_on = str(int(self._wall_clock()) + _TOKEN_S)
        token = {"access_token": f"for {resource}", "expires_on": expires_on, "token_type": "Bearer"}
        return web.json_response(token | {"resource": resource})

    async def _answer(self, request: web.Request) -> web.Response:
        self.requests.append(request)
        if not request.headers.get("Authorization", "").startswith("Bearer "):
            return _error(401, "AuthenticationFailed")
        if self.faults.status != 200:  # noqa: PLR2004 - HTTP's OK
            refusal = _error(self.faults.status, "Fault")
            if self.faults.retry_after_s is not None:
                refusal.headers["Retry-After"] = str(self.faults.retry_after_s)
            return refusal
        account = _RESOURCE.match(request.path)
        if account is None or account[1].lower() != self._resource_id.lower():
            return _error(404, "ResourceNotFound")
        query = request.query
        wanted = _FILTER.fullmatch(query.get("$filter", ""))
        asked = (query.get("api-version"), query.get("metricnames"), query.get("interval"), query.get("aggregation"))
        if wanted is None or asked != ("2023-10-01", METRIC, "PT1M", "Average,Maximum"):
            return _error(400, "BadRequest")
        since, until = (datetime.fromisoformat(stamp).timestamp() for stamp in query["timespan"].split("/"))
        return web.json_response(self._metrics(wanted[1], since, until, query["timespan"]))

    def _metrics(self, deployment: str, since: float, until: float, timespan: str) -> dict[str, object]:
        read = self._deployments.get(deployment)
        series = []
        if read is not None and not self.faults.empty:
            first, last = int(since // MINUTE_S), int(until // MINUTE_S)
            points = [self._point(read, minute * MINUTE_S) for minute in range(first, last)]
            label = {"value": "modeldeploymentname", "localizedValue": "modeldeploymentname"}
            series = [{"metadatavalues": [{"name": label, "value": deployment}], "data": points}]
        name = {"value": METRIC, "localizedValue": "Provisioned-Managed Utilization V2"}
        metric = {
            "id": f"{self._resource_id}/providers/Microsoft.Insights/metrics/{METRIC}",
            "type": "Microsoft.Insights/metrics",
            "name": name,
            "unit": "Percent",
            "timeseries": series,
            "errorCode": "Success",
        }
        return {
            "cost": 0,
            "timespan": timespan,
            "interval": "PT1M",
            "namespace": "Microsoft.CognitiveServices/accounts",
            "value": [metric],
        }

    def _point(self, read: Callable[[float, float], float | None], start: float) -> dict[str, object]:
        point: dict[str, object] = {"timeStamp": datetime.fromtimestamp(start, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
        known = self._wall_clock() >= start + MINUTE_S + self._lag_s
        utilisation = read(start, start + MINUTE_S) if known else None
        if utilisation is not None:
            point["average"] = min(100.0, 100.0 * utilisation)
            parts = (read(at, at + PART_S) for at in (start + part * PART_S for part in range(6)))
            point["maximum"] = 100.0 * max(part or 0.0 for part in parts)
        return point


def _error(status: int, code: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": code}}, status=status)
