"""Who is let in: decided before a phone is answered, with the reason when not.

Two questions. Can this process take one more call (its cap, its memory, its event loop)? Can this deployment (a
dial to its resource, no back-off after refusals, head-room of its provisioned units)? A call holds a *seat* on one
deployment from the decision to its end; seats are what forecasts and limits count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from gateway.capacity.backoff import Backoff
from gateway.capacity.dials import Dials
from gateway.capacity.ledger import Charge, Ledger
from gateway.session.events import Usage


class Refusal(StrEnum):
    """Why a call is not let in."""

    CALLS = "calls"  # the process has as many as it may
    MEMORY = "memory"
    LOOP_LAG = "loop_lag"  # the event loop is late already
    DIALS = "dials"  # no more new sessions on the resource in this minute
    THROTTLED = "throttled"  # the deployment refused lately, and gets fewer calls for a while
    PTU = "ptu"  # its provisioned units have no head-room


@dataclass(frozen=True, slots=True)
class Vitals:
    """The state of the process."""

    memory: float = 0.0
    """share of what it may have"""
    loop_lag_s: float = 0.0
    """99th percentile of the last seconds"""


@dataclass(frozen=True, slots=True)
class ProcessLimits:
    """What the process takes on."""

    calls: int
    memory: float
    """share of what it may have, above which nobody is let in"""
    loop_lag_s: float


@dataclass(slots=True)
class Deployment:
    """What is known of one."""

    dials: Dials
    """of its resource, shared with other deployments there"""
    ledger: Ledger | None
    """None: pay-as-you-go"""
    backoff: Backoff


class Admission:
    """The seats of one process.

    Args:
        limits: of the process.
        deployments: by name.
    """

    def __init__(self, limits: ProcessLimits, deployments: Mapping[str, Deployment]) -> None:
        self.limits = limits
        self.deployments = dict(deployments)
        self._seats: dict[str, str] = {}
        """deployment by call"""

    def __repr__(self) -> str:
        return f"<Admission {len(self._seats)} of {self.limits.calls}>"

    def __len__(self) -> int:
        """Seats that are taken."""
        return len(self._seats)

    def calls_of(self, deployment: str) -> int:
        """Seats on it."""
        return sum(name == deployment for name in self._seats.values())

    # --- deciding -------------------------------------------------------------------------------------------------

    def process_refusal(self, vitals: Vitals, calls: int) -> Refusal | None:
        """Why the process takes no further call; None: it does.

        Args:
            vitals: how it is.
            calls: all there are, those included that ring, wait, or are on their way to a person.
        """
        limits = self.limits
        if calls >= limits.calls:
            return Refusal.CALLS
        if vitals.memory >= limits.memory:
            return Refusal.MEMORY
        if vitals.loop_lag_s >= limits.loop_lag_s:
            return Refusal.LOOP_LAG
        return None

    def refusal(self, deployment: str, now: float) -> Refusal | None:
        """Why a deployment takes no further call; None: it does."""
        known = self.deployments[deployment]
        calls = self.calls_of(deployment)
        limit = known.backoff.limit(calls, now)
        if limit is not None and calls >= limit:
            return Refusal.THROTTLED
        if known.ledger is not None:
            account = known.ledger.account(now)
            too_small = account.headroom < account.per_call and calls > 0  # one call is tried on the smallest
            if too_small or account.level >= 1.0:
                return Refusal.PTU
        if known.dials.left(now) == 0:
            return Refusal.DIALS
        return None

    def take_seat(
        self, call_id: str, deployment: str, now: float, *, max_output_tokens: int | None = None
    ) -> Refusal | None:
        """A call wants in: takes a dial and a seat, unless there is a reason against it, which is returned.

        A call has one seat; asking for another gives the first one back.
        """
        self.leave(call_id, now)
        refusal = self.refusal(deployment, now)
        if refusal is not None:
            return refusal
        known = self.deployments[deployment]
        known.dials.take(now)
        self._seats[call_id] = deployment
        if known.ledger is not None:
            known.ledger.call_began(call_id, max_output_tokens, now)
        return None

    def leave(self, call_id: str, now: float) -> None:
        """The call is over, or never came about; a second time does nothing."""
        deployment = self._seats.pop(call_id, None)
        ledger = None if deployment is None else self._ledger(deployment)
        if ledger is not None:
            ledger.call_ended(call_id, now)

    # --- what calls do --------------------------------------------------------------------------------------------

    def response_began(self, call_id: str, response_id: str, now: float) -> None:
        ledger = self._ledger(self._seats.get(call_id, ""))
        if ledger is not None:
            ledger.response_began(call_id, response_id, now)

    def response_ended(self, call_id: str, response_id: str, usage: Usage | None, now: float) -> Charge | None:
        """What it took; None where nothing is provisioned, or the call has no seat any more."""
        ledger = self._ledger(self._seats.get(call_id, ""))
        return None if ledger is None else ledger.response_ended(call_id, response_id, usage, now)

    def response_refused(self, call_id: str, response_id: str, now: float) -> None:
        """The deployment had no capacity for it."""
        deployment = self._seats.get(call_id)
        if deployment is None:
            return
        self.refused(deployment, now)
        ledger = self._ledger(deployment)
        if ledger is not None:
            ledger.refused(call_id, response_id, now)

    def refused(self, deployment: str, now: float) -> None:
        """It had no capacity: for a response, or for a session."""
        known = self.deployments.get(deployment)
        if known is not None:
            known.backoff.refused(self.calls_of(deployment), now)

    def ledgers(self) -> Iterator[tuple[str, Ledger]]:
        """Those of provisioned deployments."""
        for name, known in self.deployments.items():
            if known.ledger is not None:
                yield name, known.ledger

    def configure(self, limits: ProcessLimits, deployments: Mapping[str, Deployment], now: float) -> None:
        """Another configuration; calls of deployments that are gone go on without an account."""
        self.limits = limits
        self.deployments = dict(deployments)
        for call_id, deployment in self._seats.items():
            ledger = self._ledger(deployment)
            if ledger is not None:
                ledger.call_began(call_id, None, now)

    def _ledger(self, deployment: str) -> Ledger | None:
        known = self.deployments.get(deployment)
        return None if known is None else known.ledger
