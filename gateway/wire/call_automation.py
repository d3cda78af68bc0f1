"""Callbacks of answered calls: arrays of CloudEvents, every field optional, types beyond ours tolerated."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, TypeAlias

from gateway.bounds import MAX_EVENTS
from gateway.errors import BadMessage
from gateway.wire.strict_json import parse_json, table, text

_PREFIX = "Microsoft.Communication."
_EVENT_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_CONNECTION_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
"""Without dots and colons: it becomes a segment of a request's path, where `..` and `:terminate` mean something."""
_WORD = re.compile(r"[A-Za-z]{1,64}")


@dataclass(frozen=True, slots=True)
class CallbackEvent:
    """What every callback has; None where it is missing or not of its form."""

    kind: str
    """the type without its prefix; for metrics, which close the list"""
    event_id: str | None = None
    call_connection_id: str | None = None


@dataclass(frozen=True, slots=True)
class CallConnected(CallbackEvent):
    pass


@dataclass(frozen=True, slots=True)
class CallDisconnected(CallbackEvent):
    code: int | None = None
    sub_code: int | None = None


@dataclass(frozen=True, slots=True)
class AnswerFailed(CallbackEvent):
    """The answer was accepted and failed later."""

    code: int | None = None
    sub_code: int | None = None


@dataclass(frozen=True, slots=True)
class MediaStreamingFailed(CallbackEvent):
    status_details: str = ""
    """one of the service's words, such as initialWebSocketConnectionFailed"""


@dataclass(frozen=True, slots=True)
class CallTransferAccepted(CallbackEvent):
    """The caller is with somebody else now; CallDisconnected follows."""


@dataclass(frozen=True, slots=True)
class CallTransferFailed(CallbackEvent):
    """Our leg stays up."""

    code: int | None = None
    sub_code: int | None = None


@dataclass(frozen=True, slots=True)
class SendDtmfTonesOver(CallbackEvent):
    """Tones were sent, or could not be."""

    sent: bool = False


@dataclass(frozen=True, slots=True)
class OtherCallback(CallbackEvent):
    """Counted; nothing is decided by it."""


Callback: TypeAlias = (
    CallConnected
    | CallDisconnected
    | AnswerFailed
    | MediaStreamingFailed
    | CallTransferAccepted
    | CallTransferFailed
    | SendDtmfTonesOver
    | OtherCallback
)


def parse(body: bytes) -> list[Callback]:
    """The events of one callback.

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
    return [_event(table(event)) for event in events]


def _event(event: dict[str, Any]) -> Callback:
    data = table(event.get("data"))
    kind = text(event.get("type")).removeprefix(_PREFIX)
    common = (
        kind if _WORD.fullmatch(kind) else "unknown",
        _matching(_EVENT_ID, event.get("id")),
        _matching(_CONNECTION_ID, data.get("callConnectionId")),
    )
    result = table(data.get("resultInformation"))
    match kind:
        case "CallConnected":
            return CallConnected(*common)
        case "CallDisconnected":
            return CallDisconnected(*common, _number(result.get("code")), _number(result.get("subCode")))
        case "AnswerFailed":
            return AnswerFailed(*common, _number(result.get("code")), _number(result.get("subCode")))
        case "MediaStreamingFailed":
            details = text(table(data.get("mediaStreamingUpdate")).get("mediaStreamingStatusDetails"))
            return MediaStreamingFailed(*common, details if _WORD.fullmatch(details) else "")
        case "CallTransferAccepted":
            return CallTransferAccepted(*common)
        case "CallTransferFailed":
            return CallTransferFailed(*common, _number(result.get("code")), _number(result.get("subCode")))
        case "SendDtmfTonesCompleted" | "SendDtmfTonesFailed":
            return SendDtmfTonesOver(*common, kind == "SendDtmfTonesCompleted")
        case _:
            return OtherCallback(*common)


def _matching(pattern: re.Pattern[str], value: Any) -> str | None:
    return value if isinstance(value, str) and pattern.fullmatch(value) else None


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
