"""A ready model session for an agent: its deployments in order of preference, all dials inside one budget.

The order decides where a call goes: to the first deployment that has a seat for it and gives a session.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import aiohttp
import structlog

from gateway.calls.briefing import session_settings
from gateway.calls.capacity import CapacityDesk, Seat
from gateway.calls.observer import OfferObserver
from gateway.calls.variables import CallAgent
from gateway.capacity.admission import Refusal
from gateway.clients.voice_live import DialFailed, DialResult, ModelTarget, ReadySession, dial
from gateway.config import Deployment, GatewayConfig
from gateway.errors import ModelUnavailable, NoCapacity

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Seated:
    """A ready session, and the call's place on its deployment."""

    ready: ReadySession
    seat: Seat


class ModelDesk:
    """Finds seats, and dials model sessions."""

    def __init__(  # noqa: PLR0913 - what a dial needs
        self,
        config: GatewayConfig,
        targets: Mapping[str, ModelTarget],
        http: aiohttp.ClientSession,
        capacity: CapacityDesk,
        observer: OfferObserver,
        clock: Callable[[], float],
    ) -> None:
        self._config = config
        self._targets = targets
        self._http = http
        self._capacity = capacity
        self._observer = observer
        self._clock = clock

    @property
    def freed(self) -> asyncio.Event:
        """Set whenever a place is given back."""
        return self._capacity.freed

    async def dial(self, agent: CallAgent, call_id: str, *, waits: bool = False) -> Seated:
        """The first of the agent's deployments that has a seat and is ready in time.

        Args:
            agent: who is to answer.
            call_id: of the call.
            waits: the call is live already, in a queue.

        Raises:
            NoCapacity: none has a seat.
            ModelUnavailable: none that has one was ready.
        """
        refusal = self._capacity.refusal(waits=waits)
        if refusal is not None:
            raise NoCapacity(refusal.value, process=True)
        refusals: list[Refusal] = []
        deadlines = self._config.deadlines
        give_up_at = self._clock() + deadlines.dial_total_s
        deployments = self._config.deployments_of(agent.config)
        for number, deployment in enumerate(deployments, start=1):
            left_s = give_up_at - self._clock()
            if left_s <= 0:
                break
            timeout_s = left_s if number == len(deployments) else min(left_s, deadlines.dial_each_s)
            longest = agent.config.answer_limit(deployment.profile)
            limit = longest if isinstance(longest, int) else None
            seat = self._capacity.take(call_id, deployment.name, limit, waits=waits)
            if isinstance(seat, Refusal):
                refusals.append(seat)
                continue
            ready = await self._dial(agent, deployment, seat, call_id, timeout_s)
            if ready is None:
                continue
            if number > 1:
                self._observer.spilled(deployment.name)
            return Seated(ready, seat)
        if len(refusals) == len(deployments):
            raise NoCapacity(refusals[0].value)
        raise ModelUnavailable("no deployment gave a ready session")

    async def _dial(
        self, agent: CallAgent, deployment: Deployment, seat: Seat, call_id: str, timeout_s: float
    ) -> ReadySession | None:
        """A session on a seat, which is given back where there is none."""
        settings = session_settings(agent, deployment, call_id)
        started = self._clock()
        try:
            ready = await dial(
                self._http, self._targets[deployment.name], settings, timeout_s=timeout_s, clock=self._clock
            )
        except DialFailed as error:
            if error.result is DialResult.RATE_LIMITED:
                self._capacity.refused(seat, self._clock())
            seat.leave()
            self._observer.dial(deployment.name, error.result, self._clock() - started)
            log.warning("model.dial_failed", deployment=deployment.name, result=error.result.value, hint=str(error))
            return None
        except BaseException:
            seat.leave()
            raise
        self._observer.dial(deployment.name, DialResult.READY, ready.dial_s)
        return ready
