from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.bounds import MAX_MODEL_EVENT_BYTES
from gateway.errors import BadMessage
from gateway.session.effects import (
    AppendAudio,
    CancelResponse,
    CreateResponse,
    DeleteItem,
    ModelCommand,
    TellModel,
    ToolOutput,
    TruncateItem,
)
from gateway.session.events import (
    AudioDelta,
    FunctionCall,
    InputTranscript,
    ItemTruncated,
    ModelError,
    ModelOther,
    ModelWarning,
    ResponseDone,
    SpeechStarted,
    TranscriptDelta,
    Usage,
    WordTiming,
)
from gateway.wire.voice_live import KNOWN_UNUSED, ServerEvent, decode, encode
from gateway.wire.voice_live_session import SessionCreated, SessionUpdated

FIXTURES = Path(__file__).parents[1] / "fixtures" / "voice_live"


def load(name: str) -> Any:
    return json.loads((FIXTURES / f"{name}.json").read_bytes())


def read(event: Any) -> ServerEvent:
    return decode(json.dumps(event).encode())


def refusal(message: bytes) -> str:
    with pytest.raises(BadMessage) as refused:
        decode(message)
    return refused.value.kind


# --- recorded messages --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["twin-seq-realtime-audio-in-server-vad", "twin-seq-realtime-history-seed"])
def test_every_recorded_event_is_known(name: str) -> None:
    received = [step["data"] for step in load(name) if step["direction"] == "received"]
    events = [read(message) for message in received]

    assert len(events) > 15
    assert isinstance(events[0], SessionCreated)
    assert isinstance(events[-1], ResponseDone)
    assert ModelOther("unknown") not in events


def test_a_recorded_cascade_session() -> None:
    updated = read(load("twin-cascade-session-updated"))
    done = read(load("twin-cascade-response-done"))

    assert isinstance(updated, SessionUpdated)
    assert updated.expires_at is not None
    assert isinstance(done, ResponseDone)
    assert done.status == "completed"
    assert done.usage == Usage(input_text=17, input_audio=29, output_text=8, output_audio=57)


def test_documented_shapes() -> None:
    documented = load("doc-server-events")

    # A placeholder is no code: angle brackets could as well be a sentence.
    assert read(documented["error"]) == ModelError("unknown", "<message>", "", "", "")
    assert read(documented["warning"]) == ModelWarning("", "<message>", "")
    assert isinstance(read(documented["conversation.item.truncated"]), ItemTruncated)
    assert isinstance(read(documented["response.audio_timestamp.delta"]), WordTiming)
    assert read(documented["rate_limits.updated"]) == ModelOther("rate_limits.updated")
    assert read(documented["mcp_list_tools.failed"]) == ModelOther("unknown")


# --- fields -------------------------------------------------------------------------------------------------------


def test_audio_stays_base64_text() -> None:
    event = read({"type": "response.audio.delta", "response_id": "r", "item_id": "i", "delta": "AAAA", "event_id": "e"})

    assert event == AudioDelta("r", "i", b"AAAA")


def test_instructions_may_be_long() -> None:
    long = "Be brief. " * 10_000
    event = read({"type": "session.updated", "session": {"id": "s", "instructions": long}})

    assert isinstance(event, SessionUpdated)
    assert event.session["instructions"] == long


def test_words_run_as_text() -> None:
    event = read(
        {"type": "response.audio_transcript.delta", "response_id": "r", "item_id": "i", "delta": "Gr\u00fc\u00df"}
    )

    assert event == TranscriptDelta("r", "i", "Gr\u00fc\u00df")


def test_usage_that_is_missing_is_none_and_what_it_leaves_out_is_zero() -> None:
    def usage(value: Any) -> Usage | None:
        event = read({"type": "response.done", "response": {"id": "r", "status": "completed", "usage": value}})
        assert isinstance(event, ResponseDone)
        return event.usage

    assert usage(None) is None
    assert usage("x") is None
    assert usage({}) == Usage()
    assert usage({"input_token_details": {"text_tokens": -5, "audio_tokens": True}}) == Usage()
    assert usage(
        {"input_token_details": {"cached_tokens": 128, "cached_tokens_details": {"text_tokens": 120}}}
    ) == Usage(cached_total=128, cached_text=120)


def test_a_response_that_failed_says_why() -> None:
    details = {"type": "failed", "error": {"type": "server_error", "code": "rate_limit_exceeded", "message": "Slow."}}
    event = read({"type": "response.done", "response": {"id": "r", "status": "failed", "status_details": details}})

    assert event == ResponseDone("r", "failed", "", "rate_limit_exceeded", None)


