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
from gateway.wire.azure_monitor import Minute

EVERY_S = 60.0
SAY_AGAIN_S = 3600.0
"""Why nothing can be read is logged once, then once an hour."""
NEEDS_A_PERSON = frozenset({"no_identity", "unauthorized", "forbidden", "not_found", "rejected", "redirected"})
PERSON_S = 300.0
"""Between reads while something is missing that only a person can mend; a role takes minutes to work anyway."""

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
        self._not_before: dict[str, float] = {}
        """when a deployment may be read again whose last read failed"""

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            now = self._clock()
            due = [each for each in self._desk.monitored().items() if self._not_before.get(each[0], now) <= now]
            await asyncio.gather(*(self._read(name, target) for name, target in due))
            await asyncio.sleep(max(1.0, now + EVERY_S - self._clock()))

    async def _read(self, deployment: str, target: MonitorTarget) -> None:
        try:
            minutes = await self._monitor.utilisation(target, self._wall_clock())
        except MonitorFailed as error:
            self._observer.monitor_read(deployment, error.kind)
            self._wait(deployment, error)
            self._say(deployment, error)
            return
        except Exception:  # what nobody thought of must not end this task: without it the process counts as broken
            self._observer.monitor_read(deployment, "other")
            self._observer.bug()
            log.exception("monitor.bug", deployment=deployment)
            return
        self._observer.monitor_read(deployment, "ok" if minutes else "empty")
        ahead_s = self._clock() - self._wall_clock()
        self._desk.monitor_told(deployment, [_reading(minute, ahead_s) for minute in minutes])

    def _wait(self, deployment: str, error: MonitorFailed) -> None:
        """A second less than the pause: the round that is due then is not missed by a hair."""
        pause_s = PERSON_S if error.kind in NEEDS_A_PERSON else 0.0
        self._not_before[deployment] = self._clock() + max(error.retry_after_s, pause_s) - 1.0

    def _say(self, deployment: str, error: MonitorFailed) -> None:
        now, key = self._clock(), (deployment, error.kind)
        if now - self._said.get(key, -SAY_AGAIN_S) >= SAY_AGAIN_S:
            self._said[key] = now
            log.warning("monitor.failed", deployment=deployment, kind=error.kind, hint=error.hint)


def _reading(minute: Minute, ahead_s: float) -> Reading:
    return Reading(minute.number, minute.start + ahead_s, minute.utilisation, minute.peak)
