"""The line's manners in a whole call at invented times."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gateway.outcome import Outcome, Reason
from gateway.session.effects import (
    CancelResponse,
    CreateResponse,
    HangUp,
    JudgeText,
    PlayFrame,
    StopPlayback,
    TellModel,
    Transfer,
)
from gateway.session.events import (
    AudioDelta,
    FunctionCall,
    InputTranscript,
    Judged,
    ModelClosed,
    PhoneDigit,
    ResponseCreated,
    ResponseDone,
    Side,
    SpeechStarted,
    SpeechStopped,
    TranscriptDelta,
    TranscriptDone,
)
from gateway.session.settings import (
    EmergencySettings,
    LineSettings,
    ModerationSettings,
    Phrase,
    Sentence,
    SilenceSettings,
    ToolSettings,
)
from tests.session.conftest import Call, b64, tone

QUIET = LineSettings(silence=None)


def opened(line: LineSettings, **options: Any) -> Call:
    call = Call(line=line, **options)
    call.open()
    call.pass_time(0.5)
    return call


def talk(call: Call, seconds: float) -> None:
    """A long answer that is not over."""
    call.model(ResponseCreated("r1"))
    for _ in range(round(seconds)):
        call.model(AudioDelta("r1", "i1", b64(tone(1.0))))


def says(call: Call, words: str, item_id: str = "u1", language: str = "") -> None:
    call.model(SpeechStarted(item_id, 0))
    call.model(SpeechStopped(item_id, 900))
    call.model(InputTranscript(item_id, words, language))


# --- disclosure -----------------------------------------------------------------------------------------------------


def test_the_disclosure_comes_before_the_greeting_and_nothing_stops_it() -> None:
    call = Call(greeting="Hello.", line=LineSettings(disclosure=Sentence(Phrase.DISCLOSURE), silence=None))
    call.open()
    call.pass_time(0.5)
    call.model(SpeechStarted("u1", 0))
    call.pass_time(2.0)
    assert call.said()[0] == "disclosure"
    assert call.of(StopPlayback) == []
    assert np.count_nonzero(np.abs(call.sound()) > 0) / 16000 == pytest.approx(1.0, abs=0.1)
    assert [note.fields["item"] for note in call.notes("protected.heard")] == ["disclosure"]


def test_a_disclosure_of_the_line_is_spoken_by_the_agents_voice() -> None:
    sentence = Sentence(Phrase.DISCLOSURE, {"en-US": "You speak with a machine."})
    call = Call(line=LineSettings(disclosure=sentence, silence=None))
    assert [request.say for request in call.of(CreateResponse)] == ["You speak with a machine."]


def test_a_service_that_does_not_say_it_in_time_is_not_waited_for() -> None:
    sentence = Sentence(Phrase.DISCLOSURE, {"en-US": "You speak with a machine."})
    call = opened(LineSettings(disclosure=sentence, silence=None))
    call.pass_time(3.0)
    assert call.said() == ["disclosure"]
    call.model(ResponseCreated("late"))
    assert call.of(CancelResponse)[-1].response_id == "late", "it would be heard twice"
    frames = len(call.of(PlayFrame))
    call.model(AudioDelta("late", "i-late", b64(tone(1.0))))
    call.pass_time(1.0)
    assert len(call.of(PlayFrame)) == frames


# --- silence --------------------------------------------------------------------------------------------------------

SILENCE = LineSettings(silence=SilenceSettings(after_s=5.0, prompts=2))


def test_a_silent_caller_is_asked_twice_and_hears_a_goodbye() -> None:
    call = opened(SILENCE)
    call.agent_says(1.0)
    call.pass_time(40.0)
    assert call.said() == ["still_there", "still_there", "silent_goodbye"]
    assert call.of(HangUp) == [HangUp(Outcome(Reason.CALLER_SILENT))]


def test_nobody_is_asked_while_the_agent_owes_an_answer_or_speaks() -> None:
    call = opened(SILENCE)
    talk(call, 20.0)
    call.pass_time(20.0)
    assert call.said() == []
    says(call, "A question.")
    call.pass_time(8.0)
    assert "still_there" not in call.said()


def test_nobody_is_asked_while_the_caller_speaks() -> None:
    call = opened(SILENCE)
    call.agent_says(0.5)
    call.pass_time(3.0)
    call.model(SpeechStarted("u1", 0))
    call.pass_time(30.0)
    assert call.said() == []


def test_who_asked_for_a_moment_has_it() -> None:
    line = LineSettings(
        tools=ToolSettings(names=frozenset({"hold_line"})), silence=SilenceSettings(after_s=5.0, prompts=2)
    )
    call = opened(line)
    call.model(ResponseCreated("r1"))
    call.model(AudioDelta("r1", "i1", b64(tone(0.5))))
    call.model(FunctionCall("r1", "i2", "c1", "hold_line", '{"seconds": 60}'))
    call.model(ResponseDone("r1", "completed"))
    call.pass_time(59.0)
    assert call.said() == []
    call.pass_time(8.0)
    assert call.said() == ["still_there"]


# --- the end of the time --------------------------------------------------------------------------------------------


def test_the_end_is_announced_and_said() -> None:
    call = opened(LineSettings(silence=None, max_duration_s=180.0))
    call.pass_time(118.0)
    assert call.said() == []
    call.pass_time(5.0)
    assert call.said() == ["time_nearly_up"]
    assert "One minute" in call.of(TellModel)[0].text
    call.pass_time(65.0)
    assert call.said() == ["time_nearly_up", "time_is_up"]
    assert call.of(HangUp) == [HangUp(Outcome(Reason.MAX_DURATION))]


def test_the_end_of_the_time_ends_an_answer_too() -> None:
    call = opened(LineSettings(silence=None, max_duration_s=30.0))
    call.pass_time(25.0)
    talk(call, 60.0)
    call.pass_time(10.0)
    assert [cancel.response_id for cancel in call.of(CancelResponse)] == ["r1"]
    assert call.said() == ["time_is_up"]
    assert len(call.of(HangUp)) == 1


# --- danger ---------------------------------------------------------------------------------------------------------

HELP = Sentence(Phrase.EMERGENCY, {"en-US": "Dial 112 now."})
DANGER = LineSettings(silence=None, emergency=EmergencySettings(HELP, ("there is smoke",)))


@pytest.mark.parametrize("words", ["Call an ambulance!", "I think there is smoke here"])
def test_help_is_named_at_once_and_once(words: str) -> None:
    call = opened(DANGER)
    call.agent_says(10.0)
    call.pass_time(1.0)
    says(call, words)
    assert call.of(CreateResponse)[0].say == "Dial 112 now."
    frames = len(call.of(PlayFrame))
    call.pass_time(0.5)
    assert len(call.of(PlayFrame)) == frames, "the agent stops"
    says(call, words, "u2")
    assert [request.say for request in call.of(CreateResponse)].count("Dial 112 now.") == 1
    assert len(call.notes("emergency")) == 1


def test_the_sentence_is_heard_to_its_end() -> None:
    call = opened(DANGER)
    says(call, "ambulance")
    call.agent_says(2.0, "r-help", "i-help")
    call.pass_time(0.5)
    call.model(SpeechStarted("u2", 0))
    call.pass_time(2.0)
    assert call.of(StopPlayback) == []
    assert np.count_nonzero(np.abs(call.sound()) > 0) / 16000 == pytest.approx(2.0, abs=0.1)


def test_the_model_may_report_danger() -> None:
    call = opened(DANGER)
    call.model(ResponseCreated("r1"))
    call.model(FunctionCall("r1", "i1", "c1", "report_emergency", "{}"))
    call.model(ResponseDone("r1", "completed"))
    assert "Dial 112 now." in [request.say for request in call.of(CreateResponse)]


def test_after_the_sentence_a_person_may_take_over() -> None:
    tools = ToolSettings(destinations=("nurse",))
    emergency = EmergencySettings(Sentence(Phrase.EMERGENCY), transfer_to="nurse")
    call = opened(LineSettings(silence=None, tools=tools, emergency=emergency))
    says(call, "ambulance")
    call.pass_time(6.0)
    assert call.said()[:2] == ["emergency", "connecting"]
    assert [transfer.destination for transfer in call.of(Transfer)] == ["nurse"]


def test_without_a_sentence_for_it_danger_is_the_agents_business() -> None:
    call = opened(QUIET)
    says(call, "ambulance")
    assert call.of(CreateResponse) == []
    assert call.notes("emergency") == []


# --- words that are not to be heard ---------------------------------------------------------------------------------

WORDS = LineSettings(silence=None, moderation=ModerationSettings(words=("forbidden",), of_caller=True))


def test_a_word_is_stopped_before_it_is_heard_and_said_sorry_for_once() -> None:
    call = opened(WORDS)
    call.agent_says(5.0, whole=False)
    call.pass_time(0.5)
    for delta in ("This is ", "forbidden", " and more", " and more", " forbidden"):
        call.model(TranscriptDelta("r1", "i1", delta))
        call.pass_time(0.1)
    assert call.said() == ["neutral"]
    assert [cancel.response_id for cancel in call.of(CancelResponse)] == ["r1"]
    call.pass_time(3.0)
    assert np.count_nonzero(np.abs(call.sound()) > 0) / 16000 == pytest.approx(0.65 + 1.0, abs=0.1)


def test_what_the_caller_said_is_not_answered() -> None:
    call = opened(WORDS)
    call.model(SpeechStarted("u1", 0))
    call.model(SpeechStopped("u1", 900))
    call.model(ResponseCreated("r1"))
    call.model(InputTranscript("u1", "something forbidden"))
    assert [cancel.response_id for cancel in call.of(CancelResponse)] == ["r1"]
    assert call.said() == ["neutral"]


def test_finished_sentences_go_to_the_operators_service() -> None:
    line = LineSettings(silence=None, moderation=ModerationSettings(asks=True, of_caller=True))
    call = opened(line)
    says(call, "Hello?")
    call.agent_says(3.0, whole=False)
    call.model(TranscriptDone("r1", "i1", "Good day."))
    assert call.of(JudgeText) == [JudgeText(Side.CALLER, "Hello?", "u1"), JudgeText(Side.AGENT, "Good day.", "i1")]
    call.pass_time(0.5)
    call.hook(Judged(Side.AGENT, "i1"))
    assert len(call.of(StopPlayback)) == 1
    assert call.said() == ["neutral"]


def test_the_caller_is_not_judged_unless_that_is_wanted() -> None:
    call = opened(LineSettings(silence=None, moderation=ModerationSettings(asks=True)))
    says(call, "Hello?")
    assert call.of(JudgeText) == []


# --- language, endings ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spoken", "said_in"), [("de-DE", "de-DE"), ("de-AT", "de-DE"), ("DE", "de-DE"), ("fr-FR", "en-US"), ("", "en-US")]
)
def test_our_own_sentences_follow_the_callers_language(spoken: str, said_in: str) -> None:
    call = opened(LineSettings(languages=("en-US", "de-DE"), silence=None))
    says(call, "Hallo.", language=spoken)
    assert call.session._speaker.language == said_in


def test_after_the_last_sentence_nothing_is_heard_asked_or_pressed() -> None:
    call = opened(SILENCE)
    call.model(ModelClosed(1011))
    done = len(call.done)
    says(call, "Hello?")
    call.phone(PhoneDigit("0"))
    call.hook(Judged(Side.AGENT, "i1"))
    assert len(call.done) == done
    call.pass_time(5.0)
    assert call.of(HangUp) == [HangUp(Outcome(Reason.MODEL_UNAVAILABLE))]


def test_a_line_with_sound_and_no_words_is_asked_and_then_left() -> None:
    call = opened(LineSettings(languages=("en-US",), wordless_s=60.0))
    for number in range(12):
        call.model(SpeechStarted(f"u{number}", 0))
        call.model(SpeechStopped(f"u{number}", 100))
        call.model(InputTranscript(f"u{number}", "..."))
        call.pass_time(8.0)
    assert call.said()[0] == "still_there"
    assert call.said()[-1] == "silent_goodbye"
    assert call.of(HangUp)[0].outcome == Outcome(Reason.NO_WORDS)


def test_words_in_between_keep_the_line() -> None:
    call = opened(LineSettings(languages=("en-US",), wordless_s=60.0))
    for number in range(24):
        call.model(SpeechStarted(f"u{number}", 0))
        call.model(SpeechStopped(f"u{number}", 100))
        call.model(InputTranscript(f"u{number}", "one moment" if number % 5 == 4 else ""))
        call.pass_time(8.0)
    assert not call.of(HangUp)
