"""The gateway put together: every part made once, in the order in which they need each other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict
from functools import cache
from typing import Any

import aiohttp
import structlog
from aiohttp import hdrs, web
from prometheus_client import CollectorRegistry

from gateway.audio.pcm import Int16Array
from gateway.audio.wav import write_wav
from gateway.bounds import HANDSHAKES_PER_MINUTE, TRANSFERS_PER_MINUTE
from gateway.calls.briefing import model_target
from gateway.calls.caller_limits import CallerDesk
from gateway.calls.capacity import CapacityDesk
from gateway.calls.closed_lines import ClosedLines
from gateway.calls.line_settings import line_settings
from gateway.calls.models import ModelDesk
from gateway.calls.monitor_watch import MonitorWatch
from gateway.calls.offer import Offers
from gateway.calls.reception import OfferParts
from gateway.calls.supervisor import CallSupervisor
from gateway.calls.ticker import Ticker
from gateway.calls.waiting import Queues
from gateway.capacity.drain import Drain
from gateway.clients.azure_monitor import AzureMonitor
from gateway.clients.call_automation import Budget, CallAutomation
from gateway.clients.credentials import Credentials
from gateway.clients.hooks import Hooks
from gateway.clients.http import make_session
from gateway.clients.voice_live import ModelTarget
from gateway.clips import best_language, load_clips
from gateway.config import GatewayConfig
from gateway.outcome import Outcome, Reason
from gateway.rate import Rate
from gateway.server.app import make_public_app
from gateway.server.doorkeeper import Doorkeeper
from gateway.server.draining import see_out
from gateway.server.guard import Guard
from gateway.server.keys import CLIPS, GUARD, HANDSHAKES, LIVE, SUBSCRIPTIONS, SUPERVISOR, TELEMETRY, WALL_CLOCK
from gateway.server.listener import listen
from gateway.server.live import LiveConfiguration
from gateway.server.operate import Operation, OperatorDoor, add_operate_routes
from gateway.server.probes import make_probe_app
from gateway.server.proofs import make_key_sets, make_operator_secret, make_proofs, make_ticket_keys, own_key
from gateway.server.sources import Sources
from gateway.session.attendant import read_lists
from gateway.session.settings import Phrase
from gateway.store.memory import MemoryClaims
from gateway.telemetry.observer import Telemetry
from gateway.telemetry.pseudonyms import Pseudonyms
from gateway.wire.event_grid import subscription_of

PLAYER_RATE_HZ = 16_000
"""The network's player takes WAV files of 16-bit mono at 16 kHz only."""
END_ALL_S = 5.0

log = structlog.get_logger()