def test_codes_are_words_because_they_are_logged() -> None:
    sentence = "the caller +1 800 555 0176 said hello"
    error = {"code": sentence, "type": sentence, "param": sentence, "event_id": sentence, "message": sentence}

    assert read({"type": "error", "error": error}) == ModelError("unknown", sentence, "", "", "")
    details = {"reason": sentence, "error": {"code": sentence}}
    assert read({"type": "response.done", "response": {"id": "r", "status_details": details}}) == ResponseDone(
        "r", "", "", "", None
    )


def test_an_error_of_a_nested_setting_keeps_its_path() -> None:
    error = {"code": "invalid_value", "type": "invalid_request_error", "param": "session.tools[0].name", "message": "x"}

    assert read({"type": "error", "error": error}) == ModelError(
        "invalid_value", "x", "invalid_request_error", "session.tools[0].name", ""
    )


def test_places_in_audio_are_never_negative() -> None:
    for value in (-1, "7", 1.5, None, True):
        event = read({"type": "input_audio_buffer.speech_started", "item_id": "i", "audio_start_ms": value})
        assert event == SpeechStarted("i", 0)


CALL = {
    "type": "response.function_call_arguments.done",
    "response_id": "r",
    "item_id": "i",
    "call_id": "c",
    "name": "transfer_call",
    "arguments": '{"destination":"\u006fperator"}',
}


def test_a_call_of_a_tool_keeps_its_arguments_as_they_were_written() -> None:
    assert read(CALL) == FunctionCall("r", "i", "c", "transfer_call", CALL["arguments"])


@pytest.mark.parametrize("wrong", [None, 5, [], {}, True])
def test_a_call_that_can_be_answered_is_a_call_whatever_else_it_lacks(wrong: Any) -> None:
    assert read({"type": CALL["type"], "call_id": "c", "name": wrong, "arguments": wrong, "response_id": wrong}) == (
        FunctionCall("", "", "c", "", "")
    )


@pytest.mark.parametrize("call_id", [None, "", 5, ["c"]])
def test_a_call_without_its_id_could_not_be_answered(call_id: Any) -> None:
    assert refusal(json.dumps(CALL | {"call_id": call_id}).encode()) == "shape"


@pytest.mark.parametrize(("language", "known"), [("de-DE", "de-DE"), (None, ""), ("German, I think", ""), (5, "")])
def test_the_callers_language_is_known_where_the_service_says_it(language: Any, known: str) -> None:
    event = {"type": "conversation.item.input_audio_transcription.completed", "item_id": "i", "transcript": "Hallo"}
    assert read(event | {"language": language}) == InputTranscript("i", "Hallo", known)


def test_known_types_that_are_not_used_keep_their_name_and_strangers_do_not() -> None:
    for kind in KNOWN_UNUSED:
        assert read({"type": kind}) == ModelOther(kind)
    assert read({"type": "response.output_audio.delta", "delta": "AAAA"}) == ModelOther("unknown")
    assert read({"type": "x" * 1000, "delta": 5}) == ModelOther("unknown")


NEED_AN_ITEM = (
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.input_audio_transcription.completed",
    "conversation.item.truncated",
    "response.audio.delta",
    "response.audio_transcript.delta",
    "response.audio.done",
    "response.audio_transcript.done",
    "response.audio_timestamp.delta",
    "response.output_item.added",
)


@pytest.mark.parametrize("kind", NEED_AN_ITEM)
@pytest.mark.parametrize("fields", [{}, {"item_id": ""}, {"item_id": 5}, {"item_id": None, "item": {"id": None}}])
def test_an_event_of_an_item_is_nothing_without_its_id(kind: str, fields: dict[str, Any]) -> None:
    assert refusal(json.dumps({"type": kind} | fields).encode()) == "shape"


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (b"", "json"),
        (b"{", "json"),
        (b"\xef\xbb\xbf{}", "json"),
        (b'{"type":"error","x":NaN}', "json"),
        (rb'{"type":"response.audio.delta","item_id":"\ud800","delta":""}', "json"),
        (rb'{"type":"response.audio_transcript.delta","item_id":"i","delta":"\udc00"}', "json"),
        (b'{"type":"error","x":' + b"[" * 20_000 + b"]" * 20_000 + b"}", "json"),
        (b'{"type":"error","x":' + b"[" * 20 + b"]" * 20 + b"}", "bounds"),
        (b'{"type":"error","x":[' + b"0," * 10_000 + b"0]}", "bounds"),
        (b"[]", "shape"),
        (b"null", "shape"),
        (b"{}", "shape"),
        (b'{"type":5}', "shape"),
        (b'{"type":"response.created"}', "shape"),
        (b'{"type":"response.done","response":[]}', "shape"),
        ('{"type":"response.audio.delta","item_id":"i","delta":"\u00e9"}'.encode(), "base64"),
        (b" " * (MAX_MODEL_EVENT_BYTES + 1), "oversize"),
    ],
)
def test_what_cannot_be_understood_is_refused_by_kind(message: bytes, kind: str) -> None:
    assert refusal(message) == kind


