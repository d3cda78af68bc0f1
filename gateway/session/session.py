"""One call, decided: events of both legs and the tick in, effects out. No sockets, no clock.

The session is made when the model is ready, often while the phone still rings; the phone stream opens later. It
owns the machines beside it and holds no rule of its own that one of them could hold: `uplink` and `downlink` carry
audio, `speaker` says and stops, `answers` is the agent's side, `control` does what agent and keys want done with the
call, `attendant` what the line's manners want, `farewell` ends the call after the last word.
"""

from __future__ import annotations

from gateway.audio.ears import End as VoiceEnd
from gateway.audio.ears import Onset
from gateway.audio.pcm import AudioFormat
from gateway.audio.tones import Tone
from gateway.errors import BadMessage
from gateway.outcome import Outcome, Reason
from gateway.session.answers import Answers
from gateway.session.attendant import Attendant
from gateway.session.control import CallControl
from gateway.session.downlink import Downlink
from gateway.session.effects import Effect, Note
from gateway.session.events import (
    AudioDelta,
    AudioDone,
    CallEnded,
    DigitsJudged,
    DigitsSent,
    FunctionCall,
    HookEvent,
    InputTranscript,
    ModelClosed,
    ModelError,
    ModelEvent,
    PhoneAudio,
    PhoneClosed,
    PhoneDigit,
    PhoneEvent,
    PhoneOpened,
    ResponseCreated,
    ResponseDone,
    TranscriptDelta,
    TranscriptDone,
    TransferAccepted,
    TransferFailed,
    TransferState,
)
from gateway.session.life import Life
from gateway.session.settings import CallSettings, Phrase, Sentence
from gateway.session.speaker import Speaker
from gateway.session.state import CallState
from gateway.session.uplink import Uplink
from gateway.words import fold

LOOK_S = 0.1
"""How often it is looked for what time brings: manners are counted in seconds."""
GREET_AHEAD_S = 0.5
"""A greeting behind a recording is asked for when this much of that is left: made in time, and not long before it is
heard, because the service's echo cancellation expects its voice back soon."""
LAST_SENTENCE = (ResponseCreated, AudioDelta, AudioDone, ResponseDone, ModelError)
"""What the service may still say when the call is about to end: our last sentence, in the agent's voice."""
TONE_S = 0.08
"""A key's tone after the message about it, kept from the model: it would be taken for a voice."""
FRAMES_WITHOUT_METADATA = 3
"""A stream that never describes itself is taken as what was asked for after this many frames."""


