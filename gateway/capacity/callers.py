"""Who calls how often and how long: limits of a line and of its callers.

Callers are known by a name that tells nothing (a keyed hash), and are forgotten after a day. Nobody is refused for a
call that never came about.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from enum import StrEnum

HOUR_S = 3600.0
DAY_S = 86_400.0
MAX_CALLERS = 50_000
"""Of a process. The one not seen for longest is forgotten first: a flood of numbers costs memory, not calls."""


class CallerRefusal(StrEnum):
    """Why a line does not take a call."""

    LINE_CALLS = "line_calls"  # it has as many as it may
    CALLER_CALLS = "caller_calls"  # this caller has
    CALLER_HOUR = "caller_hour"  # has called too often
    CALLER_MINUTES = "caller_minutes"  # has talked for long enough today
    ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True)
class CallerLimits:
    """Of one line; None: none."""

    calls: int | None = None
    calls_per_caller: int | None = None
    calls_per_hour: int | None = None
    seconds_per_day: float | None = None
    anonymous: bool = True
    """callers who withhold their number are taken"""


@dataclass(slots=True)
class _Caller:
    day: int = 0
    seconds: float = 0.0
    """of calls that ended today"""
    begun: deque[float] = field(default_factory=deque)
    """when the calls of the last hour began"""
    live: dict[str, float] = field(default_factory=dict)
    """calls that go on, and since when"""
    seen: float = 0.0


class CallerBook:
    """Of one process. Times in seconds, never going back; days are numbers that grow by one at midnight of the line."""

    def __init__(self) -> None:
        self._callers: OrderedDict[tuple[str, str], _Caller] = OrderedDict()
        self._live: dict[str, tuple[str, str | None]] = {}
        """line and caller, by call"""

    def __repr__(self) -> str:
        return f"<CallerBook {len(self._live)} calls, {len(self._callers)} callers>"

    def __len__(self) -> int:
        """Callers that are remembered."""
        return len(self._callers)

    def calls(self, line: str) -> int:
        """Live calls of a line."""
        return sum(of == line for of, _ in self._live.values())

    def refusal(
        self, line: str, caller: str | None, limits: CallerLimits, now: float, day: int
    ) -> CallerRefusal | None:
        """Why this call is not taken; None: it is.

        Args:
            line: its name.
            caller: a name for the caller; None: the number is withheld.
            limits: of the line.
            now: seconds.
            day: today.
        """
        if caller is None and not limits.anonymous:
            return CallerRefusal.ANONYMOUS
        known = None if caller is None else self._callers.get((line, caller))
        if known is not None:
            if limits.calls_per_caller is not None and len(known.live) >= limits.calls_per_caller:
                return CallerRefusal.CALLER_CALLS
            if limits.calls_per_hour is not None and self._begun(known, now) >= limits.calls_per_hour:
                return CallerRefusal.CALLER_HOUR
        left = self.seconds_left(line, caller, limits, now, day)
        if left is not None and left <= 0:
            return CallerRefusal.CALLER_MINUTES
        if limits.calls is not None and self.calls(line) >= limits.calls:
            return CallerRefusal.LINE_CALLS
        return None

    def seconds_left(self, line: str, caller: str | None, limits: CallerLimits, now: float, day: int) -> float | None:
        """How long this caller may still talk today; None: as long as anybody."""
        if limits.seconds_per_day is None or caller is None:
            return None
        known = self._callers.get((line, caller))
        if known is None:
            return limits.seconds_per_day
        ended = known.seconds if known.day == day else 0.0
        return limits.seconds_per_day - ended - sum(now - since for since in known.live.values())

    def began(self, call_id: str, line: str, caller: str | None, now: float) -> None:
        """A call is taken; a second time does nothing."""
        if call_id in self._live:
            return
        self._live[call_id] = (line, caller)
        if caller is not None:
            known = self._callers.setdefault((line, caller), _Caller())
            known.live[call_id] = known.seen = now
            known.begun.append(now)
            self._callers.move_to_end((line, caller))
            self._forget(now)

    def ended(self, call_id: str, now: float, day: int, *, talked: bool = True) -> None:
        """It is over; a second time does nothing.

        Args:
            call_id: of the call.
            now: seconds.
            day: today.
            talked: False for one that never came about.
        """
        line, caller = self._live.pop(call_id, ("", None))
        known = None if caller is None else self._callers.get((line, caller))
        if known is None:
            return
        since = known.live.pop(call_id, now)
        if not talked:
            if since in known.begun:
                known.begun.remove(since)
            return
        if known.day != day:
            known.day, known.seconds = day, 0.0
        known.seconds += now - since
        known.seen = now

    def _begun(self, known: _Caller, now: float) -> int:
        while known.begun and now - known.begun[0] >= HOUR_S:
            known.begun.popleft()
        return len(known.begun)

    def _forget(self, now: float) -> None:
        """Who was not seen for a day, and who is too many; never somebody who talks."""
        for key, known in list(self._callers.items()):
            too_many = len(self._callers) > MAX_CALLERS
            if not too_many and now - known.seen < DAY_S:
                return  # the others came later
            if not known.live:
                del self._callers[key]
