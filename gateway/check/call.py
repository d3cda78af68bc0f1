"""`gateway check --call`: answers one call itself, without a model, and measures what only the phone network knows.

Run it in the place of the gateway: it listens where the configuration says, so that the network's events reach it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pybase64
import structlog
from aiohttp import WSMsgType

from gateway.audio.pcm import FRAME_S, Int16Array
from gateway.calls.live import Attach, CallNames, PhoneSocket
from gateway.calls.offer import Offers
from gateway.calls.reception import OfferParts
from gateway.calls.routing import route
from gateway.check.probe import LENGTH_S, STOP_S, TRAIN_S, Measured, measure, probe
from gateway.clients.call_automation import AnswerUrls, CallAutomation
from gateway.config import GatewayConfig
from gateway.errors import BadMessage, GatewayError
from gateway.outcome import Outcome, Reason
from gateway.server.gateway import Gateway
from gateway.session.events import CallEnded, HookEvent, PhoneAudio, PhoneEvent, PhoneOpened
from gateway.session.state import CallState
from gateway.wire import media_stream
from gateway.wire.event_grid import IncomingCall
from gateway.wire.ticket import Purpose, Subject

AHEAD_S = 0.02
"""How far ahead of real time sound is sent: what a new stream loses is then counted in the network's own time."""
HELD_S = 0.6
"""How far ahead the last chirps are sent: what StopAudio takes back must have been handed over before."""

log = structlog.get_logger()


