"""Seats for calls: where the rules of `gateway.capacity` meet the process, its configuration and its metrics.

One desk serves the whole process and outlives its configurations: what was learned of a deployment that stays the same
is kept over a reload.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from gateway.calls.observer import CapacityObserver
from gateway.capacity.admission import Admission, Deployment, ProcessLimits, Refusal, Vitals
from gateway.capacity.backoff import Backoff
from gateway.capacity.correction import Reading
from gateway.capacity.dials import Dials
from gateway.capacity.ledger import Charge, Ledger
from gateway.capacity.shares import share
from gateway.clients.azure_monitor import MonitorTarget
from gateway.config import Deployment as DeploymentConfig
from gateway.config import GatewayConfig, PtuCapacity
from gateway.session.events import ModelError, ResponseCreated, ResponseDone
from gateway.session.recovery import RATE_LIMIT_CODES

REFRESH_S = 1.0

log = structlog.get_logger()


class Seat:
    """One call's place on one deployment, from the decision to let it in until it is over."""

    def __init__(self, desk: CapacityDesk, call_id: str, deployment: str) -> None:
        self.deployment = deployment
        self._desk = desk
        self._call_id = call_id

    def __repr__(self) -> str:
        return f"<Seat of {self._call_id} on {self.deployment}>"

    def response_began(self, event: ResponseCreated, now: float) -> None:
        self._desk.admission.response_began(self._call_id, event.response_id, now)

    def response_ended(self, event: ResponseDone, now: float) -> Charge | None:
        """What it took of provisioned throughput; None where nothing is provisioned, or it was refused."""
        if event.error_code in RATE_LIMIT_CODES:
            self._desk.throttled(self)
            self._desk.admission.response_refused(self._call_id, event.response_id, now)
            return None
        return self._desk.admission.response_ended(self._call_id, event.response_id, event.usage, now)

    def model_error(self, event: ModelError, now: float) -> None:
        """A response may be refused without having begun."""
        if event.code in RATE_LIMIT_CODES:
            self._desk.refused(self, now)

    def went_live(self) -> None:
        """The call is among the live ones from now on."""
        self._desk.went_live(self._call_id)

    def leave(self) -> None:
        """The call is over, or never came about; a second time does nothing."""
        self._desk.leave(self._call_id)


