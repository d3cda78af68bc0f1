"""The gateway's own part in the conversation: what is said and done whatever the model would.

Each manner is a small machine that says when; here is what: silence (`silence`), the end of the time (`duration`),
danger, machines on the line, words that are not to be heard (`moderation`).
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.audio.tones import Tone
from gateway.outcome import Outcome, Reason
from gateway.session.answers import Answers
from gateway.session.control import CallControl
from gateway.session.duration import Duration, Notice
from gateway.session.effects import Effect, JudgeText, Note
from gateway.session.events import InputTranscript, Judged, Side, TranscriptDelta, TranscriptDone
from gateway.session.moderation import Moderation
from gateway.session.settings import CallSettings, LineSettings, Phrase, Sentence, SilenceSettings
from gateway.session.silence import CallerSilence, Prompt
from gateway.session.speaker import Speaker
from gateway.session.turns import Turn
from gateway.session.wordless import Wordless
from gateway.words import mentions_emergency

SaySentence = Callable[[Sentence, Outcome, float, list[Effect]], None]


def read_lists(line: LineSettings) -> None:
    """Make ready what a line's words are looked for with: a tenth of a second, once, and not in the midst of a call."""
    Moderation(line.moderation, line.languages)
    if line.emergency is not None:
        mentions_emergency("", line.languages, line.emergency.phrases)


