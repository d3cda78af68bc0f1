from __future__ import annotations

from collections.abc import Mapping

import pytest

from gateway.audio.pcm import PCM16_16K, Int16Array
from gateway.outcome import Outcome, Reason
from gateway.session.downlink import Downlink
from gateway.session.effects import CancelResponse, CreateResponse, Effect, Note, StopPlayback, TruncateItem
from gateway.session.events import AudioDelta, AudioDone
from gateway.session.farewell import LONGEST_S, Farewell
from gateway.session.gate import GateState
from gateway.session.settings import CallSettings, LineSettings, Phrase, Sentence
from gateway.session.speaker import MAX_REMEMBERED, OWN_TEXT_S, Speaker
from tests.session.conftest import b64, tone


def phrases(rate_hz: int, language: str) -> Mapping[Phrase, Int16Array]:
    """Half a second each; those in German are twice as long."""
    return {phrase: tone(1.0 if language == "de-DE" else 0.5, rate_hz) for phrase in Phrase}


class Voice:
    """A speaker on an open line, and the time that passes."""

    def __init__(self) -> None:
        line = LineSettings(languages=("en-US", "de-DE"))
        settings = CallSettings(PCM16_16K, PCM16_16K, PCM16_16K, phrases, line=line)
        self.downlink = Downlink(settings)
        self.speaker = Speaker(settings, self.downlink)
        self.now = 10.0
        self.out: list[Effect] = []
        self.downlink.open(PCM16_16K, self.now)

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.02)):
            self.downlink.on_tick(self.now, self.out)
            self.speaker.on_tick(self.now, self.out)
            self.now += 0.02

    def respond(self, request: CreateResponse | None, response_id: str, item_id: str, seconds: float) -> None:
        assert self.speaker.gate.created(response_id) == request
        self.speaker.response_created(request, response_id)
        self.downlink.on_delta(AudioDelta(response_id, item_id, b64(tone(seconds))))
        self.speaker.first_audio(response_id, item_id)
        self.downlink.on_done(AudioDone(response_id, item_id))
        self.speaker.response_done(response_id)
        self.speaker.gate.done(response_id)

    def asked(self) -> list[CreateResponse]:
        return [effect for effect in self.out if isinstance(effect, CreateResponse)]

    def clips(self) -> list[str]:
        return [
            str(effect.fields["clip"])
            for effect in self.out
            if isinstance(effect, Note) and effect.name == "clip.started"
        ]


HELP = Sentence(Phrase.EMERGENCY, {"en-US": "Help.", "de-DE": "Hilfe."})


def test_messages_of_ours_have_ids_of_their_own() -> None:
    voice = Voice()
    ids = [voice.speaker.number("ask") for _ in range(50)] + [voice.speaker.number("tell") for _ in range(50)]
    assert len(set(ids)) == 100


def test_quiet_is_when_the_last_word_has_been_heard_and_nothing_is_asked() -> None:
    voice = Voice()
    voice.pass_time(1.0)
    assert voice.speaker.quiet(voice.now)
    voice.speaker.ask(voice.out)
    assert voice.speaker.silent(voice.now)
    assert not voice.speaker.quiet(voice.now)
    voice.respond(voice.asked()[0], "r1", "i1", 1.0)
    assert voice.speaker.spoke("r1")
    began = voice.now
    while not voice.speaker.quiet(voice.now):
        voice.pass_time(0.02)
        assert voice.now - began < 10.0
    assert voice.now - began == pytest.approx(1.0 + 0.15 + 0.7, abs=0.3)


def test_a_sentence_without_text_is_a_recording() -> None:
    voice = Voice()
    voice.speaker.say_sentence(Sentence(Phrase.MACHINE), voice.now, voice.out)
    assert voice.clips() == ["machine"]
    assert voice.asked() == []


@pytest.mark.parametrize(("language", "text"), [("en-US", "Help."), ("de-DE", "Hilfe."), ("fr-FR", "Help.")])
def test_a_text_is_said_in_the_callers_language_or_the_first_there_is(language: str, text: str) -> None:
    voice = Voice()
    voice.speaker.language = language
    voice.speaker.say_sentence(HELP, voice.now, voice.out)
    assert [request.say for request in voice.asked()] == [text]


def test_a_sentence_begun_in_time_needs_no_recording() -> None:
    voice = Voice()
    voice.speaker.say_sentence(HELP, voice.now, voice.out, protected=True)
    assert voice.speaker.protected
    voice.respond(voice.asked()[0], "r1", "i1", 1.0)
    assert voice.speaker.protected
    voice.pass_time(4.0)
    assert voice.clips() == []
    assert not voice.speaker.protected


