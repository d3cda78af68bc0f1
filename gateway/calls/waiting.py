"""Callers for whom there is no place yet: answered, entertained, told where they stand, and served in their order.

The caller hears us by the same media socket that an agent will use later: when a place is free the socket is handed to
the conversation, and the call goes on. A key of the line, or the end of patience, hands it to a person instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import structlog
from aiohttp import WSMsgType

from gateway.calls.conversation import MediaDeadlines
from gateway.calls.live import Attach, CallNames, LiveCall, PhoneSocket
from gateway.calls.ticker import Ticker
from gateway.capacity.waiting import WaitingLine
from gateway.clients.call_automation import CallAutomation
from gateway.errors import BadMessage, GatewayError
from gateway.outcome import Outcome, Reason
from gateway.session.events import CallEnded, HookEvent, PhoneDigit, PhoneEvent, PhoneOpened
from gateway.session.settings import Phrase
from gateway.session.state import CallState
from gateway.session.waiting_room import WaitingRoom, position_phrase
from gateway.wire import media_stream

TRY_S = 1.0
"""How often the first in the queue asks for a place, when nobody says that one is free."""
MOST_TRY_S = 8.0
"""The same, when every try fails: a model that is down is not rung at every second."""
SILENT_S = 2.0
"""A stream sends fifty messages a second; how long one is waited for before the loop looks around."""
GOODBYE_S = 10.0
LOOK_S = 0.5
"""How often a caller's position is looked at."""
BUFFER_LIMIT_BYTES = 64 * 1024

log = structlog.get_logger()


class QueueObserver(Protocol):
    """What is measured about callers who wait."""

    def queued(self, line: str, callers: int) -> None:
        """So many wait on a line now."""

    def queue_left(self, result: str, waited_s: float) -> None:
        """One does not wait any more: served, person, abandoned, expired or failed."""

    def attempt_ended(self, outcome: Outcome) -> None:
        """A call ended that never had an agent."""


class Queues:
    """The queues of a process, by line."""

    def __init__(self, observer: QueueObserver, clock: Callable[[], float]) -> None:
        self._observer = observer
        self._clock = clock
        self._lines: dict[str, WaitingLine] = {}

    def waiting(self, line: str) -> int:
        """Callers who wait on a line."""
        queue = self._lines.get(line)
        return 0 if queue is None else len(queue)

    def join(self, line: str, call_id: str, places: int, announce_every_s: float) -> WaitingLine | None:
        """A caller wants to wait; None: there are as many as may."""
        queue = self._lines.setdefault(line, WaitingLine(places, announce_every_s))
        queue.places = places
        if not queue.join(call_id, self._clock()):
            return None
        self._observer.queued(line, len(queue))
        return queue

    def leave(self, line: str, call_id: str, result: str) -> None:
        """The caller does not wait any more; a second time does nothing."""
        queue = self._lines.get(line)
        waited_s = None if queue is None else queue.leave(call_id, self._clock())
        if queue is not None and waited_s is not None:
            self._observer.queued(line, len(queue))
            self._observer.queue_left(result, waited_s)


@dataclass(frozen=True, slots=True)
class WaitingParts:
    """One caller who waits."""

    call_id: str
    names: CallNames
    queues: Queues
    queue: WaitingLine
    room: WaitingRoom
    acs: CallAutomation
    ticker: Ticker
    clock: Callable[[], float]
    media: MediaDeadlines
    prompt_url: str
    """a sound file that the network can fetch"""
    max_wait_s: float
    freed: asyncio.Event
    """somebody gave a place back"""
    keys: Mapping[str, str | None]
    """keys that lead to a person, by destination; None: the key ends the call"""
    expired_to: str | None
    """destination of who waited too long"""
    serve: Callable[[], Awaitable[LiveCall | None]]
    """finds a place and starts the conversation; None: there is none"""
    to_person: Callable[[str], LiveCall]
    """starts a hand-over to a destination of the line"""
    observer: QueueObserver
    wake: asyncio.Event = field(default_factory=asyncio.Event)