class Attendant:
    """See the module. `end_with` says a last sentence and ends the call."""

    def __init__(
        self, settings: CallSettings, speaker: Speaker, answers: Answers, control: CallControl, end_with: SaySentence
    ) -> None:
        line = settings.line
        self._languages = line.languages
        self._silence_settings = line.silence
        self._emergency = line.emergency
        self._machines_to = line.machines_to
        self._speaker = speaker
        self._answers = answers
        self._control = control
        self._end_with = end_with
        self.silence = CallerSilence(line.silence)
        self._wordless = Wordless(line.wordless_s)
        self._duration = Duration(line.max_duration_s)
        self._moderation = Moderation(line.moderation, line.languages)
        self._helped = False
        """the emergency sentence has been said"""
        self._hand_over_after: str | None = None

    def __repr__(self) -> str:
        return f"<Attendant {self.silence!r} {self._duration!r}>"

    def on_phone_opened(self, now: float) -> None:
        self._duration.begin(now)

    # --- words ----------------------------------------------------------------------------------------------------

    def on_caller_words(self, event: InputTranscript, now: float, out: list[Effect]) -> None:
        """The caller has said something."""
        self.silence.spoke()
        self._wordless.spoke()
        self._follow_language(event.language)
        emergency = self._emergency
        if emergency is not None and mentions_emergency(event.text, self._languages, emergency.phrases):
            self.on_emergency(now, out)
            self._answers.caller.refuse_answer(now)
        elif self._moderation.on_caller_text(event.text):
            self._silence_agent(Side.CALLER, now, out)
            self._answers.caller.refuse_answer(now)
        elif self._moderation.asks and self._moderation.judges_caller():
            out.append(JudgeText(Side.CALLER, event.text, event.item_id))

    def on_sound(self, now: float) -> None:
        """The caller's line made a sound in which nobody found a word."""
        self._wordless.heard(now)

    def on_key(self) -> None:
        """The caller pressed a key: somebody is there."""
        self.silence.heard()
        self._wordless.spoke()

    def on_agent_words(self, event: TranscriptDelta | TranscriptDone, now: float, out: list[Effect]) -> None:
        """The agent is about to say something, or has it all."""
        if isinstance(event, TranscriptDelta):
            if self._moderation.on_agent_text(event.response_id, event.item_id, event.text):
                self._silence_agent(Side.AGENT, now, out)
        elif self._moderation.asks:
            out.append(JudgeText(Side.AGENT, event.text, event.item_id))

    def on_judged(self, event: Judged, now: float, out: list[Effect]) -> None:
        """The operator's service does not want it; what has been heard to its end can not be taken back."""
        if event.side is Side.AGENT and not self._speaker.still_says(event.item_id, now):
            out.append(Note("moderation.too_late", {"side": event.side.value}))
        else:
            self._silence_agent(event.side, now, out)

    def _silence_agent(self, side: Side, now: float, out: list[Effect]) -> None:
        out.append(Note("moderation.stopped", {"side": side.value}))
        self._answers.caller.stop_agent(now, out)
        self._speaker.say(Phrase.NEUTRAL, out)

    def _follow_language(self, spoken: str) -> None:
        """The gateway's own sentences are said in the language of the caller, where the line has it."""
        base = spoken.partition("-")[0].lower()
        for language in self._languages if base else ():
            if language == spoken or language.partition("-")[0].lower() == base:
                self._speaker.language = language
                return

    # --- danger, machines -----------------------------------------------------------------------------------------

    def on_emergency(self, now: float, out: list[Effect]) -> None:
        """Say at once where help is; once in a call."""
        if self._emergency is None or self._helped:
            return
        self._helped = True
        out.append(Note("emergency", {}))
        self._answers.caller.stop_agent(now, out)
        self._speaker.say_sentence(self._emergency.sentence, now, out, protected=True)
        self._speaker.tell(
            "The caller may be in danger. They are being told where to get help at this moment. Do not repeat that; "
            "help with what you can.",
            out,
        )
        if self._emergency.transfer_to is not None:
            self._hand_over_after = self._emergency.transfer_to
        else:
            self._speaker.ask(out)

    def on_tone(self, tone: Tone, now: float, out: list[Effect]) -> None:
        """A fax machine or a textphone: somebody else may know what to do with it."""
        out.append(Note("machine", {"tone": tone.value}))
        self._answers.caller.stop_agent(now, out)
        if self._machines_to is None or not self._control.hand_over(self._machines_to, tone.value, now, out):
            self._end_with(Sentence(Phrase.MACHINE), Outcome(Reason.MACHINE), now, out)

    # --- time -----------------------------------------------------------------------------------------------------

    def on_tick(self, now: float, out: list[Effect]) -> None:
        """Silence, and the end of the time."""
        quiet = self._speaker.quiet(now)
        if self._hand_over_after is not None and quiet:
            destination, self._hand_over_after = self._hand_over_after, None
            self._control.hand_over(destination, "The caller may be in danger.", now, out)
        self._watch_time(now, out, quiet=quiet)
        if self._control.busy:
            self._wordless.spoke()
        if quiet:
            self._prompt(self._wordless.on_tick(now), Reason.NO_WORDS, now, out)
        free = quiet and not self._control.busy and self._answers.turns.turn is Turn.LISTENING
        prompt = self.silence.on_tick(now, callers_turn=free and not self._answers.caller.speaking)
        self._prompt(prompt, Reason.CALLER_SILENT, now, out)

    def _prompt(self, prompt: Prompt | None, reason: Reason, now: float, out: list[Effect]) -> None:
        match prompt:
            case Prompt.STILL_THERE:
                self._speaker.say(Phrase.STILL_THERE, out)
            case Prompt.GOODBYE:
                settings = self._silence_settings or SilenceSettings()
                self._end_with(settings.goodbye, Outcome(reason), now, out)
            case None:
                pass

    def _watch_time(self, now: float, out: list[Effect], *, quiet: bool) -> None:
        if self._control.handing_over.ringing:
            return
        match self._duration.on_tick(now, quiet=quiet):
            case Notice.NEARLY_UP:
                out.append(Note("duration.nearly_up", {}))
                self._speaker.say(Phrase.TIME_NEARLY_UP, out)
                self._speaker.tell("One minute is left of this call. Bring it to a close.", out)
            case Notice.IS_UP:
                self._end_with(Sentence(Phrase.TIME_IS_UP), Outcome(Reason.MAX_DURATION), now, out)
            case None:
                pass
