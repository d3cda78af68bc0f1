"""Claims on incoming calls, for one process.

Events are delivered at least once, sometimes under another id, sometimes twice at the same time. Whoever claims a call
first deals with it; the others wait for the result and report the same. A claim outlives its call for a while, so
that a late copy of the event does not answer anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

KEPT_S = 600.0
"""Event Grid's retries of one event end within a minute or two; ten minutes is beyond any of them."""
MAX_KEPT = 20_000


@dataclass(eq=False, slots=True)
class Claim:
    """One incoming call being dealt with. `settled` is set when its result stands."""

    keys: tuple[str, ...]
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    settled_at: float | None = None


class MemoryClaims:
    """Who deals with which incoming call."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._claims: dict[str, Claim] = {}
        self.undecided = 0
        """claims that are neither settled nor released: calls that ring"""

    def claim(self, keys: Iterable[str]) -> tuple[Claim, bool]:
        """Claim a call by all its keys (event id, context hash).

        Returns:
            The claim, and whether it is the caller's own; if not, it is the first that any key belongs to.
        """
        wanted = tuple(keys)
        self._expire()
        for key in wanted:
            if key in self._claims:
                return self._claims[key], False
        claim = Claim(wanted)
        self.undecided += 1
        for key in wanted:
            self._claims[key] = claim
        return claim, True

    def settle(self, claim: Claim) -> None:
        """The call has been dealt with; copies of its event are duplicates from now on."""
        claim.settled_at = self._clock()
        self._decided(claim)

    def release(self, claim: Claim) -> None:
        """The call could not be dealt with: the next delivery of its event tries again."""
        for key in claim.keys:
            self._claims.pop(key, None)
        self._decided(claim)

    def __len__(self) -> int:
        return len(self._claims)

    def _decided(self, claim: Claim) -> None:
        self.undecided -= 1
        claim.settled.set()

    def _expire(self) -> None:
        """Drop what is too old; the dict keeps the order of claiming, so only its front is looked at."""
        now = self._clock()
        while self._claims:
            key, claim = next(iter(self._claims.items()))
            old = claim.settled_at is not None and now - claim.settled_at > KEPT_S
            if not old and len(self._claims) <= MAX_KEPT:
                return
            del self._claims[key]
