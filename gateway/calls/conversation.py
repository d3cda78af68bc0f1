"""Second chapter of a call: from a ready model to the one outcome.

A call lives from the moment its model is ready until its session says End. It owns every task and socket that it uses;
nothing of it is left when `run` returns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from gateway.bounds import MAX_ATTACHES
from gateway.calls.capacity import Seat
from gateway.calls.errands import ErrandParts, Errands
from gateway.calls.live import Attach, CallNames, PhoneSocket
from gateway.calls.observer import CallObserver
from gateway.calls.pump import Pump
from gateway.calls.ticker import Ticker
from gateway.clients.call_automation import CallAutomation
from gateway.clients.voice_live import ModelLeg
from gateway.errors import GatewayError
from gateway.outcome import Outcome, Reason
from gateway.session.effects import Fields, Note
from gateway.session.events import CallEnded, DigitsJudged, HookEvent, Judged, PhoneEvent
from gateway.session.session import CallSession
from gateway.session.state import CallState

CLOSE_S = 2.0
HANG_UP_TRIES = 3
HANG_UP_WAIT_S = 5.0
"""How long the end of a call waits for a hang-up that is still under way."""


@dataclass(frozen=True, slots=True)
class MediaDeadlines:
    """Seconds from the answer until something is done about a missing media socket."""

    prompt_s: float = 3.0
    restart_s: float = 5.0
    give_up_s: float = 8.0


@dataclass(frozen=True, slots=True)
class CallParts:
    """What a call is put together from."""

    call_id: str
    names: CallNames
    session: CallSession
    model: ModelLeg
    acs: CallAutomation
    observer: CallObserver
    ticker: Ticker
    clock: Callable[[], float]
    media: MediaDeadlines
    seat: Seat
    """its place on the deployment; given back at its end"""
    errands: ErrandParts
    prompt_url: str
    """a sound file that the network can fetch: the only way to speak while the media socket is missing"""


class Conversation:
    """One live call."""

    def __init__(self, parts: CallParts) -> None:
        self.call_id = parts.call_id
        self.names = parts.names
        self.began_at = parts.clock()
        self._parts = parts
        self._session = parts.session
        self._errands = Errands(parts.errands, lambda: self._connection_id, self.on_event, self._tell_story)
        self._pump = Pump(
            parts.session, parts.model, parts.observer, parts.ticker, parts.clock, self._errands.begin, parts.seat
        )
        self._answered: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """the call connection id, once the network took our answer"""
        self._bound: str | None = None
        """the same, or what the first genuine message said it is"""
        self._attaches = 0
        self._media_tokens: set[bytes] = set()
        """hashes of the tokens that media sockets brought"""

    def __repr__(self) -> str:
        return f"<Conversation {self.call_id} {self._session!r}>"

    # --- life -----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Live until the outcome. Called once, by the supervisor.

        Raises:
            Exception: a part of the call broke; it has been hung up and cleaned away.
        """
        parts, pump = self._parts, self._pump
        hang_up = self._own("hang-up", self._hang_up_when_wanted())
        tasks = [
            self._own("model-reader", pump.read_model()),
            self._own("model-writer", pump.write_model()),
            self._own("media-watch", self._watch_media()),
        ]
        try:
            pump.tell(self._session.start(parts.clock()))
            await pump.ended.wait()
        finally:
            if pump.error is not None:
                pump.hang_up_wanted.set()  # whatever broke, nobody is left in silence
            if pump.hang_up_wanted.is_set():
                await asyncio.wait([hang_up], timeout=HANG_UP_WAIT_S)
            for task in (hang_up, *tasks):
                task.cancel()
            await asyncio.gather(hang_up, *tasks, return_exceptions=True)
            await self._errands.close()
            await self._close()
            parts.seat.leave()
            outcome = self._session.outcome
            if outcome is None or pump.error is not None:
                outcome = Outcome(Reason.INTERNAL_ERROR)
            parts.observer.ended(outcome, self._session, parts.clock())
        if pump.error is not None:
            raise pump.error

    def _own(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a part of this call; if it breaks, the call does, and nothing else."""
        task = asyncio.create_task(work, name=f"{name} {self.call_id}")
        task.add_done_callback(self._on_part_done)
        return task

    def _on_part_done(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            self._pump.failed(error)

    async def _close(self) -> None:
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._pump.close()
        except TimeoutError:
            self._note("close.timeout", {})  # the peer does not answer the close; its socket is dropped

    # --- from outside ---------------------------------------------------------------------------------------------

    def answered(self, call_connection_id: str) -> None:
        """The network took our answer, or says that the call is connected; its media socket is expected now."""
        if not self._answered.done():
            self._bound = call_connection_id
            self._answered.set_result(call_connection_id)
            self._note("call.answered", {})

    @property
    def connected(self) -> bool:
        """Whether the network carries the call to us: it took our answer, said so, or brought the media."""
        return self._answered.done() or self._pump.media_open.is_set()

    @property
    def state(self) -> CallState:
        return self._session.state

    @property
    def over(self) -> bool:
        """Whether it has ended: nobody would speak to a caller who is answered now."""
        return self._pump.ended.is_set()

    def abandon(self, outcome: Outcome) -> None:
        """The call is not ours: end without touching it."""
        self._session.abandon(outcome)
        self._pump.ended.set()

    def bind(self, call_connection_id: str | None) -> bool:
        """Whether this may be the call of that connection id; the first one told is its own from then on."""
        if call_connection_id is None:
            return True
        if self._bound is None:
            self._bound = call_connection_id
        return self._bound == call_connection_id

    def attach(self, token_hash: bytes) -> Attach:
        """A genuine media socket wants in. Counts it if it may come.

        Args:
            token_hash: of the token it brought; the network makes a new one for every socket.
        """
        if self._pump.ended.is_set():
            return Attach.OVER
        if self._attaches >= MAX_ATTACHES:
            return Attach.TOO_MANY
        if self._pump.phone_alive(self._parts.clock()):
            return Attach.TAKEN
        if token_hash in self._media_tokens:
            self._note("media.token_reused", {})
        self._media_tokens.add(token_hash)
        self._attaches += 1
        return Attach.WELCOME

    @property
    def had_media(self) -> bool:
        return self._attaches > 0

    async def serve_phone(self, socket: PhoneSocket, transport: asyncio.Transport) -> None:
        """Until the socket closes. An error of ours ends this call, and nothing else."""
        try:
            await self._pump.serve_phone(socket, transport)
        except Exception as error:  # noqa: BLE001 - the edge of one call's part; `run` raises it again
            self._pump.failed(error)

    def on_media_failed(self, details: str) -> None:
        """The network could not connect its media socket; the deadlines for a missing one are running."""
        self._note("media.failed", {"details": details})

    def on_call_ended(self) -> None:
        """The network says that the call is over."""
        self.on_event(CallEnded())

    def on_event(self, event: PhoneEvent | HookEvent) -> None:
        """News of the network, or of a service of the operator, that come by another way than the legs."""
        now = self._parts.clock()
        if isinstance(event, DigitsJudged | Judged):
            self._pump.tell(self._session.on_hook(event, now))
        else:
            self._pump.tell(self._session.on_phone(event, now))

    def end(self, outcome: Outcome) -> None:
        """Hang up now."""
        self._pump.tell(self._session.hang_up(outcome, self._parts.clock()))

    def let_go(self, outcome: Outcome) -> None:
        """A person takes over where the line has one, else goodbye is said; where no voice can be heard, nothing."""
        if self.state is CallState.BRIDGED:
            self._pump.tell(self._session.let_go(outcome, self._parts.clock()))

    def say_goodbye(self, outcome: Outcome) -> None:
        """End with a sentence, where one can be heard; where none can, hang up now."""
        if self.state is CallState.BRIDGED:
            self._pump.tell(self._session.say_goodbye(outcome, self._parts.clock()))
        else:
            self.end(outcome)

    # --- hanging up -----------------------------------------------------------------------------------------------

    async def _hang_up_when_wanted(self) -> None:
        """End the call over REST; closing the media socket alone would leave the caller in silence."""
        await self._pump.hang_up_wanted.wait()
        self._pump.keep_time()  # the network may never say that the call is over, least of all where no media came
        if not self._answered.done():
            self.on_call_ended()
            return
        for attempt in range(1, HANG_UP_TRIES + 1):
            try:
                await self._parts.acs.hang_up(self._answered.result())
            except GatewayError:
                self._note("hang_up.failed", {"attempt": attempt})
                await asyncio.sleep(attempt)
            else:
                return

    # --- media that does not come ---------------------------------------------------------------------------------

    async def _watch_media(self) -> None:
        """Bring the media home, or end the call: an answered caller must never sit in silence."""
        connection_id = await self._answered
        answered_at = self._parts.clock()
        deadlines = self._parts.media
        for at_s, step in ((deadlines.prompt_s, self._prompt_by_rest), (deadlines.restart_s, self._restart_streaming)):
            if await self._media_within(answered_at + at_s):
                return
            try:
                await step(connection_id)
            except GatewayError:
                self._note("media.missing", {"step": "failed"})
        if not await self._media_within(answered_at + deadlines.give_up_s):
            self.end(Outcome(Reason.MEDIA_MISSING))

    async def _prompt_by_rest(self, connection_id: str) -> None:
        """Let the caller hear something, unless another replica answered the same call and has its media."""
        if await self._parts.acs.media_is_active(connection_id):
            self.abandon(Outcome(Reason.LOST_RACE))
            return
        self._note("media.missing", {"step": "prompt"})
        await self._parts.acs.play(connection_id, self._parts.prompt_url)

    async def _restart_streaming(self, connection_id: str) -> None:
        self._note("media.missing", {"step": "restart"})
        await self._parts.acs.start_media_streaming(connection_id)

    async def _media_within(self, deadline: float) -> bool:
        try:
            async with asyncio.timeout(max(0.0, deadline - self._parts.clock())):
                await self._pump.media_open.wait()
        except TimeoutError:
            return False
        return True

    @property
    def _connection_id(self) -> str | None:
        return self._answered.result() if self._answered.done() else None

    def _tell_story(self, note: Note) -> None:
        self._parts.observer.note(note, self._parts.clock())

    def _note(self, name: str, fields: Fields) -> None:
        self._parts.observer.note(Note(name, fields), self._parts.clock())
