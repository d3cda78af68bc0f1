"""What is known of one demonstrated call, from all three sides, on one time axis.

All times are seconds since the ring: the moment the phone network posted the incoming call. "At the ear" is the
truth of the phone twin; what the gateway or the model service believed stands beside it under its own name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gateway.audio.pcm import Int16Array
from gateway.demo.plain import plain

TRACK_HZ = 16000
"""Rate of all sound in here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallMeta:
    """What the artefacts of a call do not say themselves."""

    bridge: str = "gateway"
    """who carried the call, as it is to be named in pictures"""
    profile: str = ""
    """BYOM profile; empty: as the trace or the session says"""
    phone_format: str = "pcm16 16 kHz"
    model_input: str = "pcm16 16 kHz"
    model_output: str = "pcm16 16 kHz"
    far_end_delay_ms: float | None = None
    """declared delay between the network's playout and the ear"""
    network: str = ""
    """what is assumed of the phone network and not documented of a real one, as it is to be said in pictures"""
    ptu_units: int | None = None
    clip_sounds: dict[str, tuple[str, Int16Array]] = field(default_factory=dict, repr=False, compare=False)
    """text and sound at TRACK_HZ of sentences the bridge can say by itself, by clip name"""


@dataclass(frozen=True, slots=True)
class SetUp:
    """Seconds since the ring; None: it never came to that."""

    answered_s: float | None
    media_open_s: float | None
    first_frame_s: float | None
    model_ready_s: float | None
    first_words_sent_s: float | None
    first_words_heard_s: float | None
    """of the greeting, or of what is said before it"""


@dataclass(frozen=True, slots=True)
class SpokenWord:
    text: str
    start_s: float
    """where it was heard, or would have been"""
    end_s: float
    heard: bool = True


@dataclass(frozen=True, slots=True)
class Utterance:
    """One stretch of the caller's speech, as it left the mouth."""

    number: int
    name: str
    onset_s: float
    end_s: float
    words: tuple[SpokenWord, ...]

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of an item that reached the ear unbroken."""

    from_ms: float
    to_ms: float
    """within the item"""
    at_s: float
    """when its beginning was heard"""

    @property
    def end_s(self) -> float:
        return self.at_s + (self.to_ms - self.from_ms) / 1000


@dataclass(frozen=True, slots=True, eq=False)
class Ghost:
    """Sound that was generated and never heard, where it would have been."""

    at_s: float
    length_ms: float
    from_ms: float
    """within the item"""
    samples: Int16Array | None
    """at TRACK_HZ; None where the sound itself is not known"""

    @property
    def end_s(self) -> float:
        return self.at_s + self.length_ms / 1000


@dataclass(frozen=True, slots=True, eq=False)
class AgentItem:
    """One answer of the agent, or a sentence of the bridge itself."""

    item_id: str
    kind: str
    """greeting, answer or clip"""
    words: tuple[SpokenWord, ...]
    generated_ms: float
    """delivered by the model service"""
    heard_ms: float
    """of it, at the ear"""
    believed_ms: float
    """what the model's history holds as heard: where it was truncated, or all of it"""
    truncated_at_ms: float | None
    first_audio_s: float | None
    first_sent_s: float | None
    first_heard_s: float | None
    """first voiced sound at the ear"""
    first_heard_estimate_s: float | None
    """as the bridge computed it for its first frame"""
    pieces: tuple[Piece, ...]
    ghosts: tuple[Ghost, ...]

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)

    @property
    def text_heard(self) -> str:
        return " ".join(word.text for word in self.words if word.heard)

    @property
    def text_unheard(self) -> str:
        return " ".join(word.text for word in self.words if not word.heard)


