from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from gateway.demo.at_ear import find_pieces
from gateway.demo.facts import DemoRecord
from gateway.demo.record import build_record
from gateway.simulator.clips import load_clip, speech_at
from gateway.simulator.phone.lane import Stop
from gateway.simulator.phone.record import CallRecord
from gateway.simulator.voice_live.record import GeneratedItem, SessionRecord

HZ = 16000


@pytest.fixture(scope="module")
def record(story: Any) -> DemoRecord:
    made: DemoRecord = story.record()
    return made


def test_a_cut_answer_is_measured_at_the_ear(record: DemoRecord) -> None:
    item = record.item("msg_agent.reply2")
    assert item.heard_ms == pytest.approx(3900.0, abs=5.0)
    assert item.truncated_at_ms == 3880
    assert item.text_heard.endswith("reach our")
    assert item.text_unheard.startswith("network.")


def test_the_ghost_begins_where_the_answer_fell_silent_and_holds_the_rest(record: DemoRecord) -> None:
    item = record.item("msg_agent.reply2")
    (ghost,) = item.ghosts
    assert ghost.at_s == pytest.approx(14.1, abs=0.005)
    assert ghost.from_ms == item.heard_ms
    assert ghost.length_ms + item.heard_ms == pytest.approx(item.generated_ms, abs=1.0)
    assert ghost.samples is not None
    assert len(ghost.samples) == pytest.approx(ghost.length_ms * HZ / 1000, abs=1)


def test_what_was_heard_whole_leaves_no_ghost(record: DemoRecord) -> None:
    for name in ("msg_agent.greeting", "msg_agent.reply3"):
        item = record.item(name)
        assert item.ghosts == ()
        assert item.heard_ms == pytest.approx(item.generated_ms, abs=1.0)
        assert all(word.heard for word in item.words)


def test_words_stand_where_they_were_heard(record: DemoRecord) -> None:
    clip = load_clip("agent.reply3")
    words = record.item("msg_agent.reply3").words
    assert [word.text for word in words] == [word.text for word in clip.words]
    assert [word.start_s for word in words] == pytest.approx([18.0 + word.start_s for word in clip.words], abs=0.005)


def test_a_turn_has_its_stages_and_they_add_up(record: DemoRecord) -> None:
    first, second = record.turns
    assert first.item_id == "msg_agent.reply2"
    assert second.item_id == "msg_agent.reply3"
    for turn in record.turns:
        decision, model, delivery = turn.stages_ms
        assert decision == 500
        assert delivery == 240
        assert model is not None
        assert turn.wait_ms == pytest.approx(decision + model + delivery, abs=2)
    assert first.first_heard_estimate_s == pytest.approx(10.2)
    assert first.first_heard_s == pytest.approx(10.24)


def test_an_interruption_is_told_by_every_clock(record: DemoRecord) -> None:
    (barge_in,) = record.barge_ins
    onset_s = record.utterances[1].onset_s
    assert barge_in.turn == 2
    assert barge_in.onset_s == onset_s
    assert barge_in.onset_estimate_s == pytest.approx(onset_s + 0.01)
    assert barge_in.speech_started_s == pytest.approx(onset_s + 0.16)
    assert barge_in.stop_audio_s == pytest.approx(13.95)
    assert barge_in.silence_s == pytest.approx(14.1, abs=0.005)
    assert barge_in.believed_ms == 3880
    assert barge_in.words_heard_estimate == "Thank you."


def test_set_up_counts_from_the_ring(record: DemoRecord) -> None:
    assert record.set_up.answered_s == pytest.approx(0.05)
    assert record.set_up.media_open_s == pytest.approx(0.2)
    assert record.set_up.model_ready_s == pytest.approx(0.03)
    assert record.set_up.first_words_heard_s == pytest.approx(0.64)


