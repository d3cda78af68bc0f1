"""The caller speaks: what that does to the agent. Barge-in is here, in one place.

The service finds the turns. What they do to an answer depends on the agent's setting. *cut*: the service cancels its
response by itself, and the rest is ours: take back what is queued, here and in the network, refuse what still comes,
tell the service what was heard. *resume*: the service cancels nothing; the answer is held until it is known whether
the sound was meant (`interruption`), then cut off, with a cancel of our own, or gone on with.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from gateway.session.downlink import Downlink
from gateway.session.effects import Effect, Fields, Note
from gateway.session.events import AudioDelta, AudioDone, InputTranscript, SpeechStarted, SpeechStopped
from gateway.session.gate import GateState
from gateway.session.interruption import Interruption, Verdict
from gateway.session.settings import CallSettings, Interruptions
from gateway.session.speaker import Speaker
from gateway.session.turns import Turn, Turns
from gateway.session.watchdog import Watchdog
from gateway.words import fold, is_backchannel, is_parting

UNWANTED_S = 5.0
"""For so long after a sound that was none an answer to it is expected and refused; the service makes it as soon as the
answer that went on has been generated."""
UNANSWERED_S = 1.0
"""A turn that cut an answer off, whose words have come, and that the service has not begun to answer by then is asked
for: what the service does with a turn that ended during a response of its own is not documented."""

MAX_TURNS = 16
"""Whose transcripts may still come."""
MAX_IN_VAIN = 2
"""After so many sounds in a row that were none, such as a loudspeaker's echo, the next does not stop the answer before
it is known: nobody can listen to an answer that breaks off every second."""

Aside: TypeAlias = AudioDelta | AudioDone


class CallerTurns:
    """What the caller's voice does. `release` takes the sound that was set aside while it was not known."""

    def __init__(
        self,
        settings: CallSettings,
        speaker: Speaker,
        downlink: Downlink,
        watchdog: Watchdog,
        release: Callable[[Aside, float, list[Effect]], None],
    ) -> None:
        self._resumes = settings.interruptions is Interruptions.RESUME
        self._resume_after_s = settings.resume_after_s
        self._languages = settings.line.languages
        self._speaker = speaker
        self._downlink = downlink
        self._watchdog = watchdog
        self._release = release
        self.turns = Turns()
        self._interruption = Interruption(settings.resume_after_s)
        self._item_id = ""
        """of the turn that is judged, or was judged last"""
        self._held_items: set[str] = set()
        """of all turns since the agent is held: words take longer than sounds"""
        self._held_at = 0.0
        self._service_hears = False
        self._speech_item, self._speech_at = "", 0.0
        """the turn that is heard now, or was heard last, and when it began"""
        self._stop_sent = False
        self._audible = True
        """something was heard of what was held; a caller who goes on speaking before the answer interrupts nobody"""
        self._in_vain = 0
        """answers held up for nothing since the caller last said something"""
        self._held_response: str | None = None
        self._aside: list[Aside] = []
        self._unwanted_until: float | None = None
        self._ask_at: float | None = None
        self.objections = 0
        """answers that were cut off, and words after a goodbye that go on; whoever waits to end the call looks at it"""
        self.parting = False
        """the agent has said goodbye, or that it hands the caller over"""
        self._parted_at = 0
        self._turns_begun = 0
        self._begun: dict[str, int] = {}
        """turns by their items, counted from 1, the newest"""

    def __repr__(self) -> str:
        return f"{self.turns!r} {self._interruption!r}"

    @property
    def speaking(self) -> bool:
        """The service hears the caller, or our own ears do."""
        return self._service_hears or self.turns.voice_is_on

    # --- our own ears ---------------------------------------------------------------------------------------------

    def voice_began(self) -> None:
        self.turns.voice_began()
        self._interruption.voice_began()

    def voice_ended(self, at: float) -> None:
        self.turns.voice_ended(at)
        self._interruption.voice_ended(at)

    # --- the service's turns --------------------------------------------------------------------------------------

    def on_speech_started(self, event: SpeechStarted, now: float, out: list[Effect]) -> None:
        fields: Fields = {"item_id": event.item_id, "audio_start_ms": event.audio_start_ms}
        out.append(Note("turn.speech_started", fields))
        self._service_hears = True
        self._turns_begun += 1
        self._begun[event.item_id] = self._turns_begun
        if len(self._begun) > MAX_TURNS:
            del self._begun[next(iter(self._begun))]
        self._speech_item, self._speech_at = event.item_id, now
        self._unwanted_until = self._ask_at = None
        if self._speaker.protected:
            out.append(Note("interruption.protected", {}))
        elif self._resumes:
            self._hold(event.item_id, now, out)
        else:
            self._downlink.cancel(self._speaker.gate.response_id)
            self._held_at, self._audible = now, True
            self._cut(now, out)

    def on_speech_stopped(self, event: SpeechStopped, now: float, out: list[Effect]) -> None:
        out.append(Note("turn.speech_stopped", {"item_id": event.item_id, "audio_end_ms": event.audio_end_ms}))
        self._service_hears = False
        self._interruption.stopped(now)
        if self._speaker.protected:
            return
        self.turns.caller_ended()
        self._watchdog.arm(now, self.turns.wait.speech_end)

    def on_transcript(self, event: InputTranscript, now: float, out: list[Effect]) -> bool:
        """What was said in a turn is known.

        Returns:
            Whether the caller has said something: a cough and an "uh-huh" under the agent's words are nothing.
        """
        out.append(Note("turn.transcript", {"item_id": event.item_id, "text": event.text}))
        has_words = bool(fold(event.text))  # "..." has none
        claims = has_words and not self._lets_go_on(event.text)
        if self._interruption.open and (
            event.item_id == self._item_id or (claims and event.item_id in self._held_items)
        ):
            self._decide(self._interruption.words(claim_the_turn=claims), now, out)
            if claims:
                self._ask_at = now + UNANSWERED_S
            return claims
        if has_words and event.item_id == self._item_id and self._unwanted_until is not None:
            if not claims:
                return False
            self._unwanted_until = None  # it was taken for nothing before its words came
            self._cancel_and_cut(now, out)
            self._ask_at = now + UNANSWERED_S
            return True
        if claims and self.parting:
            self.objections += self._begun.get(event.item_id, 0) > self._parted_at
        if has_words:
            self._in_vain = 0
            self._watchdog.progress(now)
        elif self._speaker.gate.state is GateState.IDLE and not self._speaker.protected:
            self.turns.nothing_said(now + self._resume_after_s)
            if self.turns.turn is not Turn.OWED:
                self._watchdog.disarm()
        return has_words

    def _lets_go_on(self, text: str) -> bool:
        """Words that do not mean to interrupt."""
        if self.parting:
            return is_parting(text, self._languages)
        return is_backchannel(text, self._languages)

    def part(self) -> None:
        """The agent has said goodbye: "thank you, bye" is no objection from now on, other words are."""
        self.parting = True
        self._parted_at = self._turns_begun

    def on_tick(self, now: float, out: list[Effect]) -> bool:
        """Returns whether an answer has to be asked for, because nobody else does."""
        if self._interruption.open:
            answered = self._speaker.gate.response_id not in (None, self._held_response)
            self._decide(self._interruption.on_tick(now, answered=answered), now, out)
        if self._unwanted_until is not None and now >= self._unwanted_until:
            self._unwanted_until = None
        if self._ask_at is not None and now >= self._ask_at:
            self._ask_at = None
            return self._speaker.gate.idle and self.turns.turn is Turn.OWED
        if self.turns.resume_at is not None and now >= self.turns.resume_at:
            self.turns.resume_at = None
            return True
        return False

    def refuse_answer(self, now: float) -> None:
        """The turn that has just been understood is dealt with otherwise: what the service answers to it is refused."""
        if self._speaker.gate.response_id is None:
            self._unwanted_until = now + UNWANTED_S

    # --- responses of the service ---------------------------------------------------------------------------------

    def refuses_answer(self) -> bool:
        """The service has begun to answer a sound that was none."""
        wanted = self._unwanted_until is None
        self._unwanted_until = None
        return not wanted

    def answer_began(self, now: float, out: list[Effect]) -> None:
        """A response was created. One that comes while the caller speaks on is held before its first sound."""
        self.turns.answer_began()
        self._ask_at = None
        if self._resumes and self._service_hears and not self._interruption.open and not self._speaker.protected:
            self._hold(self._speech_item, now, out)
            self._interruption.began(self._speech_at)

    def sets_aside(self, piece: Aside) -> bool:
        """Sound of another answer, while it is not known whether the one that is held goes on."""
        if not self._interruption.open or piece.response_id == self._held_response:
            return False
        self._aside.append(piece)
        return True

    # --- the agent is stopped by something else than a voice ------------------------------------------------------

    def stop_agent(self, now: float, out: list[Effect]) -> None:
        """A key was pressed, time is up: the service does not know, so its response is cancelled as well."""
        self._interruption.forget()
        self._aside.clear()
        self._unwanted_until = self._ask_at = self.turns.resume_at = None
        self._speaker.cancel_response(out)
        self._speaker.gate.forget_waiting()
        self._watchdog.disarm()
        if self._speaker.stop(now, out).anything_cut:
            self.objections += 1
        self.turns.agent_finished()

    # --- holding, cutting, going on -------------------------------------------------------------------------------

    def _hold(self, item_id: str, now: float, out: list[Effect]) -> None:
        gate = self._speaker.gate
        first = not self._interruption.open
        if first:
            self._held_response = gate.response_id
        if self._in_vain >= MAX_IN_VAIN and not self._downlink.idle(now):
            self._doubt(item_id, now, out)
            return
        held = self._speaker.hold(now, out)
        if not held.anything and gate.state is not GateState.ACTIVE:
            self._speaker.resume(now)
            self._interruption.forget()
            self.turns.caller_began(interrupting=False)
            return
        self._item_id = item_id
        if first:
            self._held_at, self._stop_sent, self._audible = now, held.needs_stop, held.anything
            self._held_items.clear()
        self._held_items.add(item_id)
        self._interruption.began(now)
        self._watchdog.disarm()
        out.append(Note("interruption.held", {"item_id": item_id}))

    def _doubt(self, item_id: str, now: float, out: list[Effect]) -> None:
        """So far every sound under this answer was none: it is not stopped before this one has proved to be another."""
        self._item_id = item_id
        self._held_at, self._stop_sent, self._audible = now, False, True
        self._interruption.began(now, lasting_counts=False)
        out.append(Note("interruption.doubted", {"item_id": item_id}))

    def _decide(self, verdict: Verdict | None, now: float, out: list[Effect]) -> None:
        match verdict:
            case Verdict.CUT:
                self._cancel_and_cut(now, out)
            case Verdict.RESUME:
                self._go_on(now, out)
            case None:
                pass

    def _cancel_and_cut(self, now: float, out: list[Effect]) -> None:
        """The caller has the turn, with a cancel of our own; what was set aside is the answer."""
        gate = self._speaker.gate
        if gate.response_id is None or gate.response_id == self._held_response:
            self._speaker.cancel_response(out)
        self._downlink.cancel(self._held_response)
        spoke_already = self.turns.turn is Turn.OWED
        self._cut(now, out)
        if spoke_already:
            self.turns.turn = Turn.OWED
            self._watchdog.arm(now, self.turns.wait.speech_end)
        aside, self._aside = self._aside, []
        for piece in aside:
            self._release(piece, now, out)

    def _cut(self, now: float, out: list[Effect]) -> None:
        self._speaker.gate.forget_waiting()
        self._watchdog.disarm()
        cut = self._speaker.stop(now, out)
        self._in_vain = 0
        self.turns.caller_began(interrupting=cut.anything_cut)
        if cut.anything_cut:
            self.objections += 1
        if cut.anything_cut and self._audible:
            fields: Fields = {
                "item_id": cut.cuts[0].item_id if cut.cuts else None,
                "stop_sent": cut.stop_needed or self._stop_sent,
                "speech_started_at": self._held_at,
                "stopped_at": self._held_at if self._stop_sent else now,
            }
            out.append(Note("barge_in", fields))
        self._stop_sent = False

    def _go_on(self, now: float, out: list[Effect]) -> None:
        """It was nothing: the answer goes on, and no other is wanted."""
        out.append(Note("interruption.false", {"held_ms": round((now - self._held_at) * 1000)}))
        self._in_vain += 1
        self._unwanted_until = now + UNWANTED_S
        if self._speaker.gate.response_id not in (None, self._held_response):
            self._speaker.cancel_response(out)  # an answer to it has begun already
            self._unwanted_until = None
        self._aside.clear()
        self._stop_sent = False
        self._watchdog.disarm()
        self._speaker.resume(now)
        going_on = self._downlink.busy or self._speaker.gate.state is GateState.ACTIVE
        self.turns.went_on(speaking=going_on)
