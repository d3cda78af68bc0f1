"""Callers whom no agent can answer: to a person, if the line has one.

An ACS or Teams identity is rung instead of us, before anybody pays for an answer. Whether the network redirects to a
telephone number is not proven, so there the call is answered, a sentence is played by the network's own player (no
model, no media socket), and the caller is transferred.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from gateway.calls.errands import header_text, transfer_target
from gateway.calls.live import Attach, CallNames, PhoneSocket
from gateway.clients.call_automation import CallAutomation
from gateway.config import Line
from gateway.config.handover import Destination
from gateway.errors import CallGone, GatewayError
from gateway.outcome import Outcome, Reason
from gateway.session.events import (
    CallEnded,
    HookEvent,
    PhoneEvent,
    PlayOver,
    TransferAccepted,
    TransferFailed,
)
from gateway.session.handover import NEWS_AGAIN_S, NEWS_S
from gateway.session.settings import Phrase
from gateway.session.state import CallState

log = structlog.get_logger()

CONNECTED_S = 8.0
"""How long an answered call may take to be connected."""
CLIP_S = 12.0
"""How long a sentence may take to be fetched and played; then the next step is taken without it."""
STOPPED_S = 2.0
"""How long the network may take to say that the music has stopped."""
NEWS_WAITS_S = (NEWS_S, *(NEWS_AGAIN_S for _ in range(5)))
"""How long news of the transfer are waited for before the network is asked, and again."""
ENDED_S = 5.0
"""How long the network may take to say that the call is over."""


@dataclass(frozen=True, slots=True)
class OverflowParts:
    """One caller and where they are to go."""

    call_id: str
    names: CallNames
    """without a deployment: no model is asked"""
    began_at: float
    line: Line
    destination: Destination
    why: Outcome
    """why no agent answers"""
    acs: CallAutomation
    clip_url: Callable[[Phrase], str]
    counted: Callable[[Outcome], None]
    """takes how it ended"""


class OverflowCall:
    """An answered call on its way to a person; it has no agent and no media."""

    def __init__(self, parts: OverflowParts) -> None:
        self.call_id = parts.call_id
        self.names = parts.names
        self.began_at = parts.began_at
        self._parts = parts
        self._bound: str | None = None
        self._connected = asyncio.Event()
        self._clip_over = asyncio.Event()
        self._news: asyncio.Future[TransferAccepted | TransferFailed | CallEnded] = (
            asyncio.get_running_loop().create_future()
        )
        self._ended = asyncio.Event()
        self._outcome: Outcome | None = None

    def __repr__(self) -> str:
        return f"<OverflowCall {self.call_id}>"

    # --- the story ------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """A sentence, music, the transfer; and if nobody is there, a sentence and the end."""
        parts = self._parts
        outcome = Outcome(Reason.INTERNAL_ERROR)
        try:
            outcome = await self._hand_over()
        except GatewayError as error:
            outcome = error.outcome
            await self._hang_up()
        finally:
            outcome = self._outcome or outcome
            log.info("call.ended", result=outcome.result.value, reason=outcome.reason.value, overflow=True)
            parts.counted(outcome)

    async def _hand_over(self) -> Outcome:
        parts = self._parts
        if not await _within(self._connected, CONNECTED_S):
            await self._hang_up()
            return self._outcome or Outcome(Reason.ACS_ERROR)
        connection_id = self._bound
        if connection_id is None or self._ended.is_set():
            return Outcome(Reason.CALLER_HANGUP)
        await self._play(connection_id, Phrase.CONNECTING)
        await parts.acs.play(connection_id, parts.clip_url(Phrase.HOLD), loop=True)
        headers = {"Reference": parts.call_id, "Summary": header_text(f"No agent answered: {parts.why.reason.value}")}
        await parts.acs.transfer(connection_id, transfer_target(parts.line, parts.destination), headers, 1)
        news = await self._await_news(connection_id)
        match news:
            case TransferAccepted():
                await _within(self._ended, ENDED_S)
                return Outcome(Reason.TRANSFERRED)
            case CallEnded():
                return Outcome(Reason.CALLER_HANGUP)
            case _:
                await self._stop_music(connection_id)
                await self._play(connection_id, Phrase.NOT_CONNECTED)
                await self._hang_up()
                return Outcome(Reason.TRANSFER_FAILED)

    async def _play(self, connection_id: str, phrase: Phrase) -> None:
        """A sentence to its end, or as long as one may take."""
        self._clip_over.clear()
        await self._parts.acs.play(connection_id, self._parts.clip_url(phrase))
        await _within(self._clip_over, CLIP_S)

    async def _stop_music(self, connection_id: str) -> None:
        """And wait for the news of that: they must not be taken for the end of the sentence that follows."""
        self._clip_over.clear()
        await self._parts.acs.stop_playing(connection_id)
        await _within(self._clip_over, STOPPED_S)

    async def _await_news(self, connection_id: str) -> TransferAccepted | TransferFailed | CallEnded:
        """The event about the transfer, or what the network says of the call where none comes."""
        for wait_s in NEWS_WAITS_S:
            try:
                async with asyncio.timeout(wait_s):
                    return await asyncio.shield(self._news)
            except TimeoutError:
                try:
                    if not await self._parts.acs.transfer_is_under_way(connection_id):
                        break
                except CallGone:
                    return CallEnded()
        return TransferFailed("failed")

    async def _hang_up(self) -> None:
        if self._bound is None:
            return
        try:
            await self._parts.acs.hang_up(self._bound)
        except GatewayError:
            log.warning("overflow.hang_up_failed")

    @property
    def state(self) -> CallState:
        """Connecting while it rings somewhere, for all that an agent is concerned."""
        return CallState.ENDED if self._ended.is_set() else CallState.CONNECTING

    # --- told from outside: what any live call is told ------------------------------------------------------------

    def answered(self, call_connection_id: str) -> None:
        """The network says that the call is connected."""
        self._bound = call_connection_id
        self._connected.set()

    def bind(self, call_connection_id: str | None) -> bool:
        """Whether this may be the call of that connection id."""
        if call_connection_id is None:
            return True
        self._bound = self._bound or call_connection_id
        return self._bound == call_connection_id

    def on_call_ended(self) -> None:
        self.on_event(CallEnded())

    def on_event(self, event: PhoneEvent | HookEvent) -> None:
        match event:
            case PlayOver():
                self._clip_over.set()
            case TransferAccepted() | TransferFailed() if not self._news.done():
                self._news.set_result(event)
            case CallEnded():
                self._ended.set()
                self._connected.set()
                self._clip_over.set()
                if not self._news.done():
                    self._news.set_result(event)
            case _:
                pass

    def on_media_failed(self, details: str) -> None:
        """No media was asked for."""

    def let_go(self, outcome: Outcome) -> None:
        """On the way to a person already."""

    def say_goodbye(self, outcome: Outcome) -> None:
        """There is nobody to say it."""
        self.end(outcome)

    def end(self, outcome: Outcome) -> None:
        """Hang up now."""
        self._outcome = outcome
        if not self._news.done():
            self._news.set_result(TransferFailed("failed"))
        self._clip_over.set()
        self._connected.set()

    @property
    def had_media(self) -> bool:
        return False

    def attach(self, token_hash: bytes) -> Attach:  # noqa: ARG002 - whatever it brings, it is not expected
        return Attach.OVER

    async def serve_phone(self, socket: PhoneSocket, transport: asyncio.Transport) -> None:
        """Never asked for: no socket is welcome."""


async def _within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
