"""Tickets: the signed names of calls that travel in their callback and media URLs.

    v1.<base64url of the payload>.<base64url of its HMAC-SHA256>

A ticket is made from the incoming call alone (no clock, nothing random), so two replicas that answer the same event
send the same bytes. It holds no personal data. Media and callback tickets are never interchangeable.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import uuid
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import orjson

from gateway.errors import BadMessage

_GRAMMAR = re.compile(r"v1\.([A-Za-z0-9_-]{20,640})\.([A-Za-z0-9_-]{43})")
KEY_ID_CHARACTERS = 8


class Purpose(StrEnum):
    MEDIA = "media"
    CALLBACKS = "callbacks"
    CLIPS = "clips"


LIFETIME_S = 4200
"""Sixty minutes, the longest model session, and ten minutes of grace; counted from the event."""


class TicketRefused(BadMessage):
    """`kind` is malformed, unknown_key, signature, purpose or expired. The answer to the outside is always the same."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a ticket is about: an incoming call, and what was decided for it."""

    context: str = field(repr=False)
    event_time: float
    """seconds since the epoch"""
    resource: str
    """of the phone network: its tokens must come with the ticket"""
    line: str
    agent: str
    deployment: str


@dataclass(frozen=True, slots=True)
class Ticket:
    call_id: str
    purpose: Purpose
    issued_at: int
    """time of the event, in seconds since the epoch"""
    resource: str
    line: str
    agent: str
    deployment: str


class TicketKeys:
    """Signs with the current key and accepts the previous one too, so that keys can be rotated."""

    def __init__(self, current: bytes, previous: bytes | None = None) -> None:
        self._current = current
        self._keys = {_key_id(key): key for key in (previous, current) if key is not None}

    def __repr__(self) -> str:
        return f"<TicketKeys {len(self._keys)}>"

    def call_id(self, context: str) -> str:
        """The id of a call, known to nobody without the key, and the same on every replica."""
        digest = hmac.digest(self._current, b"call:" + context.encode("ascii"), hashlib.sha256)
        return str(uuid.UUID(bytes=digest[:16]))

    def issue(self, purpose: Purpose, subject: Subject) -> str:
        """The ticket of a call for one purpose; the same subject gives the same ticket."""
        context = subject.context.encode("ascii")
        nonce = hmac.digest(self._current, f"nonce:{purpose}:".encode("ascii") + context, hashlib.sha256)[:12]
        payload = {
            "k": _key_id(self._current),
            "p": purpose.value,
            "c": self.call_id(subject.context),
            "x": int(subject.event_time) + LIFETIME_S,
            "r": subject.resource,
            "l": subject.line,
            "a": subject.agent,
            "d": subject.deployment,
            "n": _b64(nonce),
        }
        return self._sealed(payload)

    def reissue(self, purpose: Purpose, ticket: Ticket) -> str:
        """A ticket of the same call for another purpose, for whoever knows the call by its ticket alone."""
        nonce = hmac.digest(self._current, f"nonce:{purpose}:{ticket.call_id}".encode("ascii"), hashlib.sha256)[:12]
        return self._sealed(
            {
                "k": _key_id(self._current),
                "p": purpose.value,
                "c": ticket.call_id,
                "x": ticket.issued_at + LIFETIME_S,
                "r": ticket.resource,
                "l": ticket.line,
                "a": ticket.agent,
                "d": ticket.deployment,
                "n": _b64(nonce),
            }
        )

    def _sealed(self, payload: dict[str, Any]) -> str:
        body = _b64(orjson.dumps(payload))
        return f"v1.{body}.{_b64(_signature(self._current, body))}"

    def verify(self, ticket: str, purpose: Purpose, wall_now: float) -> Ticket:
        """The ticket, if every bit of it is ours, it is for this purpose and not expired.

        Raises:
            TicketRefused: otherwise.
        """
        match = _GRAMMAR.fullmatch(ticket)
        if match is None:
            raise TicketRefused("malformed")
        body, signature = match.groups()
        payload = _payload(body)
        key = self._keys.get(str(payload.get("k")))
        if key is None:
            raise TicketRefused("unknown_key")
        # Compared as the encoded text: base64 has spare bits at its end that would otherwise be anybody's.
        if not hmac.compare_digest(signature, _b64(_signature(key, body))):
            raise TicketRefused("signature")
        if payload["p"] != purpose.value:
            raise TicketRefused("purpose")
        if payload["x"] < wall_now:
            raise TicketRefused("expired")
        issued_at = payload["x"] - LIFETIME_S
        return Ticket(payload["c"], purpose, issued_at, payload["r"], payload["l"], payload["a"], payload["d"])


def _payload(body: str) -> dict[str, Any]:
    try:
        payload = orjson.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except ValueError as error:
        raise TicketRefused("malformed") from error
    if not isinstance(payload, dict):
        raise TicketRefused("malformed")
    return payload


def _signature(key: bytes, body: str) -> bytes:
    return hmac.digest(key, b"ticket:v1." + body.encode("ascii"), hashlib.sha256)


def _key_id(key: bytes) -> str:
    return hashlib.sha256(b"key-id:" + key).hexdigest()[:KEY_ID_CHARACTERS]


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
