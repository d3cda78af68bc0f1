"""An agent that is held, cut off, or goes on: whole calls at invented times."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.session.effects import CancelResponse, CreateResponse, PlayFrame, StopPlayback, TruncateItem
from gateway.session.events import (
    AudioDelta,
    InputTranscript,
    ResponseCreated,
    ResponseDone,
    SpeechStarted,
    SpeechStopped,
)
from gateway.session.interruption import CLAIM_S, LONGEST_S
from gateway.session.settings import Interruptions, LineSettings
from tests.session.conftest import Call, b64, tone


@pytest.fixture
def call() -> Call:
    """An agent of four seconds, one second into its answer."""
    return speaking()


def speaking() -> Call:
    call = Call(interruptions=Interruptions.RESUME, line=LineSettings(silence=None))
    call.open()
    call.pass_time(0.5)
    call.agent_says(4.0)
    call.pass_time(1.0)
    return call


def voiced_s(call: Call) -> float:
    return float(np.count_nonzero(np.abs(call.sound()) > 0) / 16000)


def test_a_sound_stops_the_voice_at_once_and_loses_nothing(call: Call) -> None:
    call.model(SpeechStarted("u1", 0))
    assert len(call.of(StopPlayback)) == 1
    assert call.of(TruncateItem) == []
    frames = len(call.of(PlayFrame))
    call.pass_time(0.3)
    assert len(call.of(PlayFrame)) == frames
    call.model(SpeechStopped("u1", 300))
    call.model(InputTranscript("u1", "Mhm."))
    call.pass_time(5.0)
    assert voiced_s(call) >= 3.9
    assert call.notes("interruption.false")
    assert call.notes("barge_in") == []
    assert call.of(CreateResponse) == []


@pytest.mark.parametrize("words", ["", " ", "uh-huh", "yeah, okay"])
def test_what_is_no_word_of_the_callers_own_is_no_interruption(call: Call, words: str) -> None:
    call.model(SpeechStarted("u1", 0))
    call.model(SpeechStopped("u1", 300))
    call.model(InputTranscript("u1", words))
    call.pass_time(5.0)
    assert voiced_s(call) >= 3.9


def test_words_cut_the_answer_off(call: Call) -> None:
    call.model(SpeechStarted("u1", 0))
    call.pass_time(0.3)
    call.model(SpeechStopped("u1", 300))
    effects = call.model(InputTranscript("u1", "No, the other one."))
    assert sum(isinstance(effect, TruncateItem) for effect in effects) == 1
    assert len(call.notes("barge_in")) == 1
    call.pass_time(3.0)
    assert voiced_s(call) < 1.5


def test_words_of_an_earlier_sound_count_while_a_later_one_is_judged(call: Call) -> None:
    """Words take longer than sounds: "stop" and a cough, and the word comes after the cough began."""
    call.model(SpeechStarted("u1", 0))
    call.pass_time(0.3)
    call.model(SpeechStopped("u1", 300))
    call.pass_time(0.3)
    call.model(SpeechStarted("u2", 600))
    call.model(InputTranscript("u1", "Stop, please."))
    call.model(SpeechStopped("u2", 700))
    call.model(InputTranscript("u2", ""))
    call.pass_time(3.0)
    assert len(call.notes("barge_in")) == 1
    assert voiced_s(call) < 1.5


def test_words_of_the_turn_that_is_being_answered_are_no_interruption(call: Call) -> None:
    call.model(SpeechStarted("u2", 0))
    call.model(InputTranscript("u1", "What does it cost?"))
    call.model(SpeechStopped("u2", 100))
    call.model(InputTranscript("u2", ""))
    call.pass_time(5.0)
    assert voiced_s(call) >= 3.9
    assert call.notes("barge_in") == []


def test_a_voice_that_lasts_cuts_without_words(call: Call) -> None:
    call.model(SpeechStarted("u1", 0))
    call.pass_time(CLAIM_S - 0.1)
    assert call.notes("barge_in") == []
    call.pass_time(0.2)
    assert len(call.notes("barge_in")) == 1


def test_an_answer_that_comes_while_it_is_not_known_waits_and_is_heard_after_words(call: Call) -> None:
    call.model(SpeechStarted("u1", 0))
    call.model(SpeechStopped("u1", 300))
    call.model(ResponseCreated("r2"))
    call.model(AudioDelta("r2", "i2", b64(tone(1.0))))
    before = len(call.of(PlayFrame))
    call.pass_time(0.3)
    assert len(call.of(PlayFrame)) == before
    call.model(InputTranscript("u1", "The other one."))
    call.pass_time(2.0)
    assert [note.fields["item_id"] for note in call.notes("item.first_sent")] == ["i1", "i2"]


def test_an_answer_to_a_cough_is_refused(call: Call) -> None:
    call.model(SpeechStarted("u1", 0))
    call.model(SpeechStopped("u1", 300))
    call.model(InputTranscript("u1", ""))
    call.model(ResponseCreated("r2"))
    assert [cancel.response_id for cancel in call.of(CancelResponse)] == ["r2"]
    call.model(AudioDelta("r2", "i2", b64(tone(1.0))))
    call.model(ResponseDone("r2", "cancelled"))
    call.pass_time(6.0)
    assert [note.fields["item_id"] for note in call.notes("item.first_sent")] == ["i1"]


def test_a_turn_that_cut_an_answer_off_and_that_nobody_answers_is_asked_for(call: Call) -> None:
    call.model(SpeechStarted("u1", 0))
    call.model(SpeechStopped("u1", 300))
    call.model(InputTranscript("u1", "The other one."))
    call.pass_time(1.2)
    assert len(call.of(CreateResponse)) == 1


@given(
    st.lists(
        st.tuples(st.sampled_from(["started", "stopped", "words", "nothing", "voice", "wait"]), st.floats(0.0, 1.5)),
        max_size=10,
    )
)
@settings(max_examples=40, deadline=None)
def test_nobody_is_held_for_ever(story: list[tuple[str, float]]) -> None:
    """Whatever is heard, the agent speaks again or is cut off."""
    call, items = speaking(), 1
    for step, seconds in story:
        match step:
            case "started":
                items += 1
                call.model(SpeechStarted(f"u{items}", 0))
            case "stopped":
                call.model(SpeechStopped(f"u{items}", 100))
            case "words" | "nothing":
                call.model(InputTranscript(f"u{items}", "words" if step == "words" else ""))
            case _:
                pass
        call.pass_time(seconds, b64(tone(0.02)) if step == "voice" else b64(np.zeros(320, np.int16)))
    call.pass_time(LONGEST_S + 0.1)
    assert not call.session.downlink.held
    assert not call.session._answers.caller._interruption.open
