"""One call at invented times: events in, effects compared."""

from __future__ import annotations

import numpy as np
import pybase64
import pytest

from gateway.audio.pcm import PCM16_24K
from gateway.outcome import Outcome, Reason
from gateway.session.effects import (
    AppendAudio,
    CancelResponse,
    CreateResponse,
    End,
    HangUp,
    Note,
    PlayFrame,
    StopPlayback,
    TruncateItem,
)
from gateway.session.events import (
    AudioDelta,
    CallEnded,
    InputTranscript,
    ModelClosed,
    ModelError,
    PhoneAudio,
    PhoneClosed,
    ResponseCreated,
    ResponseDone,
    SpeechStarted,
    SpeechStopped,
    TranscriptDelta,
)
from gateway.session.recovery import THROTTLED_S
from gateway.session.state import CallState
from tests.session.conftest import SILENT_FRAME, TICK, Call, b64, tone

# --- greeting -------------------------------------------------------------------------------------------------------


def test_the_greeting_is_asked_for_while_the_phone_rings_and_waits_for_the_line() -> None:
    call = Call(greeting="Hello.")
    assert call.of(CreateResponse)[0].say == "Hello."
    call.agent_says(1.0)
    assert call.of(PlayFrame) == []
    call.now += 5.0
    call.open()
    assert call.of(PlayFrame) == []  # the socket alone does not prove that the stream is open
    call.pass_time(1.5)
    voiced = np.flatnonzero(np.abs(call.sound()) > 100)
    assert len(call.sound()) > 0
    assert voiced[0] >= 0.2 * 16000 - 2  # the lead-in is silence
    assert len(call.notes("greeting.prepared")) == 1


def test_a_refused_greeting_is_said_by_a_normal_response() -> None:
    call = Call(greeting="Hello.")
    first = call.of(CreateResponse)[0]
    call.model(ModelError("invalid_request_error", "no", event_id=first.event_id))
    second = call.of(CreateResponse)[1]
    assert second.say is None
    assert second.instructions is not None
    call.model(ResponseCreated("r1"))
    assert call.notes("greeting.prepared")[0].fields["way"] == "response"


def test_a_greeting_that_never_comes_is_not_dead_air() -> None:
    call = Call(greeting="Hello.")
    call.open()
    call.pass_time(3.0)
    assert call.said() == ["filler"]


# --- uplink ---------------------------------------------------------------------------------------------------------


def test_a_frame_in_order_goes_on_untouched_and_at_once(call: Call) -> None:
    payload = b64(tone(0.02))
    effects = call.phone(PhoneAudio(payload, 1e9 + call.frames * TICK))
    appended = [effect for effect in effects if isinstance(effect, AppendAudio)]
    assert [effect.payload for effect in appended] == [payload]


@pytest.mark.parametrize("payload", [b"", b"????", b"AAAA", b"AAAA" * 9000, b'AA"},{"x":"'])
def test_hostile_payloads_are_counted_and_change_nothing(call: Call, payload: bytes) -> None:
    before = len(call.of(AppendAudio))
    call.phone(PhoneAudio(payload, 1e9 + call.frames * TICK))
    assert len(call.of(AppendAudio)) == before
    assert sum(call.session.bad_frames.values()) == 1
    call.pass_time(0.1)
    assert call.session.state is CallState.BRIDGED


def test_silent_frames_without_data_stay_on_the_timeline(call: Call) -> None:
    before = len(call.of(AppendAudio))
    for _ in range(10):
        call.phone(PhoneAudio(b"", 1e9 + call.frames * TICK, silent=True))
        call.frames += 1
    assert len(call.of(AppendAudio)) == before + 10


def test_a_stream_without_metadata_is_taken_as_what_was_asked_for() -> None:
    call = Call()
    call.pass_time(0.2)
    assert call.session.state is CallState.BRIDGED
    assert "no_metadata" in call.session.bad_frames


def test_a_phone_leg_at_another_rate_is_followed() -> None:
    call = Call(phone=PCM16_24K)
    call.open()
    call.agent_says(1.0)
    call.pass_time(1.5, b64(np.zeros(480, np.int16)))
    assert {len(frame.pcm) for frame in call.of(PlayFrame)} == {960}
    assert {len(pybase64.b64decode(append.payload)) for append in call.of(AppendAudio)[1:]} <= {636, 638, 640, 642}


# --- barge-in -------------------------------------------------------------------------------------------------------


def test_barge_in_truncates_at_what_was_played(call: Call) -> None:
    call.agent_says(5.0)
    call.pass_time(2.0)
    started_at = call.moments(PlayFrame)[-1]
    effects = call.model(SpeechStarted("u1", 0))
    truncation = next(effect for effect in effects if isinstance(effect, TruncateItem))
    first_sent = call.notes("item.first_sent")
    assert len(first_sent) == 1
    sent_at = next(at for at, effect in call.done if effect is first_sent[0])
    played_ms = (call.now - sent_at) * 1000
    assert truncation.item_id == "i1"
    assert played_ms - 45 <= truncation.audio_end_ms <= played_ms
    assert sum(isinstance(effect, StopPlayback) for effect in effects) == 1
    assert not any(isinstance(effect, CancelResponse) for effect in effects)
    frames = len(call.of(PlayFrame))
    call.pass_time(1.0)
    assert len(call.of(PlayFrame)) == frames
    assert started_at <= call.now


