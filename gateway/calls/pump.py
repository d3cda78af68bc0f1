"""Sockets to CallSession, and effects back: two readers, one writer, and the ticker's beat.

One input is decided, everything it asked for is put into the outbound queues, then comes the next input: `_perform`
never awaits, so two readers cannot interleave half-done decisions.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from aiohttp import WSCloseCode, WSMsgType

from gateway.audio.pcm import Direction
from gateway.bounds import MAX_PINGS_PER_S, SILENT_SOCKET_S
from gateway.calls.capacity import Seat
from gateway.calls.errands import Wanted
from gateway.calls.live import PhoneSocket
from gateway.calls.observer import CallObserver
from gateway.calls.ticker import Ticker
from gateway.clients.voice_live import ModelLeg
from gateway.errors import BadMessage
from gateway.session.effects import (
    AppendAudio,
    AskTransferState,
    CancelResponse,
    CreateResponse,
    DeleteItem,
    Effect,
    End,
    HangUp,
    JudgeDigits,
    JudgeText,
    Note,
    PlayFrame,
    SendDigits,
    StopPlayback,
    TellModel,
    ToolOutput,
    Transfer,
    TruncateItem,
)
from gateway.session.events import ModelClosed, ModelError, PhoneClosed, ResponseCreated, ResponseDone
from gateway.session.recovery import RATE_LIMIT_CODES
from gateway.session.session import CallSession
from gateway.wire import media_stream, voice_live
from gateway.wire.voice_live_session import SessionCreated, SessionUpdated

Rare: TypeAlias = (
    CreateResponse
    | CancelResponse
    | TruncateItem
    | ToolOutput
    | TellModel
    | DeleteItem
    | Transfer
    | AskTransferState
    | SendDigits
    | JudgeDigits
    | JudgeText
    | StopPlayback
    | Note
    | HangUp
    | End
)
"""Effects that do not come fifty times a second."""

MODEL_QUEUE_LIMIT = 256
"""Messages waiting for the model leg: five seconds of audio. Over it the leg is given up."""
PHONE_BUFFER_LIMIT_BYTES = 64 * 1024
"""What the phone leg's socket may hold back: one to two seconds of audio. Over it frames are dropped, and counted."""
FOLD_S = 1.0