@dataclass(frozen=True, slots=True)
class Turn:
    """A caller's utterance and its answer."""

    number: int
    caller_onset_s: float
    caller_end_s: float
    """last voiced sound, at the mouth"""
    caller_end_estimate_s: float | None
    """last voiced frame, by the bridge's own ears"""
    decided_s: float | None
    """end of turn, as the model service said it"""
    transcript: str | None
    item_id: str | None
    """of the answer"""
    first_audio_s: float | None
    first_sent_s: float | None
    first_heard_s: float | None
    first_heard_estimate_s: float | None
    filler_heard_s: float | None
    """a sentence of the bridge that bridged the wait"""

    @property
    def answered(self) -> bool:
        return self.first_heard_s is not None

    @property
    def stages_ms(self) -> tuple[int | None, int | None, int | None]:
        """Caller's end to decision, decision to first audio, first audio to the ear."""
        return (
            _between_ms(self.caller_end_s, self.decided_s),
            _between_ms(self.decided_s, self.first_audio_s),
            _between_ms(self.first_audio_s, self.first_heard_s),
        )

    @property
    def wait_ms(self) -> int | None:
        """What the caller felt: last voiced sound to first sound of the answer."""
        return _between_ms(self.caller_end_s, self.first_heard_s)


@dataclass(frozen=True, slots=True)
class BargeIn:
    """The caller interrupted the agent."""

    turn: int
    item_id: str
    onset_s: float
    """at the mouth"""
    onset_estimate_s: float | None
    """by the bridge's own ears"""
    speech_started_s: float | None
    stop_audio_s: float | None
    """StopAudio arrived at the phone network; None: none came"""
    silence_s: float
    """the interrupted answer's last sound at the ear"""
    truncated_at_ms: float | None
    heard_ms: float
    heard_at_onset_ms: float
    """of the item, when the caller began"""
    believed_ms: float
    words_heard: str
    words_unheard: str
    words_heard_estimate: str | None
    """as the bridge told them apart"""

    @property
    def stop_ms(self) -> int | None:
        """speech_started to silence at the ear."""
        return _between_ms(self.speech_started_s, self.silence_s)

    @property
    def heard_by_then_ms(self) -> float:
        """What had been heard when the caller got the word: all that ever was, if the answer was cut."""
        return self.heard_ms if self.words_unheard else self.heard_at_onset_ms

    @property
    def talked_over_ms(self) -> int:
        """How long the agent went on after the caller had begun."""
        return max(0, round((self.silence_s - self.onset_s) * 1000))


@dataclass(frozen=True, slots=True)
class LeadPoint:
    at_s: float
    lead_ms: float
    queued_ms: float


@dataclass(frozen=True, slots=True)
class PtuPoint:
    at_s: float
    percent: float
    normalised_tokens: float


@dataclass(frozen=True, slots=True, eq=False)
class DemoRecord:
    """Everything measured of one call."""

    meta: CallMeta
    profile: str
    call_id: str
    ending: str
    failure: str | None
    started_at: float
    """the ring in monotonic seconds"""
    answered_s: float
    """where the tracks begin"""
    duration_s: float
    """ring to the end of the call"""
    set_up: SetUp
    utterances: tuple[Utterance, ...]
    items: tuple[AgentItem, ...]
    turns: tuple[Turn, ...]
    barge_ins: tuple[BargeIn, ...]
    lead: tuple[LeadPoint, ...]
    ptu: tuple[PtuPoint, ...]
    stats: dict[str, Any]
    phone: dict[str, Any]
    """the phone twin's own account"""
    caller_track: Int16Array
    ear_track: Int16Array

    def item(self, item_id: str) -> AgentItem:
        """Raises KeyError: no such item."""
        for item in self.items:
            if item.item_id == item_id:
                return item
        raise KeyError(item_id)

    @property
    def greeting(self) -> AgentItem | None:
        return next((item for item in self.items if item.kind == "greeting"), None)

    def to_json(self) -> dict[str, Any]:
        """call.json: everything but the sound."""
        facts: dict[str, Any] = plain(self)
        return {"units": "_s: seconds since the ring, or a length in seconds; _ms: a length in milliseconds"} | facts


def _between_ms(earlier: float | None, later: float | None) -> int | None:
    return None if earlier is None or later is None else round((later - earlier) * 1000)
