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
from gateway.wire import call_automation
from gateway.wire.call_automation import (
    AnswerFailed,
    Callback,
    CallConnected,
    CallDisconnected,
    CallTransferAccepted,
    CallTransferFailed,
    MediaStreamingFailed,
    OtherCallback,
    SendDtmfTonesOver,
    why_not_connected,
)

FIXTURES = Path(__file__).parents[1] / "fixtures" / "acs"


def recorded(name: str) -> list[Callback]:
    return call_automation.parse((FIXTURES / f"{name}.json").read_bytes())


def parse(*events: Any) -> list[Callback]:
    return call_automation.parse(json.dumps(events).encode())


def test_recorded_beginning_and_end_of_a_call() -> None:
    (connected,) = recorded("call-connected.2026-03-12.recorded")
    (disconnected,) = recorded("call-disconnected.7000.2026-03-12.recorded")

    assert isinstance(connected, CallConnected)
    assert connected.call_connection_id == "0b004880-e406-40bf-8384-a4042a72fecd"
    assert connected.event_id == "1fd82d0c-d2e2-431b-9d8c-73137cd44bb6"
    assert isinstance(disconnected, CallDisconnected)
    assert (disconnected.code, disconnected.sub_code) == (200, 7000)


def test_a_recorded_end_without_any_result() -> None:
    (disconnected,) = recorded("call-disconnected.no-result-information.2024-04-15.recorded")

    assert isinstance(disconnected, CallDisconnected)
    assert (disconnected.code, disconnected.sub_code) == (None, None)


def test_a_recorded_sequence_comes_out_in_its_order() -> None:
    kinds = [event.kind for event in recorded("sequence.start-stop-media-streaming.2025-05-15.recorded")]

    assert kinds == [
        "ParticipantsUpdated",
        "CallConnected",
        "MediaStreamingStarted",
        "MediaStreamingStopped",
        "CallDisconnected",
    ]


def test_media_that_failed_says_why() -> None:
    (failed,) = recorded("media-streaming-failed.8581.composed")

    assert isinstance(failed, MediaStreamingFailed)
    assert failed.status_details == "initialWebSocketConnectionFailed"


def test_an_answer_that_failed_later() -> None:
    result = {"resultInformation": {"code": 408, "subCode": 10057}}
    (failed,) = parse({"type": "Microsoft.Communication.AnswerFailed", "data": result})

    assert failed == AnswerFailed("AnswerFailed", None, None, 408, 10057)


@pytest.mark.parametrize(
    ("context", "attempt"),
    [
        ("transfer-1", 1),
        ("transfer-12", 12),
        ("transfer-0", None),
        ("transfer-1 ", None),
        ("x", None),
        (1, None),
        (None, None),
    ],
)
def test_news_of_a_transfer_say_which_one(context: Any, attempt: int | None) -> None:
    data = {"callConnectionId": "c-1", "operationContext": context}
    accepted, failed = parse(
        {"type": "Microsoft.Communication.CallTransferAccepted", "data": data},
        {"type": "Microsoft.Communication.CallTransferFailed", "data": data},
    )
    assert isinstance(accepted, CallTransferAccepted)
    assert isinstance(failed, CallTransferFailed)
    assert (accepted.attempt, failed.attempt) == (attempt, attempt)


def test_a_transfer_that_somebody_took_and_one_that_nobody_did() -> None:
    data = {"callConnectionId": "c-1", "resultInformation": {"code": 486, "subCode": 8539, "message": "+1 555 is busy"}}

    assert parse(
        {"type": "Microsoft.Communication.CallTransferAccepted", "id": "e-1", "data": data},
        {"type": "Microsoft.Communication.CallTransferFailed", "id": "e-2", "data": data},
        {"type": "Microsoft.Communication.CallTransferFailed"},
    ) == [
        CallTransferAccepted("CallTransferAccepted", "e-1", "c-1"),
        CallTransferFailed("CallTransferFailed", "e-2", "c-1", 486, 8539),
        CallTransferFailed("CallTransferFailed"),
    ]