@pytest.mark.parametrize("why", ["late", "refused", "model gone"])
def test_a_sentence_the_service_does_not_say_is_said_by_the_recording(why: str) -> None:
    voice = Voice()
    voice.speaker.say_sentence(HELP, voice.now, voice.out, protected=True)
    (request,) = voice.asked()
    if why == "late":
        voice.pass_time(OWN_TEXT_S + 0.1)
    elif why == "refused":
        voice.speaker.gate.refused(request.event_id, "invalid")
        voice.speaker.refused(request.event_id, voice.out)
    else:
        voice.speaker.model_gone(voice.now, voice.out)
    assert voice.clips() == ["emergency"]
    assert voice.speaker.protected
    voice.pass_time(4.0)
    assert voice.clips() == ["emergency"]
    assert not voice.speaker.protected


def test_without_a_model_a_sentence_is_said_at_once() -> None:
    voice = Voice()
    voice.speaker.model_gone(voice.now, voice.out)
    voice.speaker.say_sentence(HELP, voice.now, voice.out)
    assert voice.clips() == ["emergency"]
    assert voice.asked() == []


def test_what_is_cut_off_is_not_protected_any_more() -> None:
    """Else the caller could not interrupt the agent for the rest of the call."""
    voice = Voice()
    voice.speaker.say(Phrase.HOLD, voice.out, protected=True)
    voice.pass_time(0.2)
    voice.speaker.stop(voice.now, voice.out)
    voice.pass_time(0.04)
    assert not voice.speaker.protected


def test_stopping_tells_network_and_model_what_was_heard() -> None:
    voice = Voice()
    voice.respond(None, "r1", "i1", 2.0)
    voice.pass_time(1.0)
    voice.speaker.stop(voice.now, voice.out)
    assert sum(isinstance(effect, StopPlayback) for effect in voice.out) == 1
    (truncation,) = [effect for effect in voice.out if isinstance(effect, TruncateItem)]
    assert 500 <= truncation.audio_end_ms <= 1000


def test_only_a_response_that_runs_is_cancelled() -> None:
    voice = Voice()
    voice.speaker.cancel_response(voice.out)
    assert voice.out == []
    voice.speaker.gate.created("r1")
    voice.speaker.cancel_response(voice.out)
    assert voice.speaker.gate.state is GateState.ACTIVE, "until the service says that it is over"
    assert [effect.response_id for effect in voice.out if isinstance(effect, CancelResponse)] == ["r1"]
    assert not voice.downlink.accepts("r1", "i1")


def test_not_every_response_is_remembered() -> None:
    voice = Voice()
    for number in range(3 * MAX_REMEMBERED):
        voice.speaker.first_audio(f"r{number}", f"i{number}")
    assert voice.speaker.has_spoken
    assert voice.speaker.spoke(f"r{3 * MAX_REMEMBERED - 1}")
    assert not voice.speaker.spoke("r0")


def test_its_text_form_says_no_words() -> None:
    voice = Voice()
    voice.speaker.say_sentence(HELP, voice.now, voice.out, protected=True)
    assert "Help" not in repr(voice.speaker)


# --- the last word --------------------------------------------------------------------------------------------------


def test_a_farewell_waits_for_the_last_word() -> None:
    voice, farewell = Voice(), Farewell()
    voice.pass_time(1.0)
    voice.speaker.say(Phrase.APOLOGY, voice.out)
    farewell.say(Outcome(Reason.MODEL_STALLED), voice.now)
    assert not farewell.due(voice.speaker, voice.now)
    began = voice.now
    while not farewell.due(voice.speaker, voice.now):
        voice.pass_time(0.02)
        assert voice.now - began < 10.0
    assert voice.now - began >= 0.5 + 0.15 + 0.7
    assert farewell.outcome == Outcome(Reason.MODEL_STALLED)


def test_a_farewell_that_is_never_said_ends_the_call_all_the_same() -> None:
    voice, farewell = Voice(), Farewell()
    voice.speaker.protect("say-1")
    voice.speaker.response_created(CreateResponse("say-1", say="Goodbye."), "r1")
    farewell.say(Outcome(Reason.MAX_DURATION), voice.now)
    voice.pass_time(LONGEST_S - 0.1)
    assert not farewell.due(voice.speaker, voice.now)
    voice.pass_time(0.2)
    assert farewell.due(voice.speaker, voice.now)
