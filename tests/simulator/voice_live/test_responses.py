"""One response at a time, its events, its interruptions, its failures."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gateway.audio.convert import encode
from gateway.audio.pcm import PCM16_8K
from gateway.simulator.clips import load_clip, speech_at
from gateway.simulator.voice_live.options import (
    BYOM_CHAT,
    BYOM_MESSAGES,
    BYOM_REALTIME,
    Delivery,
    Faults,
    Garbage,
    ResponseFault,
    ResponseFaultKind,
    Timing,
    TwinOptions,
    UsageForm,
)
from gateway.simulator.voice_live.outbox import SendRaw
from gateway.simulator.voice_live.script import Cue, story
from gateway.simulator.voice_live.settings import output_format

GREETING = str(story().greeting)
PROFILES = [BYOM_CHAT, BYOM_REALTIME, BYOM_MESSAGES]


def prepared(text: str) -> dict[str, Any]:
    content = [{"type": "text", "text": text}]
    return {"pre_generated_assistant_message": {"type": "message", "role": "assistant", "content": content}}


def faulty(kind: ResponseFaultKind, **more: Any) -> TwinOptions:
    return TwinOptions(faults=Faults(responses=(ResponseFault(kind, frozenset({1}), **more),)))


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", ["pcm16", "pcm16_8000hz", "pcm16_16000hz", "g711_ulaw", "g711_alaw"])
def test_the_audio_of_an_answer_arrives_whole_in_the_agreed_format(connect: Any, profile: str, name: str) -> None:
    client = connect(profile)
    client.open(output_audio_format=name)
    client.send("response.create", response=prepared(GREETING))
    client.advance(3.0)
    (item,) = client.record.items
    assert client.audio(item.item_id) == encode(item.samples, output_format(name).codec)
    assert item.delivered_ms == pytest.approx(item.words[-1].end_s * 1000, abs=200)
    assert item.rate_hz == output_format(name).rate_hz


def test_audio_comes_much_faster_than_it_plays_and_after_its_words(connect: Any) -> None:
    client = connect(BYOM_CHAT, TwinOptions(timing=Timing(speedup=16.0)))
    client.open()
    client.send("response.create", response=prepared(GREETING))
    client.advance(3.0)
    (item,) = client.record.items
    assert item.first_sent_at is not None
    assert item.last_sent_at is not None
    assert item.last_sent_at - item.first_sent_at < item.delivered_ms / 1000 / 10
    words = len(client.all("response.audio_transcript.delta"))
    assert words == len(GREETING.split())
    assert "".join(delta["delta"] for delta in client.all("response.audio_transcript.delta")) == GREETING


def test_a_prepared_message_asks_no_model(connect: Any) -> None:
    client = connect()
    client.open()
    asked_at = client.now
    client.send("response.create", response=prepared(GREETING))
    client.advance(3.0)
    assert client.record.items[0].first_sent_at == pytest.approx(asked_at + Timing().tts_first_audio_s)
    usage = client.last("response.done")["response"]["usage"]
    assert (usage["input_tokens"], usage["output_token_details"]["text_tokens"]) == (0, 0)
    assert usage["output_token_details"]["audio_tokens"] == round(client.record.items[0].delivered_ms / 1000 * 20)


def test_a_prepared_message_can_be_refused_by_its_event_id(connect: Any) -> None:
    client = connect(BYOM_CHAT, TwinOptions(faults=Faults(refuses_pre_generated=True)))
    client.open()
    client.send("response.create", event_id="greeting", response=prepared(GREETING))
    client.advance(1.0)
    assert client.last("error")["error"]["event_id"] == "greeting"
    assert client.all("response.created") == []


def test_words_are_timed_where_the_voice_can_say_so(connect: Any) -> None:
    client = connect(BYOM_CHAT)
    client.open(output_audio_timestamp_types=["word"])
    client.send("response.create", response=prepared(GREETING))
    client.advance(3.0)
    timed = client.all("response.audio_timestamp.delta")
    assert [event["text"] for event in timed] == GREETING.split()
    assert [event["audio_offset_ms"] for event in timed] == [
        round(word.start_s * 1000) for word in client.record.items[0].words
    ]
    assert len(client.all("response.audio_timestamp.done")) == 1
    openai = connect(BYOM_REALTIME)
    openai.open(output_audio_timestamp_types=["word"])
    openai.send("response.create", response=prepared(GREETING))
    openai.advance(3.0)
    assert openai.all("response.audio_timestamp.delta") == []


def test_a_second_response_is_refused_while_one_is_active(connect: Any) -> None:
    client = connect()
    client.open()
    client.send("response.create", event_id="one", response=prepared(GREETING))
    client.send("response.create", event_id="two")
    error = client.last("error")["error"]
    assert (error["code"], error["event_id"]) == ("conversation_already_has_active_response", "two")
    client.advance(3.0)
    assert len(client.all("response.done")) == 1


def test_a_response_may_ask_to_replace_the_active_one(connect: Any) -> None:
    client = connect()
    client.open()
    client.send("response.create", response=prepared(GREETING))
    client.advance(0.2)
    client.send("response.create", response={"cancel_previous": True})
    client.advance(3.0)
    assert [done["response"]["status"] for done in client.all("response.done")] == ["cancelled", "completed"]


def test_a_cancel_lets_a_few_deltas_through_closes_the_item_and_says_so(connect: Any) -> None:
    client = connect(BYOM_CHAT, TwinOptions(delivery=Delivery(stale_deltas=2, delta_ms=(50, 60))))
    client.open()
    client.send("response.create", response=prepared(GREETING))
    client.advance(0.2)
    before = len(client.all("response.audio.delta"))
    client.send("response.cancel", event_id="stop")
    client.advance(1.0)
    assert len(client.all("response.audio.delta")) == before + 2
    assert client.types()[-5:] == [
        "response.audio.done",
        "response.audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.done",
    ]
    done = client.last("response.done")["response"]
    assert done["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    assert done["output"][0]["status"] == "incomplete"
    assert client.record.items[0].delivered_samples < len(client.record.items[0].rendered)


def test_a_cancel_without_a_response_is_an_error(connect: Any) -> None:
    client = connect()
    client.open()
    client.send("response.cancel", event_id="late")
    assert client.last("error")["error"]["code"] == "response_cancel_not_active"
    assert client.last("error")["error"]["event_id"] == "late"


@pytest.mark.parametrize("profile", PROFILES)
def test_a_caller_who_speaks_during_an_answer_ends_it(connect: Any, profile: str) -> None:
    client = connect(profile, TwinOptions(timing=Timing(speedup=1.0)))
    client.open(turn_detection={"type": "azure_semantic_vad"})
    client.say("caller.turn1")
    client.silence(2.0)
    active = client.last("response.created")["response"]["id"]
    client.forget()
    client.say("caller.turn2")
    types = client.types()
    assert types.index("input_audio_buffer.speech_started") < types.index("response.done")
    done = client.all("response.done")[0]["response"]
    assert (done["id"], done["status_details"]) == (active, {"type": "cancelled", "reason": "turn_detected"})
    assert client.record.turns[-1].interrupted == active
    client.silence(20.0)
    assert client.spoken()[-1] == story().turns[1].reply


def test_speech_after_generation_still_begins_a_turn(connect: Any) -> None:
    client = connect()
    client.open()
    client.say("caller.turn1")
    client.silence(1.5)  # generated in a burst; at the other end it still plays
    assert client.record.responses[-1].status == "completed"
    client.forget()
    client.say("caller.turn2")
    client.silence(2.0)
    assert client.types()[0] == "input_audio_buffer.speech_started"
    assert client.spoken() == [story().turns[1].reply]


def test_without_interrupt_response_the_answer_goes_on_and_the_next_one_waits(connect: Any) -> None:
    client = connect(BYOM_CHAT, TwinOptions(timing=Timing(speedup=0.5)))
    client.open(turn_detection={"type": "server_vad", "interrupt_response": False})
    client.say("caller.turn1")
    client.silence(1.0)
    client.say("caller.turn2")
    client.silence(60.0)
    assert [response.status for response in client.record.responses] == ["completed", "completed"]
    assert client.spoken() == [turn.reply for turn in story().turns[:2]]


GOES_ON = {"type": "server_vad", "interrupt_response": False}


def test_without_interrupt_response_a_cancel_by_the_client_frees_the_waiting_answer_at_once(connect: Any) -> None:
    client = connect(BYOM_CHAT, TwinOptions(timing=Timing(speedup=0.5)))
    client.open(turn_detection=GOES_ON)
    client.say("caller.turn1")
    client.silence(1.0)
    client.say("caller.turn2")
    client.silence(1.0)
    assert [response.status for response in client.record.responses] == ["in_progress"]
    client.send("response.cancel")
    client.silence(0.1)
    first, second = client.record.responses
    assert (first.status, first.reason) == ("cancelled", "client_cancelled")
    assert second.created_at == first.done_at
    client.silence(60.0)
    assert client.spoken()[-1] == story().turns[1].reply
    assert len(client.record.responses) == 2


def test_without_interrupt_response_a_sound_before_the_answer_does_not_take_it_away(connect: Any) -> None:
    """The cough begins while the transcript of the turn before is on its way, and has no words to be answered."""
    script = replace(story(), heard=(None, ""))
    client = connect(BYOM_CHAT, TwinOptions(script=script, timing=Timing(stt_s=0.6)))
    client.open(turn_detection=GOES_ON)
    client.say("caller.turn1", then_silence_s=0.7)
    client.say("caller.cough")
    client.silence(5.0)
    assert [turn.transcript for turn in client.record.turns] == [story().turns[0].caller, ""]
    assert client.record.turns[1].interrupted is None
    assert client.spoken() == [story().turns[0].reply]


def test_without_interrupt_response_a_turn_can_be_lost_to_the_active_response(connect: Any) -> None:
    options = TwinOptions(timing=Timing(speedup=0.5), answers_turns_during_response=False)
    client = connect(BYOM_CHAT, options)
    client.open(turn_detection=GOES_ON)
    client.say("caller.turn1")
    client.silence(1.0)
    client.say("caller.turn2")
    client.silence(60.0)
    assert client.last("error")["error"]["code"] == "conversation_already_has_active_response"
    assert client.last("error")["error"]["event_id"] is None
    assert client.spoken() == [story().turns[0].reply]


def test_a_backchannel_during_an_answer_is_transcribed_as_said_beforehand(connect: Any) -> None:
    script = replace(story(), heard=(None, "Uh-huh."), cues=(Cue("uh-huh", "Shall I go on?"),))
    client = connect(BYOM_CHAT, TwinOptions(script=script, timing=Timing(speedup=1.0)))
    client.open(turn_detection=GOES_ON)
    client.say("caller.turn1")
    client.silence(1.5)
    client.say("caller.cough")
    client.silence(20.0)
    assert client.record.turns[1].transcript == "Uh-huh."
    assert client.record.turns[1].interrupted == client.record.responses[0].response_id
    assert client.spoken() == [story().turns[0].reply, "Shall I go on?"]


def test_a_caller_who_goes_on_before_the_answer_is_answered_once(connect: Any) -> None:
    client = connect(BYOM_CHAT, TwinOptions(timing=Timing(stt_s=1.0)))
    client.open()
    client.say("caller.turn1")
    client.say("caller.turn2")
    client.silence(3.0)
    assert [turn.transcript for turn in client.record.turns] == [turn.caller for turn in story().turns[:2]]
    assert len(client.record.responses) == 1


def test_a_cough_is_committed_transcribed_empty_and_not_answered(connect: Any) -> None:
    client = connect()
    client.open(turn_detection={"type": "azure_semantic_vad"})
    client.say("caller.cough")
    client.silence(3.0)
    assert client.last("conversation.item.input_audio_transcription.completed")["transcript"] == ""
    assert client.all("response.created") == []
    client.say("caller.turn1")
    client.silence(3.0)
    assert client.spoken() == [story().turns[0].reply]


def test_turns_made_by_the_client_are_answered_when_it_asks(connect: Any) -> None:
    client = connect()
    client.open(turn_detection=None)
    client.send("input_audio_buffer.commit", event_id="empty")
    assert client.last("error")["error"]["code"] == "input_audio_buffer_commit_empty"
    client.say("caller.turn1")
    client.send("input_audio_buffer.commit")
    client.advance(2.0)
    assert client.all("response.created") == []
    client.send("response.create")
    client.advance(2.0)
    assert client.spoken() == [story().turns[0].reply]
    client.append(np.ones(24000, np.int16))
    client.send("input_audio_buffer.clear")
    client.send("input_audio_buffer.commit", event_id="cleared")
    assert client.last("error")["error"]["event_id"] == "cleared"


@pytest.mark.parametrize(
    ("audio", "code"), [("%%%", "invalid_value"), ("AAA=", None), ("AAAA", "invalid_value"), (7, "invalid_value")]
)
def test_unusable_audio_is_refused(connect: Any, audio: object, code: str | None) -> None:
    client = connect()
    client.open()
    client.send("input_audio_buffer.append", audio=audio, event_id="piece")
    errors = [error["error"]["code"] for error in client.all("error")]
    assert errors == ([] if code is None else [code])


def test_audio_is_counted_in_its_own_format(connect: Any) -> None:
    client = connect()
    client.open(input_audio_format="g711_ulaw")
    client.send("input_audio_buffer.append", audio="////" * 2000)
    assert client.record.appended_s == pytest.approx(6000 / PCM16_8K.rate_hz)


def test_a_reply_longer_than_its_limit_is_cut_and_incomplete(connect: Any) -> None:
    client = connect()
    client.open(max_response_output_tokens=8)
    client.say("caller.turn1")
    client.silence(2.0)
    done = client.last("response.done")["response"]
    assert done["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
    assert story().turns[0].reply.startswith(client.spoken()[0])
    assert done["max_output_tokens"] == 8
    assert client.record.items[0].delivered_ms < 3000


@pytest.mark.parametrize(
    ("kind", "status", "detail"),
    [
        (ResponseFaultKind.RATE_LIMITED, "failed", "rate_limit_exceeded"),
        (ResponseFaultKind.CONTENT_FILTER, "incomplete", "content_filter"),
        (ResponseFaultKind.CONTENT_FILTER_FAILED, "failed", "content_filter"),
        (ResponseFaultKind.SERVER_ERROR, "failed", "server_error"),
        (ResponseFaultKind.SPEECH_SYNTHESIS, "failed", "speech_synthesis_error"),
    ],
)
@pytest.mark.parametrize("after_s", [0.0, 1.0])
def test_a_response_fails_in_the_form_asked_for_and_the_next_one_works(
    connect: Any, kind: ResponseFaultKind, status: str, detail: str, after_s: float
) -> None:
    client = connect(BYOM_CHAT, faulty(kind, after_s=after_s))
    client.open()
    client.say("caller.turn1")
    client.silence(2.0)
    done = client.last("response.done")["response"]
    details = done["status_details"]
    assert (done["status"], details["type"]) == (status, status)
    assert detail == (details["reason"] if status == "incomplete" else details["error"]["code"])
    failed = client.record.items[0] if client.record.items else None
    if after_s and kind in (ResponseFaultKind.CONTENT_FILTER, ResponseFaultKind.SERVER_ERROR):
        assert failed is not None
        assert 1000 <= failed.delivered_ms < 2500
    else:
        assert failed is None or failed.delivered_samples == 0
    client.send("response.create")
    client.advance(3.0)
    assert client.last("response.done")["response"]["status"] == "completed"


def test_a_refused_model_call_can_be_an_error_event(connect: Any) -> None:
    client = connect(BYOM_CHAT, faulty(ResponseFaultKind.RATE_LIMITED_ERROR))
    client.open()
    client.send("response.create", event_id="r1")
    error = client.last("error")["error"]
    assert (error["code"], error["event_id"]) == ("rate_limit_exceeded", "r1")
    assert client.all("response.created") == []


def test_a_turn_can_stay_unanswered_until_it_is_asked_for(connect: Any) -> None:
    client = connect(BYOM_CHAT, faulty(ResponseFaultKind.SKIPPED))
    client.open()
    client.say("caller.turn1")
    client.silence(10.0)
    assert client.all("conversation.item.input_audio_transcription.completed")
    assert client.all("response.created") == []
    client.send("response.create")
    client.advance(3.0)
    assert client.spoken() == [story().turns[0].reply]


def test_silence_ends_with_the_answer_or_with_a_cancel(connect: Any) -> None:
    late = connect(BYOM_CHAT, faulty(ResponseFaultKind.SILENCE, delay_s=9.0))
    late.open()
    late.send("response.create")
    late.advance(8.0)
    assert late.types()[-1] == "response.created"
    late.advance(4.0)
    assert late.types()[-1] == "response.done"
    never = connect(BYOM_CHAT, faulty(ResponseFaultKind.SILENCE))
    never.open()
    never.send("response.create")
    never.advance(300.0)
    assert never.types()[-1] == "response.created"
    never.send("response.cancel")
    assert never.last("response.done")["response"]["output"] == []


def test_a_stalled_answer_stops_midway_and_can_be_cancelled(connect: Any) -> None:
    client = connect(BYOM_CHAT, faulty(ResponseFaultKind.STALL, after_s=1.0))
    client.open()
    client.say("caller.turn1")
    client.silence(30.0)
    assert client.types()[-1] in {"response.audio.delta", "response.audio_transcript.delta"}
    assert 1000 <= client.record.items[0].delivered_ms < 2500
    client.send("response.cancel")
    client.advance(1.0)
    assert client.last("response.done")["response"]["status"] == "cancelled"


@pytest.mark.parametrize("form", [UsageForm.NULL, UsageForm.PARTIAL])
def test_usage_can_be_missing_or_partial_but_the_record_knows_it(connect: Any, form: UsageForm) -> None:
    client = connect(BYOM_CHAT, TwinOptions(faults=Faults(usage=form)))
    client.open()
    client.send("response.create")
    client.advance(3.0)
    usage = client.last("response.done")["response"]["usage"]
    assert usage is None or usage["output_token_details"] is None
    assert (usage is None) == (form is UsageForm.NULL)
    assert client.record.responses[0].usage is not None
    assert client.record.responses[0].usage["input_tokens"] > 0


def test_nuisances_are_sent_beside_a_healthy_answer(connect: Any) -> None:
    faults = Faults(unknown_events=True, garbage=frozenset(Garbage), duplicate_every=7)
    client = connect(BYOM_CHAT, TwinOptions(faults=faults))
    client.advance(0.1)
    client.send("session.update", session={"instructions": "Be brief."})
    client.say("caller.turn1")
    client.silence(2.0)
    types = set(client.types())
    assert {"warning", "rate_limits.updated", "conversation.item.done", "response.mood.updated"} <= types
    assert sum(isinstance(effect, SendRaw) for effect in client.effects) == 3
    assert client.spoken()[0] == story().turns[0].reply
    ids = [event["event_id"] for _, event in client.events]
    assert len(ids) > len(set(ids))


def test_a_transcription_can_fail_or_come_twice(connect: Any) -> None:
    faults = Faults(transcription_fails_every=2, repeats_empty_transcript=True)
    client = connect(BYOM_CHAT, TwinOptions(faults=faults))
    client.open()
    client.say("caller.turn1")
    client.silence(1.0)
    transcripts = client.all("conversation.item.input_audio_transcription.completed")
    assert [event["transcript"] for event in transcripts] == [story().turns[0].caller, ""]
    client.say("caller.turn2")
    client.silence(1.0)
    assert len(client.all("conversation.item.input_audio_transcription.failed")) == 1


def test_metadata_of_a_request_comes_back_with_its_response(connect: Any) -> None:
    client = connect()
    client.open()
    client.send("response.create", response={"metadata": {"k": "v"}, "modalities": ["text"]})
    client.advance(2.0)
    done = client.last("response.done")["response"]
    assert (done["metadata"], done["modalities"]) == ({"k": "v"}, ["text"])
    assert client.all("response.audio.delta") == []


def test_an_unknown_field_of_a_request_is_refused(connect: Any) -> None:
    client = connect()
    client.open()
    client.send("response.create", event_id="odd", response={"tempo": 3})
    assert client.last("error")["error"]["param"] == "response.tempo"


def test_other_texts_are_spoken_by_what_is_there(connect: Any) -> None:
    client = connect()
    client.open()
    client.send("response.create", response=prepared("No clip says this sentence."))
    client.advance(5.0)
    assert client.spoken() == ["No clip says this sentence."]
    assert client.record.items[0].delivered_ms > 500
    assert math.isfinite(client.session.next_at)  # the session's end, nothing else


@pytest.mark.parametrize("cancels_echo", [True, False])
def test_the_answer_coming_back_softly_is_a_caller_only_without_echo_cancellation(
    connect: Any, cancels_echo: bool
) -> None:
    echo = {"type": "server_echo_cancellation"} if cancels_echo else None
    client = connect()
    client.open(input_audio_echo_cancellation=echo, turn_detection={"type": "azure_semantic_vad"})
    client.silence(1.0)
    client.send("response.create", response=prepared(GREETING))
    client.silence(0.3)
    leak = speech_at(load_clip("agent.greeting"), 24000).astype(np.float64) * 0.02
    client.append(np.rint(leak).astype(np.int16))
    assert bool(client.record.turns) != cancels_echo


def test_the_record_keeps_what_was_said_on_both_sides(connect: Any) -> None:
    client = connect(BYOM_CHAT, TwinOptions(keeps_appended_audio=True))
    client.open(input_audio_sampling_rate=16000)
    sound = speech_at(load_clip("caller.turn1"), 16000)
    client.append(sound, rate_hz=16000)
    client.silence(2.0, rate_hz=16000)
    record = client.record
    assert np.array_equal(record.appended_samples[: len(sound)], sound)
    assert record.appended_s == pytest.approx(len(record.appended_samples) / 16000)
    assert record.appended_s == pytest.approx(len(sound) / 16000 + 2.0)
    assert record.types("sent") == client.types()
    assert record.types("received") == ["session.update"]
    assert all("delta" not in entry.fields for entry in record.log if entry.type == "response.audio.delta")


def test_items_can_be_read_deleted_and_put_in_order(connect: Any) -> None:
    client = connect()
    client.open()
    for name in ("first", "second"):
        item = {"id": name, "type": "message", "role": "user", "content": [{"type": "input_text", "text": name}]}
        client.send("conversation.item.create", previous_item_id="root" if name == "second" else None, item=item)
    assert client.last("conversation.item.created")["previous_item_id"] is None
    client.send("conversation.item.retrieve", item_id="first")
    assert client.last("conversation.item.retrieved")["item"]["content"][0]["text"] == "first"
    client.send("conversation.item.delete", item_id="first")
    assert client.last("conversation.item.deleted")["item_id"] == "first"
    for kind in ("retrieve", "delete"):
        client.send(f"conversation.item.{kind}", item_id="first", event_id=kind)
        assert client.last("error")["error"]["event_id"] == kind


@pytest.mark.parametrize(
    "item",
    [
        None,
        {"type": "message", "role": "nobody"},
        {"type": "message", "role": "user", "content": [{"type": "smell"}]},
        {},
    ],
)
def test_an_item_the_service_does_not_take_is_refused(connect: Any, item: object) -> None:
    client = connect()
    client.open()
    client.send("conversation.item.create", item=item, event_id="odd")
    assert (client.last("error")["error"]["event_id"], client.last("error")["error"]["param"]) == ("odd", "item")
