"""What agent and keys do with the call, in a whole call at invented times."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pybase64
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.outcome import Outcome, Reason
from gateway.session.effects import (
    AppendAudio,
    AskTransferState,
    CreateResponse,
    Effect,
    End,
    HangUp,
    JudgeDigits,
    Note,
    PlayFrame,
    SendDigits,
    StopPlayback,
    TellModel,
    ToolOutput,
    Transfer,
)
from gateway.session.events import (
    AudioDelta,
    AudioDone,
    CallEnded,
    DigitsJudged,
    DigitsSent,
    FunctionCall,
    InputTranscript,
    ModelClosed,
    PhoneClosed,
    PhoneDigit,
    ResponseCreated,
    ResponseDone,
    SpeechStarted,
    SpeechStopped,
    TransferAccepted,
    TransferFailed,
    TransferState,
)
from gateway.session.handover import LONGEST_S, MAX_ATTEMPTS, SENTENCE_S
from gateway.session.settings import Interruptions, LineSettings, Phrase, Sentence, Shortcut, ToolSettings
from gateway.session.state import CallState
from gateway.session.tools import TOOL_S
from tests.session.conftest import Call, b64, tone

TOOLS = ToolSettings(
    names=frozenset({"end_call", "transfer_call", "send_digits", "collect_digits", "hold_line"}),
    destinations=("operator", "billing"),
)
LINE = LineSettings(tools=TOOLS, keys={"0": Shortcut("transfer", to="operator")}, silence=None)
SECURE = replace(TOOLS, digits_secure=True, digits_judged=True)


def opened(line: LineSettings = LINE, **options: Any) -> Call:
    call = Call(line=line, **options)
    call.open()
    call.pass_time(0.5)
    return call


def respond(call: Call, *tools: tuple[str, Any], says_s: float = 0.0, response: str = "r1") -> list[Effect]:
    """One response of the model: some words, some tools."""
    effects = call.model(ResponseCreated(response))
    if says_s:
        effects += call.model(AudioDelta(response, f"{response}-words", b64(tone(says_s))))
        effects += call.model(AudioDone(response, f"{response}-words"))
    for number, (name, arguments) in enumerate(tools):
        text = json.dumps(arguments)
        effects += call.model(FunctionCall(response, f"{response}-i{number}", f"{response}-c{number}", name, text))
    return effects + call.model(ResponseDone(response, "completed"))


def connect(call: Call, says_s: float = 0.5, response: str = "r1") -> list[Effect]:
    return respond(call, ("transfer_call", {"destination": "operator"}), says_s=says_s, response=response)


def outputs(call: Call) -> list[dict[str, Any]]:
    return [json.loads(output.output) for output in call.of(ToolOutput)]


def told(call: Call) -> list[str]:
    return [message.text for message in call.of(TellModel)]


def press(call: Call, keys: str) -> None:
    for key in keys:
        call.phone(PhoneDigit(key))
        call.pass_time(0.2)


# --- ending ---------------------------------------------------------------------------------------------------------


def test_a_call_ends_when_the_goodbye_has_been_heard() -> None:
    call = opened()
    respond(call, ("end_call", {}), says_s=2.0)
    call.pass_time(5.0)
    last_frame = call.moments(PlayFrame)[-1]
    assert call.of(HangUp) == [HangUp(Outcome(Reason.AGENT_HANGUP))]
    assert call.moments(HangUp)[0] >= last_frame + 0.15 + 0.7
    assert call.of(CreateResponse) == []


def test_an_agent_that_hangs_up_without_a_word_is_made_to_say_one() -> None:
    call = opened()
    call.agent_says(0.2, "r0", "i0")
    respond(call, ("end_call", {}))
    (request,) = call.of(CreateResponse)
    assert request.instructions is not None
    assert not request.uses_tools
    call.agent_says(1.0, "r2", "i2")
    call.pass_time(4.0)
    assert len(call.of(HangUp)) == 1


def test_nobody_hangs_up_on_a_caller_who_has_not_heard_anything() -> None:
    call = opened()
    respond(call, ("end_call", {}))
    assert outputs(call)[0]["status"] == "refused"
    call.agent_says(0.5, "r2", "i2")
    call.pass_time(5.0)
    assert call.of(HangUp) == []


def test_a_caller_who_cuts_the_goodbye_off_is_not_hung_up_on() -> None:
    call = opened()
    respond(call, ("end_call", {}), says_s=3.0)
    call.pass_time(1.0)
    call.model(SpeechStarted("u1", 0))
    call.pass_time(0.2)
    call.model(SpeechStopped("u1", 900))
    call.model(InputTranscript("u1", "One more thing."))
    call.agent_says(0.5, "r2", "i2")
    call.pass_time(10.0)
    assert call.of(HangUp) == []
    assert any("not been ended" in text for text in told(call))


# --- handing over ---------------------------------------------------------------------------------------------------


def test_the_network_is_asked_when_the_sentence_has_been_heard() -> None:
    call = opened()
    connect(call, says_s=2.0)
    call.pass_time(4.0)
    assert call.of(Transfer) == [Transfer("operator", "", 1)]
    words = [at for at, effect in call.done if isinstance(effect, PlayFrame)][99]
    assert call.moments(Transfer)[0] >= words + 0.15 + 0.7
    assert outputs(call) == [{"status": "connecting; you will be told if nobody answers"}]
    assert call.of(CreateResponse) == []


def test_a_silent_agent_is_spoken_for() -> None:
    call = opened()
    connect(call, says_s=0.0)
    assert call.said() == ["connecting"]
    call.pass_time(3.0)
    assert len(call.of(Transfer)) == 1


def test_while_it_rings_the_caller_hears_music_and_the_model_hears_nothing_of_the_caller() -> None:
    call = opened()
    connect(call)
    call.pass_time(3.0)
    before = len(call.of(AppendAudio))
    frames = len(call.of(PlayFrame))
    voice = b64(tone(0.02))
    call.pass_time(10.0, voice)
    assert set(call.said()) == {"hold"}
    assert len(call.of(PlayFrame)) - frames == pytest.approx(500, abs=60)
    appended = call.of(AppendAudio)[before:]
    assert len(appended) >= 499
    assert voice not in [piece.payload for piece in appended]


def test_a_caller_who_cuts_in_before_it_rings_stays() -> None:
    call = opened()
    connect(call, says_s=3.0)
    call.pass_time(1.0)
    call.model(SpeechStarted("u1", 0))
    call.pass_time(20.0)
    assert call.of(Transfer) == []
    assert any("not been transferred" in text for text in told(call))


def test_somebody_has_the_caller_and_our_leg_ends() -> None:
    call = opened()
    connect(call)
    call.pass_time(3.0)
    call.phone(TransferAccepted())
    assert call.session.state is CallState.CLOSING
    assert call.phone(CallEnded())[-1] == End(Outcome(Reason.TRANSFERRED))
    assert call.of(HangUp) == [], "hanging up would end it for them"


@pytest.mark.parametrize("repeated", [1, 3])
def test_the_end_of_our_leg_may_come_before_the_news_why(repeated: int) -> None:
    call = opened()
    connect(call)
    call.pass_time(3.0)
    call.phone(PhoneClosed(1000))
    for _ in range(repeated):
        call.phone(CallEnded())
    assert call.of(End) == []
    assert call.phone(TransferAccepted())[-1] == End(Outcome(Reason.TRANSFERRED))


def test_a_caller_who_gives_up_while_it_rings_has_hung_up() -> None:
    call = opened()
    connect(call)
    call.pass_time(3.0)
    call.phone(PhoneClosed(1000))
    call.phone(CallEnded())
    for _ in range(100):
        call.now += 0.02
        call._take(call.session.on_tick(call.now))
    assert call.of(End) == [End(Outcome(Reason.CALLER_HANGUP))]


def test_a_stream_that_was_gone_when_nobody_answered_has_its_reason() -> None:
    call = opened()
    connect(call)
    call.pass_time(3.0)
    call.phone(PhoneClosed(1000))
    call.phone(TransferFailed("busy"))
    for _ in range(2000):
        call.now += 0.02
        call._take(call.session.on_tick(call.now))
    assert call.of(End) == [End(Outcome(Reason.CALLER_HANGUP))]


@pytest.mark.parametrize("news", [TransferFailed("busy"), TransferState(under_way=False)])
def test_when_nobody_answers_the_agent_goes_on(news: Any) -> None:
    call = opened()
    connect(call)
    call.pass_time(3.0)
    asked = len(call.of(CreateResponse))
    call.phone(news)
    assert len(call.of(CreateResponse)) == asked + 1
    assert "not connected with operator" in told(call)[-1]
    call.agent_says(1.0, "r2", "i2")
    music = len(call.said())
    call.pass_time(2.0, b64(tone(0.02)))
    assert len(call.said()) == music, "no music any more"
    effects = call.model(SpeechStarted("u1", 0))
    assert not call.session._speaker.protected, "what the music left does not make the agent deaf"
    assert effects
    assert np.abs(np.frombuffer(pybase64.b64decode(call.of(AppendAudio)[-1].payload), "<i2")).max() > 4000


def test_a_network_that_says_nothing_is_asked_and_given_up_at_last() -> None:
    call = opened()
    connect(call)
    call.pass_time(3.0)
    call.pass_time(LONGEST_S + 1.0)
    assert len(call.of(AskTransferState)) == 6
    assert call.notes("transfer.failed")
    assert len(call.of(CreateResponse)) == 1


def test_a_call_has_two_attempts() -> None:
    call = opened()
    for number in range(MAX_ATTEMPTS + 2):
        connect(call, response=f"r{number}")
        call.pass_time(3.0)
        call.phone(TransferFailed("busy"))
        call.now += 30.0
    assert len(call.of(Transfer)) == MAX_ATTEMPTS
    assert [output["status"].split(";")[0] for output in outputs(call)] == ["connecting"] * 2 + ["refused"] * 2


def test_a_key_calls_a_person_even_when_the_model_is_silent() -> None:
    call = opened()
    press(call, "0")
    assert call.said() == ["connecting"]
    call.pass_time(3.0)
    assert [transfer.destination for transfer in call.of(Transfer)] == ["operator"]


def test_a_model_that_is_lost_in_the_middle_of_a_word_delays_nobody() -> None:
    """Nothing will end its response, so nothing of it is waited for but what was said."""
    call = opened(replace(LINE, overflow_to="operator"))
    call.agent_says(0.5, whole=False)
    call.model(ModelClosed(1011))
    began = call.now
    call.pass_time(SENTENCE_S)
    assert call.moments(Transfer)[0] - began < 4.0


def test_a_model_that_is_lost_during_the_disclosure_delays_nobody() -> None:
    line = replace(LINE, overflow_to="operator", disclosure=Sentence(Phrase.DISCLOSURE))
    call = Call(line=line)
    call.open()
    call.pass_time(0.3)
    call.model(ModelClosed(1011))
    began = call.now
    call.pass_time(SENTENCE_S)
    assert call.said()[:2] == ["disclosure", "connecting"]
    assert call.moments(Transfer)[0] - began < 5.0


def test_when_neither_agent_nor_person_is_left_there_is_an_apology() -> None:
    call = opened(replace(LINE, overflow_to="operator"))
    call.model(ModelClosed(1011))
    for _ in range(MAX_ATTEMPTS):
        call.pass_time(4.0)
        call.phone(TransferFailed("busy"))
    call.pass_time(5.0)
    assert len(call.of(Transfer)) == MAX_ATTEMPTS
    assert call.said()[-1] == "apology"
    assert call.of(HangUp) == [HangUp(Outcome(Reason.MODEL_UNAVAILABLE))]


def speak(call: Call, item_id: str) -> None:
    call.model(SpeechStarted(item_id, 0))
    call.model(SpeechStopped(item_id, 100))
    call.model(InputTranscript(item_id, "wait"))


STEPS = (
    "connect", "key", "speech", "accepted", "failed", "state", "model gone", "closed", "opened", "ended", "wait",
)  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from(STEPS), st.floats(0.0, 6.0)), max_size=12))
@settings(max_examples=60, deadline=None)
def test_whatever_happens_nobody_is_transferred_into_a_sentence_or_more_than_twice(
    story: list[tuple[str, float]],
) -> None:
    call = opened(replace(LINE, overflow_to="billing"))
    happens: dict[str, Callable[[str], object]] = {
        "connect": lambda number: connect(call, response=f"r{number}"),
        "key": lambda _number: call.phone(PhoneDigit("0")),
        "speech": lambda number: speak(call, f"u{number}"),
        "accepted": lambda _number: call.phone(TransferAccepted()),
        "failed": lambda _number: call.phone(TransferFailed("busy")),
        "state": lambda _number: call.phone(TransferState(under_way=False)),
        "model gone": lambda _number: call.model(ModelClosed(None)),
        "closed": lambda _number: call.phone(PhoneClosed(1000)),
        "opened": lambda _number: call.open(),
        "ended": lambda _number: call.phone(CallEnded()),
        "wait": lambda _number: None,
    }
    for number, (step, seconds) in enumerate(story):
        happens[step](str(number))
        call.pass_time(seconds)
    assert len(call.of(Transfer)) <= MAX_ATTEMPTS
    assert len(call.of(End)) <= 1
    assert len(call.of(HangUp)) <= 1
    notes = [(at, effect) for at, effect in call.done if isinstance(effect, Note)]
    begun = [at for at, note in notes if note.name == "key.pressed" or note.fields.get("result") == "done"]
    voiced = [at for at, effect in call.done if isinstance(effect, PlayFrame) and any(effect.pcm)]
    for at in call.moments(Transfer):
        in_time = all(at - since >= SENTENCE_S for since in begun if since <= at)
        spoken = [frame for frame in voiced if frame < at]
        assert in_time or not spoken or at - spoken[-1] >= 0.7
    for at, effect in call.done:
        if isinstance(effect, HangUp):
            assert not any(isinstance(other, Transfer | StopPlayback) and later > at for later, other in call.done)


# --- tools and their answers ----------------------------------------------------------------------------------------


def unanswered_when_asked(call: Call) -> list[str]:
    """Calls whose response was over, and that had no output, when the model was asked to go on."""
    waiting: dict[str, str] = {}
    over: list[str] = []
    late: list[str] = []
    for _, effect in call.done:
        if isinstance(effect, ToolOutput):
            waiting.pop(effect.call_id, None)
        elif isinstance(effect, CreateResponse):
            late += [call_id for call_id in waiting if waiting[call_id] in over]
        elif getattr(effect, "name", "") == "response.done":
            over.append(str(effect.fields["response_id"]))  # type: ignore[union-attr] # a Note, by its name
    return late


def test_an_output_comes_before_the_next_response_is_asked_for() -> None:
    call = opened()
    effects = respond(call, ("transfer_call", {"destination": "nobody"}))
    kinds = [type(effect) for effect in effects]
    assert kinds.index(ToolOutput) < kinds.index(CreateResponse)
    assert kinds.count(ToolOutput) == kinds.count(CreateResponse) == 1


def test_tones_take_their_time_and_are_answered_at_once() -> None:
    """A caller's turn meanwhile must not find a call without its output in the model's history."""
    call = opened()
    respond(call, ("send_digits", {"digits": "12#"}), says_s=0.2)
    assert call.of(SendDigits) == [SendDigits("12#")]
    assert len(outputs(call)) == 1
    assert call.of(CreateResponse) == []
    call.phone(DigitsSent(sent=True))
    assert "sent" in told(call)[-1]
    assert len(call.of(CreateResponse)) == 1
    call.phone(DigitsSent(sent=True))
    assert len(told(call)) == 1


@pytest.mark.parametrize("news", [DigitsSent(sent=False), None])
def test_tones_that_were_not_sent_are_told_so(news: DigitsSent | None) -> None:
    call = opened()
    respond(call, ("send_digits", {"digits": "12#"}), says_s=0.2)
    if news is not None:
        call.phone(news)
    else:
        call.pass_time(TOOL_S + 0.2)
    assert "could not be sent" in told(call)[-1]
    assert len(call.of(CreateResponse)) == 1


def test_only_one_sequence_of_tones_is_sent_at_a_time() -> None:
    call = opened()
    respond(call, ("send_digits", {"digits": "1"}), ("send_digits", {"digits": "2"}), says_s=0.2)
    assert call.of(SendDigits) == [SendDigits("1")]
    assert [output["status"] for output in outputs(call)][1] == "refused"


def test_a_model_that_calls_tools_for_ever_is_made_to_speak() -> None:
    call = opened()
    respond(call, ("no_such_tool", {}), response="r0")
    for number in range(1, 40):
        request = call.of(CreateResponse)[-1]
        if not request.uses_tools:
            break
        respond(call, ("no_such_tool", {}), response=f"r{number}")
        call.pass_time(0.2)
    else:
        pytest.fail("the caller would never hear anything")


def test_a_call_that_comes_twice_is_noted_once() -> None:
    call = opened()
    call.model(ResponseCreated("r1"))
    for _ in range(3):
        call.model(FunctionCall("r1", "i1", "c1", "hold_line", "{}"))
    call.model(ResponseDone("r1", "completed"))
    call.model(FunctionCall("r1", "i1", "c1", "hold_line", "{}"))
    assert len(call.notes("tool.called")) == 1
    assert len(outputs(call)) == 1


TOOL_CALLS = [
    ("end_call", {}),
    ("send_digits", {"digits": "1"}),
    ("send_digits", {"digits": "x"}),
    ("collect_digits", {"count": 2, "purpose": "x"}),
    ("hold_line", {"seconds": 5}),
    ("no_such_tool", {}),
]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["response", "late call", "sent", "speech", "key", "wait"]),
            st.lists(st.sampled_from(range(len(TOOL_CALLS))), max_size=3),
            st.booleans(),
        ),
        max_size=10,
    )
)
@settings(max_examples=60, deadline=None)
def test_every_call_is_answered_once_and_before_the_model_is_asked_again(
    story: list[tuple[str, list[int], bool]],
) -> None:
    call = opened(interruptions=Interruptions.CUT)
    call.agent_says(0.1, "r-first", "i-first")
    asked: list[str] = []
    for number, (step, tools, speaks) in enumerate(story):
        response = f"r{number}"
        match step:
            case "response":
                respond(call, *[TOOL_CALLS[tool] for tool in tools], says_s=0.3 * speaks, response=response)
                asked += [f"{response}-c{place}" for place in range(len(tools))]
            case "late call":
                respond(call, says_s=0.3 * speaks, response=response)
                for place, tool in enumerate(tools):
                    name, arguments = TOOL_CALLS[tool]
                    event = FunctionCall(response, f"{response}-i", f"{response}-c{place}", name, json.dumps(arguments))
                    call.model(event)
                    if speaks:
                        call.model(event)
                    asked.append(event.call_id)
            case "sent":
                call.phone(DigitsSent(sent=speaks))
            case "speech":
                speak(call, f"u{number}")
            case "key":
                call.phone(PhoneDigit("1"))
            case _:
                call.pass_time(2.0)
        if call.session.state is not CallState.BRIDGED:
            return
    answered = [output.call_id for output in call.of(ToolOutput)]
    assert sorted(answered) == sorted(asked)
    assert len(call.of(SendDigits)) <= sum(tool == 1 for _, tools, _ in story for tool in tools)
    assert unanswered_when_asked(call) == []


# --- digits ---------------------------------------------------------------------------------------------------------


def collect(call: Call, count: int = 4, terminator: str = "#", response: str = "r1") -> None:
    respond(
        call,
        ("collect_digits", {"count": count, "terminator": terminator, "purpose": "PIN"}),
        says_s=0.3,
        response=response,
    )


@pytest.mark.parametrize(("to_agent", "words"), [(True, "4711"), (False, "4 digits")])
def test_the_agent_is_told_what_it_may_know(to_agent: bool, words: str) -> None:
    call = opened(replace(LINE, tools=replace(TOOLS, digits_to_agent=to_agent)))
    collect(call)
    press(call, "4711")
    assert told(call) == [f"The caller has typed what you asked for: {words}."]
    assert len(call.of(CreateResponse)) == 1


def test_a_key_stops_the_voice_that_asks_for_it() -> None:
    call = opened()
    collect(call)
    call.agent_says(5.0, "r2", "i2")
    call.pass_time(0.5)
    call.phone(PhoneDigit("1"))
    assert len(call.of(StopPlayback)) == 1
    frames = len(call.of(PlayFrame))
    call.pass_time(0.5)
    assert len(call.of(PlayFrame)) == frames


def test_who_types_nothing_is_waited_for_and_that_is_told() -> None:
    call = opened()
    collect(call)
    call.pass_time(12.0)
    assert told(call) == ["The caller typed nothing."]


@pytest.mark.parametrize("result", ["The PIN is right.", None])
def test_a_service_that_judges_digits_is_all_the_agent_hears_of_them(result: str | None) -> None:
    call = opened(replace(LINE, tools=SECURE))
    collect(call)
    press(call, "860913"[:4])
    assert call.of(JudgeDigits) == [JudgeDigits("PIN", "8609")]
    call.hook(DigitsJudged(result))
    (words,) = told(call)
    assert (result or "could not be checked") in words
    call.hook(DigitsJudged("once more"))
    assert len(told(call)) == 1


def test_a_judgement_that_comes_while_the_stream_is_away_is_not_lost() -> None:
    call = opened(replace(LINE, tools=SECURE))
    collect(call)
    press(call, "8609")
    call.phone(PhoneClosed(1006))
    call.hook(DigitsJudged("The PIN is right."))
    call.open()
    (words,) = told(call)
    assert "The PIN is right." in words


def secret_story(call: Call, digits: str) -> None:
    """A caller presses keys too early, then types a PIN while speaking, and is asked once more."""
    voice = b64(tone(0.02))
    call.pass_time(0.3)
    for key in digits[:2]:
        call.phone(PhoneDigit(key))
        call.pass_time(0.1)
    collect(call, count=6)
    call.pass_time(0.2)
    for key in digits[2:6]:
        call.phone(PhoneDigit(key))
        call.pass_time(0.3, voice)
    call.hook(DigitsJudged("wrong"))
    collect(call, count=6, response="r2")
    call.pass_time(0.5)
    for key in digits[:3]:
        call.phone(PhoneDigit(key))
    call.pass_time(6.0)
    call.hook(DigitsJudged(None))


@given(st.text("23456789", min_size=6, max_size=6))
@settings(max_examples=30, deadline=None)
def test_secure_digits_reach_nobody_but_the_service_that_judges_them(digits: str) -> None:
    """No note, no effect for the model, no text form; and no key is counted while they are typed."""
    line = replace(LINE, tools=SECURE)
    typed, other = opened(line), opened(line)
    secret_story(typed, digits)
    secret_story(other, "222222")
    assert [judged.digits for judged in typed.of(JudgeDigits)] == [digits, digits[:3]]

    def seen(call: Call) -> list[str]:
        return [repr(effect) for _, effect in call.done if not isinstance(effect, PlayFrame)] + [
            repr(call.session),
            repr(call.session._control),
            repr(call.session._control.keys),
            repr(call.session._control.tools),
        ]

    assert seen(typed) == seen(other), "what is seen does not depend on what was typed"
    assert len(typed.notes("key.pressed")) == 2, "those pressed before anything was asked"


def test_while_secure_digits_are_typed_the_model_does_not_hear_the_caller() -> None:
    call = opened(replace(LINE, tools=SECURE))
    collect(call)
    call.pass_time(0.2)
    before = len(call.of(AppendAudio))
    voice = b64(tone(0.02))
    call.pass_time(2.0, voice)
    heard = [piece.payload for piece in call.of(AppendAudio)[before:]]
    assert len(heard) >= 99
    assert voice not in heard


def test_a_tone_of_a_key_is_not_for_the_model_whoever_wants_it() -> None:
    call = opened()
    call.phone(PhoneDigit("5"))
    before = len(call.of(AppendAudio))
    call.pass_time(0.06, b64(tone(0.02)))
    heard = call.of(AppendAudio)[before:]
    assert max(np.abs(np.frombuffer(pybase64.b64decode(piece.payload), "<i2")).max() for piece in heard) < 800
    call.pass_time(0.1, b64(tone(0.02)))
    assert call.of(AppendAudio)[-1].payload == b64(tone(0.02))


# --- keys -----------------------------------------------------------------------------------------------------------


def test_a_key_without_a_meaning_changes_nothing() -> None:
    call = opened()
    call.agent_says(2.0)
    call.pass_time(0.5)
    call.phone(PhoneDigit("7"))
    assert call.of(StopPlayback) == []


@pytest.mark.parametrize(
    ("shortcut", "words"),
    [(Shortcut("tell_agent", text="The caller chose billing."), "billing"), (Shortcut("repeat"), "once more")],
)
def test_a_key_tells_the_agent_something(shortcut: Shortcut, words: str) -> None:
    call = opened(replace(LINE, keys={"1": shortcut}))
    call.phone(PhoneDigit("1"))
    assert words in told(call)[0]
    assert len(call.of(CreateResponse)) == 1


def test_a_key_says_goodbye() -> None:
    call = opened(replace(LINE, keys={"*": Shortcut("hang_up")}))
    call.phone(PhoneDigit("*"))
    call.agent_says(1.0, "r2", "i2")
    call.pass_time(4.0)
    assert call.of(HangUp) == [HangUp(Outcome(Reason.AGENT_HANGUP))]


def test_a_disclosure_is_heard_to_its_end_whatever_is_pressed() -> None:
    call = Call(line=replace(LINE, disclosure=Sentence(Phrase.DISCLOSURE)))
    call.open()
    call.pass_time(0.3)
    call.phone(PhoneDigit("0"))
    call.pass_time(3.0)
    voiced_s = np.count_nonzero(np.abs(call.sound()) > 0) / 16000
    assert voiced_s == pytest.approx(2.0, abs=0.2)  # disclosure and connecting