def test_json_holds_facts_and_no_sound(record: DemoRecord) -> None:
    written = json.dumps(record.to_json())
    assert "track" not in written
    assert "samples" not in written
    read = json.loads(written)
    assert read["turns"][0]["wait_ms"] == record.turns[0].wait_ms
    assert read["barge_ins"][0]["stop_ms"] == record.barge_ins[0].stop_ms
    assert [point["lead_ms"] for point in read["lead"]] == [60] * 6
    assert read["ptu"][0]["percent"] == pytest.approx(0.2)
    assert read["phone"]["ending"] == "caller"


def test_without_a_trace_the_twins_tell_what_they_know(story: Any) -> None:
    traced, untraced = story.record(), story.record(traced=False)
    assert [turn.wait_ms for turn in untraced.turns] == [turn.wait_ms for turn in traced.turns]
    assert untraced.barge_ins[0].silence_s == traced.barge_ins[0].silence_s
    assert untraced.profile == traced.profile
    assert untraced.lead == ()
    assert untraced.turns[0].first_sent_s is None


def test_without_a_session_the_gateways_own_account_is_used(story: Any) -> None:
    alone = story.record(logged=False)
    item = alone.item("msg_agent.reply2")
    assert item.heard_ms == 3880
    assert item.ghosts[0].length_ms == 11748 - 3880
    assert item.ghosts[0].samples is None
    assert alone.turns[0].item_id == "msg_agent.reply2"


def test_a_naive_bridge_is_seen_through(naive_story: Any) -> None:
    record = naive_story.record(traced=False)
    assert record.greeting is not None
    assert record.greeting.heard_ms == pytest.approx(record.greeting.generated_ms - 900.0, abs=5.0)
    assert record.greeting.text_unheard.startswith("Hello,")
    (barge_in,) = record.barge_ins
    assert barge_in.stop_audio_s is None
    assert barge_in.truncated_at_ms is None
    assert barge_in.talked_over_ms > 7000
    assert [turn.answered for turn in record.turns] == [True, False, False]
    assert record.turns[2].decided_s is None


@pytest.mark.parametrize("lost_ms", [0, 100, 700])
@pytest.mark.parametrize("kept_ms", [500, 2000])
def test_a_part_is_found_to_the_step(lost_ms: int, kept_ms: int) -> None:
    """Cut inside words: inside a pause no ear could tell."""
    sound = speech_at(load_clip("agent.reply1"), HZ)
    part = sound[lost_ms * 16 : (lost_ms + kept_ms) * 16]
    ear = np.concatenate([np.zeros(12345, np.int16), part, np.zeros(30000, np.int16)])
    (piece, *rest) = find_pieces(sound, ear, 5.0, 5.0)
    assert not rest
    assert piece.from_ms == pytest.approx(lost_ms, abs=60.0)  # the recording's soft beginning can not be told
    assert piece.at_s - piece.from_ms / 1000 == pytest.approx(5.0 + 12345 / HZ - lost_ms / 1000, abs=0.001)
    assert piece.to_ms == pytest.approx(lost_ms + kept_ms, abs=60.0)


def test_a_hole_makes_two_pieces() -> None:
    sound = speech_at(load_clip("agent.reply1"), HZ)
    ear = np.concatenate([sound[:16000], np.zeros(8000, np.int16), sound[16000:]])
    first, second = find_pieces(sound, ear, 0.0, 0.0)
    assert first.to_ms == pytest.approx(1000.0, abs=30.0)
    assert second.at_s == pytest.approx(1.5, abs=0.03)
    assert second.to_ms == pytest.approx(len(sound) / 16, abs=5.0)


def test_another_sentence_is_not_found() -> None:
    sound = speech_at(load_clip("agent.reply1"), HZ)
    other = speech_at(load_clip("caller.turn1"), HZ)
    assert find_pieces(sound, other, 0.0, 0.0) == []
    assert find_pieces(sound, np.zeros(HZ, np.int16), 0.0, 0.0) == []


