"""What the agent's tools, the caller's keys and the network's news do with the call itself.

Nothing here cuts the agent's last word: a call is ended, and handed over, when everything that was said has been
heard. A tool that takes its time is answered at once, and what came of it is told in a message: a caller's turn in
between must not find a call without its output in the model's history.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from gateway.outcome import Outcome, Reason
from gateway.session.answers import Answers
from gateway.session.downlink import Downlink
from gateway.session.effects import Effect, Note, SendDigits
from gateway.session.events import DigitsSent, FunctionCall, ResponseDone
from gateway.session.handing_over import HandingOver
from gateway.session.handover import Wish
from gateway.session.keys import Keys
from gateway.session.settings import CallSettings
from gateway.session.speaker import Speaker
from gateway.session.tools import (
    TOOL_S,
    Asked,
    CollectDigits,
    EndCall,
    HoldLine,
    ReportEmergency,
    SendTones,
    Tools,
    TransferCall,
)

GOODBYE_S = 12.0
"""A goodbye that is not over by then is not waited for."""
SAY_GOODBYE = "Say goodbye to the caller in one short sentence, in the caller's language. Do not ask anything."


class CallControl:
    """See the module.

    Args:
        settings: of the call.
        speaker: the agent's voice.
        downlink: what is heard of it.
        answers: the agent.
        leave: the call ends, for this reason, and not by hanging up: somebody else has it.
        hang_up: the call ends now, for this reason.
        excuse: the caller may be silent until then.
        emergency: the model says that the caller is in danger.
    """

    def __init__(  # noqa: PLR0913 - what it works with, and the four things it can do to the call
        self,
        settings: CallSettings,
        speaker: Speaker,
        downlink: Downlink,
        answers: Answers,
        *,
        leave: Callable[[Outcome, float], None],
        hang_up: Callable[[Outcome, float], None],
        excuse: Callable[[float], None],
        emergency: Callable[[float, list[Effect]], None],
    ) -> None:
        line = settings.line
        self._speaker = speaker
        self._answers = answers
        self._hang_up = hang_up
        self._excuse = excuse
        self._emergency = emergency
        self.tools = Tools(line.tools, has_emergency=line.emergency is not None)
        self.handing_over = HandingOver(speaker, downlink, answers, leave)
        self.keys = Keys(line, speaker, downlink, answers, self.handing_over, self._say_goodbye)
        self._ending_since: float | None = None
        """somebody wants to end the call, since then"""
        self._objections = 0
        """of the caller, when the end or a hand-over was wished"""
        self._sending_until: float | None = None
        """tones are being sent; without news by then they are taken for lost"""

    def __repr__(self) -> str:
        return f"<CallControl {self.tools!r} {self.handing_over!r} {self.keys!r}>"

    @property
    def private(self) -> bool:
        """What the caller says now is not for the model."""
        return self.handing_over.ringing or self.keys.secret

    @property
    def busy(self) -> bool:
        """Something is under way that the caller waits for, or works on: nobody asks whether they are still there."""
        waits = self._sending_until is not None or self._ending_since is not None
        return waits or self.handing_over.under_way or self.keys.busy

    # --- tools ----------------------------------------------------------------------------------------------------

    def on_function_call(self, event: FunctionCall, now: float, out: list[Effect]) -> None:
        """Carry out what the model asks for."""
        if self.tools.knows(event.call_id):
            return  # it came twice
        asked = self.tools.take(event, now)
        if asked is not None:
            self._carry_out(asked, now, out)
        result = "refused" if self.tools.was_refused(event.call_id) else "done"
        out.append(Note("tool.called", {"tool": self.tools.name_of(event.call_id), "result": result}))
        self._tell_outputs(now, out)

    def on_response_done(self, event: ResponseDone, now: float, out: list[Effect]) -> None:
        """Tell the model what came of the calls of a response, and let it go on."""
        self.tools.response_done(event.response_id)
        self._tell_outputs(now, out)
        self.handing_over.on_response_done(event, out)

    def on_sent(self, event: DigitsSent, now: float, out: list[Effect]) -> None:
        """The network has sent the tones, or can not."""
        if self._sending_until is not None:
            self._sending_until = None
            self._speaker.tell("The tones have been sent." if event.sent else "The tones could not be sent.", out)
            self._answers.let_answer(now, out)

    def _carry_out(self, asked: Asked, now: float, out: list[Effect]) -> None:
        match asked:
            case EndCall():
                self._end_call(asked, now, out)
            case TransferCall():
                self._transfer_call(asked, now)
            case SendTones():
                self._send_tones(asked, now, out)
            case CollectDigits(call_id=call_id):
                self.tools.answer(call_id, {"status": "waiting for the caller to type"}, follow_up=None)
                self.keys.collect(asked, now, out)
            case HoldLine(call_id=call_id, seconds=seconds):
                self.tools.answer(call_id, {"status": "waiting; you will hear the caller"}, follow_up=None)
                self._excuse(now + seconds)
            case ReportEmergency(call_id=call_id):
                self.tools.answer(call_id, {"status": "the caller is told where to get help"}, follow_up=False)
                self._emergency(now, out)

    def _end_call(self, asked: EndCall, now: float, out: list[Effect]) -> None:
        if not self._speaker.has_spoken:
            self.tools.refuse(asked.call_id, "nothing has been said in this call yet")
            return
        self.tools.answer(asked.call_id, {"status": "the call ends when the caller has heard you"}, follow_up=False)
        if self._speaker.spoke(asked.response_id):
            self._end_when_heard(now)
        else:
            self._say_goodbye(now, out)

    def _transfer_call(self, asked: TransferCall, now: float) -> None:
        if not self.handing_over.possible:
            self.tools.refuse(asked.call_id, "no further attempt is possible in this call")
            return
        told = {"status": "connecting; you will be told if nobody answers"}
        self.tools.answer(asked.call_id, told, follow_up=False)
        self._ending_since = None
        self.keys.cancel()
        self._objections = self._answers.caller.objections
        self._answers.caller.part()
        self.handing_over.wish(Wish(asked.destination, asked.summary, asked.response_id), now)

    def _send_tones(self, asked: SendTones, now: float, out: list[Effect]) -> None:
        if self._sending_until is not None:
            self.tools.refuse(asked.call_id, "digits are being sent already")
            return
        told = {"status": "sending; you will be told when they are out"}
        self.tools.answer(asked.call_id, told, follow_up=False)
        self._sending_until = now + TOOL_S
        out.append(SendDigits(asked.digits))

    def _tell_outputs(self, now: float, out: list[Effect]) -> None:
        speaker = self._speaker
        outputs, go_on = self.tools.take_outputs(lambda: speaker.number("output"), speaker.spoke)
        out += [replace(output, item_id=speaker.remember(output.event_id)) for output in outputs]
        if go_on:
            # A model in a loop would be refused, and asked to go on, for ever: now it can only speak.
            self._answers.let_answer(now, out, uses_tools=not self.tools.exhausted(now))

    # --- keys, ending ---------------------------------------------------------------------------------------------

    def on_digit(self, digit: str, now: float, out: list[Effect]) -> None:
        """A key was pressed; one pressed on the way to a person is too late."""
        if not self.handing_over.under_way:
            self.keys.on_digit(digit, now, out)

    def hand_over(self, destination: str, summary: str, now: float, out: list[Effect]) -> bool:
        """A rule of the line wants it. Returns whether that is possible."""
        self._ending_since = None
        self.keys.cancel()
        return self.handing_over.hand_over(destination, summary, now, out)

    def _say_goodbye(self, now: float, out: list[Effect]) -> None:
        """The agent says goodbye, and the call ends after it."""
        self._speaker.ask(out, SAY_GOODBYE, uses_tools=False)
        self._end_when_heard(now)

    def _end_when_heard(self, now: float) -> None:
        self._ending_since, self._objections = now, self._answers.caller.objections
        self._answers.caller.part()

    # --- time -----------------------------------------------------------------------------------------------------

    def on_tick(self, now: float, out: list[Effect]) -> None:
        if self._answers.caller.objections != self._objections:
            self._objections = self._answers.caller.objections
            self._on_objection(out)
        if self._sending_until is not None and now >= self._sending_until:
            self.on_sent(DigitsSent(sent=False), now, out)
        self.keys.on_tick(now, out)
        quiet = self._speaker.quiet(now) and not self._answers.caller.speaking
        if self.handing_over.under_way:
            self.handing_over.on_tick(now, out, quiet=quiet)
        elif self._ending_since is not None:
            late = now - self._ending_since >= GOODBYE_S
            if quiet or late:
                self._hang_up(Outcome(Reason.AGENT_HANGUP), now)

    def _on_objection(self, out: list[Effect]) -> None:
        """The caller has more to say: what was to follow the last word does not."""
        self._answers.caller.parting = False
        if self._ending_since is not None:
            self._ending_since = None
            self._speaker.tell("The caller spoke again: the call has not been ended.", out)
        self.handing_over.on_objection(out)