def test_late_deltas_of_the_interrupted_response_are_never_played(call: Call) -> None:
    call.agent_says(2.0, whole=False)
    call.pass_time(1.0)
    call.model(SpeechStarted("u1", 0))
    frames = len(call.of(PlayFrame))
    call.model(AudioDelta("r1", "i1", b64(tone(1.0))))
    call.model(AudioDelta("r1", "i2", b64(tone(1.0))))
    call.model(ResponseDone("r1", "cancelled", "turn_detected"))
    call.pass_time(1.0)
    assert len(call.of(PlayFrame)) == frames
    assert call.session.downlink.late_deltas == 2


def test_the_answer_after_an_interruption_is_played(call: Call) -> None:
    call.agent_says(3.0, whole=False)
    call.pass_time(1.0)
    call.model(SpeechStarted("u1", 0))
    call.model(ResponseDone("r1", "cancelled", "turn_detected"))
    call.model(SpeechStopped("u1", 500))
    frames = len(call.of(PlayFrame))
    call.agent_says(1.0, "r2", "i2")
    call.pass_time(1.5)
    assert len(call.of(PlayFrame)) == frames + 50


def test_speech_while_nothing_plays_is_no_barge_in(call: Call) -> None:
    call.agent_says(0.5)
    call.pass_time(2.0)
    effects = call.model(SpeechStarted("u1", 0))
    assert not any(isinstance(effect, StopPlayback | TruncateItem) for effect in effects)


def test_a_second_speech_started_stops_once(call: Call) -> None:
    call.agent_says(3.0)
    call.pass_time(1.0)
    call.model(SpeechStarted("u1", 0))
    call.model(SpeechStarted("u2", 0))
    assert len(call.of(StopPlayback)) == 1
    assert len(call.of(TruncateItem)) == 1


def test_a_cough_does_not_end_the_answer_for_good(call: Call) -> None:
    call.agent_says(4.0, whole=False)
    call.pass_time(1.0)
    call.model(SpeechStarted("u1", 0))
    call.model(ResponseDone("r1", "cancelled", "turn_detected"))
    call.model(SpeechStopped("u1", 300))
    call.model(InputTranscript("u1", ""))
    asked = len(call.of(CreateResponse))
    call.pass_time(1.1)
    assert len(call.of(CreateResponse)) == asked
    call.pass_time(0.2)
    assert len(call.of(CreateResponse)) == asked + 1


# --- dead air -------------------------------------------------------------------------------------------------------


def turn(call: Call, words: str = "words") -> None:
    call.model(SpeechStarted("u1", 0))
    call.model(SpeechStopped("u1", 900))
    call.model(InputTranscript("u1", words))


def test_a_silent_model_leads_to_filler_question_and_apology(call: Call) -> None:
    turn(call)
    began = call.now
    call.pass_time(20.0)
    actions = [note.name for note in call.of(Note) if note.name.startswith("watchdog")]
    assert actions[0] == "watchdog.filler"
    assert "watchdog.ask_again" in actions
    assert actions[-1] == "watchdog.give_up"
    assert call.said()[-1] == "apology"
    assert call.of(HangUp)[0].outcome == Outcome(Reason.MODEL_STALLED)
    # never more than four seconds of nothing
    heard = [at for at, effect in call.done if isinstance(effect, PlayFrame) and at >= began]
    gaps = [second - first for first, second in zip([began, *heard], heard, strict=False)]
    assert max(gaps) < 4.0


def test_the_hang_up_waits_for_the_last_word(call: Call) -> None:
    turn(call)
    call.pass_time(25.0)
    last_frame = [at for at, effect in call.done if isinstance(effect, PlayFrame)][-1]
    hang_up = call.moments(HangUp)[0]
    assert hang_up >= last_frame + 0.15 + 0.7


def test_text_without_audio_is_progress_but_the_caller_still_hears_something(call: Call) -> None:
    turn(call)
    call.model(ResponseCreated("r1"))
    for number in range(40):
        call.model(TranscriptDelta("r1", "i1", f"word{number} "))
        call.pass_time(0.4)
    names = {note.name for note in call.of(Note)}
    assert "watchdog.filler" in names
    assert "watchdog.give_up" not in names


def test_an_answer_that_breaks_off_is_noticed(call: Call) -> None:
    turn(call)
    call.agent_says(1.0, whole=False)
    call.pass_time(4.5)
    assert call.said() == ["filler"]


def test_a_cough_into_silence_owes_nothing(call: Call) -> None:
    turn(call, words=" ")
    call.pass_time(15.0)
    assert call.said() == []


# --- failed responses -----------------------------------------------------------------------------------------------


