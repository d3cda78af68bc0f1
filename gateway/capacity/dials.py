"""New model connections of one resource: so many in any minute, and no more.

The quota (30 a minute for a Standard resource unless raised; voice limits of Azure Voice Live) says nothing of how a
minute is measured. Counting every connection of the last 60 s keeps to it under any reading; a bucket that fills
evenly would allow twice as many in a minute that begins full.
"""

from __future__ import annotations

from collections import deque

MINUTE_S = 60.0


class Dials:
    """Times in seconds, never going back."""

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._at: deque[float] = deque()

    def __repr__(self) -> str:
        return f"<Dials {len(self._at)} of {self.per_minute}>"

    def left(self, now: float) -> int:
        """How many are possible now."""
        while self._at and now - self._at[0] >= MINUTE_S:
            self._at.popleft()
        return max(0, self.per_minute - len(self._at))

    def take(self, now: float) -> bool:
        """One more, if there is one."""
        if self.left(now) == 0:
            return False
        self._at.append(now)
        return True

    def wait_s(self, now: float) -> float:
        """Until one is possible; 0: now."""
        if self.left(now):
            return 0.0
        return MINUTE_S - (now - self._at[len(self._at) - self.per_minute])