def test_a_repeated_sentence_is_found_after_the_moment_it_can_have_been_said() -> None:
    sound = speech_at(load_clip("agent.reply4"), HZ)
    ear = np.concatenate([sound, np.zeros(HZ, np.int16), sound])
    (piece,) = find_pieces(sound, ear, 0.0, len(sound) / HZ)
    assert piece.at_s == pytest.approx(len(sound) / HZ + 1.0, abs=0.001)


def test_of_the_same_sentence_said_again_the_earlier_one_is_meant() -> None:
    sound = speech_at(load_clip("agent.reply4"), HZ)
    pause = np.zeros(HZ, np.int16)
    ear = np.concatenate([pause, (sound * 0.95).astype(np.int16), pause, sound, pause, sound])
    (piece,) = find_pieces(sound, ear, 0.0, 0.5)
    assert piece.at_s == pytest.approx(1.0, abs=0.001)


def test_what_is_said_again_later_does_not_mend_what_was_cut() -> None:
    sound = speech_at(load_clip("agent.reply4"), HZ)
    ear = np.concatenate([sound[:HZ], np.zeros(2 * HZ, np.int16), sound])
    (piece,) = find_pieces(sound, ear, 0.0, 0.0, 2.5)
    assert piece.to_ms == pytest.approx(1000.0, abs=30.0)


def test_the_first_syllable_is_found_and_so_short_a_piece_of_the_rest_is_not() -> None:
    sound = speech_at(load_clip("agent.reply1"), HZ)
    voiced = int(np.flatnonzero(np.abs(sound) > 1000)[0])
    (piece,) = find_pieces(sound, np.concatenate([sound[: voiced + 1600], np.zeros(HZ, np.int16)]), 0.0, 0.0)
    assert piece.from_ms == 0.0
    assert 60.0 < piece.to_ms < 300.0
    assert find_pieces(sound, np.concatenate([np.zeros(HZ, np.int16), sound[16000:17600]]), 0.0, 0.0) == []


def test_a_stop_takes_an_answer_to_where_the_network_says_it_fell_silent(story: Any) -> None:
    """The comparison's steps are 5 ms; the stop is known to the sample."""
    call, trace, session = _thrice(story)
    cut, *_ = build_record(call, trace, session, story.meta).items
    assert cut.heard_ms == pytest.approx(CUT * 1000 / HZ, abs=0.1)


def test_every_answer_of_one_wording_belongs_to_its_own_turn(story: Any) -> None:
    """Whoever has nothing else to say says the same sentence after every turn, sample for sample."""
    call, trace, session = _thrice(story)
    record = build_record(call, trace, session, story.meta)
    assert [item.pieces[0].at_s for item in record.items] == pytest.approx([2.0, 8.0, 14.0], abs=0.001)
    assert [item.heard_ms for item in record.items] == pytest.approx([1000.0, LENGTH_MS, LENGTH_MS], abs=10.0)


CUT = HZ + 60
"""samples: not a multiple of the step"""
LENGTH_MS = len(speech_at(load_clip("agent.reply4"), HZ)) * 1000 / HZ


def _thrice(story: Any) -> tuple[CallRecord, list[dict[str, Any]], SessionRecord]:
    """The same sentence at 2, 8 and 14 s; the first time it is cut."""
    clip = load_clip("agent.reply4")
    sound = speech_at(clip, HZ)
    ring, call = story.call.times["event_posted"], story.call
    ear = np.zeros(26 * HZ, np.int16)
    session = SessionRecord("s", {}, "m", "byom-azure-openai-realtime", ring)
    for number, at_s in enumerate((2.0, 8.0, 14.0)):
        kept = sound[:CUT] if number == 0 else sound
        first = round((ring + at_s - call.origin) * HZ)
        ear[first : first + len(kept)] = kept
        item = GeneratedItem(f"i{number}", f"r{number}", clip.text, (), sound, HZ, len(sound), ring + at_s - 0.2)
        session.items.append(item)
    cut = Stop(ring + 2.9, ring + 2.0 + CUT / HZ, 0.5)
    return dataclasses.replace(call, ear_track=ear, stops=(cut,), heard=(), spoken=()), [], session
