"""One call, decided: events of both legs and the tick in, effects out. No sockets, no clock.

The session is made when the model is ready, often while the phone still rings; the phone stream opens later. It
owns the small machines beside it and holds no rule of its own that one of them could hold: `uplink` and
`downlink` carry audio, `gate` admits one response at a time, `turns` knows whose turn it is, `watchdog` breaks
silence, `recovery` names the remedy of a failed response, `farewell` ends the call after the last word.
"""

from __future__ import annotations

from gateway.audio.ears import End as VoiceEnd
from gateway.audio.ears import Onset
from gateway.audio.pcm import AudioFormat
from gateway.errors import BadMessage
from gateway.outcome import Outcome, Reason
from gateway.session.answers import Answers
from gateway.session.downlink import Downlink
from gateway.session.effects import Effect, End, HangUp, Note
from gateway.session.events import (
    CallEnded,
    ModelClosed,
    ModelEvent,
    PhoneAudio,
    PhoneClosed,
    PhoneDigit,
    PhoneEvent,
    PhoneOpened,
)
from gateway.session.farewell import Farewell
from gateway.session.settings import CallSettings, Phrase
from gateway.session.state import CallState, Step, advance
from gateway.session.uplink import Uplink

FRAMES_WITHOUT_METADATA = 3
"""A stream that never describes itself is taken as what was asked for after this many frames."""