@pytest.mark.parametrize(("kind", "sent"), [("SendDtmfTonesCompleted", True), ("SendDtmfTonesFailed", False)])
def test_tones_are_out_or_could_not_be_sent(kind: str, sent: bool) -> None:
    assert parse({"type": f"Microsoft.Communication.{kind}", "data": {"callConnectionId": "c-1"}}) == [
        SendDtmfTonesOver(kind, None, "c-1", sent=sent)
    ]


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (486, "busy"),
        (600, "busy"),
        (603, "declined"),
        (403, "not_allowed"),
        (404, "unreachable"),
        (408, "unreachable"),
        (480, "unreachable"),
        (487, "unreachable"),
        (500, "failed"),
        (0, "failed"),
        (-1, "failed"),
        (None, "failed"),
    ],
)
def test_why_nobody_was_reached_is_one_of_a_few_words(code: int | None, why: str) -> None:
    assert why_not_connected(code) == why


def test_a_bad_event_never_spoils_the_others() -> None:
    connected = {"type": "Microsoft.Communication.CallConnected", "id": "a\nb", "data": {"callConnectionId": "x" * 129}}

    assert parse(5, None, {"type": 7}, {"type": "a b"}, connected) == [
        *[OtherCallback("unknown")] * 4,
        CallConnected("CallConnected", None, None),
    ]


def test_words_of_the_service_stay_words() -> None:
    """They are logged, so a sentence is none."""
    update = {"mediaStreamingUpdate": {"mediaStreamingStatusDetails": "call +1 800 555 0176 failed"}}

    assert parse({"type": "Microsoft.Communication.MediaStreamingFailed", "data": update}) == [
        MediaStreamingFailed("MediaStreamingFailed", None, None, "")
    ]


@pytest.mark.parametrize("code", [True, "200", 1.5, None, [200]])
def test_codes_are_whole_numbers_or_nothing(code: Any) -> None:
    result = {"resultInformation": {"code": code, "subCode": code}}

    assert parse({"type": "Microsoft.Communication.CallDisconnected", "data": result}) == [
        CallDisconnected("CallDisconnected", None, None, None, None)
    ]


@pytest.mark.parametrize("connection_id", ["", "..", "a/b", "x:terminate", "a%2Fb", "x" * 129, "a\n", 5])
def test_what_cannot_be_a_segment_of_a_path_is_no_connection_id(connection_id: Any) -> None:
    data = {"callConnectionId": connection_id}

    assert parse({"type": "Microsoft.Communication.CallConnected", "data": data}) == [
        CallConnected("CallConnected", None, None)
    ]


@pytest.mark.parametrize("body", [b"[]", b"1", b"null", b'"x"', b"[1, null]"])
def test_a_body_without_events_or_with_too_many_is_refused(body: bytes) -> None:
    with pytest.raises(BadMessage, match=r"^shape$"):
        call_automation.parse(body)


def test_too_many_events_are_refused_by_their_number() -> None:
    with pytest.raises(BadMessage, match=r"^too_many$"):
        call_automation.parse(json.dumps([{}] * (MAX_EVENTS + 1)).encode())


@given(st.binary(max_size=300))
def test_any_bytes_are_events_or_a_bad_message(body: bytes) -> None:
    with contextlib.suppress(BadMessage):
        assert call_automation.parse(body)


TYPES = (
    "CallConnected",
    "CallDisconnected",
    "AnswerFailed",
    "MediaStreamingFailed",
    "CallTransferAccepted",
    "CallTransferFailed",
    "SendDtmfTonesCompleted",
    "SendDtmfTonesFailed",
    "PlayFailed",
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=6,
)
DATA = ("callConnectionId", "resultInformation", "mediaStreamingUpdate")


@given(
    st.sampled_from(TYPES),
    st.dictionaries(st.sampled_from(DATA), values | st.dictionaries(st.sampled_from(["code", "subCode"]), values)),
)
def test_whatever_stands_in_the_fields_an_event_comes_out(name: str, data: dict[str, Any]) -> None:
    with contextlib.suppress(BadMessage):  # NaN and its like
        (event,) = parse({"type": f"Microsoft.Communication.{name}", "data": data})
        assert event.kind == name
