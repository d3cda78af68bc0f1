from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.bounds import MAX_EVENTS
from gateway.errors import BadMessage
from gateway.wire import event_grid
from gateway.wire.event_grid import Bad, Identity, Ignored, IncomingCall, Item, Validation

FIXTURES = Path(__file__).parents[1] / "fixtures" / "acs"
NUMBER = "+18005550176"


def recorded(name: str) -> Any:
    return json.loads((FIXTURES / f"{name}.json").read_bytes())


def event(**data: Any) -> dict[str, Any]:
    """An incoming call as Event Grid posts it, with some of its data replaced."""
    return {
        "id": "11111111-2222-4333-8444-555555555555",
        "topic": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Communication/communicationServices/n",
        "eventType": event_grid.INCOMING_CALL,
        "eventTime": "2024-02-27T18:50:53.0304957Z",
        "data": recorded("incoming-call.data.pstn.2024.recorded") | data,
    }


def parse(*events: Any) -> list[Item]:
    return event_grid.parse(json.dumps(events).encode())


def parse_call(**data: Any) -> IncomingCall:
    (item,) = parse(event(**data))
    assert isinstance(item, IncomingCall)
    return item


# --- recorded messages --------------------------------------------------------------------------------------------


def test_a_recorded_call_from_a_phone() -> None:
    call = parse_call()

    assert call.caller == Identity("phoneNumber", f"4:{NUMBER}", NUMBER)
    assert call.called.phone_number == "+18005550126"
    assert call.event_time == pytest.approx(1709059853.030495, abs=1e-5)
    assert call.correlation_id == "19e93701-4bca-47a3-ad3a-72dd9092ab89"
    assert (call.headers, call.headers_ignored) == ({}, 0)


def test_a_recorded_call_from_a_user_of_the_resource() -> None:
    call = parse_call(**recorded("incoming-call.data.acs-user.2026.recorded"))

    assert call.caller.kind == "communicationUser"
    assert call.caller.phone_number is None
    assert not call.caller.anonymous


def test_the_documented_event() -> None:
    (item,) = event_grid.parse((FIXTURES / "incoming-call.acs-user.eventgrid.docs.json").read_bytes())

    assert isinstance(item, IncomingCall)


def test_a_cloud_event_outside_of_a_list() -> None:
    (item,) = event_grid.parse((FIXTURES / "incoming-call.pstn.cloudevents.composed.json").read_bytes())

    assert isinstance(item, IncomingCall)
    assert item.resource.startswith("/subscriptions/")
    assert item.headers == {"user-to-user": "616263;encoding=hex", "ticket": "42"}


def test_the_documented_validation_is_answered_with_its_code() -> None:
    body = recorded("subscription-validation.eventgrid.docs")
    (item,) = parse(*body)

    assert isinstance(item, Validation)
    assert event_grid.validation_reply(item) == {"validationResponse": body[0]["data"]["validationCode"]}


# --- bodies -------------------------------------------------------------------------------------------------------


def test_a_bad_item_never_spoils_the_others() -> None:
    other = {"eventType": "Microsoft.Communication.ChatMessageReceived"}
    items = parse(event(correlationId=7), other, event(), {}, None, "x", [event()])

    assert items == [Bad("correlation_id"), Ignored(), parse_call(), Ignored(), *[Bad("shape")] * 3]


@pytest.mark.parametrize("body", [b"[]", b"1", b"null", b'"x"', b"[1]", b"[[{}]]"])
def test_a_body_that_is_no_list_of_events_is_refused(body: bytes) -> None:
    with pytest.raises(BadMessage, match=r"^shape$"):
        event_grid.parse(body)


def test_too_many_events_are_refused_by_their_number() -> None:
    with pytest.raises(BadMessage, match=r"^too_many$"):
        event_grid.parse(json.dumps([{}] * (MAX_EVENTS + 1)).encode())


@given(st.binary(max_size=300))
def test_any_bytes_are_events_or_a_bad_message(body: bytes) -> None:
    with contextlib.suppress(BadMessage):
        assert event_grid.parse(body)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=6,
)
DATA = ("to", "from", "serverCallId", "incomingCallContext", "correlationId", "customContext", "validationCode")
ENVELOPE = ("id", "topic", "source", "eventTime", "time", "data")


