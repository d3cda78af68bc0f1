"""What the twin sends is what the live service was recorded to send: same fields, same order, same defaults."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gateway.simulator.voice_live.options import BYOM_CHAT, BYOM_MESSAGES, BYOM_REALTIME, TwinOptions
from gateway.simulator.voice_live.script import Script, ScriptTurn, ToolCall

INVENTED = {"id", "event_id", "item_id", "response_id", "model", "expires_at", "instructions", "conversation_id"}
"""Values that differ between any two sessions, and texts that were shortened or are another model's."""


def shape(value: Any) -> Any:
    """The keys of an event, all the way down."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value[:1]]
    return None


def without_invented(session: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in session.items() if key not in INVENTED}


def kind_of(event: dict[str, Any]) -> tuple[str, str | None]:
    """Type, and role where items of both sides have it."""
    return event["type"], event.get("item", {}).get("role")


def merged(types: list[str]) -> list[str]:
    """Runs of the same delta as one."""
    return [kind for i, kind in enumerate(types) if i == 0 or kind != types[i - 1]]


@pytest.mark.parametrize("profile", [BYOM_CHAT, BYOM_MESSAGES])
def test_a_cascade_session_opens_with_the_recorded_defaults(connect: Any, recording: Any, profile: str) -> None:
    client = connect(profile)
    client.advance(0.1)
    created, expected = client.last("session.created"), recording("cascade-session-created")
    assert shape(created) == shape(expected)
    assert without_invented(created["session"]) == without_invented(expected["session"])


def test_a_realtime_session_opens_with_the_recorded_defaults(connect: Any, recording: Any) -> None:
    client = connect(BYOM_REALTIME)
    client.advance(0.1)
    created, expected = client.last("session.created"), recording("seq-realtime-audio-in-server-vad")[0]["data"]
    assert shape(created) == shape(expected)
    assert without_invented(created["session"]) == without_invented(expected["session"])
    assert created["session"]["instructions"] == expected["session"]["instructions"]


def test_the_recorded_cascade_update_is_confirmed_as_recorded(connect: Any, recording: Any) -> None:
    client = connect(BYOM_CHAT)
    client.open(**recording("cascade-session-update-sent")["session"])
    updated, expected = client.last("session.updated"), recording("cascade-session-updated")
    assert shape(updated) == shape(expected)
    assert without_invented(updated["session"]) == without_invented(expected["session"])


def test_the_recorded_realtime_update_is_confirmed_as_recorded(connect: Any, recording: Any) -> None:
    exchange = recording("seq-realtime-audio-in-server-vad")
    client = connect(BYOM_REALTIME)
    client.open(**exchange[1]["data"]["session"])
    updated, expected = client.last("session.updated"), exchange[2]["data"]
    assert updated["session"].keys() == expected["session"].keys()
    assert without_invented(updated["session"]) == without_invented(expected["session"])


def test_a_cascade_turn_comes_in_the_recorded_order_and_at_the_recorded_pace(connect: Any, recording: Any) -> None:
    timeline = recording("cascade-turn-timeline")
    client = connect(BYOM_CHAT)
    client.open()
    client.forget()
    client.say("caller.turn1")
    client.silence(2.0)
    recorded = merged([entry["type"] for entry in timeline])
    assert [kind for kind in recorded if "delta" not in kind] == [
        kind for kind in client.types() if "delta" not in kind
    ]
    by_type = {entry["type"]: entry["at_s"] for entry in reversed(timeline)}  # the first of each type
    stopped, first_text, first_audio = (
        "input_audio_buffer.speech_stopped",
        "response.audio_transcript.delta",
        "response.audio.delta",
    )
    firsts = {event["type"]: at for at, event in reversed(client.events)}
    for kind in ("response.created", first_text, first_audio):
        assert firsts[kind] - firsts[stopped] == pytest.approx(by_type[kind] - by_type[stopped], abs=0.03)
    assert client.types().index(first_text) < client.types().index(first_audio)


def test_cascade_events_have_the_recorded_fields(connect: Any, recording: Any) -> None:
    client = connect(BYOM_CHAT)
    client.open()
    client.say("caller.turn1")
    client.silence(2.0)
    transcript = "conversation.item.input_audio_transcription.completed"
    assert shape(client.last(transcript)) == shape(recording("cascade-transcription-completed"))
    done, expected = client.last("response.done"), recording("cascade-response-done")
    assert shape(done) == shape(expected)
    assert done["response"]["conversation_id"] == ""
    assert done["response"]["output"][0]["id"].startswith("msg_")
    assert client.last("input_audio_buffer.committed")["item_id"].startswith("item_")
    for name in ("modalities", "voice", "output_audio_format", "temperature", "max_output_tokens"):
        assert done["response"][name] == expected["response"][name], name


def test_a_realtime_turn_comes_in_the_recorded_order_with_the_recorded_fields(connect: Any, recording: Any) -> None:
    exchange = recording("seq-realtime-audio-in-server-vad")
    client = connect(BYOM_REALTIME)
    client.open(**exchange[1]["data"]["session"])
    client.say("caller.turn1")
    client.silence(2.0)
    received = [entry["data"] for entry in exchange if entry["direction"] == "received"]
    scattered = {"response.audio.delta", "response.audio_transcript.delta"}
    recorded = [event["type"] for event in received if event["type"] not in scattered]
    assert [kind for kind in client.types() if kind not in scattered] == recorded
    ours = {kind_of(event): event for _, event in client.events}
    for event in received:
        mine = shape(ours[kind_of(event)])
        if event["type"] == "response.done":  # newer recordings have this field, too
            mine["response"]["usage"]["input_token_details"].pop("cache_write_tokens")
        assert mine == shape(event), event["type"]
    assert client.last("response.done")["response"]["conversation_id"].startswith("conv_")
    first_words = client.types().index("response.audio_transcript.delta")
    heard = client.types().index("conversation.item.input_audio_transcription.completed")
    assert first_words < heard < client.types().index("response.done")


def test_seeded_history_is_taken_and_answered_in_text_as_recorded(connect: Any, recording: Any) -> None:
    exchange = recording("seq-realtime-history-seed")
    client = connect(BYOM_REALTIME)
    client.open(**exchange[1]["data"]["session"] | {"instructions": ""})
    client.forget()
    sent = [entry["data"] for entry in exchange if entry["direction"] == "sent"][1:]
    for event in sent:
        client.send(event["type"], **{key: value for key, value in event.items() if key != "type"})
    client.advance(2.0)
    received = [entry["data"] for entry in exchange if entry["direction"] == "received"][2:]
    assert merged(client.types()) == merged([event["type"] for event in received])
    created = [event for event in received if event["type"] == "conversation.item.created"]
    assert list(map(shape, client.all("conversation.item.created"))) == list(map(shape, created))
    ours = {event["type"]: event for _, event in client.events}
    for event in received:
        if event in created:
            continue
        mine = shape(ours[event["type"]])
        if event["type"] == "response.done":
            mine["response"]["usage"]["input_token_details"].pop("cache_write_tokens")
        assert mine == shape(event), event["type"]
    seeded = [event["item"]["content"] for event in client.all("conversation.item.created")][:3]
    assert seeded == [event["item"]["content"] for event in created][:3]


def test_a_function_call_has_the_recorded_fields_and_its_output_leads_to_the_reply(
    connect: Any, recording: Any
) -> None:
    tool = ToolCall("get_weather", '{  \n  "city": "London" \n} \n')
    script = Script("weather", None, (ScriptTurn("How is it in London?", "It is foggy.", tools=(tool,)),))
    client = connect(BYOM_REALTIME, TwinOptions(script=script))
    client.open(
        tools=[{"type": "function", "name": "get_weather", "parameters": {"type": "object"}}], modalities=["text"]
    )
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "How is it in London?"}]}
    client.send("conversation.item.create", item=item)
    client.send("response.create")
    client.advance(2.0)
    arguments = client.last("response.function_call_arguments.done")
    assert shape(arguments) == shape(recording("tool-function-call-arguments-done"))
    assert arguments["arguments"] == tool.arguments
    deltas = client.all("response.function_call_arguments.delta")
    assert shape(deltas[0]) == shape(recording("tool-function-call-arguments-delta"))
    assert "".join(delta["delta"] for delta in deltas) == tool.arguments
    assert shape(client.last("response.done")) == shape(recording("tool-response-done-function-call")) | {
        "response": shape(recording("tool-response-done-function-call"))["response"] | {"metadata": None}
    }
    output = {"type": "function_call_output", "call_id": arguments["call_id"], "output": "foggy"}
    client.send("conversation.item.create", item=output)
    client.send("response.create")
    client.advance(2.0)
    assert client.last("response.text.done")["text"] == "It is foggy."


def test_nothing_is_answered_before_the_client_asks(connect: Callable[..., Any]) -> None:
    client = connect()
    client.advance(60.0)
    assert client.types() == ["session.created"]
