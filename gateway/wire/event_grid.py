"""Events that a call rings: Event Grid and CloudEvents schema, single or batched, and both handshakes.

Every item stands for itself: one that cannot be understood never spoils the others. Identities are taken as they come;
no real caller is refused over the shape of an identity.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, TypeAlias

from gateway.bounds import MAX_EVENTS
from gateway.errors import BadMessage
from gateway.wire.custom_headers import custom_headers
from gateway.wire.strict_json import parse_json, table, text

INCOMING_CALL = "Microsoft.Communication.IncomingCall"
VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent"
VALIDATION_TYPE = "SubscriptionValidation"
"""What the delivery header says of a validation."""
HANDSHAKE_ORIGIN = "eventgrid.azure.net"
_SUBSCRIPTION = re.compile(r"/subscriptions/([A-Za-z0-9-]{1,64})(?:/.*)?", re.IGNORECASE | re.ASCII)

_EVENT_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_SERVER_CALL_ID = re.compile(r"[A-Za-z0-9+/=_-]{1,1024}")
_CONTEXT = re.compile(r"[A-Za-z0-9+/=._-]{1,32768}")
_CODE = re.compile(r"[A-Za-z0-9-]{1,128}")
_ANONYMOUS = "4:anonymous"
"""The raw id of a caller who withholds the number, as the SDK knows it."""
_PHONE_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
MAX_RAW_ID_BYTES = 512


@dataclass(frozen=True, slots=True)
class Identity:
    """A caller, or whom they called."""

    kind: str
    raw_id: str = field(repr=False)
    """opaque; never parsed"""
    phone_number: str | None = field(repr=False, default=None)

    @property
    def anonymous(self) -> bool:
        return self.kind == "anonymous"


@dataclass(frozen=True)
class IncomingCall:
    """A phone that rings."""

    event_id: str
    resource: str
    """ARM id of the ACS resource: `topic` or `source`"""
    event_time: float
    """seconds since the epoch"""
    caller: Identity
    called: Identity
    correlation_id: str
    server_call_id: str
    context: str = field(repr=False)
    """the right to answer this one call: opaque, never logged"""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)
    """custom headers of whoever placed or passed on the call, see `custom_headers`: a stranger's words"""
    headers_ignored: int = 0

    @cached_property
    def context_hash(self) -> str:
        return hashlib.sha256(self.context.encode("ascii")).hexdigest()


@dataclass(frozen=True, slots=True)
class Validation:
    """Event Grid asks whether it may send here."""

    code: str
    topic: str

    @property
    def subscription(self) -> str:
        """Id of the Azure subscription, in lower case; all that can be compared of the topic, which is no more."""
        return subscription_of(self.topic)


@dataclass(frozen=True, slots=True)
class Ignored:
    """An event of a type that is not used here."""


@dataclass(frozen=True, slots=True)
class Bad:
    """An event that cannot be understood; `kind` is a metric label."""

    kind: str


Item: TypeAlias = IncomingCall | Validation | Ignored | Bad


def parse(body: bytes) -> list[Item]:
    """The events of one delivery, in order.

    Raises:
        BadMessage: the body as a whole is no list of events, or holds no object; kind `json`, `bounds` or `shape`;
            `too_many` for more than MAX_EVENTS.
    """
    document = parse_json(body)
    events = document if isinstance(document, list) else [document]
    if len(events) > MAX_EVENTS:
        raise BadMessage("too_many")
    if not any(isinstance(event, dict) for event in events):
        raise BadMessage("shape")
    return [_item(event) if isinstance(event, dict) else Bad("shape") for event in events]


def subscription_of(resource: str) -> str:
    """Id of the Azure subscription of a resource id, in lower case; empty where there is none."""
    match = _SUBSCRIPTION.fullmatch(resource)
    return "" if match is None else match[1].lower()


def validation_reply(validation: Validation) -> dict[str, str]:
    """The body that answers a validation event; its URL is never fetched."""
    return {"validationResponse": validation.code}


def handshake_headers(origin: str) -> dict[str, str] | None:
    """Headers that allow CloudEvents deliveries from `origin`; None for an origin that is not Event Grid."""
    if origin != HANDSHAKE_ORIGIN:
        return None
    return {"WebHook-Allowed-Origin": HANDSHAKE_ORIGIN, "WebHook-Allowed-Rate": "*", "Allow": "POST"}


def _item(event: dict[str, Any]) -> Item:
    kind = text(event.get("eventType")) or text(event.get("type"))
    data = table(event.get("data"))
    if kind == VALIDATION:
        code = text(data.get("validationCode"))
        return Validation(code, text(event.get("topic"))) if _CODE.fullmatch(code) else Bad("validation_code")
    if kind != INCOMING_CALL:
        return Ignored()
    return _incoming_call(event, data)


def _incoming_call(event: dict[str, Any], data: dict[str, Any]) -> IncomingCall | Bad:
    fields = {
        "event_id": (_EVENT_ID, text(event.get("id"))),
        "correlation_id": (_ID, text(data.get("correlationId"))),
        "server_call_id": (_SERVER_CALL_ID, text(data.get("serverCallId"))),
        "context": (_CONTEXT, text(data.get("incomingCallContext"))),
    }
    for name, (pattern, value) in fields.items():
        if pattern.fullmatch(value) is None:
            return Bad(name)
    event_time = _time(text(event.get("eventTime")) or text(event.get("time")))
    if event_time is None:
        return Bad("event_time")
    headers, headers_ignored = custom_headers(data.get("customContext"))
    return IncomingCall(
        event_id=fields["event_id"][1],
        resource=text(event.get("topic")) or text(event.get("source")),
        event_time=event_time,
        caller=_identity(table(data.get("from"))),
        called=_identity(table(data.get("to"))),
        correlation_id=fields["correlation_id"][1],
        server_call_id=fields["server_call_id"][1],
        context=fields["context"][1],
        headers=headers,
        headers_ignored=headers_ignored,
    )


def _identity(identity: dict[str, Any]) -> Identity:
    raw_id = text(identity.get("rawId"))
    if not raw_id.isascii() or not raw_id.isprintable() or not 0 < len(raw_id) <= MAX_RAW_ID_BYTES:
        return Identity("anonymous", "")
    if raw_id == _ANONYMOUS:
        return Identity("anonymous", raw_id)
    number = text(table(identity.get("phoneNumber")).get("value"))
    if _PHONE_NUMBER.fullmatch(number):
        return Identity("phoneNumber", raw_id, number)
    kind = text(identity.get("kind"))
    if kind == "phoneNumber" or not _ID.fullmatch(kind):
        return Identity("anonymous", raw_id)
    return Identity(kind, raw_id)


def _time(stamp: str) -> float | None:
    """ISO 8601, with up to seven digits of fraction; without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(stamp)
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
