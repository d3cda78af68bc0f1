"""The JSON of the service: identifiers, events, callbacks, errors.

Copied from recordings of Microsoft's live tests where there are some (callbacks, the data of IncomingCall), from
the documentation otherwise (the envelopes of Event Grid, the media messages).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

from gateway.simulator.phone.switches import CallerId

Json: TypeAlias = dict[str, Any]

TOPIC = (
    "/subscriptions/00000000-0000-4000-8000-000000000001/resourcegroups/phone-twin"
    "/providers/microsoft.communication/communicationservices/phone-twin"
)
GATEWAY_USER = "8:acs:00000000-0000-4000-8000-0000000000aa_00000000-0000-4000-8000-0000000000bb"
"""The identity a Call Automation resource takes part in a call with."""


class ApiError(Exception):
    """What the service answers to a request it refuses."""

    def __init__(self, status: int, code: str | int, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.body = {"error": {"code": str(code), "message": message}}
        self.retry_after_s = retry_after_s


def bad_request(message: str) -> ApiError:
    """Subcode 8523, as the troubleshooting codes of the service have it."""
    return ApiError(400, 8523, message)


def call_over() -> ApiError:
    """Subcode 8522: the call, or what was asked for in it, is not there any more."""
    return ApiError(404, 8522, "The resource was not found.")


@dataclass(frozen=True, slots=True)
class Reply:
    """What the service answers to a request it carries out."""

    status: int
    body: Json | None = None


def reply_with_context(status: int, body: Json) -> Reply:
    """The result of an operation that ends with an event: the operationContext of its request, if any."""
    context = body.get("operationContext")
    return Reply(status, {} if context is None else {"operationContext": context})


INCOMING_CALL = "Microsoft.Communication.IncomingCall"
VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent"


@dataclass(frozen=True, slots=True)
class CallIds:
    """The names of one call; all opaque."""

    connection_id: str
    server_call_id: str
    correlation_id: str
    context: str
    """incomingCallContext: whoever has it may answer the call"""


def phone_number(value: str, raw_id: str | None = None) -> Json:
    return {"kind": "phoneNumber", "rawId": raw_id or f"4:{value}", "phoneNumber": {"value": value}}


def acs_user(user_id: str) -> Json:
    return {"kind": "communicationUser", "rawId": user_id, "communicationUser": {"id": user_id}}


def caller_identifier(number: str, form: CallerId) -> Json:
    """The caller as the event names them."""
    match form:
        case "number":
            return phone_number(number)
        case "asserted":
            return phone_number(number, f"4:{number}_asserted")
        case "anonymous":
            return {"kind": "phoneNumber", "rawId": "4:anonymous", "phoneNumber": {"value": "anonymous"}}
        case "acs_user":
            return acs_user(f"8:acs:00000000-0000-4000-8000-0000000000aa_{number.lstrip('+'):0>12}")


def incoming_call_data(
    ids: CallIds, callee: Json, caller: Json, *, display_name: str, sip_headers: Mapping[str, str]
) -> Json:
    data: Json = {
        "to": callee,
        "from": caller,
        "serverCallId": ids.server_call_id,
        "callerDisplayName": display_name,
        "incomingCallContext": ids.context,
        "correlationId": ids.correlation_id,
    }
    if sip_headers:
        data["customContext"] = {"sipHeaders": dict(sip_headers), "voipHeaders": {}}
    return data


def event_grid_event(kind: str, subject: str, data: Json, at: datetime) -> Json:
    """One event of the Event Grid schema; a delivery is an array of them."""
    return {
        "id": str(uuid.uuid4()),
        "topic": TOPIC,
        "subject": subject,
        "data": data,
        "eventType": kind,
        "dataVersion": "1.0",
        "metadataVersion": "1",
        "eventTime": _ticks(at, "Z"),
    }


def cloud_event(kind: str, subject: str, data: Json, at: datetime) -> Json:
    """One event of the CloudEvents 1.0 schema; a delivery is one of them, or an array where batching is on."""
    return {
        "id": str(uuid.uuid4()),
        "source": TOPIC,
        "subject": subject,
        "type": kind,
        "time": _ticks(at, "Z"),
        "specversion": "1.0",
        "datacontenttype": "application/json",
        "data": data,
    }


def result(code: int = 200, sub_code: int = 0, message: str = "") -> Json:
    return {"code": code, "subCode": sub_code, "message": message}


TONES = {
    **dict(
        zip("0123456789", ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"], strict=True)
    ),
    **{letter: letter.lower() for letter in "ABCD"},
    "#": "pound",
    "*": "asterisk",
}
"""Keys as callbacks and requests name them; the media socket has the characters."""

DONE = result(message="Action completed successfully.")


def callback(kind: str, ids: CallIds, data: Json, at: datetime, version: str) -> Json:
    """One callback event; they are posted as an array of CloudEvents."""
    kind = f"Microsoft.Communication.{kind}"
    source = f"calling/callConnections/{ids.connection_id}"
    common = {
        "version": version,
        "callConnectionId": ids.connection_id,
        "serverCallId": ids.server_call_id,
        "correlationId": ids.correlation_id,
        "publicEventType": kind,
    }
    return {
        "id": str(uuid.uuid4()),
        "source": source,
        "type": kind,
        "data": {**data, **common},
        "time": _ticks(at, "+00:00"),
        "specversion": "1.0",
        "datacontenttype": "application/json",
        "subject": source,
    }


def streaming_update(status: str, details: str, outcome: Json) -> Json:
    update = {"contentType": "Audio", "mediaStreamingStatus": status, "mediaStreamingStatusDetails": details}
    return {"mediaStreamingUpdate": update, "resultInformation": outcome}


def participant(identifier: Json, *, on_hold: bool = False) -> Json:
    return {"identifier": identifier, "isMuted": False, "isOnHold": on_hold}


def stamp(at: datetime) -> str:
    """A media message's time: ISO 8601, UTC, milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _ticks(at: datetime, zone: str) -> str:
    """Seven digits of a second, as the service writes them."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0" + zone
