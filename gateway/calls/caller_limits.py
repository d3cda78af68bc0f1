"""Limits of lines and callers: where the rules meet the configuration, the time of day and the names of callers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import structlog

from gateway.calls.observer import CapacityObserver
from gateway.capacity.callers import CallerBook, CallerLimits, CallerRefusal
from gateway.capacity.shares import share
from gateway.config import Line

MINUTE_S = 60.0

log = structlog.get_logger()


class CallerDesk:
    """Of one process.

    Args:
        replicas: each takes its share of every limit.
        observer: is told of refusals.
        clock: seconds, monotonic.
        wall_clock: seconds since the epoch.
    """

    def __init__(
        self,
        replicas: int,
        observer: CapacityObserver,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
    ) -> None:
        self.replicas = replicas
        self._observer = observer
        self._clock = clock
        self._wall_clock = wall_clock
        self._book = CallerBook()
        self._lines: dict[str, Line] = {}
        """of live calls"""

    def __repr__(self) -> str:
        return f"<CallerDesk {self._book!r}>"

    def refusal(self, line: Line, caller: str | None, *, counted: bool = True) -> CallerRefusal | None:
        """Why a line does not take this call; None: it does.

        Args:
            line: that the call is for.
            caller: a name for the caller that tells nothing; None: the number is withheld.
            counted: tell the observer.
        """
        refusal = self._book.refusal(line.name, caller, self._limits(line), self._clock(), self._day(line))
        if refusal is not None and counted:
            self._observer.admission_refused(refusal)
            log.info("admission.refused", line=line.name, reason=refusal.value)
        return refusal

    def seconds_left(self, line: Line, caller: str | None) -> float | None:
        """How long this caller may still talk today; None: as long as anybody."""
        return self._book.seconds_left(line.name, caller, self._limits(line), self._clock(), self._day(line))

    def began(self, call_id: str, line: Line, caller: str | None) -> None:
        """The call is taken; a second time does nothing."""
        self._lines.setdefault(call_id, line)
        self._book.began(call_id, line.name, caller, self._clock())

    def ended(self, call_id: str, *, talked: bool = True) -> None:
        """It is over, or never came about; a second time does nothing."""
        line = self._lines.pop(call_id, None)
        if line is not None:
            self._book.ended(call_id, self._clock(), self._day(line), talked=talked)

    def _limits(self, line: Line) -> CallerLimits:
        wanted = line.limits
        minutes = wanted.minutes_per_caller_a_day
        return CallerLimits(
            calls=self._share(wanted.calls),
            calls_per_caller=self._share(wanted.calls_per_caller),
            calls_per_hour=self._share(wanted.calls_per_caller_an_hour),
            seconds_per_day=None if minutes is None else minutes * MINUTE_S / self.replicas,
            anonymous=wanted.anonymous == "allow",
        )

    def _share(self, limit: int | None) -> int | None:
        return None if limit is None else share(limit, self.replicas)

    def _day(self, line: Line) -> int:
        """In the line's time zone, where it has one."""
        zone = UTC if line.hours is None else ZoneInfo(line.hours.timezone)
        return datetime.fromtimestamp(self._wall_clock(), zone).toordinal()
