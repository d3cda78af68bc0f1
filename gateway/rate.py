"""So many in a minute, and no more."""

from __future__ import annotations

from collections.abc import Callable


class Rate:
    """A bucket that holds a minute's worth and fills evenly."""

    def __init__(self, per_minute: int, clock: Callable[[], float]) -> None:
        self._most = float(per_minute)
        self._clock = clock
        self._left = self._most
        self._at = clock()

    def take(self) -> bool:
        """One more, if there is one."""
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._at) * self._most / 60.0)
        self._at = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