class Gateway:
    """A running gateway; used by the command and by tests alike."""

    def __init__(  # noqa: PLR0913 - what tests, and a measurement, do otherwise
        self,
        config: GatewayConfig,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
        reread: Callable[[], GatewayConfig] | None = None,
        grace_s: float | None = None,
        make_offers: Callable[[OfferParts], Offers] = Offers,
    ) -> None:
        """Not listening yet.

        Args:
            config: what to begin with.
            clock: seconds, monotonic.
            wall_clock: seconds since the epoch.
            reread: reads and checks the configuration again, in a thread, raising ConfigError; without it a reload
                finds the same as before.
            grace_s: how long a drain may take; overrides `drain.grace_s`.
            make_offers: who deals with incoming calls; a measurement does it otherwise.
        """
        self._config = config
        self._reread = reread or (lambda: config)
        self._make_offers = make_offers
        self._clock = clock
        self._wall_clock = wall_clock
        self._stack = AsyncExitStack()
        self.broken = False
        """a part of the process has ended that all calls need; only a new process helps"""
        self._listening = False
        self._keys_ready: tuple[asyncio.Event, ...] = ()
        self.registry = CollectorRegistry()
        self.telemetry = Telemetry(self.registry, config, clock)
        self.callers = CallerDesk(config.admission.replicas, self.telemetry, clock, wall_clock)
        self.drain = Drain(config.drain.plan(config.longest_call_s, grace_s))
        self._claims = MemoryClaims(clock)
        self.supervisor = CallSupervisor(self.telemetry.bug, self.callers.ended)
        self.capacity = CapacityDesk(
            config, lambda: self.telemetry.vitals, lambda: len(self.supervisor), self.telemetry, clock
        )
        self._closed = ClosedLines()
        self.live: LiveConfiguration
        """after `start`"""
        self.public_port = 0
        self.metrics_port = 0

    async def start(self) -> None:
        """Listen. Calls are taken as soon as the keys have come that callers of ours prove themselves with."""
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise

    @property
    def ready(self) -> bool:
        """New calls are taken."""
        serves = self._listening and not self.broken and not self.drain.begun
        return serves and all(ready.is_set() for ready in self._keys_ready)

    async def wait_ready(self) -> None:
        """After `start`."""
        for ready in self._keys_ready:
            await ready.wait()

    def _background_done(self, task: asyncio.Task[None]) -> None:
        """The ticker, the keys and their like run until they are cancelled, or something is wrong with us."""
        if task.cancelled():
            return
        self.broken = True
        self.telemetry.bug()
        log.error("background.broken", part=task.get_name(), exc_info=task.exception())

    def begin_drain(self, *, settle: bool = True) -> None:
        """Not ready from now on; a second time changes nothing. `see_out` waits for the rest.

        Args:
            settle: wait until nobody routes calls here any more, even with none under way.
        """
        if self.drain.begin(self._clock(), settle=settle):
            self.telemetry.draining()
            plan = asdict(self.drain.plan)
            log.info("drain.began", live=len(self.supervisor), ringing=self._claims.undecided, settle=settle, **plan)

    def hurry_drain(self) -> None:
        """Do not wait for calls to end of themselves."""
        self.begin_drain(settle=False)
        self.drain.hurry(self._clock())
        log.warning("drain.hurried", live=len(self.supervisor))

    async def see_out(self) -> None:
        """After `begin_drain`: until the last call is over, or time is up."""
        await see_out(self.drain, self.supervisor, lambda: self._claims.undecided, self._clock)

    async def stop(self) -> None:
        """Hang up what is live and leave nothing open."""
        self._listening = False
        await self.supervisor.end_all(Outcome(Reason.DRAIN_DEADLINE), END_ALL_S)
        await self._stack.aclose()

    async def _start(self) -> None:
        config, clock, server = self._config, self._clock, self._config.server
        sessions = [make_session() for _ in range(6)]
        acs_http, model_http, key_http, identity_http, hook_http, monitor_http = sessions
        for session in sessions:
            self._stack.push_async_callback(session.close)
        credentials = Credentials(identity_http, self._wall_clock)
        self._stack.push_async_callback(credentials.close)
        key = own_key(config)
        tickets = make_ticket_keys(config, key)
        key_sets = make_key_sets(config, key_http, clock, self.telemetry)
        self.telemetry.watch_ringing(lambda: self._claims.undecided)
        self.telemetry.watch_keys({keys.name: keys.age_s for keys in key_sets.all})
        strangers, friends = (Doorkeeper(self.telemetry.stranger_evicted, clock) for _ in range(2))
        guard = Guard(
            make_proofs(config, key_sets, tickets, clock, self._wall_clock),
            self.telemetry,
            strangers,
            Sources(server.trusted_proxies, clock),
            clock,
        )
        phrases = _phrases(config.call.clip_language)
        ticker = Ticker(clock, self.telemetry.ticker_late)
        capacity = self.capacity
        queues = Queues(self.telemetry, clock)
        hooks, transfers = Hooks(hook_http), Rate(TRANSFERS_PER_MINUTE, clock)
        name_of = Pseudonyms(key).of

        def make_offers(wanted: GatewayConfig) -> Offers:
            """What a configuration decides is made for it; what calls share is not."""
            _read_ahead(wanted, phrases)
            return self._make_offers(
                OfferParts(
                    config=wanted,
                    acs=_call_automation(wanted, credentials, acs_http),
                    models=ModelDesk(
                        wanted, _targets(wanted, credentials), model_http, capacity, self.telemetry, clock
                    ),
                    tickets=tickets,
                    claims=self._claims,
                    closed=self._closed,
                    drain=self.drain,
                    queues=queues,
                    callers=self.callers,
                    supervisor=self.supervisor,
                    ticker=ticker,
                    observer=self.telemetry,
                    phrases=phrases,
                    hooks=hooks,
                    transfers=transfers,
                    name_of=name_of,
                    clock=clock,
                    wall_clock=self._wall_clock,
                )
            )

        self.live = LiveConfiguration(config, make_offers, self._reread, self._closed, capacity, self.telemetry)
        app = make_public_app(self.telemetry, strangers, clock, access_log=server.log.access)
        app.on_response_prepare.append(self._send_elsewhere)
        self._fill(app, guard, phrases(PLAYER_RATE_HZ, config.call.clip_language))
        self._run_beside("ticker", ticker.run())
        self._run_beside("telemetry", self.telemetry.run())
        self._run_beside("capacity", capacity.run())
        self._run_beside("monitor", self._monitor_watch(credentials, monitor_http, capacity).run())
        self._run_beside("doorkeeper", strangers.run())
        for keys in key_sets.all:
            self._run_beside(f"keys {keys.name}", keys.run())
        probes = make_probe_app(self.registry, is_live=lambda: not self.broken, is_ready=lambda: self.ready)
        door = OperatorDoor(make_operator_secret(config, clock), friends, self.telemetry, clock)
        add_operate_routes(probes, self._operation(door))
        self.metrics_port = await listen(probes, server.metrics_host, server.metrics_port, friends, self._stack)
        self.public_port = await listen(app, server.host, server.port, strangers, self._stack)
        self._keys_ready = tuple(keys.ready for keys in key_sets.all)
        self._listening = True

    async def _send_elsewhere(self, _request: web.Request, response: web.StreamResponse) -> None:
        """While draining no connection is kept: the next request of a proxy finds the process that takes over."""
        if self.drain.begun and not isinstance(response, web.WebSocketResponse):
            response.force_close()
            response.headers[hdrs.CONNECTION] = "close"  # the headers are made already

    def _monitor_watch(self, credentials: Credentials, http: aiohttp.ClientSession, desk: CapacityDesk) -> MonitorWatch:
        monitor = AzureMonitor(http, credentials.for_resource_manager)
        return MonitorWatch(monitor, desk, self.telemetry, self._clock, self._wall_clock)

    def _operation(self, door: OperatorDoor) -> Operation:
        """What operators' commands work on."""
        return Operation(door, self.live, self.supervisor, self._closed, self.telemetry, self._clock, self._wall_clock)

    def _fill(self, app: web.Application, guard: Guard, phrases: Mapping[Phrase, Int16Array]) -> None:
        """What the request handlers need."""
        app[LIVE] = self.live
        app[GUARD] = guard
        app[SUPERVISOR] = self.supervisor
        app[TELEMETRY] = self.telemetry
        app[WALL_CLOCK] = self._wall_clock
        app[HANDSHAKES] = Rate(HANDSHAKES_PER_MINUTE, self._clock)
        app[SUBSCRIPTIONS] = frozenset(subscription_of(resource.topic) for resource in self._config.acs.resources)
        app[CLIPS] = {phrase.value: write_wav(samples, PLAYER_RATE_HZ) for phrase, samples in phrases.items()}

    def _run_beside(self, name: str, part: Coroutine[Any, Any, None]) -> None:
        """A part that runs until the gateway stops."""
        task = asyncio.create_task(part, name=name)
        task.add_done_callback(self._background_done)
        self._stack.push_async_callback(_cancelled, task)