async def measure_call(
    config: GatewayConfig, patience_s: float, say: Callable[[str], None], clock: Callable[[], float]
) -> Measured | None:
    """Wait for a call, answer it, and measure; None: nobody called, or hung up too early.

    Raises:
        OSError: the gateway's port is taken; stop the gateway first.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Measured | None] = loop.create_future()
    gateway = Gateway(config, clock=clock, make_offers=lambda parts: ProbeOffers(parts, done, clock))
    await gateway.start()
    try:
        say(f"waiting {patience_s:.0f} s for a call: dial a line of this configuration, with the phone on loudspeaker")
        async with asyncio.timeout(patience_s):
            return await done
    except TimeoutError:
        return None
    finally:
        await gateway.stop()


class ProbeOffers(Offers):
    """Answers the first call that a line takes; all others hear a busy line."""

    def __init__(self, parts: OfferParts, done: asyncio.Future[Measured | None], clock: Callable[[], float]) -> None:
        super().__init__(parts)
        self._done = done
        self._clock = clock
        self._answered = False

    async def consider(self, call: IncomingCall) -> Outcome | None:
        """Answer, with a stream and without a model."""
        parts = self._parts
        known = parts.acs.get(call.resource.lower())
        line = route(parts.config.lines, call.called.phone_number, None, _now(parts)).line
        if known is None or line is None or self._answered:
            return Outcome(Reason.NO_LINE)
        self._answered = True
        resource, acs = known
        subject = Subject(call.context, call.event_time, resource, line.name, line.agent, "probe")
        server, issue = parts.config.server, parts.tickets.issue
        urls = AnswerUrls(
            callbacks=f"{server.public_url}/calls/{issue(Purpose.CALLBACKS, subject)}/events",
            media=f"{server.media_url}/media/{issue(Purpose.MEDIA, subject)}",
        )
        names = CallNames(line.name, line.agent, "")
        live = ProbeCall(parts.tickets.call_id(call.context), names, acs, self._done, self._clock)
        parts.supervisor.start(live)
        config = parts.config.acs
        try:
            live.answered(
                await acs.answer(call.context, urls, config.audio_format.audio, mixed=config.channel_type == "mixed")
            )
        except GatewayError as error:
            live.end(error.outcome)
        return None


class ProbeCall:
    """One call that is only measured."""

    def __init__(
        self,
        call_id: str,
        names: CallNames,
        acs: CallAutomation,
        done: asyncio.Future[Measured | None],
        clock: Callable[[], float],
    ) -> None:
        self.call_id = call_id
        self.names = names
        self.began_at = clock()
        self.had_media = False
        self._acs = acs
        self._done = done
        self._clock = clock
        self._connection_id: str | None = None
        self._over = asyncio.Event()
        self._rate_hz = 0
        self._opened_at: float | None = None
        self._back: list[Int16Array] = []

    async def run(self) -> None:
        """Until the probe is over, or the caller hung up."""
        await self._over.wait()
        if self._connection_id is not None:
            try:
                await self._acs.hang_up(self._connection_id)
            except GatewayError:
                log.info("probe.hang_up_failed")  # the caller did
        if not self._done.done():
            back = np.concatenate(self._back) if self._back else np.zeros(0, np.int16)
            whole = self._rate_hz > 0 and len(back) >= STOP_S * self._rate_hz
            self._done.set_result(measure(back, self._rate_hz) if whole else None)

    async def serve_phone(self, socket: PhoneSocket, transport: asyncio.Transport) -> None:  # noqa: ARG002 - as of any call
        """Send what is due whenever a frame comes: the network sends fifty a second."""
        self.had_media = True
        sound: Int16Array | None = None
        sent, stopped = 0, False
        while not self._over.is_set():
            message = await socket.receive()
            if message.type is not WSMsgType.TEXT:
                break
            self._on_message(message.data)
            if self._opened_at is None or not self._rate_hz:
                continue
            sound = probe(self._rate_hz) if sound is None else sound
            now = self._clock() - self._opened_at
            frame = round(FRAME_S * self._rate_hz)
            ahead_s = AHEAD_S if now < TRAIN_S else HELD_S
            while not stopped and sent * FRAME_S <= now + ahead_s and (sent + 1) * frame <= len(sound):
                part = sound[sent * frame : (sent + 1) * frame]
                await socket.send_frame(media_stream.encode_audio(part.tobytes()), WSMsgType.TEXT)
                sent += 1
            if now >= STOP_S and not stopped:
                stopped = True
                await socket.send_frame(media_stream.STOP_AUDIO, WSMsgType.TEXT)
            if now >= LENGTH_S:
                break
        self._over.set()

    def _on_message(self, data: bytes) -> None:
        try:
            event = media_stream.decode(data)
        except BadMessage:
            return
        if isinstance(event, PhoneOpened):
            self._rate_hz = event.format.rate_hz
        elif isinstance(event, PhoneAudio) and self._rate_hz:
            self._opened_at = self._clock() if self._opened_at is None else self._opened_at
            frame = round(FRAME_S * self._rate_hz)
            silence = np.zeros(frame, np.int16)
            try:
                samples = np.frombuffer(pybase64.b64decode(event.payload, validate=True), np.int16)
            except ValueError:
                samples = silence
            self._back.append(samples if len(samples) else silence)

    # --- what any live call is told -------------------------------------------------------------------------------

    @property
    def state(self) -> CallState:
        return CallState.ENDED if self._over.is_set() else CallState.CONNECTING

    def answered(self, call_connection_id: str) -> None:
        self._connection_id = call_connection_id

    def bind(self, call_connection_id: str | None) -> bool:
        return call_connection_id is None or self._connection_id in (None, call_connection_id)

    def on_call_ended(self) -> None:
        self._over.set()

    def on_event(self, event: PhoneEvent | HookEvent) -> None:
        if isinstance(event, CallEnded):
            self._over.set()

    def on_media_failed(self, details: str) -> None:
        log.warning("probe.media_failed", details=details)

    def end(self, outcome: Outcome) -> None:  # noqa: ARG002 - nobody counts it
        self._over.set()

    def let_go(self, outcome: Outcome) -> None:
        self.end(outcome)

    def say_goodbye(self, outcome: Outcome) -> None:
        self.end(outcome)

    def attach(self, token_hash: bytes) -> Attach:  # noqa: ARG002 - one stream is enough
        return Attach.OVER if self._over.is_set() else Attach.TAKEN if self.had_media else Attach.WELCOME


def _now(parts: OfferParts) -> datetime:
    return datetime.fromtimestamp(parts.wall_clock(), UTC)