class CapacityDesk:
    """The seats of this process.

    Args:
        config: to begin with.
        vitals: how the process is.
        calls: live calls of every kind.
        observer: is told what it decides, and once a second how everything stands.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        config: GatewayConfig,
        vitals: Callable[[], Vitals],
        calls: Callable[[], int],
        observer: CapacityObserver,
        clock: Callable[[], float],
    ) -> None:
        self._vitals = vitals
        self._calls = calls
        self._observer = observer
        self._clock = clock
        self._built_from: dict[str, DeploymentConfig] = {}
        self._targets: dict[str, MonitorTarget] = {}
        self._dials: dict[str, Dials] = {}
        self._dialling: set[str] = set()
        """calls with a seat that are not live yet"""
        self.freed = asyncio.Event()
        """set whenever a seat was given back; whoever waits for one clears it"""
        self.admission = Admission(ProcessLimits(1, 1.0, 1.0), {})
        self.configure(config)

    def __repr__(self) -> str:
        return f"<CapacityDesk {self.admission!r}>"

    def configure(self, config: GatewayConfig) -> None:
        """New calls are let in by this from now on."""
        now, replicas = self._clock(), config.admission.replicas
        for resource in config.resources:
            known = self._dials.get(resource.name)
            if known is None:
                self._dials[resource.name] = Dials(share(resource.dials_per_minute, replicas))
            else:
                known.per_minute = share(resource.dials_per_minute, replicas)
        deployments = {}
        for wanted in config.deployments:
            before = self.admission.deployments.get(wanted.name)
            same = before is not None and self._built_from.get(wanted.name) == _unpriced(wanted)
            deployments[wanted.name] = Deployment(
                dials=self._dials[wanted.resource],
                ledger=before.ledger if before is not None and same else _ledger(wanted, replicas, now),
                backoff=before.backoff if before is not None else Backoff(),
            )
        self._targets = _monitor_targets(config)
        self._built_from = {wanted.name: _unpriced(wanted) for wanted in config.deployments}
        self.admission.configure(config.admission.limits, deployments, now)

    # --- who is let in --------------------------------------------------------------------------------------------

    def refusal(self, *, waits: bool = False) -> Refusal | None:
        """Why the process takes no further call; None: it does. A refusal is counted.

        Args:
            waits: the call is among the live ones already, in a queue, and has been counted when it came.
        """
        refusal = self.admission.process_refusal(self._vitals(), self._calls() + len(self._dialling) - waits)
        if refusal is not None and not waits:
            self._observer.admission_refused(refusal)
            log.info("admission.refused", reason=refusal.value)
        return refusal

    def take(
        self, call_id: str, deployment: str, max_output_tokens: int | None, *, waits: bool = False
    ) -> Seat | Refusal:
        """A seat on a deployment, and with it a dial to its resource; or why there is none, which is counted.

        Args:
            call_id: of the call.
            deployment: which.
            max_output_tokens: of the longest answer there may be; None: not limited.
            waits: as for `refusal`.
        """
        refusal = self.admission.take_seat(call_id, deployment, self._clock(), max_output_tokens=max_output_tokens)
        if refusal is not None and waits:
            return refusal
        if refusal is not None:
            self._observer.admission_refused(refusal)
            log.info("admission.refused", deployment=deployment, reason=refusal.value)
            return refusal
        self._dialling.add(call_id)
        return Seat(self, call_id, deployment)

    def went_live(self, call_id: str) -> None:
        """The call is among the live ones from now on."""
        self._dialling.discard(call_id)

    def refused(self, seat: Seat, now: float) -> None:
        """A deployment had no capacity for a session, or for a response that had not begun."""
        self.throttled(seat)
        self.admission.refused(seat.deployment, now)

    def throttled(self, seat: Seat) -> None:
        self._observer.throttled(seat.deployment)

    def leave(self, call_id: str) -> None:
        self._dialling.discard(call_id)
        self.admission.leave(call_id, self._clock())
        self.freed.set()

    # --- Azure Monitor --------------------------------------------------------------------------------------------

    def monitored(self) -> dict[str, MonitorTarget]:
        """Where Azure Monitor says how full a deployment is, by deployment."""
        return dict(self._targets)

    def monitor_told(self, deployment: str, readings: list[Reading]) -> None:
        """Minutes of Azure Monitor, on our clock."""
        known = self.admission.deployments.get(deployment)
        if known is not None and known.ledger is not None:
            known.ledger.told(readings, self._clock())

    # --- what operators see ---------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Tell how everything stands, until cancelled."""
        while True:
            self.tell()
            await asyncio.sleep(REFRESH_S)

    def tell(self) -> None:
        """How everything stands."""
        now = self._clock()
        for name, ledger in self.admission.ledgers():
            self._observer.account(name, ledger.account(now))
            if name in self._targets:
                self._observer.monitored(name, ledger.monitored(now), now)
        for name, dials in self._dials.items():
            self._observer.dials_left(name, dials.left(now))


def _monitor_targets(config: GatewayConfig) -> dict[str, MonitorTarget]:
    return {
        each.name: MonitorTarget(monitor.endpoint, monitor.resource_id, each.model)
        for each in config.deployments
        if isinstance(each.capacity, PtuCapacity) and (monitor := each.capacity.monitor) is not None
    }


def _unpriced(deployment: DeploymentConfig) -> DeploymentConfig:
    """Prices say nothing of what a deployment carries: new ones leave its account as it is."""
    return deployment.model_copy(update={"price": None})


def _ledger(deployment: DeploymentConfig, replicas: int, now: float) -> Ledger | None:
    capacity, budget = deployment.capacity, deployment.budget
    if budget is None or not isinstance(capacity, PtuCapacity):
        return None
    return Ledger(budget, deployment.profile, capacity.expected.demand, capacity.target, now, replicas=replicas)
