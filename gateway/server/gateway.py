"""The gateway put together: every part made once, in the order in which they need each other."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from functools import cache

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry

from gateway.audio.pcm import Int16Array
from gateway.audio.wav import write_wav
from gateway.calls.briefing import model_target
from gateway.calls.models import ModelDesk
from gateway.calls.offer import OfferParts, Offers
from gateway.calls.supervisor import CallSupervisor
from gateway.calls.ticker import Ticker
from gateway.clients.call_automation import Budget, CallAutomation
from gateway.clients.credentials import Credentials
from gateway.clients.http import make_session
from gateway.clips import load_clips
from gateway.config import GatewayConfig
from gateway.config.secrets import read_ticket_key
from gateway.outcome import Outcome, Reason
from gateway.server.app import KEEP_ALIVE_S, MAX_HEADER_BYTES, MAX_LINE_BYTES, make_public_app
from gateway.server.keys import CLIPS, OFFERS, SUPERVISOR, TELEMETRY, TICKETS, WALL_CLOCK
from gateway.server.probes import make_probe_app
from gateway.session.settings import Phrase
from gateway.store.memory import MemoryClaims
from gateway.telemetry.observer import Telemetry
from gateway.wire.ticket import TicketKeys

PLAYER_RATE_HZ = 16_000
"""The network's player takes WAV files of 16-bit mono at 16 kHz only."""
END_ALL_S = 5.0
TICKET_KEY_BYTES = 32

log = structlog.get_logger()


class Gateway:
    """A running gateway; used by the command and by tests alike."""

    def __init__(
        self,
        config: GatewayConfig,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self._clock = clock
        self._wall_clock = wall_clock
        self._stack = AsyncExitStack()
        self._ready = False
        self.registry = CollectorRegistry()
        self.telemetry = Telemetry(self.registry, config, clock)
        self.supervisor = CallSupervisor(self.telemetry.call_broken)
        self.public_port = 0
        self.metrics_port = 0

    async def start(self) -> None:
        """Listen; when this returns, calls are taken."""
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise

    async def stop(self) -> None:
        """Hang up what is live and leave nothing open."""
        self._ready = False
        await self.supervisor.end_all(Outcome(Reason.DRAIN_DEADLINE), END_ALL_S)
        await self._stack.aclose()

    async def _start(self) -> None:
        config, clock = self._config, self._clock
        credentials = Credentials()
        self._stack.push_async_callback(credentials.close)
        phrases = _phrases(config.call.clip_language)
        ticker = Ticker(clock, self.telemetry.ticker_late)
        acs_http, model_http = make_session(), make_session()
        self._stack.push_async_callback(acs_http.close)
        self._stack.push_async_callback(model_http.close)
        budget = Budget(config.deadlines.answer_total_s, config.deadlines.answer_try_s)
        acs = {
            resource.topic.lower(): CallAutomation(
                resource.endpoint, credentials.for_call_automation(resource.key_file), acs_http, budget
            )
            for resource in config.acs.resources
        }
        targets = {
            deployment.name: model_target(
                config, deployment, credentials.for_voice_live(config.resource(deployment.resource).key_file)
            )
            for deployment in config.deployments
        }
        tickets = _ticket_keys(config)
        offers = Offers(
            OfferParts(
                config=config,
                acs=acs,
                models=ModelDesk(config, targets, model_http, self.telemetry, clock),
                tickets=tickets,
                claims=MemoryClaims(clock),
                supervisor=self.supervisor,
                ticker=ticker,
                observer=self.telemetry,
                phrases=phrases,
                clock=clock,
                wall_clock=self._wall_clock,
            )
        )
        app = make_public_app()
        app[OFFERS] = offers
        app[SUPERVISOR] = self.supervisor
        app[TICKETS] = tickets
        app[TELEMETRY] = self.telemetry
        app[WALL_CLOCK] = self._wall_clock
        app[CLIPS] = {
            phrase.value: write_wav(samples, PLAYER_RATE_HZ) for phrase, samples in phrases(PLAYER_RATE_HZ).items()
        }
        server = config.server
        probes = make_probe_app(self.registry, lambda: self._ready)
        self.metrics_port = await self._listen(probes, server.metrics_host, server.metrics_port)
        self.public_port = await self._listen(app, server.host, server.port)
        for name, background in (("ticker", ticker.run()), ("telemetry", self.telemetry.run())):
            task = asyncio.create_task(background, name=name)
            self._stack.push_async_callback(_cancelled, task)
        self._ready = True

    async def _listen(self, app: web.Application, host: str, port: int) -> int:
        runner = web.AppRunner(
            app,
            access_log=None,
            keepalive_timeout=KEEP_ALIVE_S,
            max_line_size=MAX_LINE_BYTES,
            max_field_size=MAX_HEADER_BYTES,
            shutdown_timeout=1.0,
        )
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, host, port)
        await site.start()
        address = runner.addresses[0]
        return int(address[1])


def _ticket_keys(config: GatewayConfig) -> TicketKeys:
    key_file = config.server.ticket_key_file
    if key_file is None:
        log.warning("tickets.key_random", hint="set server.ticket_key_file: calls in progress end with this process")
        return TicketKeys(secrets.token_bytes(TICKET_KEY_BYTES))
    return TicketKeys(read_ticket_key(key_file))


def _phrases(language: str) -> Callable[[int], Mapping[Phrase, Int16Array]]:
    """The clips by rate; made once a rate, shared by all calls."""

    @cache
    def at(rate_hz: int) -> Mapping[Phrase, Int16Array]:
        clips = load_clips(language, rate_hz)
        return {phrase: clips[phrase] for phrase in Phrase}

    return at


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
