"""What every live call is, to those who find it by its id: the supervisor, the callbacks, the media socket."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol, TypeAlias

from aiohttp.web import WebSocketResponse

from gateway.outcome import Outcome
from gateway.session.events import HookEvent, PhoneEvent
from gateway.session.state import CallState

PhoneSocket: TypeAlias = WebSocketResponse[bool]


class Attach(Enum):
    """Whether another media socket may come."""

    WELCOME = auto()
    TAKEN = auto()  # there is one, and it delivers frames
    TOO_MANY = auto()
    OVER = auto()


@dataclass(frozen=True, slots=True)
class CallNames:
    """Names of the configuration that a call began with."""

    line: str
    agent: str
    deployment: str


class LiveCall(Protocol):
    """A conversation with an agent, or a caller on the way to a person."""

    call_id: str
    names: CallNames
    began_at: float

    @property
    def state(self) -> CallState:
        """Where it is in its life."""

    async def run(self) -> None:
        """Live until the outcome. Called once, by the supervisor."""

    def answered(self, call_connection_id: str) -> None:
        """The network says that the call is connected."""

    def bind(self, call_connection_id: str | None) -> bool:
        """Whether this may be the call of that connection id; the first one told is its own from then on."""

    def on_call_ended(self) -> None:
        """The network says that the call is over."""

    def on_event(self, event: PhoneEvent | HookEvent) -> None:
        """News of the network that come by another way than the media socket."""

    def on_media_failed(self, details: str) -> None:
        """The network could not connect its media socket."""

    def end(self, outcome: Outcome) -> None:
        """Hang up now."""

    def let_go(self, outcome: Outcome) -> None:
        """The agent must leave: a person takes over where the line has one, else goodbye is said.

        Where no voice can be heard, nothing happens.
        """

    def say_goodbye(self, outcome: Outcome) -> None:
        """End with a sentence, where one can be heard; where none can, hang up now."""

    @property
    def had_media(self) -> bool:
        """A media socket has come before."""

    def attach(self, token_hash: bytes) -> Attach:
        """A genuine media socket wants in."""

    async def serve_phone(self, socket: PhoneSocket, transport: asyncio.Transport) -> None:
        """Until the socket closes."""
