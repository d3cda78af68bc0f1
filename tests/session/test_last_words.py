"""Ending the call and handing it over, in a whole session at invented times."""

from __future__ import annotations

from gateway.session.effects import CancelResponse, CreateResponse, HangUp, TellModel, ToolOutput, Transfer
from gateway.session.events import (
    AudioDelta,
    FunctionCall,
    InputTranscript,
    ModelEvent,
    PhoneDigit,
    ResponseCreated,
    ResponseDone,
    SpeechStarted,
    SpeechStopped,
    TransferAccepted,
    TransferFailed,
)
from gateway.session.settings import Interruptions, LineSettings, Shortcut, ToolSettings

from .conftest import Call, b64, tone

LINE = LineSettings(
    tools=ToolSettings(names=frozenset({"end_call", "transfer_call"}), destinations=("operator",)),
    keys={"0": Shortcut("transfer", to="operator")},
)


def talking() -> Call:
    """The agent has said something before."""
    call = Call(interruptions=Interruptions.RESUME, line=LINE)
    call.open()
    call.pass_time(0.5)
    call.agent_says(1.0, "r0", "i0")
    call.pass_time(2.0)
    return call


def says_and_calls(call: Call, tool: str, arguments: str = "{}", seconds: float = 2.0) -> None:
    """One answer: a sentence, then the call of a tool."""
    call.model(ResponseCreated("r1"))
    call.model(AudioDelta("r1", "i1", b64(tone(seconds))))
    call.model(FunctionCall("r1", "f1", "c1", tool, arguments))
    call.model(ResponseDone("r1", "completed"))


def caller_says(call: Call, text: str, item: str = "u9") -> list[ModelEvent]:
    """One short turn, transcribed at once."""
    call.model(SpeechStarted(item, 0))
    call.pass_time(0.4)
    call.model(SpeechStopped(item, 400))
    call.model(InputTranscript(item, text))
    return []


TRANSFER = '{"destination": "operator", "summary": "Wants an invoice."}'


def test_the_call_ends_when_the_last_word_has_been_heard() -> None:
    call = talking()
    says_and_calls(call, "end_call")
    call.pass_time(2.0)
    assert call.of(HangUp) == []
    call.pass_time(2.0)
    assert len(call.of(HangUp)) == 1


def test_a_caller_who_says_goodbye_too_does_not_keep_the_call_going() -> None:
    call = talking()
    says_and_calls(call, "end_call")
    call.pass_time(1.5)
    caller_says(call, "Okay, thank you, bye!")
    call.pass_time(4.0)
    assert len(call.of(HangUp)) == 1
    assert call.of(TellModel) == []


def test_a_caller_who_has_more_to_say_keeps_it() -> None:
    call = talking()
    says_and_calls(call, "end_call")
    call.pass_time(1.5)
    caller_says(call, "Wait, what about my invoice?")
    call.pass_time(5.0)
    assert call.of(HangUp) == []
    assert [message.text for message in call.of(TellModel)] == ["The caller spoke again: the call has not been ended."]


def test_a_caller_who_begins_to_speak_after_the_last_word_is_heard_out_first() -> None:
    call = talking()
    says_and_calls(call, "transfer_call", TRANSFER)
    call.pass_time(2.4)  # heard to its end, the network's tail not over yet
    call.model(SpeechStarted("u9", 0))
    call.pass_time(3.0)
    assert call.of(Transfer) == []
    call.model(SpeechStopped("u9", 3000))
    call.model(InputTranscript("u9", "No, not to a person, please help me yourself."))
    call.pass_time(5.0)
    assert call.of(Transfer) == []
    assert any("has not been transferred" in message.text for message in call.of(TellModel))


def test_thanks_are_no_objection_to_a_hand_over() -> None:
    call = talking()
    says_and_calls(call, "transfer_call", TRANSFER)
    call.pass_time(2.4)
    caller_says(call, "Great, thank you.")
    call.pass_time(3.0)
    assert [transfer.destination for transfer in call.of(Transfer)] == ["operator"]


def test_what_the_service_answers_while_it_rings_is_not_said() -> None:
    call = talking()
    says_and_calls(call, "transfer_call", TRANSFER)
    call.pass_time(4.0)
    assert len(call.of(Transfer)) == 1
    heard = len(call.sound())
    call.model(ResponseCreated("r2"))
    call.model(AudioDelta("r2", "i2", b64(tone(5.0))))
    assert call.of(CancelResponse)[-1].response_id == "r2"
    call.pass_time(3.0)
    assert len(call.sound()) > heard  # music goes on
    assert "i2" not in {str(note.fields.get("item_id")) for note in call.notes("item.first_sent")}


def test_after_a_hand_over_that_failed_the_agent_speaks_again() -> None:
    call = talking()
    says_and_calls(call, "transfer_call", TRANSFER)
    call.pass_time(4.0)
    call.phone(TransferFailed("busy"))
    assert "the line is busy" in call.of(TellModel)[-1].text
    asked = call.of(CreateResponse)[-1]
    call.model(ResponseCreated("r2", asked.event_id))
    call.model(AudioDelta("r2", "i2", b64(tone(1.0))))
    call.pass_time(1.0)
    assert "i2" in {str(note.fields.get("item_id")) for note in call.notes("item.first_sent")}


def test_a_call_that_somebody_took_is_not_hung_up() -> None:
    call = talking()
    call.phone(PhoneDigit("0"))
    call.pass_time(4.0)
    call.phone(TransferAccepted())
    call.pass_time(10.0)
    assert call.of(HangUp) == []
    assert call.session.outcome is not None
    assert call.session.outcome.reason == "transferred"


def test_outputs_come_before_the_next_request() -> None:
    call = talking()
    call.model(ResponseCreated("r1"))
    call.model(FunctionCall("r1", "f1", "c1", "end_call", "{}"))  # without a word
    call.model(ResponseDone("r1", "completed"))
    kinds = [type(effect) for _, effect in call.done if isinstance(effect, ToolOutput | CreateResponse)]
    assert kinds == [ToolOutput, CreateResponse]
