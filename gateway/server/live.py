"""What new calls begin with, and its exchange while calls go on.

One immutable object is swapped in one assignment: an offer under way and every live call hold on to what they began
with, and nobody ever sees half of a configuration.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from gateway.calls.capacity import CapacityDesk
from gateway.calls.closed_lines import ClosedLines
from gateway.calls.offer import Offers
from gateway.config import ConfigError, GatewayConfig, Problem
from gateway.config.reload import restart_problems
from gateway.telemetry.labels import ReloadResult
from gateway.telemetry.observer import Telemetry

MAX_PROBLEMS = 50
"""Of a file that can not be used; whoever wants all of them asks `gateway check`."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class InForce:
    """A configuration, and what deals with calls by it."""

    config: GatewayConfig
    offers: Offers


@dataclass(frozen=True, slots=True)
class Reload:
    """What became of reading the configuration again."""

    result: ReloadResult
    checksum: str
    """of the configuration that is in force now"""
    problems: tuple[Problem, ...] = ()
    """why nothing was changed; at most MAX_PROBLEMS"""


class LiveConfiguration:
    """The configuration in force."""

    def __init__(  # noqa: PLR0913 - what a reload touches
        self,
        config: GatewayConfig,
        make_offers: Callable[[GatewayConfig], Offers],
        reread: Callable[[], GatewayConfig],
        closed: ClosedLines,
        capacity: CapacityDesk,
        telemetry: Telemetry,
    ) -> None:
        """Args as they are kept.

        Args:
            config: to begin with.
            make_offers: has no effect before its result is used; raises ValueError for a key that can not be read.
            reread: reads and checks the configuration again, in a thread; raises ConfigError.
            closed: lines that are gone are taken out of it.
            capacity: lets calls in by it.
            telemetry: is told.
        """
        self.current = InForce(config, make_offers(config))
        self._make_offers = make_offers
        self._reread = reread
        self._closed = closed
        self._capacity = capacity
        self._telemetry = telemetry
        self._one_at_a_time = asyncio.Lock()

    async def reload(self, by: str) -> Reload:
        """Read the configuration again and take it for new calls, whole or not at all.

        Args:
            by: who wants it, for the log.
        """
        async with self._one_at_a_time:
            reload = await self._reload()
        self._telemetry.reloaded(reload.result)
        for problem in reload.problems:
            log.error("config.problem", problem=str(problem))
        log.info("config.reloaded", result=reload.result.value, checksum=reload.checksum, by=by)
        return reload

    async def _reload(self) -> Reload:
        running = self.current.config
        try:
            wanted = await asyncio.to_thread(self._reread)
            problems = restart_problems(running, wanted)
            if problems:
                return Reload(ReloadResult.RESTART_NEEDED, running.checksum, tuple(problems[:MAX_PROBLEMS]))
            offers = self._make_offers(wanted)
        except ConfigError as error:
            return Reload(ReloadResult.WRONG, running.checksum, error.problems[:MAX_PROBLEMS])
        except ValueError as error:  # a key file went away after it was checked
            return Reload(ReloadResult.WRONG, running.checksum, (Problem((), str(error)),))
        self._telemetry.configured(wanted)
        self._capacity.configure(wanted)
        self.current = InForce(wanted, offers)
        self._closed.keep({line.name for line in wanted.lines})
        self._telemetry.lines_closed(len(self._closed))
        same = wanted.checksum == running.checksum
        return Reload(ReloadResult.UNCHANGED if same else ReloadResult.TAKEN, wanted.checksum)