KINDS = (None, "oversize", "json", "bounds", "shape", "base64")


def verdict(message: bytes) -> str | None:
    """Why a message is refused; None for one that is read."""
    try:
        decode(message)
    except BadMessage as error:
        return error.kind
    return None


@given(st.binary(max_size=300))
def test_any_bytes_are_an_event_or_a_bad_message(message: bytes) -> None:
    assert verdict(message) in KINDS


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=6,
)
TYPES = (*NEED_AN_ITEM, "session.created", "session.updated", "response.created", "response.done", "error", "warning")
INNER = ("id", "status", "status_details", "usage", "code", "input_audio_format", "input_audio_sampling_rate")
FIELDS = (
    "item_id",
    "response_id",
    "delta",
    "item",
    "response",
    "session",
    "error",
    "warning",
    "audio_start_ms",
    "text",
)


@given(
    st.sampled_from(TYPES) | values,
    st.dictionaries(st.sampled_from(FIELDS), values | st.dictionaries(st.sampled_from(INNER), values)),
)
def test_whatever_stands_in_the_fields_only_bad_messages_are_raised(kind: Any, fields: dict[str, Any]) -> None:
    assert verdict(json.dumps({"type": kind} | fields).encode()) in KINDS


# --- writing ------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=1000))
def test_appended_audio_is_what_a_json_encoder_writes(pcm: bytes) -> None:
    payload = base64.b64encode(pcm)

    assert json.loads(encode(AppendAudio(payload))) == {"type": "input_audio_buffer.append", "audio": payload.decode()}


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            CreateResponse("e1"),
            {"type": "response.create", "event_id": "e1", "response": {"metadata": {"request": "e1"}}},
        ),
        (
            CreateResponse("e1", instructions='Say "hello".'),
            {
                "type": "response.create",
                "event_id": "e1",
                "response": {"metadata": {"request": "e1"}, "instructions": 'Say "hello".'},
            },
        ),
        (
            CreateResponse("e1", uses_tools=False),
            {
                "type": "response.create",
                "event_id": "e1",
                "response": {"metadata": {"request": "e1"}, "tool_choice": "none"},
            },
        ),
        (CancelResponse("e2"), {"type": "response.cancel", "event_id": "e2"}),
        (CancelResponse("e2", "r"), {"type": "response.cancel", "event_id": "e2", "response_id": "r"}),
        (
            TruncateItem("e3", 'i"', 1240),
            {
                "type": "conversation.item.truncate",
                "event_id": "e3",
                "item_id": 'i"',
                "content_index": 0,
                "audio_end_ms": 1240,
            },
        ),
        (
            CreateResponse("e1", instructions="Goodbye.", uses_tools=False),
            {
                "type": "response.create",
                "event_id": "e1",
                "response": {
                    "metadata": {"request": "e1"},
                    "instructions": "Goodbye.",
                    "tool_choice": "none",
                },
            },
        ),
        (
            ToolOutput("e4", 'c"', '{"status":"done"}'),
            {
                "type": "conversation.item.create",
                "event_id": "e4",
                "item": {"type": "function_call_output", "call_id": 'c"', "output": '{"status":"done"}'},
            },
        ),
        (
            TellModel("e5", 'The check says: "fine".'),
            {
                "type": "conversation.item.create",
                "event_id": "e5",
                "item": {
                    "type": "message",
                    "role": "system",
                    "content": [{"type": "input_text", "text": 'The check says: "fine".'}],
                },
            },
        ),
        (DeleteItem("e6", "i"), {"type": "conversation.item.delete", "event_id": "e6", "item_id": "i"}),
    ],
)
def test_commands(command: ModelCommand, message: dict[str, Any]) -> None:
    assert json.loads(encode(command)) == message


@given(st.text(st.characters(codec="utf-8")))
def test_a_sentence_to_say_is_made_to_a_message_of_the_assistant(sentence: str) -> None:
    assert json.loads(encode(CreateResponse("e", say=sentence)))["response"]["pre_generated_assistant_message"] == {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "text", "text": sentence}],
    }
