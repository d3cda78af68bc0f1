"""A ready model session for an agent: its deployments in order of preference, all dials inside one budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import aiohttp
import structlog

from gateway.calls.briefing import session_settings
from gateway.calls.observer import OfferObserver
from gateway.calls.variables import CallAgent
from gateway.clients.voice_live import DialFailed, DialResult, ModelTarget, ReadySession, dial
from gateway.config import GatewayConfig
from gateway.errors import ModelUnavailable

log = structlog.get_logger()


class ModelDesk:
    """Dials model sessions."""

    def __init__(
        self,
        config: GatewayConfig,
        targets: Mapping[str, ModelTarget],
        http: aiohttp.ClientSession,
        observer: OfferObserver,
        clock: Callable[[], float],
    ) -> None:
        self._config = config
        self._targets = targets
        self._http = http
        self._observer = observer
        self._clock = clock

    async def dial(self, agent: CallAgent, call_id: str) -> ReadySession:
        """The first of the agent's deployments that is ready in time.

        Raises:
            ModelUnavailable: none was.
        """
        deadlines = self._config.deadlines
        give_up_at = self._clock() + deadlines.dial_total_s
        deployments = self._config.deployments_of(agent.config)
        for number, deployment in enumerate(deployments, start=1):
            left_s = give_up_at - self._clock()
            if left_s <= 0:
                break
            timeout_s = left_s if number == len(deployments) else min(left_s, deadlines.dial_each_s)
            settings = session_settings(agent, deployment, call_id)
            target = self._targets[deployment.name]
            started = self._clock()
            try:
                ready = await dial(self._http, target, settings, timeout_s=timeout_s, clock=self._clock)
            except DialFailed as error:
                self._observer.dial(deployment.name, error.result, self._clock() - started)
                log.warning("model.dial_failed", deployment=deployment.name, result=error.result.value, hint=str(error))
                continue
            self._observer.dial(deployment.name, DialResult.READY, ready.dial_s)
            return ready
        raise ModelUnavailable("no deployment gave a ready session")