def _call_automation(
    config: GatewayConfig, credentials: Credentials, http: aiohttp.ClientSession
) -> dict[str, tuple[str, CallAutomation]]:
    """By lower-cased topic: the name of the resource, and its client."""
    budget = Budget(config.deadlines.answer_total_s, config.deadlines.answer_try_s)
    return {
        resource.topic.lower(): (
            resource.name,
            CallAutomation(resource.endpoint, credentials.for_call_automation(resource.key_file), http, budget),
        )
        for resource in config.acs.resources
    }


def _targets(config: GatewayConfig, credentials: Credentials) -> dict[str, ModelTarget]:
    """Where the sessions of each deployment are dialled."""
    return {
        deployment.name: model_target(
            config, deployment, credentials.for_voice_live(config.resource(deployment.resource).key_file)
        )
        for deployment in config.deployments
    }


def _phrases(default: str) -> Callable[[int, str], Mapping[Phrase, Int16Array]]:
    """The clips by rate and language; made once each, shared by all calls. A language without clips gets `default`."""

    @cache
    def at(rate_hz: int, language: str) -> Mapping[Phrase, Int16Array]:
        clips = load_clips(best_language(language) or default, rate_hz)
        return {phrase: clips[phrase] for phrase in Phrase}

    return at


def _read_ahead(config: GatewayConfig, phrases: Callable[[int, str], Mapping[Phrase, Int16Array]]) -> None:
    """Read now what would hold calls up in their midst."""
    for line in config.lines:
        read_lists(line_settings(line, config.agent(line.agent)))
    for language in {language for agent in config.agents for language in agent.languages}:
        phrases(config.acs.audio_format.audio.rate_hz, language)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
