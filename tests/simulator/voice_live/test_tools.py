"""Function calls on the wire, and what the record of a session knows of them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from gateway.simulator.voice_live.options import BYOM_CHAT, BYOM_REALTIME, Timing, TwinOptions
from gateway.simulator.voice_live.record import Deletion
from gateway.simulator.voice_live.script import Cue, Script, ScriptTurn, ToolCall, story

TRANSFER = ToolCall("transfer", '{"to": "billing"}', says="I connect you now.")
LOOK = ToolCall("look", '{"what": "bill"}')
NOTE = ToolCall("note", "{}", with_previous=True)
TOOLS = [{"type": "function", "name": name, "parameters": {"type": "object"}} for name in ("transfer", "look", "note")]


def asked(connect: Any, *tools: ToolCall, profile: str = BYOM_CHAT, speedup: float = 16.0, **turn: Any) -> Any:
    """A client whose caller has said the script's one sentence, two seconds ago."""
    script = Script("tools", None, (ScriptTurn("I have a question.", "Goodbye.", tools=tools, **turn),))
    client = connect(profile, TwinOptions(script=script, timing=Timing(speedup=speedup)))
    client.open(tools=TOOLS)
    client.say("caller.turn1")
    client.silence(2.0)
    return client


def give_output(client: Any, output: str, number: int = -1) -> None:
    item = {"type": "function_call_output", "call_id": client.record.tool_calls[number].call_id, "output": output}
    client.send("conversation.item.create", item=item)


def ask(client: Any, **response: Any) -> None:
    client.send("response.create", response=response)
    client.advance(2.0)


@pytest.mark.parametrize("profile", [BYOM_CHAT, BYOM_REALTIME])
def test_a_sentence_and_a_call_are_two_items_of_one_response(connect: Any, profile: str) -> None:
    client = asked(connect, TRANSFER, profile=profile)
    (response,) = [event["response"] for event in client.all("response.done")]
    assert [item["type"] for item in response["output"]] == ["message", "function_call"]
    assert [item["status"] for item in response["output"]] == ["completed", "completed"]
    added = client.all("response.output_item.added")
    assert [(event["output_index"], event["item"]["type"]) for event in added] == [(0, "message"), (1, "function_call")]
    types = client.types()
    order = ["response.audio.done", "response.function_call_arguments.done", "response.done"]
    assert sorted(order, key=types.index) == order
    assert {event["output_index"] for event in client.all("response.audio.delta")} == {0}
    done = client.last("response.function_call_arguments.done")
    assert (done["output_index"], done["name"], done["arguments"]) == (1, "transfer", TRANSFER.arguments)
    (call,) = client.record.tool_calls
    assert (call.call_id, call.name, call.arguments) == (done["call_id"], "transfer", TRANSFER.arguments)
    assert call.response_id == response["id"]
    assert call.at == client.at("response.function_call_arguments.done")
    assert response["usage"]["output_token_details"]["audio_tokens"] > 0


def test_calls_are_made_one_after_the_other_and_then_the_reply_comes(connect: Any) -> None:
    client = asked(connect, LOOK, TRANSFER)
    assert [call.name for call in client.record.tool_calls] == ["look"]
    give_output(client, "found")
    client.advance(5.0)
    assert len(client.record.tool_calls) == 1  # the output alone asks for nothing
    ask(client)
    assert [call.name for call in client.record.tool_calls] == ["look", "transfer"]
    give_output(client, "done")
    ask(client)
    assert client.spoken() == ["I connect you now.", "Goodbye."]
    assert [output.output for output in client.record.tool_outputs] == ["found", "done"]
    assert [output.call_id for output in client.record.tool_outputs] == [
        call.call_id for call in client.record.tool_calls
    ]


def test_parallel_calls_are_items_of_one_response(connect: Any) -> None:
    client = asked(connect, LOOK, NOTE)
    (response,) = [event["response"] for event in client.all("response.done")]
    assert [item["name"] for item in response["output"]] == ["look", "note"]
    assert len({call.call_id for call in client.record.tool_calls}) == 2


def test_an_outcome_is_said_instead_of_the_reply(connect: Any) -> None:
    client = asked(connect, TRANSFER, outcomes=(Cue("failed", "Nobody answers there."),))
    give_output(client, json.dumps({"outcome": "failed"}))
    ask(client)
    assert client.spoken()[-1] == "Nobody answers there."