def test_a_content_filter_is_answered_neutrally_and_the_conversation_goes_on(call: Call) -> None:
    turn(call)
    call.model(ResponseCreated("r1"))
    call.model(ResponseDone("r1", "incomplete", "content_filter"))
    call.pass_time(5.0)
    assert call.said() == ["neutral"]
    assert call.of(HangUp) == []


def test_a_failed_response_is_asked_for_once_more(call: Call) -> None:
    turn(call)
    call.model(ResponseCreated("r1"))
    call.model(ResponseDone("r1", "failed", error_code="server_error"))
    asked = len(call.of(CreateResponse))
    call.pass_time(0.6)
    assert len(call.of(CreateResponse)) == asked + 1


def test_three_failures_in_a_row_end_the_call_with_their_reason(call: Call) -> None:
    for number in range(3):
        turn(call)
        call.model(ResponseCreated(f"r{number}"))
        call.model(ResponseDone(f"r{number}", "failed", error_code="server_error"))
        call.pass_time(0.1)
    call.pass_time(8.0)
    assert call.said()[-1] == "apology"
    assert call.of(HangUp)[0].outcome == Outcome(Reason.MODEL_UNAVAILABLE)


@pytest.mark.parametrize("form", ["failed", "error"])
@pytest.mark.parametrize("throttled_s", [6.0, 60.0])
def test_a_throttled_model_is_asked_until_it_answers_or_for_as_long_as_callers_wait(
    call: Call, form: str, throttled_s: float
) -> None:
    turn(call)
    began, asked = call.now, 0
    call.model(ResponseCreated("r0"))
    call.model(ResponseDone("r0", "failed", error_code="rate_limit_exceeded"))
    while not call.of(HangUp) and call.now - began < 30.0:
        call.pass_time(0.1)
        requests = [request for request in call.of(CreateResponse) if request.say is None]
        for request in requests[asked:]:
            asked += 1
            if call.now - began >= throttled_s:
                call.model(ResponseCreated("good", request.event_id))
                call.model(ResponseDone("good", "completed"))
            elif form == "error":
                call.model(ModelError("rate_limit_exceeded", "", event_id=request.event_id))
            else:
                call.model(ResponseCreated(f"r{asked}", request.event_id))
                call.model(ResponseDone(f"r{asked}", "failed", error_code="rate_limit_exceeded"))
    assert "filler" in call.said()
    if throttled_s > THROTTLED_S:
        assert call.of(HangUp)[0].outcome == Outcome(Reason.MODEL_RATE_LIMITED)
        assert asked >= 6
    else:
        assert not call.of(HangUp)


# --- endings --------------------------------------------------------------------------------------------------------


def test_a_dead_model_leads_to_apology_and_goodbye_after_what_was_already_said(call: Call) -> None:
    call.agent_says(1.0, whole=False)
    call.model(ModelClosed(1011))
    call.pass_time(5.0)
    voiced_s = np.count_nonzero(np.abs(call.sound()) > 0) / 16000
    assert voiced_s == pytest.approx(2.0, abs=0.1)  # the sentence and the apology
    assert call.of(HangUp)[0].outcome == Outcome(Reason.MODEL_UNAVAILABLE)


def test_the_caller_hangs_up(call: Call) -> None:
    call.phone(PhoneClosed(1000))
    effects = call.phone(CallEnded())
    assert effects[-1] == End(Outcome(Reason.CALLER_HANGUP))
    assert call.session.state is CallState.ENDED


def test_nothing_happens_after_the_end(call: Call) -> None:
    call.phone(CallEnded())
    assert call.phone(PhoneAudio(SILENT_FRAME, 0.0)) == []
    assert call.model(SpeechStarted("u1", 0)) == []
    assert call.session.on_tick(call.now + 100) == []
    assert len(call.of(End)) == 1


def test_a_lost_socket_may_come_back(call: Call) -> None:
    call.agent_says(10.0)
    call.pass_time(1.0)
    call.phone(PhoneClosed(1006))
    call.now += 1.0
    call.open()
    call.pass_time(1.0)
    assert call.session.state is CallState.BRIDGED
    assert call.of(HangUp) == []


@pytest.mark.parametrize(("code", "reason"), [(1000, Reason.CALLER_HANGUP), (1006, Reason.MEDIA_LOST)])
def test_a_lost_socket_that_stays_away_ends_the_call(call: Call, code: int, reason: Reason) -> None:
    call.phone(PhoneClosed(code))
    for _ in range(600):
        call.now += TICK
        call._take(call.session.on_tick(call.now))
    assert call.of(HangUp) == [HangUp(Outcome(reason))]
    for _ in range(300):
        call.now += TICK
        call._take(call.session.on_tick(call.now))
    assert call.of(End) == [End(Outcome(reason))]


def test_our_own_hang_up_keeps_its_reason_when_the_network_confirms(call: Call) -> None:
    call.model(ModelClosed(None))
    call.pass_time(5.0)
    assert call.session.state is CallState.CLOSING
    assert call.phone(CallEnded())[-1] == End(Outcome(Reason.MODEL_UNAVAILABLE))
