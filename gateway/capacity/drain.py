"""Leaving while calls are under way: what is due when. Time comes in; nothing here waits.

    SERVING -> SETTLING -> EMPTYING -> HANDING_OVER -> GOODBYES -> OVER

Counted from the signal: new calls are taken as before while the process *settles*, and beyond that as long as a call
of full length still fits; live ones run to their natural end. Counted back from the grace period's end: a person takes
over, then goodbyes are said, then what is left is hung up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

HANG_UP_S = 8.0
"""Before the end: what is still live then is hung up, so that sockets close and the last lines are written."""


class Stage(IntEnum):
    """In this order; a drain never goes back."""

    SERVING = 0
    SETTLING = 1
    EMPTYING = 2
    HANDING_OVER = 3
    GOODBYES = 4
    OVER = 5


@dataclass(frozen=True, slots=True)
class DrainPlan:
    """Seconds."""

    grace_s: float
    """from the signal until the process is killed"""
    settle_s: float
    hand_over_s: float
    """before the end of the grace"""
    goodbye_s: float
    """before the end of the grace"""


class Drain:
    """Of one process. Every method takes `now` on one monotonic clock."""

    def __init__(self, plan: DrainPlan) -> None:
        self.plan = plan
        self._began_at: float | None = None
        self._settled_at = math.inf
        self._over_at = math.inf

    def __repr__(self) -> str:
        return f"<Drain {'of ' if self._began_at is None else 'since '}{self._began_at or self.plan}>"

    @property
    def begun(self) -> bool:
        return self._began_at is not None

    def begin(self, now: float, *, settle: bool = True) -> bool:
        """The signal came. Returns False, and changes nothing, if it had come before.

        Args:
            now: of the signal.
            settle: False: nobody routes calls elsewhere, so there is nothing to wait for; a person at a keyboard.
        """
        if self._began_at is not None:
            return False
        self._began_at = now
        self._settled_at = now + (self.plan.settle_s if settle else 0.0)
        self._over_at = now + self.plan.grace_s
        return True

    def hurry(self, now: float) -> None:
        """Do not wait for calls to end: the hand-overs begin now, if they have not yet."""
        self.begin(now, settle=False)
        self._settled_at = min(self._settled_at, now)
        self._over_at = min(self._over_at, now + self.plan.hand_over_s)

    def stage(self, now: float) -> Stage:
        if not self.begun:
            return Stage.SERVING
        left_s = self._over_at - now
        if left_s <= HANG_UP_S:
            return Stage.OVER
        if left_s <= self.plan.goodbye_s:
            return Stage.GOODBYES
        if left_s <= self.plan.hand_over_s:
            return Stage.HANDING_OVER
        return Stage.SETTLING if now < self._settled_at else Stage.EMPTYING

    def left_s(self, now: float) -> float:
        """How long a call may still last before a person takes over; infinite before the drain."""
        return max(0.0, self._over_at - self.plan.hand_over_s - now)

    def takes(self, longest_s: float, now: float) -> bool:
        """Whether a call that may last so long is still taken."""
        stage = self.stage(now)
        return stage <= Stage.SETTLING or (stage is Stage.EMPTYING and self.left_s(now) >= longest_s)

    def done(self, calls: int, now: float) -> bool:
        """Whether the process may end: with nothing left to wait for, or because time is up.

        Args:
            calls: live ones, and those that ring.
            now: as above.
        """
        stage = self.stage(now)
        return stage is Stage.OVER or (stage > Stage.SETTLING and calls == 0)