def test_a_response_may_be_forbidden_to_call(connect: Any) -> None:
    client = connect(BYOM_CHAT, TwinOptions(script=Script("x", None, (ScriptTurn("Hi.", "Bye.", tools=(LOOK,)),))))
    client.open(tools=TOOLS, turn_detection=None)
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi."}]}
    client.send("conversation.item.create", item=item)
    ask(client, tool_choice="none")
    ask(client, tools=[])
    assert client.record.tool_calls == []
    ask(client)
    assert [call.name for call in client.record.tool_calls] == ["look"]


def test_a_call_cut_off_before_it_was_whole_is_none(connect: Any) -> None:
    """The arguments so far are closed all the same; only the item's status tells."""
    client = asked(connect, TRANSFER, speedup=0.2)
    assert client.all("response.function_call_arguments.done") == []
    client.send("response.cancel")
    client.advance(5.0)
    assert [item["type"] for item in client.last("response.done")["response"]["output"]] == ["message"]
    assert client.record.tool_calls == []
    ask(client)
    client.advance(20.0)
    assert [call.name for call in client.record.tool_calls] == ["transfer"]
    slow = asked(connect, replace(LOOK, arguments=json.dumps({"a": "b" * 4000})))
    while not slow.all("response.function_call_arguments.delta"):
        slow.advance(0.02)
    slow.send("response.cancel")
    slow.advance(1.0)
    done = slow.last("response.function_call_arguments.done")
    assert len(done["arguments"]) < 4000
    assert slow.last("response.output_item.done")["item"]["status"] == "incomplete"
    assert slow.record.tool_calls == []


def test_an_output_of_no_call_is_refused(connect: Any) -> None:
    client = asked(connect, LOOK)
    item = {"type": "function_call_output", "call_id": "call_nobody", "output": "{}"}
    client.send("conversation.item.create", item=item, event_id="odd")
    error = client.last("error")["error"]
    assert (error["code"], error["event_id"]) == ("invalid_tool_call_id", "odd")
    assert client.record.tool_outputs == []
    client.send("conversation.item.create", item={"type": "function_call", "call_id": "call_nobody", "name": "old"})
    client.send("conversation.item.create", item=item)
    assert [output.call_id for output in client.record.tool_outputs] == ["call_nobody"]


def test_a_response_asked_for_before_the_end_of_the_call_s_own_is_refused(connect: Any) -> None:
    client = asked(connect, replace(TRANSFER, arguments=json.dumps({"a": "b" * 4000})), speedup=200.0)
    assert client.all("response.done") == []
    client.send("response.create", event_id="early")
    error = client.last("error")["error"]
    assert (error["code"], error["event_id"]) == ("conversation_already_has_active_response", "early")


def test_the_record_has_what_the_client_did(connect: Any) -> None:
    client = connect(BYOM_CHAT, TwinOptions(script=replace(story(), cues=(Cue("be silent", "All right."),))))
    client.open()
    assert client.record.changes == []
    client.send("session.update", session={"tools": TOOLS, "instructions": "Be kind."})
    client.send("session.update", session={"volume": 11})
    item = {"id": "m1", "type": "message", "role": "system", "content": [{"type": "input_text", "text": "Be silent!"}]}
    client.send("conversation.item.create", item=item)
    client.send("response.create")
    client.advance(0.1)
    client.send("response.cancel", response_id="resp_other")
    client.send("response.cancel")
    client.advance(1.0)
    client.send("conversation.item.delete", item_id="m1")
    record = client.record
    assert [(change.accepted, sorted(change.patch)) for change in record.changes] == [
        (True, ["instructions", "tools"]),
        (False, ["volume"]),
    ]
    assert [(message.item_id, message.role, message.text) for message in record.messages] == [
        ("m1", "system", "Be silent!")
    ]
    assert [cancel.response_id for cancel in record.cancels] == [None, record.responses[0].response_id]
    assert record.deletions == [Deletion(client.now, "m1")]
    ask(client)
    assert client.spoken()[-1] == "All right."


def test_a_transcript_has_the_language_its_turn_names(connect: Any) -> None:
    turns = (ScriptTurn("Guten Tag zusammen.", "Hallo.", language="de-DE"), ScriptTurn("Hello again.", "Hello."))
    client = connect(BYOM_CHAT, TwinOptions(script=Script("languages", None, turns)))
    client.open()
    for clip in ("caller.turn1", "caller.turn2"):
        client.say(clip)
        client.silence(2.0)
    completed = client.all("conversation.item.input_audio_transcription.completed")
    assert [event["language"] for event in completed] == ["de-DE", "en-US"]
