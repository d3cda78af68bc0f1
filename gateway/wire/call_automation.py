"""Callbacks of answered calls: arrays of CloudEvents, every field optional, types beyond ours tolerated."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from gateway.bounds import MAX_EVENTS
from gateway.errors import BadMessage
from gateway.wire.strict_json import parse_json, table, text

_PREFIX = "Microsoft.Communication."
_EVENT_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_CONNECTION_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
"""Without dots and colons: it becomes a segment of a request's path, where `..` and `:terminate` mean something."""
_TRANSFER_CONTEXT = re.compile(r"transfer-([1-9][0-9]?)")
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

    attempt: int | None = None
    """which one of the call, where the request's operation context said so"""


@dataclass(frozen=True, slots=True)
class CallTransferFailed(CallbackEvent):
    """Our leg stays up."""

    code: int | None = None
    sub_code: int | None = None
    attempt: int | None = None


@dataclass(frozen=True, slots=True)
class SendDtmfTonesOver(CallbackEvent):
    """Tones were sent, or could not be."""

    sent: bool = False


@dataclass(frozen=True, slots=True)
class PlayEnded(CallbackEvent):
    """A file was played to its end, could not be played, or was stopped."""


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
    | PlayEnded
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
    read = _READERS.get(kind)
    return OtherCallback(*common) if read is None else read(common, data)


Common: TypeAlias = tuple[str, str | None, str | None]


def _with_codes(
    make: Callable[[str, str | None, str | None, int | None, int | None], Callback],
) -> Callable[[Common, dict[str, Any]], Callback]:
    """Readers of events whose result has a code and a sub-code."""

    def read(common: Common, data: dict[str, Any]) -> Callback:
        result = table(data.get("resultInformation"))
        return make(*common, _number(result.get("code")), _number(result.get("subCode")))

    return read


def _streaming_failed(common: Common, data: dict[str, Any]) -> Callback:
    details = text(table(data.get("mediaStreamingUpdate")).get("mediaStreamingStatusDetails"))
    return MediaStreamingFailed(*common, details if _WORD.fullmatch(details) else "")


def transfer_context(attempt: int) -> str:
    """The operation context of a transfer, which the events about it carry."""
    return f"transfer-{attempt}"


def _attempt(data: dict[str, Any]) -> int | None:
    context = data.get("operationContext")
    known = _TRANSFER_CONTEXT.fullmatch(context) if isinstance(context, str) else None
    return None if known is None else int(known[1])


def _transfer_failed(common: Common, data: dict[str, Any]) -> Callback:
    result = table(data.get("resultInformation"))
    return CallTransferFailed(*common, _number(result.get("code")), _number(result.get("subCode")), _attempt(data))


_READERS: dict[str, Callable[[Common, dict[str, Any]], Callback]] = {
    "CallConnected": lambda common, _data: CallConnected(*common),
    "CallDisconnected": _with_codes(CallDisconnected),
    "AnswerFailed": _with_codes(AnswerFailed),
    "MediaStreamingFailed": _streaming_failed,
    "CallTransferAccepted": lambda common, data: CallTransferAccepted(*common, _attempt(data)),
    "CallTransferFailed": _transfer_failed,
    **dict.fromkeys(("PlayCompleted", "PlayFailed", "PlayCanceled"), lambda common, _data: PlayEnded(*common)),
    "SendDtmfTonesCompleted": lambda common, _data: SendDtmfTonesOver(*common, sent=True),
    "SendDtmfTonesFailed": lambda common, _data: SendDtmfTonesOver(*common, sent=False),
}

ACTED_UPON = frozenset(_READERS)
"""Kinds that something is decided by."""
_WHY = {486: "busy", 600: "busy", 603: "declined", 403: "not_allowed", 408: "unreachable", 480: "unreachable"}
"""SIP status codes as words; 487 is a ringing phone that was given up."""


def why_not_connected(code: int | None) -> str:
    """Why a transfer failed, in one of a few words: busy, declined, unreachable, not_allowed or failed."""
    return _WHY.get(code or 0, "unreachable" if code in (404, 487) else "failed")


def _matching(pattern: re.Pattern[str], value: Any) -> str | None:
    return value if isinstance(value, str) and pattern.fullmatch(value) else None


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