class CallSession:
    """The pure core of one call.

    Every method returns the effects to carry out, in order; the next input comes after they have been carried out.
    """

    def __init__(self, settings: CallSettings) -> None:
        self._settings = settings
        self.state = CallState.CONNECTING
        self.outcome: Outcome | None = None
        self.downlink = Downlink(settings)
        self.uplink: Uplink | None = None
        self.bad_frames: dict[str, int] = {}
        self._answers = Answers(settings, self.downlink, self._give_up)
        self._farewell = Farewell(settings.last_word_tail_s)
        self._frames_before_metadata = 0
        self._streaming = False
        """an inbound frame has shown that the present media stream is open"""
        self._deadline: float | None = None
        """of the present state: reattach while detached, confirmation while closing"""
        self._out: list[Effect] = []

    def __repr__(self) -> str:
        return f"<CallSession {self.state} {self._answers!r} {self.downlink!r}>"

    # --- inputs ---------------------------------------------------------------------------------------------------

    def start(self, now: float) -> list[Effect]:
        """The model is ready; the phone may still be ringing."""
        self._answers.greet(now, self._out)
        return self._take()

    def on_phone(self, event: PhoneEvent, now: float) -> list[Effect]:
        if self.state is CallState.ENDED:
            return []
        if isinstance(event, PhoneAudio):
            self._on_audio(event, now)
            return self._take()
        match event:
            case PhoneOpened(format=fmt):
                self._open(fmt)
            case PhoneClosed(code=code):
                self._on_closed(code, now)
            case CallEnded():
                self._end(Outcome(Reason.CALLER_HANGUP))
            case PhoneDigit():
                pass  # counted by the leg; what a digit means is for lines that give it a meaning
        return self._take()

    def on_model(self, event: ModelEvent, now: float) -> list[Effect]:
        if self.state in (CallState.ENDED, CallState.CLOSING):
            return []
        if isinstance(event, ModelClosed):
            self._out.append(Note("model.closed", {"code": event.code}))
            if not self._farewell.said:
                self._give_up(Outcome(Reason.MODEL_UNAVAILABLE))
        elif not self._farewell.said:
            nothing_to_play = not self.downlink.busy
            self._answers.on_model(event, now, self._out)
            if nothing_to_play and self.downlink.busy and self.state is CallState.BRIDGED:
                self._play(now)  # an answer need not wait for the next tick
        return self._take()

    def on_tick(self, now: float) -> list[Effect]:
        """Every 20 ms: frames that are due, silence that is owed, deadlines that have passed."""
        if self.state is CallState.BRIDGED:
            if self.uplink is not None and not self._farewell.said:
                appends = self.uplink.on_tick(now)
                if appends:
                    self._out += appends
                    self._on_heard(self.uplink)
            self._play(now)
            if not self._farewell.said:
                self._answers.on_tick(now, self._out)
            elif self._farewell.due(self.downlink, now):
                self._hang_up(self._farewell.outcome, now)
        elif self._deadline is not None and now >= self._deadline:
            self._on_deadline(now)
        return self._take()

    def hang_up(self, outcome: Outcome, now: float) -> list[Effect]:
        """End the call now, without a sentence: nobody is there, or no sentence can be heard."""
        if self.state not in (CallState.ENDED, CallState.CLOSING):
            self._hang_up(outcome, now)
        return self._take()

    def say_goodbye(self, outcome: Outcome) -> list[Effect]:
        """Apologise, then end the call after the last word."""
        if self.state not in (CallState.ENDED, CallState.CLOSING):
            self._give_up(outcome)
        return self._take()

    # --- phone leg ------------------------------------------------------------------------------------------------

    def _open(self, fmt: AudioFormat) -> None:
        self.state = advance(self.state, Step.OPENED)
        if self.state is not CallState.BRIDGED:
            return
        self._deadline = None
        self._streaming = False
        if self.uplink is not None and self.uplink.phone_format == fmt:
            self.uplink.attach()
        else:
            self.uplink = Uplink(fmt, self._settings.model_input)
        self._out.append(Note("media.opened", {"rate_hz": fmt.rate_hz}))

    def _on_audio(self, audio: PhoneAudio, now: float) -> None:
        if self.uplink is None:
            self._frames_before_metadata += 1
            if self._frames_before_metadata < FRAMES_WITHOUT_METADATA:
                return
            self.bad_frames["no_metadata"] = self._frames_before_metadata
            self._open(self._settings.phone_format)
        if self.state is not CallState.BRIDGED or self.uplink is None:
            return
        if not self._streaming:
            # Audio sent before the stream is open is lost, and only an inbound frame shows that it is open.
            self._streaming = True
            self.downlink.open(self.uplink.phone_format, now)
            self._answers.on_phone_opened(now)
            self._out.append(Note("greeting.released", {}))
        if self._farewell.said:
            return
        try:
            self._out += self.uplink.on_audio(audio, now)
        except BadMessage as error:
            self.bad_frames[error.kind] = self.bad_frames.get(error.kind, 0) + 1
            return
        if self.uplink.heard:
            self._on_heard(self.uplink)

    def _on_heard(self, uplink: Uplink) -> None:
        heard_lately, uplink.heard = uplink.heard, []
        for heard in heard_lately:
            match heard:
                case Onset(at=at):
                    self._answers.turns.voice_began()
                    self._out.append(Note("caller.onset", {"at": at}))
                case VoiceEnd(at=at):
                    self._answers.turns.voice_ended(at)
                    self._out.append(Note("caller.end", {"at": at}))

    def _play(self, now: float) -> None:
        """Send the frames that are due; the self-audio detector learns how loud they are."""
        downlink, uplink = self.downlink, self.uplink
        for item_id, heard_at in downlink.on_tick(now, self._out):
            self._answers.on_first_sent(item_id, heard_at, now, self._out)
        if uplink is not None and downlink.sent_rms:
            uplink.self_audio.sent(downlink.sent_rms)
            downlink.sent_rms = 0.0

    def _on_closed(self, code: int | None, now: float) -> None:
        self.state = advance(self.state, Step.DETACHED)
        if self.state is CallState.DETACHED:
            if self.uplink is not None:
                self.uplink.detach()
            clean = code in (1000, 1001)
            self._farewell.outcome = Outcome(Reason.CALLER_HANGUP if clean else Reason.MEDIA_LOST)
            self._deadline = now + self._settings.reattach_s
            self._out.append(Note("media.closed", {"code": code}))

    # --- endings --------------------------------------------------------------------------------------------------

    def _give_up(self, outcome: Outcome) -> None:
        """The agent cannot go on: an apology, and the call ends when it has been heard."""
        self.downlink.finish_all()
        self.downlink.say(Phrase.APOLOGY)
        self._out.append(Note("clip.started", {"clip": Phrase.APOLOGY.value}))
        self._farewell.say(outcome)

    def _hang_up(self, outcome: Outcome, now: float) -> None:
        self.outcome = outcome
        self.state = advance(self.state, Step.CLOSING)
        self._deadline = now + self._settings.hang_up_s
        self._out.append(HangUp(outcome))

    def _end(self, outcome: Outcome) -> None:
        self.outcome = self.outcome or outcome
        self.state = advance(self.state, Step.ENDED)
        self._deadline = None
        self._out.append(End(self.outcome))

    def _on_deadline(self, now: float) -> None:
        match self.state:
            case CallState.DETACHED:
                self._hang_up(self._farewell.outcome, now)
            case CallState.CLOSING:
                self._end(self._farewell.outcome)
            case _:
                self._deadline = None

    def _take(self) -> list[Effect]:
        out, self._out = self._out, []
        return out
