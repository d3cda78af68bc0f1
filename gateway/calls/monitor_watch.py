"""Asks Azure Monitor once a minute how full the provisioned deployments are; no call ever waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from gateway.calls.capacity import CapacityDesk
from gateway.calls.observer import CapacityObserver
from gateway.capacity.correction import Reading
from gateway.clients.azure_monitor import AzureMonitor, MonitorTarget
from gateway.errors import MonitorFailed

EVERY_S = 60.0
SAY_AGAIN_S = 3600.0
"""Why nothing can be read is logged once, then once an hour."""

log = structlog.get_logger()


class MonitorWatch:
    """Reads for those deployments of the present configuration that have a `monitor`."""

    def __init__(
        self,
        monitor: AzureMonitor,
        desk: CapacityDesk,
        observer: CapacityObserver,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
    ) -> None:
        self._monitor = monitor
        self._desk = desk
        self._observer = observer
        self._clock = clock
        self._wall_clock = wall_clock
        self._said: dict[tuple[str, str], float] = {}

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.gather(*(self._read(name, target) for name, target in self._desk.monitored().items()))
            await asyncio.sleep(EVERY_S)

    async def _read(self, deployment: str, target: MonitorTarget) -> None:
        try:
            minutes = await self._monitor.utilisation(target, self._wall_clock())
        except MonitorFailed as error:
            self._observer.monitor_read(deployment, error.kind)
            self._say(deployment, error)
            return
        self._observer.monitor_read(deployment, "ok" if minutes else "empty")
        ahead_s = self._clock() - self._wall_clock()
        self._desk.monitor_told(deployment, [Reading(start + ahead_s, utilisation) for start, utilisation in minutes])

    def _say(self, deployment: str, error: MonitorFailed) -> None:
        now, key = self._clock(), (deployment, error.kind)
        if now - self._said.get(key, -SAY_AGAIN_S) >= SAY_AGAIN_S:
            self._said[key] = now
            log.warning("monitor.failed", deployment=deployment, kind=error.kind, hint=error.hint)