class Pump:
    """Moves the bytes of one call and carries its decisions out."""

    def __init__(  # noqa: PLR0913 - the two legs, and all that a call reaches besides
        self,
        session: CallSession,
        model: ModelLeg,
        observer: CallObserver,
        ticker: Ticker,
        clock: Callable[[], float],
        errand: Callable[[Wanted], None],
        seat: Seat,
    ) -> None:
        self._errand = errand
        self._seat = seat
        self._session = session
        self._model = model
        self._observer = observer
        self._ticker = ticker
        self._clock = clock
        self._uplink_took = observer.delay_meter(Direction.UPLINK)
        self._downlink_took = observer.delay_meter(Direction.DOWNLINK)
        self._phone: PhoneSocket | None = None
        self._phone_transport: asyncio.Transport | None = None
        self._controls = 0
        """pings and pongs in the present second"""
        self._controls_until = 0.0
        self._heard_at = 0.0
        """when the phone leg last said something"""
        self._phone_queue: deque[bytes] = deque()
        self._model_queue: deque[tuple[bytes, float | None]] = deque()
        """messages, and when the phone's frame came that they carry on"""
        self._received_at: float | None = None
        """when the phone message came whose effects are being carried out"""
        self._sending = False
        """somebody sends to the model leg; whoever comes meanwhile leaves his message in the queue"""
        self._left_over = asyncio.Event()
        """the ticker, which must not wait, left messages in the queue"""
        self._next_fold = 0.0
        self.media_open = asyncio.Event()
        """a media socket has come"""
        self.hang_up_wanted = asyncio.Event()
        self.ended = asyncio.Event()
        self.error: Exception | None = None
        """why the call broke, if it did; `ended` is set then"""

    # --- phone leg ------------------------------------------------------------------------------------------------

    def phone_alive(self, now: float) -> bool:
        """There is a media socket, and it has delivered something lately; one that has not gives way to another."""
        return self._phone is not None and now - self._heard_at < SILENT_SOCKET_S

    def keep_time(self) -> None:
        """Let the call's deadlines pass, media or not."""
        self._ticker.join(self)

    async def serve_phone(self, socket: PhoneSocket, transport: asyncio.Transport) -> None:
        """Read a media socket until it closes; returns then. An older one that is still there is dropped."""
        if self._phone_transport is not None:
            self._phone_transport.abort()
        self._phone, self._phone_transport = socket, transport
        self._heard_at = self._clock()
        self.media_open.set()
        self._ticker.join(self)
        try:
            while True:
                message = await socket.receive()
                if message.type is WSMsgType.TEXT:
                    self._on_phone_message(message.data)
                    if self._model_queue:
                        await self._flush_model()
                elif message.type is WSMsgType.BINARY:
                    self._observer.bad_message("phone", "binary")
                elif message.type is WSMsgType.PING or message.type is WSMsgType.PONG:
                    await self._on_control(socket, message.data if message.type is WSMsgType.PING else None)
                else:
                    break
        finally:
            if self._phone is socket:  # not one that another took the place of
                self._phone = self._phone_transport = None
                self._phone_queue.clear()
                self.perform(self._session.on_phone(PhoneClosed(socket.close_code), self._clock()))

    async def _on_control(self, socket: PhoneSocket, ping: bytes | None) -> None:
        """Answer a ping, take notice of a pong; a flood of them ends the socket."""
        now = self._clock()
        if now >= self._controls_until:
            self._controls, self._controls_until = 0, now + 1.0
        self._controls += 1
        if self._controls > MAX_PINGS_PER_S:
            self._observer.bad_message("phone", "control_flood")
            await socket.close(code=WSCloseCode.POLICY_VIOLATION)
        elif ping is not None:
            await socket.pong(ping)

    def _on_phone_message(self, data: bytes) -> None:
        try:
            event = media_stream.decode(data)
        except BadMessage as error:
            self._observer.bad_message("phone", error.kind)
            return
        if isinstance(event, media_stream.MediaOther):
            self._observer.bad_message("phone", "unknown_kind")
            return
        self._received_at = self._heard_at = now = self._clock()
        self.perform(self._session.on_phone(event, now))
        self._received_at = None

    async def tick(self, now: float, late_s: float) -> None:
        """The shared clock's beat."""
        effects = self._session.on_tick(now)
        if effects:
            self.perform(effects)
            if self._model_queue:
                self._left_over.set()
        if self._phone_queue:
            await self._flush_phone()
            self._downlink_took(late_s + self._clock() - now)
        if now >= self._next_fold:
            self._next_fold = now + FOLD_S
            self._observer.fold(self._session, now)

    async def _flush_phone(self) -> None:
        """Send what waits for the phone. Never waits itself: a socket that does not drain loses frames instead."""
        socket, queue, transport = self._phone, self._phone_queue, self._phone_transport
        if socket is None or transport is None:
            return
        while queue and not socket.closed:
            message = queue.popleft()
            backlog_bytes = transport.get_write_buffer_size()  # taken by the socket, not by the network
            if backlog_bytes > PHONE_BUFFER_LIMIT_BYTES and message is not media_stream.STOP_AUDIO:
                self._observer.frame_dropped()
                continue
            try:
                await socket.send_frame(message, WSMsgType.TEXT)
            except ConnectionError:
                return  # the reader sees the close and tells the session

    # --- model leg ------------------------------------------------------------------------------------------------

    async def read_model(self) -> None:
        """Read the model leg until it closes."""
        while True:
            try:
                event = await self._model.receive()
            except BadMessage as error:
                self._observer.bad_message("model", error.kind)
                continue
            now = self._clock()
            self._observer.model_event(event)
            if isinstance(event, SessionCreated | SessionUpdated):
                continue
            if isinstance(event, ResponseCreated | ResponseDone | ModelError):
                self._account(event, now)
            self.perform(self._session.on_model(event, now))
            if self._phone_queue:
                await self._flush_phone()
            if self._model_queue:
                self._left_over.set()  # reading must go on while sending waits: what interrupts comes this way
            if isinstance(event, ModelClosed):
                return

    def _account(self, event: ResponseCreated | ResponseDone | ModelError, now: float) -> None:
        """What the model leg says about the capacity that this call takes."""
        match event:
            case ResponseCreated():
                self._seat.response_began(event, now)
            case ResponseDone():
                charge = self._seat.response_ended(event, now)
                if event.error_code not in RATE_LIMIT_CODES:
                    self._observer.usage(event.usage, charge, now)
            case ModelError():
                self._seat.model_error(event, now)

    async def write_model(self) -> None:
        """Send what the ticker and the model's reader left in the queue, because they must not wait."""
        while True:
            await self._left_over.wait()
            self._left_over.clear()
            await self._flush_model()

    async def _flush_model(self) -> None:
        """Send what waits for the model leg. Waiting here is the right back-pressure on the phone's reader."""
        if self._sending:
            return
        self._sending, queue = True, self._model_queue
        try:
            while queue:
                message, received_at = queue.popleft()
                await self._model.send(message)
                if received_at is not None:
                    self._uplink_took(self._clock() - received_at)
        except ConnectionError:
            queue.clear()  # the reader sees the close and tells the session
        finally:
            self._sending = False

    def _give_up_model(self) -> None:
        """The service has not read for seconds."""
        self._model_queue.clear()
        self.perform(self._session.on_model(ModelClosed(None, "backlog"), self._clock()))

    # --- effects --------------------------------------------------------------------------------------------------

    def tell(self, effects: list[Effect]) -> None:
        """Carry out effects of an input that came from outside of both legs."""
        self.perform(effects)
        if self._model_queue:
            self._left_over.set()

    def perform(self, effects: list[Effect]) -> None:
        """Carry out what the session asked for, in order. Never waits."""
        for effect in effects:
            if isinstance(effect, AppendAudio):  # audio first: it comes a hundred times a second and call
                self._model_queue.append((voice_live.encode_append(effect.payload), self._received_at))
                if len(self._model_queue) > MODEL_QUEUE_LIMIT:
                    self._give_up_model()
            elif isinstance(effect, PlayFrame):
                self._phone_queue.append(media_stream.encode_audio(effect.pcm))
            else:
                self._do(effect)

    def _do(self, effect: Rare) -> None:
        match effect:
            case CreateResponse() | CancelResponse() | TruncateItem() | ToolOutput() | TellModel() | DeleteItem():
                self._model_queue.append((voice_live.encode(effect), None))
            case Transfer() | AskTransferState() | SendDigits() | JudgeDigits() | JudgeText():
                self._errand(effect)
            case StopPlayback():
                self._phone_queue.clear()
                self._phone_queue.append(media_stream.STOP_AUDIO)
            case Note():
                self._observer.note(effect, self._clock())
            case HangUp():
                self.hang_up_wanted.set()
            case End():
                self.ended.set()

    def failed(self, error: Exception) -> None:
        """A part of this call broke: the call ends, the others go on."""
        self.error = self.error or error
        self.ended.set()

    async def close(self) -> None:
        """Close both legs."""
        self._ticker.leave(self)
        await self._model.close()
        if self._phone is not None:
            await self._phone.close()
