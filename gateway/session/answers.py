"""The agent's side of a conversation: what the model says and does becomes speech, waits and remedies.

This is where the events of the model leg meet the turn, the gate and the watchdog. What the caller's voice does is in
`caller_turns`, what is heard of everything in `speaker`.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.errors import BadMessage
from gateway.outcome import Outcome, Reason
from gateway.session.caller_turns import Aside, CallerTurns
from gateway.session.downlink import CLIP_PREFIX, Downlink
from gateway.session.effects import DeleteItem, Effect, Fields, Note
from gateway.session.events import (
    AudioDelta,
    AudioDone,
    InputCommitted,
    ItemAdded,
    ModelError,
    ModelEvent,
    ResponseCreated,
    ResponseDone,
    SpeechStarted,
    SpeechStopped,
    TranscriptDelta,
    TranscriptDone,
    WordTiming,
)
from gateway.session.gate import GateState
from gateway.session.greeting import ASKED_EVENT_ID, PREPARED_EVENT_ID, Greeting
from gateway.session.recovery import RATE_LIMIT_CODES, Recovery, Remedy
from gateway.session.settings import CallSettings, Phrase
from gateway.session.speaker import Speaker
from gateway.session.watchdog import Action, Watchdog

GiveUp = Callable[[Outcome, float], None]

WATCH_S = 0.1
"""How often silence is looked for: patience is counted in seconds."""


class Answers:
    """Reacts to the model leg. `give_up` starts the call's farewell."""

    def __init__(self, settings: CallSettings, downlink: Downlink, speaker: Speaker, give_up: GiveUp) -> None:
        self._settings = settings
        self._downlink = downlink
        self._speaker = speaker
        self._give_up = give_up
        self.gate = speaker.gate
        self.greeting = Greeting(settings.greeting)
        self._watchdog = Watchdog(settings.patience)
        self.caller = CallerTurns(settings, speaker, downlink, self._watchdog, self._play)
        self.turns = self.caller.turns
        self._recovery = Recovery()
        self._retry_at: float | None = None
        self._filling = False
        self._next_watch = 0.0
        self.bad_deltas: dict[str, int] = {}
        self._handlers: dict[type, Callable[..., None]] = {
            AudioDelta: self._on_audio,
            AudioDone: self._on_audio,
            TranscriptDelta: self._on_transcript_delta,
            TranscriptDone: self._on_transcript_done,
            WordTiming: self._on_word_timing,
            SpeechStarted: self._on_speech_started,
            SpeechStopped: self.caller.on_speech_stopped,
            ResponseCreated: self._on_response_created,
            InputCommitted: self._on_committed,
            ItemAdded: self._on_item_added,
            ResponseDone: self._on_response_done,
            ModelError: self._on_error,
        }

    def __repr__(self) -> str:
        return f"{self.caller!r} {self.gate!r} {self._watchdog!r}"

    # --- inputs ---------------------------------------------------------------------------------------------------

    def greet(self, now: float, out: list[Effect]) -> None:
        request = self.greeting.prepare()
        if request is None:
            out.append(Note("greeting.prepared", {"way": self.greeting.way.value}))
        else:
            if self._settings.line.protect_greeting:
                self._speaker.protect(PREPARED_EVENT_ID)
                self._speaker.protect(ASKED_EVENT_ID)
            self._speaker.send(request, out)
            self._watchdog.arm(now)

    def on_model(self, event: ModelEvent, now: float, out: list[Effect]) -> None:
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event, now, out)

    def on_phone_opened(self, now: float) -> None:
        """From here on the caller hears what is missing; before, the phone was ringing."""
        if self._watchdog.armed:
            self._watchdog.arm(now)
            if self._downlink.busy:
                self._watchdog.disarm()

    def on_tick(self, now: float, out: list[Effect]) -> None:
        if self._retry_at is not None and now >= self._retry_at:
            self._retry_at = None
            self._speaker.ask(out)
        if self.caller.on_tick(now, out):
            self._watchdog.arm(now)
            self._speaker.ask(out)
        if now >= self._next_watch:
            self._next_watch = now + WATCH_S
            self._speaker.on_tick(now, out)
            self._watch(now, out)

    def wait_for_agent(self, now: float) -> None:
        """The agent owes something for another reason than a turn of the caller: what a tool brought, say."""
        self._watchdog.arm(now)

    def let_answer(self, now: float, out: list[Effect], *, uses_tools: bool = True) -> None:
        """The model was told something: it speaks next."""
        self.wait_for_agent(now)
        self._speaker.ask(out, uses_tools=uses_tools)

    def on_first_sent(self, item_id: str, heard_at: float, now: float, out: list[Effect]) -> None:
        """The first frame of an item left for the phone; it will be heard at `heard_at`."""
        filler = item_id.startswith(CLIP_PREFIX)
        wait = self.turns.first_sent(item_id, now, heard_at, filler=filler)
        if wait is not None:
            fields: Fields = {
                "turn": wait.number,
                "speech_end_to_first_audio_ms": wait.since_speech_end_ms(now if filler else wait.first_audio),
                "speech_end_to_first_sent_ms": wait.since_speech_end_ms(now),
                "speech_end_to_first_heard_ms": wait.since_speech_end_ms(heard_at),
                "filler": filler,
            }
            out.append(Note("turn.latency", fields))

    # --- the agent speaks -----------------------------------------------------------------------------------------

    def _on_audio(self, piece: Aside, now: float, out: list[Effect]) -> None:
        if not self.caller.sets_aside(piece):
            self._play(piece, now, out)

    def _play(self, piece: Aside, now: float, out: list[Effect]) -> None:
        if isinstance(piece, AudioDone):
            self._downlink.on_done(piece)
            out.append(Note("item.done", {"item_id": piece.item_id}))
        else:
            self._play_delta(piece, now, out)

    def _play_delta(self, delta: AudioDelta, now: float, out: list[Effect]) -> None:
        known = self._downlink.knows(delta.item_id)
        try:
            taken = self._downlink.on_delta(delta)
        except BadMessage as error:
            self.bad_deltas[error.kind] = self.bad_deltas.get(error.kind, 0) + 1
            return
        if not taken:
            return
        self._watchdog.disarm()
        if not known:
            self._speaker.first_audio(delta.response_id, delta.item_id)
            out.append(Note("item.first_audio", {"item_id": delta.item_id, "response_id": delta.response_id}))
        self.turns.agent_audio(now, delta.item_id)

    def _on_transcript_delta(self, delta: TranscriptDelta, now: float, _out: list[Effect]) -> None:
        if self._downlink.accepts(delta.response_id, delta.item_id):
            self._downlink.item(delta.response_id, delta.item_id).text.add(delta.text)
            self._watchdog.progress(now)

    def _on_transcript_done(self, done: TranscriptDone, _now: float, out: list[Effect]) -> None:
        if self._downlink.accepts(done.response_id, done.item_id):
            self._downlink.item(done.response_id, done.item_id).text.finish(done.text)
            out.append(Note("item.transcript", {"item_id": done.item_id, "text": done.text}))

    def _on_word_timing(self, word: WordTiming, _now: float, _out: list[Effect]) -> None:
        self._downlink.add_word(word.item_id, word.offset_ms, word.duration_ms, word.text)

    def _on_speech_started(self, event: SpeechStarted, now: float, out: list[Effect]) -> None:
        self._retry_at = None
        self.caller.on_speech_started(event, now, out)

    # --- responses ------------------------------------------------------------------------------------------------

    def _on_response_created(self, event: ResponseCreated, now: float, out: list[Effect]) -> None:
        request = self.gate.created(event.response_id, event.request_id)
        withdrawn = self.gate.take_withdrawn(request)
        if withdrawn or self._speaker.shut or (request is None and self.caller.refuses_answer()):
            self._speaker.cancel_response(out)
            return
        self._speaker.response_created(request, event.response_id)
        self._watchdog.progress(now)
        self.caller.answer_began(now, out)
        if request is not None and request.event_id in (PREPARED_EVENT_ID, ASKED_EVENT_ID):
            out.append(Note("greeting.prepared", {"way": self.greeting.way.value}))
        out.append(Note("response.created", {"response_id": event.response_id}))

    def _on_committed(self, event: InputCommitted, _now: float, out: list[Effect]) -> None:
        out += [
            DeleteItem(self._speaker.number("forget"), item_id)
            for item_id in self._speaker.memory.begin_turn(event.item_id)
        ]

    def _on_item_added(self, event: ItemAdded, now: float, _out: list[Effect]) -> None:
        self._speaker.memory.add(event.item_id)
        if event.kind != "message":
            self._watchdog.progress(now)

    def _on_response_done(self, event: ResponseDone, now: float, out: list[Effect]) -> None:
        out.append(_response_note(event))
        self._downlink.finish_response(event.response_id)
        self._speaker.response_done(event.response_id)
        following = self.gate.done(event.response_id)
        if following is not None:
            out.append(following)
        if event.status == "completed":
            self._recovery.answered()
        elif event.status == "failed" or event.reason == "content_filter":
            self._remedy(self._recovery.failed(event.reason, event.error_code, now), now, out)

    def _on_error(self, event: ModelError, now: float, out: list[Effect]) -> None:
        out.append(Note("model.error", {"code": event.code}))
        refused, following = self.gate.refused(event.event_id, event.code)
        if following is not None:
            out.append(following)
        if event.code in RATE_LIMIT_CODES and event.event_id != PREPARED_EVENT_ID:
            self._remedy(self._recovery.failed("", event.code, now), now, out)
        elif event.code not in RATE_LIMIT_CODES and self._recovery.error(event.code, now):
            self._give_up(Outcome(Reason.MODEL_UNAVAILABLE), now)
            return
        if refused:
            self._speaker.refused(event.event_id, out)
            other_way = self.greeting.refused(event.event_id)
            if other_way is not None:
                self._speaker.send(other_way, out)
            elif event.event_id == ASKED_EVENT_ID:
                out.append(Note("greeting.prepared", {"way": self.greeting.way.value}))

    def _remedy(self, remedy: Remedy, now: float, out: list[Effect]) -> None:
        match remedy:
            case Remedy.NEUTRAL:
                self._say(Phrase.NEUTRAL, out)
                self._watchdog.disarm()
            case Remedy.ASK_AGAIN:
                self._say(Phrase.ASK_AGAIN, out)
                self._watchdog.disarm()
            case Remedy.RETRY:
                self._retry_at = now + self._recovery.retry_after_s
            case Remedy.GIVE_UP:
                limited = self._recovery.rate_limited
                self._give_up(Outcome(Reason.MODEL_RATE_LIMITED if limited else Reason.MODEL_UNAVAILABLE), now)

    # --- silence --------------------------------------------------------------------------------------------------

    def _watch(self, now: float, out: list[Effect]) -> None:
        if self._downlink.idle(now):
            self.turns.agent_finished()
            if self._filling:
                self._filling = False
                self._watchdog.quiet_from(now)
            if not self._watchdog.armed and self._downlink.expects(self.gate.response_id):
                self._watchdog.arm(now)  # the agent stopped in the middle of an answer
        action = self._watchdog.on_tick(now)
        match action:
            case Action.FILLER:
                out.append(Note("watchdog.filler", {}))
                self._say(Phrase.FILLER, out)
            case Action.ASK_AGAIN:
                out.append(Note("watchdog.ask_again", {}))
                self._ask_model_again(out)
            case Action.GIVE_UP:
                out.append(Note("watchdog.give_up", {}))
                self._give_up(Outcome(Reason.MODEL_STALLED), now)
            case None:
                pass

    def _ask_model_again(self, out: list[Effect]) -> None:
        if self.gate.state is GateState.ACTIVE:
            self._speaker.cancel_response(out)
        self._say(Phrase.FILLER, out)
        self._speaker.ask(out)

    def _say(self, phrase: Phrase, out: list[Effect]) -> None:
        self._filling = phrase is Phrase.FILLER
        self._speaker.say(phrase, out)


def _response_note(event: ResponseDone) -> Note:
    fields: Fields = {
        "response_id": event.response_id,
        "status": event.status,
        "reason": event.reason,
        "error_code": event.error_code,
    }
    if event.usage is not None:
        fields["input_text"] = event.usage.input_text
        fields["input_audio"] = event.usage.input_audio
        fields["cached_text"] = event.usage.cached_text
        fields["output_text"] = event.usage.output_text
        fields["output_audio"] = event.usage.output_audio
    return Note("response.done", fields)
