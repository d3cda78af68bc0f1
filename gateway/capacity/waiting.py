"""Callers who wait for a place: first come, first served, and told where they stand.

One queue per line of the configuration. Positions begin at 1. A caller is told their position at once, when it has
changed, and every so often; what is said is true in the moment in which it begins.
"""

from __future__ import annotations

from dataclasses import dataclass

LEAST_PAUSE_S = 8.0
"""Between two announcements to one caller, whatever changed: nobody wants to hear every step."""


@dataclass(slots=True)
class _Waiting:
    since: float
    told: int | None = None
    told_at: float = 0.0


class WaitingLine:
    """Of one line. Times in seconds, never going back.

    Args:
        places: how many may wait.
        announce_every_s: how often a caller is told a position that has not changed.
    """

    def __init__(self, places: int, announce_every_s: float) -> None:
        self.places = places
        self._announce_every_s = announce_every_s
        self._waiting: dict[str, _Waiting] = {}
        """in the order in which they came"""

    def __repr__(self) -> str:
        return f"<WaitingLine {len(self._waiting)} of {self.places}>"

    def __len__(self) -> int:
        return len(self._waiting)

    def join(self, call_id: str, now: float) -> bool:
        """A caller comes, last in the queue. False: it is full. Whoever waits already keeps their place."""
        if call_id in self._waiting:
            return True
        if len(self._waiting) >= self.places:
            return False
        self._waiting[call_id] = _Waiting(now)
        return True

    def leave(self, call_id: str, now: float) -> float | None:
        """A caller goes, for whatever reason. Returns how long they waited; None: they were not there."""
        waiting = self._waiting.pop(call_id, None)
        return None if waiting is None else now - waiting.since

    @property
    def first(self) -> str | None:
        """Who is next."""
        return next(iter(self._waiting), None)

    def position(self, call_id: str) -> int | None:
        """From 1; None for somebody who does not wait."""
        for number, waiting in enumerate(self._waiting, start=1):
            if waiting == call_id:
                return number
        return None

    def announcement(self, call_id: str, now: float) -> int | None:
        """The position that this caller is to be told now, as it is now; None: nothing is to be said."""
        waiting, position = self._waiting.get(call_id), self.position(call_id)
        if waiting is None or position is None:
            return None
        since_s = now - waiting.told_at
        moved = position != waiting.told and since_s >= LEAST_PAUSE_S
        if waiting.told is not None and not moved and since_s < self._announce_every_s:
            return None
        waiting.told, waiting.told_at = position, now
        return position
