"""What the agent, a key, or a rule of the line does with the call itself: end it, hand it over, ask for digits, wait.

Nothing here cuts the agent's last word: a call is ended, and handed over, when everything that was said has been
heard. A tool that takes its time is answered at once, and what came of it is told in a message: a caller's turn in
between must not find a call without its output in the model's history.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.outcome import Outcome, Reason
from gateway.session.answers import Answers
from gateway.session.downlink import Downlink
from gateway.session.effects import AskTransferState, Effect, JudgeDigits, Note, SendDigits, Transfer
from gateway.session.events import (
    DigitsJudged,
    DigitsSent,
    FunctionCall,
    ResponseDone,
    TransferAccepted,
    TransferFailed,
    TransferState,
)
from gateway.session.handover import Handover, Move, Stage, Wish
from gateway.session.keypad import Collected, Ending, Keypad
from gateway.session.settings import CallSettings, Phrase, Shortcut
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
MUSIC_LEFT_S = 0.5
"""The hold music is repeated when this much of it is left."""
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
        self._settings = line.tools
        self._speaker = speaker
        self._downlink = downlink
        self._answers = answers
        self._leave = leave
        self._hang_up = hang_up
        self._excuse = excuse
        self._emergency = emergency
        self.tools = Tools(line.tools, has_emergency=line.emergency is not None)
        self.handover = Handover()
        self.keypad = Keypad(line.tools, line.keys)
        self._ending_since: float | None = None
        """the agent wants to end the call, since then"""
        self._cuts = 0
        """how often the caller had cut the agent off when the end, or a hand-over, was wished"""
        self._sending_until: float | None = None
        """tones are being sent; without news by then they are taken for lost"""
        self._judging: CollectDigits | None = None

    def __repr__(self) -> str:
        return f"<CallControl {self.tools!r} {self.handover!r} {self.keypad!r}>"

    @property
    def private(self) -> bool:
        """What the caller says now is not for the model."""
        return self.handover.ringing or self.keypad.secret

    @property
    def on_way_to_a_person(self) -> bool:
        """A hand-over is under way; it needs no model."""
        return self.handover.stage is not Stage.NONE

    @property
    def busy(self) -> bool:
        """Something is under way that the caller waits for, or works on: nobody asks whether they are still there."""
        return (
            self.handover.stage is not Stage.NONE
            or self.keypad.collecting
            or self._judging is not None
            or self._sending_until is not None
            or self._ending_since is not None
        )

    # --- the agent ------------------------------------------------------------------------------------------------

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
        wish = self.handover.wish if self.handover.stage is Stage.SPEAKING else None
        if wish is not None and wish.response_id == event.response_id and not self._speaker.spoke(event.response_id):
            self._speaker.say(Phrase.CONNECTING, out)

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
                collected = self.keypad.collect(asked, now)
                if collected is not None:
                    self._digits_came(collected, now, out)
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
        self._ending_since, self._cuts = now, self._answers.caller.cut_count
        if not self._speaker.spoke(asked.response_id):
            self._speaker.ask(out, SAY_GOODBYE, uses_tools=False)

    def _transfer_call(self, asked: TransferCall, now: float) -> None:
        if not self.handover.possible:
            self.tools.refuse(asked.call_id, "no further attempt is possible in this call")
            return
        told = {"status": "connecting; you will be told if nobody answers"}
        self.tools.answer(asked.call_id, told, follow_up=False)
        self._begin(Wish(asked.destination, asked.summary, asked.response_id), now)

    def _send_tones(self, asked: SendTones, now: float, out: list[Effect]) -> None:
        if self._sending_until is not None:
            self.tools.refuse(asked.call_id, "digits are being sent already")
            return
        told = {"status": "sending; you will be told when they are out"}
        self.tools.answer(asked.call_id, told, follow_up=False)
        self._sending_until = now + TOOL_S
        out.append(SendDigits(asked.digits))

    def _tell_outputs(self, now: float, out: list[Effect]) -> None:
        outputs, go_on = self.tools.take_outputs(lambda: self._speaker.number("output"), self._speaker.spoke)
        out += outputs
        if go_on:
            # A model in a loop would be refused, and asked to go on, for ever: now it can only speak.
            self._let_answer(now, out, uses_tools=not self.tools.exhausted(now))

    def _let_answer(self, now: float, out: list[Effect], *, uses_tools: bool = True) -> None:
        """The model was told something: it speaks next."""
        self._answers.wait_for_agent(now)
        self._speaker.ask(out, uses_tools=uses_tools)

    # --- keys -----------------------------------------------------------------------------------------------------

    def on_digit(self, digit: str, now: float, out: list[Effect]) -> None:
        """A key was pressed. It stops the agent's voice, which the service can not know of."""
        if self.handover.stage is not Stage.NONE:
            return
        was_collecting, was_secret = self.keypad.collecting, self.keypad.secret
        pressed = self.keypad.press(digit, now)
        if not was_secret:  # nor is it told how many there were, and when
            out.append(Note("key.pressed", {"use": _use(pressed, collecting=was_collecting)}))
        if pressed is None and not was_collecting:
            return
        if not self._speaker.protected:
            self._answers.caller.stop_agent(now, out)
        match pressed:
            case Collected():
                self._digits_came(pressed, now, out)
            case Shortcut():
                self._take_shortcut(pressed, now, out)
            case None:
                pass

    def _take_shortcut(self, shortcut: Shortcut, now: float, out: list[Effect]) -> None:
        match shortcut.do:
            case "transfer":
                self.hand_over(shortcut.to, "The caller pressed the key for it.", now, out)
            case "tell_agent":
                self._speaker.tell(shortcut.text, out)
                self._let_answer(now, out)
            case "repeat":
                self._speaker.tell("The caller wants to hear your last answer once more. Say it again.", out)
                self._let_answer(now, out)
            case _:
                self._ending_since, self._cuts = now, self._answers.caller.cut_count
                self._speaker.ask(out, SAY_GOODBYE, uses_tools=False)

    def _digits_came(self, collected: Collected, now: float, out: list[Effect]) -> None:
        """Let those see them who may, and tell the model what it may know."""
        out.append(Note("digits.collected", {"ending": collected.ending.value}))
        if self._settings.digits_judged and collected.ending is not Ending.NONE:
            self._judging = collected.asked
            self._answers.wait_for_agent(now)
            out.append(JudgeDigits(collected.asked.purpose, collected.digits))
            return
        told = {
            Ending.COMPLETE: "The caller has typed what you asked for",
            Ending.PAUSE: "The caller stopped typing before all digits were there",
            Ending.NONE: "The caller typed nothing",
        }[collected.ending]
        if collected.digits:
            shown = collected.digits if self._settings.digits_to_agent else f"{len(collected.digits)} digits"
            told = f"{told}: {shown}"
        self._speaker.tell(f"{told}.", out)
        self._let_answer(now, out)

    def on_judged(self, event: DigitsJudged, now: float, out: list[Effect]) -> None:
        """The line's service has looked at the digits."""
        if self._judging is None:
            return
        self._judging = None
        if event.result is None:
            told = "The caller has typed the digits, but they could not be checked."
        else:
            told = f"The caller has typed the digits. The check says: {event.result}"
        self._speaker.tell(told, out)
        self._let_answer(now, out)

    # --- handing over ---------------------------------------------------------------------------------------------

    def hand_over(self, destination: str, summary: str, now: float, out: list[Effect]) -> bool:
        """Transfer without the model's wish: a key, a rule of the line. Returns whether that is possible."""
        if not self.handover.possible:
            self._speaker.say(Phrase.NOT_CONNECTED, out)
            return False
        self._begin(Wish(destination, summary, may_be_withdrawn=False), now)
        self._speaker.say(Phrase.CONNECTING, out)
        return True

    def _begin(self, wish: Wish, now: float) -> None:
        self._ending_since = None
        self.keypad.cancel()
        self._cuts = self._answers.caller.cut_count
        self.handover.begin(wish, now)

    def on_transfer(
        self, event: TransferAccepted | TransferFailed | TransferState, now: float, out: list[Effect]
    ) -> None:
        """What the network says of it."""
        match event:
            case TransferAccepted():
                if self.handover.accepted():
                    out.append(Note("transfer.accepted", {}))
                    self._leave(Outcome(Reason.TRANSFERRED), now)
            case TransferFailed(why=why):
                self._not_connected(why, now, out)
            case TransferState(under_way=under_way):
                if not under_way:
                    self._not_connected("failed", now, out)

    def _not_connected(self, why: str, now: float, out: list[Effect]) -> None:
        """The caller is ours again: music off, and the agent goes on."""
        wish = self.handover.failed()
        if wish is None:
            return
        out.append(Note("transfer.failed", {"why": why}))
        self._speaker.stop(now, out)
        if wish.response_id is None:
            self._speaker.say(Phrase.NOT_CONNECTED, out)
        self._speaker.tell(
            f"The caller was not connected with {wish.destination}: {_WORDS.get(why, why)}. "
            "You speak with the caller again. Say so, and offer something else.",
            out,
        )
        self._let_answer(now, out)

    # --- time -----------------------------------------------------------------------------------------------------

    def on_sent(self, event: DigitsSent, now: float, out: list[Effect]) -> None:
        """The network has sent the tones, or can not."""
        if self._sending_until is not None:
            self._sending_until = None
            self._speaker.tell("The tones have been sent." if event.sent else "The tones could not be sent.", out)
            self._let_answer(now, out)

    def on_tick(self, now: float, out: list[Effect]) -> None:
        if self._answers.caller.cut_count != self._cuts:
            self._cuts = self._answers.caller.cut_count
            self._caller_objected(out)
        if self._sending_until is not None and now >= self._sending_until:
            self.on_sent(DigitsSent(sent=False), now, out)
        collected = self.keypad.on_tick(now, agent_speaks=not self._downlink.idle(now))
        if collected is not None:
            self._digits_came(collected, now, out)
        if self.handover.stage is not Stage.NONE:
            self._move_on(now, out)
        elif self._ending_since is not None:
            late = now - self._ending_since >= GOODBYE_S
            if self._speaker.quiet(now) or late:
                self._hang_up(Outcome(Reason.AGENT_HANGUP), now)

    def _move_on(self, now: float, out: list[Effect]) -> None:
        """The hand-over's next step, and the music meanwhile."""
        handover = self.handover
        if handover.ringing and self._downlink.queued_s < MUSIC_LEFT_S:
            self._speaker.say(Phrase.HOLD, out, protected=True)
        wish = handover.wish
        match handover.on_tick(now, quiet=self._speaker.quiet(now)):
            case Move.TRANSFER if wish is not None:
                self._answers.caller.stop_agent(now, out)
                out.append(Note("transfer.asked", {"destination": wish.destination}))
                out.append(Transfer(wish.destination, wish.summary))
            case Move.ASK_FOR_NEWS:
                out.append(AskTransferState())
            case Move.GIVE_UP:
                self._not_connected("failed", now, out)
            case _:
                pass

    def _caller_objected(self, out: list[Effect]) -> None:
        """The caller cut in before the last word was out: what was to follow it does not."""
        if self._ending_since is not None:
            self._ending_since = None
            self._speaker.tell("The caller spoke again: the call has not been ended.", out)
        wish = self.handover.withdraw()
        if wish is not None:
            self._speaker.tell("The caller spoke again: the call has not been transferred.", out)
            out.append(Note("transfer.withdrawn", {}))


_WORDS = {
    "busy": "the line is busy",
    "unreachable": "nobody answered",
    "declined": "the call was declined",
    "not_allowed": "that is not possible",
    "failed": "the connection failed",
}


def _use(pressed: Shortcut | Collected | None, *, collecting: bool) -> str:
    """What a key press was, for the log: never which key."""
    if isinstance(pressed, Shortcut):
        return pressed.do
    return "collected" if collecting else "early"