@given(
    kind=st.sampled_from([event_grid.INCOMING_CALL, event_grid.VALIDATION, "x"]) | values,
    envelope=st.dictionaries(st.sampled_from(ENVELOPE), values),
    data=st.dictionaries(st.sampled_from(DATA), values),
)
def test_whatever_stands_in_the_fields_an_item_comes_out(
    kind: Any, envelope: dict[str, Any], data: dict[str, Any]
) -> None:
    body = json.dumps([event(**data) | {"eventType": kind} | envelope]).encode()

    with contextlib.suppress(BadMessage):  # NaN and its like
        (item,) = event_grid.parse(body)
        assert isinstance(item, IncomingCall | Validation | Ignored | Bad)
        if isinstance(item, IncomingCall):
            assert len(item.context_hash) == 64


# --- fields -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "name"),
    [("correlationId", "correlation_id"), ("serverCallId", "server_call_id"), ("incomingCallContext", "context")],
)
@pytest.mark.parametrize("value", [None, 7, "", "a b", "a\n", "a\r\nX: y", "\u0661\u0662", "x" * 40_000, ["x"], {}])
def test_ids_are_matched_as_a_whole(field: str, name: str, value: Any) -> None:
    assert parse(event(**{field: value})) == [Bad(name)]


@pytest.mark.parametrize("code", ["", "a b", "x" * 129, 'a"b', 5])
def test_a_validation_code_that_is_none_is_not_repeated(code: Any) -> None:
    assert parse({"eventType": event_grid.VALIDATION, "data": {"validationCode": code}}) == [Bad("validation_code")]


@pytest.mark.parametrize(
    ("stamp", "seconds"),
    [
        ("2024-02-27T18:50:53Z", 1709059853.0),
        ("2024-02-27T18:50:53.0304957Z", 1709059853.030495),
        ("2024-02-27T19:50:53+01:00", 1709059853.0),
        ("2024-02-27T18:50:53", 1709059853.0),
    ],
)
def test_times(stamp: str, seconds: float) -> None:
    (item,) = parse(event() | {"eventTime": stamp})

    assert isinstance(item, IncomingCall)
    assert item.event_time == pytest.approx(seconds, abs=1e-5)


@pytest.mark.parametrize("stamp", ["", "now", "2024-13-01T00:00:00Z", "10000-01-01T00:00:00Z", "\u0662024-02-27", 5])
def test_an_event_without_a_time_is_bad(stamp: Any) -> None:
    assert parse(event() | {"eventTime": stamp}) == [Bad("event_time")]


@pytest.mark.parametrize("stamp", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_times_at_the_ends_of_the_calendar_do_no_harm(stamp: str) -> None:
    (item,) = parse(event() | {"eventTime": stamp})

    assert isinstance(item, IncomingCall | Bad)


# --- identities: no real caller is refused over theirs -------------------------------------------------------------


@pytest.mark.parametrize(
    "identity",
    [
        None,
        "x",
        {},
        {"rawId": ""},
        {"rawId": 5},
        {"rawId": "4:" + "1" * 511},
        {"rawId": "4:\u0661", "phoneNumber": {"value": NUMBER}},
        {"rawId": "4:a\nb", "phoneNumber": {"value": NUMBER}},
        {"rawId": "4:anonymous", "kind": "phoneNumber", "phoneNumber": {"value": "anonymous"}},
        {"rawId": "4:anonymous", "kind": "unknown"},
        {"rawId": "4:anonymous", "kind": "phoneNumber", "phoneNumber": {"value": NUMBER}},
        {"rawId": "4:x", "kind": "bad kind!"},
        {"rawId": "4:x", "phoneNumber": {"value": "+1800555017\u0666"}},
        {"rawId": "4:x", "phoneNumber": {"value": NUMBER + "\n"}},
        {"rawId": "4:x", "phoneNumber": NUMBER},
    ],
)
def test_an_identity_of_no_known_form_is_anonymous_and_the_call_goes_on(identity: Any) -> None:
    call = parse_call(**{"from": identity})

    assert call.caller.anonymous
    assert call.caller.phone_number is None


def test_nothing_personal_is_in_what_is_printed() -> None:
    context = {"sipHeaders": {"X-MS-Custom-name": "Jane"}}
    printed = repr(parse_call(incomingCallContext="SECRETCONTEXT", customContext=context))

    for personal in ("Jane", NUMBER, "8005550126", "SECRETCONTEXT"):
        assert personal not in printed


# --- the CloudEvents handshake ------------------------------------------------------------------------------------


def test_only_event_grid_is_allowed_to_send() -> None:
    assert event_grid.handshake_headers("eventgrid.azure.net") == {
        "WebHook-Allowed-Origin": "eventgrid.azure.net",
        "WebHook-Allowed-Rate": "*",
        "Allow": "POST",
    }
    for stranger in ("", "*", "evil.example", "eventgrid.azure.net.evil.example", "eventgrid.azure.net\r\nX: y"):
        assert event_grid.handshake_headers(stranger) is None