class WaitingCall:
    """A caller in the queue."""

    def __init__(self, parts: WaitingParts) -> None:
        self.call_id = parts.call_id
        self.names = parts.names
        self.began_at = parts.clock()
        self._parts = parts
        self._connection_id: str | None = None
        self._bound: str | None = None
        self._token_hash: bytes | None = None
        self._socket: PhoneSocket | None = None
        self._transport: asyncio.Transport | None = None
        self._format: PhoneOpened | None = None
        self._opened = asyncio.Event()
        self._pressed: str | None = None
        self._outcome: Outcome | None = None
        """why nobody waits any more, if that came from outside"""
        self._expired: Outcome | None = None
        """why nobody will be free, if that came from outside"""
        self._successor: LiveCall | None = None
        self._over = asyncio.Event()
        self._next_look = 0.0
        self._stop_wanted = False
        """the network holds music that is not to be heard any more"""

    def __repr__(self) -> str:
        return f"<WaitingCall {self.call_id} at {self._parts.queue.position(self.call_id)}>"

    # --- the story ------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Wait for a place, for a person, or for the end."""
        parts, result = self._parts, "failed"
        outcome: Outcome | None = Outcome(Reason.INTERNAL_ERROR)
        try:
            result, outcome = await self._wait()
        finally:
            if outcome is not None:
                await self._hang_up()  # whatever broke, nobody is left in music that never ends
            parts.queues.leave(parts.names.line, self.call_id, result)
            parts.ticker.leave(self)
            self._over.set()
            if outcome is not None:
                log.info("call.ended", result=outcome.result.value, reason=outcome.reason.value, queued=True)
                parts.observer.attempt_ended(outcome)

    async def _wait(self) -> tuple[str, Outcome | None]:
        """How the waiting ended, and how the call did; None: somebody else has it."""
        parts = self._parts
        missing = await self._await_media()
        if missing is not None:
            return ("abandoned" if missing.reason is Reason.QUEUE_ABANDONED else "failed"), missing
        until, next_try_s, try_at = parts.clock() + parts.max_wait_s, TRY_S, 0.0
        while True:
            now = parts.clock()
            if self._outcome is not None:
                return "abandoned", self._outcome
            if self._pressed is not None:
                return self._leave_by_key(self._pressed)
            if now >= until or self._expired is not None:
                return await self._expire(self._expired or Outcome(Reason.CAPACITY))
            if parts.queue.first == self.call_id and (now >= try_at or parts.freed.is_set()):
                parts.freed.clear()
                successor = await parts.serve()
                if successor is not None:
                    self._succeed(successor)
                    return "served", None
                try_at, next_try_s = parts.clock() + next_try_s, min(2 * next_try_s, MOST_TRY_S)
            await self._sleep(min(until - now, TRY_S / 2))

    async def _await_media(self) -> Outcome | None:
        """A caller who was answered must never sit in silence. Returns why the call is over, if it is."""
        parts = self._parts
        began = parts.clock()
        steps = (
            (parts.media.prompt_s, self._prompt_by_rest),
            (parts.media.restart_s, self._restart_streaming),
            (parts.media.give_up_s, None),
        )
        for at_s, step in steps:
            while not self._opened.is_set() and self._outcome is None and parts.clock() < began + at_s:
                await self._sleep(min(0.5, began + at_s - parts.clock()))
            if self._outcome is not None or self._opened.is_set():
                return self._outcome
            if step is not None:
                await step()
        return Outcome(Reason.MEDIA_MISSING)

    async def _prompt_by_rest(self) -> None:
        """The only way to speak while there is no stream."""
        if self._connection_id is not None:
            try:
                await self._parts.acs.play(self._connection_id, self._parts.prompt_url)
            except GatewayError:
                log.warning("queue.prompt_failed")

    async def _restart_streaming(self) -> None:
        if self._connection_id is not None:
            try:
                await self._parts.acs.start_media_streaming(self._connection_id)
            except GatewayError:
                log.warning("queue.restart_failed")

    def _leave_by_key(self, key: str) -> tuple[str, Outcome | None]:
        destination = self._parts.keys[key]
        if destination is None:
            return "abandoned", Outcome(Reason.QUEUE_ABANDONED)
        self._succeed(self._parts.to_person(destination))
        return "person", None

    async def _expire(self, outcome: Outcome) -> tuple[str, Outcome | None]:
        """Nobody was free for as long as anybody may wait, or nobody will be."""
        parts = self._parts
        if parts.expired_to is not None:
            self._succeed(parts.to_person(parts.expired_to))
            return "expired", None
        self._cut()
        parts.room.say(Phrase.QUEUE_GOODBYE)
        until = parts.clock() + GOODBYE_S
        while parts.clock() < until and not parts.room.silent(parts.clock()) and self._outcome is None:
            await self._sleep(0.1)
        return "expired", outcome

    def _succeed(self, successor: LiveCall) -> None:
        """Somebody else has the call from now on; the socket follows with its next message."""
        if self._connection_id is not None:
            successor.answered(self._connection_id)
        if self._outcome is not None:
            successor.on_call_ended()
        self._successor = successor

    async def _hang_up(self) -> None:
        if self._connection_id is None:
            return
        try:
            await self._parts.acs.hang_up(self._connection_id)
        except GatewayError:
            log.warning("queue.hang_up_failed")

    async def _sleep(self, seconds: float) -> None:
        """Until something happens, at most so long."""
        wake = self._parts.wake
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await wake.wait()
        except TimeoutError:
            pass
        wake.clear()

    # --- the media socket -----------------------------------------------------------------------------------------

    async def serve_phone(self, socket: PhoneSocket, transport: asyncio.Transport) -> None:
        """Until it closes, or somebody else has the call and serves it on."""
        self._socket, self._transport = socket, transport
        self._parts.ticker.join(self)
        try:
            while self._successor is None and not self._over.is_set():
                try:
                    async with asyncio.timeout(SILENT_S):
                        message = await socket.receive()
                except TimeoutError:
                    continue
                if message.type is WSMsgType.TEXT:
                    self._on_message(message.data)
                elif message.type is WSMsgType.PING:
                    await socket.pong(message.data)
                elif message.type not in (WSMsgType.BINARY, WSMsgType.PONG):
                    break
        finally:
            self._parts.ticker.leave(self)
        successor = self._successor
        if successor is None or socket.closed:
            self._end(Outcome(Reason.QUEUE_ABANDONED))
            return
        self._cut()
        if self._stop_wanted:
            await self._send(media_stream.STOP_AUDIO)
        if self._token_hash is not None and successor.attach(self._token_hash) is Attach.WELCOME:
            if self._format is not None:
                successor.on_event(self._format)
            await successor.serve_phone(socket, transport)

    def _on_message(self, data: bytes) -> None:
        try:
            event = media_stream.decode(data)
        except BadMessage:
            return
        if isinstance(event, PhoneOpened):
            self._format = event
            self._parts.room.on_opened(event.format, self._parts.clock())
            self._parts.room.say(Phrase.QUEUE_BUSY)
            self._opened.set()
            self._parts.wake.set()
        elif isinstance(event, PhoneDigit) and event.digit in self._parts.keys:
            self._pressed = event.digit
            self._parts.wake.set()

    async def tick(self, now: float, late_s: float) -> None:  # noqa: ARG002 - what a member of the ticker is told
        """The shared clock's beat."""
        if not self._parts.room.open:
            return
        if now >= self._next_look:
            self._next_look = now + LOOK_S
            position = self._parts.queue.announcement(self.call_id, now)
            if position is not None:
                self._parts.room.say(position_phrase(position))
        for frame in self._parts.room.frames(now):
            await self._send(media_stream.encode_audio(frame))

    def failed(self, error: Exception) -> None:
        """The clock found us broken."""
        log.error("queue.broken", exc_info=error)
        self._end(Outcome(Reason.INTERNAL_ERROR))

    def _cut(self) -> None:
        """No more music: what the network still holds of it would be heard under the next voice."""
        self._stop_wanted = self._parts.room.stop(self._parts.clock())

    async def _send(self, message: bytes) -> None:
        """Never waits: a socket that does not drain loses frames instead."""
        socket, transport = self._socket, self._transport
        if socket is None or transport is None or socket.closed:
            return
        if transport.get_write_buffer_size() > BUFFER_LIMIT_BYTES:
            return
        try:
            await socket.send_frame(message, WSMsgType.TEXT)
        except ConnectionError:
            return  # the reader sees the close

    # --- told from outside: what any live call is told ------------------------------------------------------------

    @property
    def state(self) -> CallState:
        return CallState.ENDED if self._over.is_set() else CallState.CONNECTING

    def answered(self, call_connection_id: str) -> None:
        self._connection_id = self._bound = call_connection_id
        self._parts.wake.set()

    def bind(self, call_connection_id: str | None) -> bool:
        """Whether this may be the call of that connection id."""
        if call_connection_id is None:
            return True
        self._bound = self._bound or call_connection_id
        self._connection_id = self._connection_id or call_connection_id
        return self._bound == call_connection_id

    def on_call_ended(self) -> None:
        self.on_event(CallEnded())

    def on_event(self, event: PhoneEvent | HookEvent) -> None:
        if isinstance(event, CallEnded):
            self._end(Outcome(Reason.QUEUE_ABANDONED))

    def on_media_failed(self, details: str) -> None:
        """The deadlines for a missing socket are running."""

    def end(self, outcome: Outcome) -> None:
        """Hang up now."""
        self._end(outcome)

    def let_go(self, outcome: Outcome) -> None:
        """Nobody will be free: to a person, or a sentence and the end."""
        self._expired = self._expired or outcome
        self._parts.wake.set()

    def say_goodbye(self, outcome: Outcome) -> None:
        """Whoever waits has no agent that could say it."""
        self._end(outcome)

    def _end(self, outcome: Outcome) -> None:
        self._outcome = self._outcome or outcome
        self._parts.wake.set()

    @property
    def had_media(self) -> bool:
        return self._token_hash is not None

    def attach(self, token_hash: bytes) -> Attach:
        """A genuine media socket wants in; one is enough for music."""
        if self._over.is_set():
            return Attach.OVER
        if self._socket is not None and not self._socket.closed:
            return Attach.TAKEN
        self._token_hash = token_hash
        return Attach.WELCOME