class CallSession:
    """The pure core of one call.

    Every method returns the effects to carry out, in order; the next input comes after they have been carried out.
    """

    def __init__(self, settings: CallSettings) -> None:
        self._settings = settings
        self._life = Life(reattach_s=settings.reattach_s, hang_up_s=settings.hang_up_s)
        self._farewell = self._life.farewell
        self.downlink = Downlink(settings)
        self.uplink: Uplink | None = None
        self.bad_frames: dict[str, int] = {}
        self._speaker = Speaker(settings, self.downlink)
        self._answers = Answers(settings, self.downlink, self._speaker, self._give_up)
        self._control = CallControl(
            settings,
            self._speaker,
            self.downlink,
            self._answers,
            leave=self._leave,
            hang_up=self._hang_up,
            excuse=self._excuse,
            emergency=self._on_emergency,
        )
        self._attendant = Attendant(settings, self._speaker, self._answers, self._control, self._end_with)
        self._frames_before_metadata = 0
        self._next_look = 0.0
        self._greeting_waits = False
        """until the recording before it is nearly over"""
        self._lost: Outcome | None = None
        """why there is no agent any more"""
        self._streaming = False
        """an inbound frame has shown that the present media stream is open"""
        self._out: list[Effect] = []

    def __repr__(self) -> str:
        return f"<CallSession {self.state} {self._answers!r} {self.downlink!r}>"

    @property
    def state(self) -> CallState:
        return self._life.state

    @property
    def outcome(self) -> Outcome | None:
        """How it ended; None before that is known."""
        return self._life.outcome

    def abandon(self, outcome: Outcome) -> None:
        """The call was never ours: this is how our part of it ended."""
        self._life.outcome = outcome

    # --- inputs ---------------------------------------------------------------------------------------------------

    def start(self, now: float) -> list[Effect]:
        """The model is ready; the phone may still be ringing."""
        disclosure = self._settings.line.disclosure
        if disclosure is not None:
            self._speaker.say_sentence(disclosure, now, self._out, protected=True)
        if self._speaker.alone(now):
            self._greeting_waits = True
        else:
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
                rings = self._control.handing_over.ringing
                self._life.on_call_ended(now, self._out, hand_over_rings=rings)
            case PhoneDigit(digit=digit):
                self._on_digit(digit, now)
            case _:
                self._on_news(event, now)
        return self._take()

    def on_hook(self, event: HookEvent, now: float) -> list[Effect]:
        """A service of the operator has answered."""
        if not self._life.ending and not self._farewell.said:
            if isinstance(event, DigitsJudged):
                self._control.keys.on_judged(event, now, self._out)
            elif self._life.bridged:
                self._attendant.on_judged(event, now, self._out)
        return self._take()

    def on_model(self, event: ModelEvent, now: float) -> list[Effect]:
        if self._life.ending:
            return []
        if isinstance(event, ModelClosed):
            self._out.append(Note("model.closed", {"code": event.code}))
            self._speaker.model_gone(now, self._out)
            if not self._farewell.said:
                self._give_up(Outcome(Reason.MODEL_UNAVAILABLE), now)
        elif self._farewell.said or self._lost is not None:
            if isinstance(event, LAST_SENTENCE) and self._lost is None:
                self._answers.on_model(event, now, self._out)
        else:
            nothing_to_play = not self.downlink.busy
            self._on_model_event(event, now)
            if nothing_to_play and self.downlink.busy and self._life.bridged:
                self._play(now)  # an answer need not wait for the next tick
        return self._take()

    def on_tick(self, now: float) -> list[Effect]:
        """Every 20 ms: frames that are due, silence that is owed, deadlines that have passed."""
        life = self._life
        if life.bridged:
            if self.uplink is not None and not self._farewell.said:
                appends = self.uplink.on_tick(now)
                if appends:
                    self._out += appends
                    self._on_heard(self.uplink, now)
            self._play(now)
            if not self._farewell.said:
                self._look(now)
            else:
                self._speaker.on_tick(now, self._out)
                if self._farewell.due(self._speaker, now):
                    life.hang_up(self._farewell.outcome, now, self._out)
        elif life.waits_for_news:
            self._control.on_tick(now, self._out)
            if not self._control.handing_over.ringing:
                life.await_reattach(now)
        else:
            life.on_tick(now, self._out)
        return self._take()

    def hang_up(self, outcome: Outcome, now: float) -> list[Effect]:
        """End the call now, without a sentence: nobody is there, or no sentence can be heard."""
        if not self._life.ending:
            self._hang_up(outcome, now)
        return self._take()

    def let_go(self, outcome: Outcome, now: float) -> list[Effect]:
        """The agent leaves, after what it has said so far: a person takes over where the line has one, else an apology.

        A caller who is on the way to a person stays on it.
        """
        if not self._life.ending and not self._farewell.said:
            self._give_up(outcome, now)
        return self._take()

    def say_goodbye(self, outcome: Outcome, now: float) -> list[Effect]:
        """Apologise, then end the call after the last word, whatever was going on."""
        if not self._life.ending:
            self._end_with(Sentence(Phrase.APOLOGY), outcome, now, self._out)
        return self._take()

    # --- the machines ---------------------------------------------------------------------------------------------

    def _on_model_event(self, event: ModelEvent, now: float) -> None:
        """To the agent's side first; then to whom it concerns besides."""
        if isinstance(event, InputTranscript):
            if self._answers.caller.on_transcript(event, now, self._out):
                self._attendant.on_caller_words(event, now, self._out)
            elif not fold(event.text):
                self._attendant.on_sound(now)
            return
        if isinstance(event, ResponseDone):
            # What came of its tools must be told before anything else is asked for.
            self._control.on_response_done(event, now, self._out)
        self._answers.on_model(event, now, self._out)
        match event:
            case FunctionCall():
                self._control.on_function_call(event, now, self._out)
                self._keep_private(now)
            case TranscriptDelta() | TranscriptDone():
                self._attendant.on_agent_words(event, now, self._out)
            case _:
                pass

    def _look(self, now: float) -> None:
        """What time brings, every 20 ms for the agent and a few times a second for the rest."""
        if self._greeting_waits and self.downlink.rate_hz and self.downlink.queued_s <= GREET_AHEAD_S:
            self._greeting_waits = False
            if not self._control.handing_over.under_way:
                self._answers.greet(now, self._out)
        if self._lost is None:
            self._answers.on_tick(now, self._out)
        else:
            self._speaker.on_tick(now, self._out)
        if now >= self._next_look and not self._farewell.said:
            self._next_look = now + LOOK_S
            self._control.on_tick(now, self._out)
            if self._life.bridged:
                self._attendant.on_tick(now, self._out)
            self._keep_private(now)

    def _keep_private(self, now: float) -> None:
        if self.uplink is not None:
            self.uplink.muted = self._control.private or self._speaker.alone(now)

    def _on_digit(self, digit: str, now: float) -> None:
        if not self._life.bridged or self._farewell.said:
            return
        if self.uplink is not None:
            self.uplink.mute_until(now + TONE_S)
        self._attendant.on_key()
        self._control.on_digit(digit, now, self._out)
        self._keep_private(now)

    def _excuse(self, until: float) -> None:
        self._attendant.silence.excuse(until)

    def _on_emergency(self, now: float, out: list[Effect]) -> None:
        self._attendant.on_emergency(now, out)

    # --- phone leg ------------------------------------------------------------------------------------------------

    def _open(self, fmt: AudioFormat) -> None:
        if not self._life.open():
            return
        self._streaming = False
        if self.uplink is not None and self.uplink.phone_format == fmt:
            self.uplink.attach()
        else:
            self.uplink = Uplink(fmt, self._settings.model_input)
        self._out.append(Note("media.opened", {"rate_hz": fmt.rate_hz}))

    def _on_news(self, event: PhoneEvent, now: float) -> None:
        """What came of something the network was asked for."""
        match event:
            case TransferAccepted() | TransferFailed() | TransferState():
                self._control.handing_over.on_news(event, now, self._out)
                if self._lost is not None and not self._control.handing_over.under_way:
                    self._give_up(self._lost, now)  # nobody took the caller, and no agent is left
            case DigitsSent():
                self._control.on_sent(event, now, self._out)
            case _:
                pass  # a sentence that was played while there was no media socket

    def _on_audio(self, audio: PhoneAudio, now: float) -> None:
        if self.uplink is None:
            self._frames_before_metadata += 1
            if self._frames_before_metadata < FRAMES_WITHOUT_METADATA:
                return
            self.bad_frames["no_metadata"] = self._frames_before_metadata
            self._open(self._settings.phone_format)
        if not self._life.bridged or self.uplink is None:
            return
        if not self._streaming:
            # Audio sent before the stream is open is lost, and only an inbound frame shows that it is open.
            self._streaming = True
            self.downlink.open(self.uplink.phone_format, now)
            self._answers.on_phone_opened(now)
            self._attendant.on_phone_opened(now)
            self._keep_private(now)
            self._out.append(Note("greeting.released", {}))
        if self._farewell.said:
            return
        try:
            self._out += self.uplink.on_audio(audio, now)
        except BadMessage as error:
            self.bad_frames[error.kind] = self.bad_frames.get(error.kind, 0) + 1
            return
        if self.uplink.heard:
            self._on_heard(self.uplink, now)

    def _on_heard(self, uplink: Uplink, now: float) -> None:
        heard_lately, uplink.heard = uplink.heard, []
        for heard in heard_lately:
            match heard:
                case Onset(at=at):
                    self._answers.caller.voice_began()
                    self._attendant.silence.heard()
                    self._out.append(Note("caller.onset", {"at": at}))
                case VoiceEnd(at=at):
                    self._answers.caller.voice_ended(at)
                    self._out.append(Note("caller.end", {"at": at}))
                case Tone():
                    if not self._control.handing_over.under_way:
                        self._attendant.on_tone(heard, now, self._out)

    def _play(self, now: float) -> None:
        """Send the frames that are due; the self-audio detector learns how loud they are."""
        downlink, uplink = self.downlink, self.uplink
        for item_id, heard_at in downlink.on_tick(now, self._out):
            self._answers.on_first_sent(item_id, heard_at, now, self._out)
        if uplink is not None and downlink.sent_rms:
            uplink.self_audio.sent(downlink.sent_rms)
            downlink.sent_rms = 0.0

    def _on_closed(self, code: int | None, now: float) -> None:
        if not self._life.detach(code):
            return
        if self.uplink is not None:
            self.uplink.detach()
        self._out.append(Note("media.closed", {"code": code}))
        if not self._control.handing_over.ringing:
            # While it rings the network may take our stream away before it says that somebody else has the caller.
            self._life.await_reattach(now)

    # --- endings --------------------------------------------------------------------------------------------------

    def _give_up(self, outcome: Outcome, now: float) -> None:
        """The agent cannot go on: a person takes over where the line has one, else an apology, and the call ends."""
        if self._lost is None:
            self._lost = outcome
            self.downlink.finish_all()
            self._speaker.model_gone(now, self._out)
        if self._control.handing_over.under_way:
            return
        overflow_to = self._settings.line.overflow_to
        summary = "The automated assistant could not go on."
        if overflow_to is not None and self._control.handing_over.possible:
            self._control.hand_over(overflow_to, summary, now, self._out)
        else:
            self._speaker.say(Phrase.APOLOGY, self._out)
            self._farewell.say(self._lost, now)

    def _end_with(self, sentence: Sentence, outcome: Outcome, now: float, out: list[Effect]) -> None:
        """Say a last sentence instead of anything else, and end the call when it has been heard."""
        self._answers.caller.stop_agent(now, out)
        self._speaker.say_sentence(sentence, now, out, protected=True)
        self._farewell.say(outcome, now)

    def _leave(self, outcome: Outcome, now: float) -> None:
        self._life.leave(outcome, now, self._out)

    def _hang_up(self, outcome: Outcome, now: float) -> None:
        self._life.hang_up(outcome, now, self._out)

    def _take(self) -> list[Effect]:
        out, self._out = self._out, []
        return out
