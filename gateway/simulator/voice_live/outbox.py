"""How the protocol core speaks: events it wants sent, and the few other things it wants done."""

from __future__ import annotations

import random
import string
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, TypeAlias

from gateway.simulator.voice_live.record import Json, SessionRecord

_ALPHABET = string.ascii_letters + string.digits
_ID_LENGTH = 22
"""as recorded"""


@dataclass(frozen=True, slots=True)
class Send:
    """One text message."""

    event: Json


@dataclass(frozen=True, slots=True)
class SendRaw:
    """Something that is no event; only a fault does this."""

    data: bytes
    binary: bool


@dataclass(frozen=True, slots=True)
class CloseSocket:
    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Abort:
    """Drop the TCP connection."""


@dataclass(frozen=True, slots=True)
class StopReading:
    """Leave what the client sends in the socket, pings included."""


@dataclass(frozen=True, slots=True)
class Synthesise:
    """Have this text spoken; the answer is `TwinSession.on_speech`."""

    response_id: str
    text: str


Effect: TypeAlias = Send | SendRaw | CloseSocket | Abort | StopReading | Synthesise


class Outbox:
    """Collects the effects of one input; knows the session's ids and writes its log."""

    def __init__(self, record: SessionRecord, rng: random.Random, duplicate_every: int = 0) -> None:
        self.record = record
        self.now = record.opened_at
        self.silent = False
        """from now on nothing is sent: the client must not notice, the log does not lie"""
        self._rng = rng
        self._effects: list[Effect] = []
        self._duplicate_every = duplicate_every
        self._sent = 0

    def new_id(self, prefix: str) -> str:
        return f"{prefix}_{''.join(self._rng.choices(_ALPHABET, k=_ID_LENGTH))}"

    def send(self, kind: str, **fields: Any) -> None:
        """Send an event of this type."""
        event: Json = {"event_id": self.new_id("event"), "type": kind, **fields}
        if self.silent:
            return
        self.record.note(self.now, "sent", event)
        self._effects.append(Send(event))
        self._sent += 1
        if self._duplicate_every and self._sent % self._duplicate_every == 0:
            self._effects.append(Send(event))

    def error(
        self,
        code: str,
        message: str,
        *,
        cause: object = None,
        param: str | None = None,
        kind: str = "invalid_request_error",
    ) -> None:
        """Send an `error`; `cause` is the `event_id` of the client event at fault."""
        error = {"type": kind, "code": code, "message": message, "param": param, "event_id": cause}
        self.send("error", error=error)

    def do(self, effect: Effect) -> None:
        if not (self.silent and isinstance(effect, SendRaw)):
            self._effects.append(effect)

    def take(self) -> Collection[Effect]:
        effects, self._effects = self._effects, []
        return effects
