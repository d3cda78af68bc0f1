"""What one call needs to know beforehand, as values: the core reads no configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.audio.pcm import AudioFormat, Int16Array
from gateway.session.watchdog import Patience


class Phrase(StrEnum):
    """Sentences the gateway says itself, from clips: where the model can not, or must not be the one to say them."""

    FILLER = "filler"
    ASK_AGAIN = "ask_again"
    NEUTRAL = "neutral"
    APOLOGY = "apology"
    DISCLOSURE = "disclosure"
    CONNECTING = "connecting"
    NOT_CONNECTED = "not_connected"
    STILL_THERE = "still_there"
    SILENT_GOODBYE = "silent_goodbye"
    TIME_NEARLY_UP = "time_nearly_up"
    TIME_IS_UP = "time_is_up"
    CLOSED = "closed"
    EMERGENCY = "emergency"
    MACHINE = "machine"
    QUEUE_BUSY = "queue_busy"
    QUEUE_1 = "queue_1"
    QUEUE_2 = "queue_2"
    QUEUE_3 = "queue_3"
    QUEUE_4 = "queue_4"
    QUEUE_5 = "queue_5"
    QUEUE_6 = "queue_6"
    QUEUE_7 = "queue_7"
    QUEUE_8 = "queue_8"
    QUEUE_9 = "queue_9"
    QUEUE_10 = "queue_10"
    QUEUE_MANY = "queue_many"
    QUEUE_GOODBYE = "queue_goodbye"
    HOLD = "hold"
    """music, not a sentence; made to be repeated without a seam"""


@dataclass(frozen=True, slots=True)
class Sentence:
    """Something to say that is not left to the model."""

    phrase: Phrase
    """the gateway's own recording: said where there is no text, or where the service does not speak the text in time"""
    texts: Mapping[str, str] = field(default_factory=dict)
    """what the service is to say in the agent's voice, by language (BCP 47)"""

    def text(self, language: str) -> str | None:
        """In this language, or in the first there is."""
        return self.texts.get(language) or next(iter(self.texts.values()), None)


class Interruptions(StrEnum):
    """What a caller's voice does to an answer."""

    RESUME = "resume"  # it is held until the caller's words are known, and goes on if there were none
    CUT = "cut"  # it ends at once


@dataclass(frozen=True, slots=True)
class ToolSettings:
    """What the model may do with the call. Times in seconds."""

    names: frozenset[str] = frozenset()
    destinations: tuple[str, ...] = ()
    digits_to_agent: bool = False
    digits_secure: bool = False
    digits_judged: bool = False
    """the line has a service that judges digits"""
    first_digit_s: float = 10.0
    next_digit_s: float = 4.0
    type_ahead_s: float = 3.0


@dataclass(frozen=True, slots=True)
class Shortcut:
    """What a key does."""

    do: str
    """transfer, tell_agent, repeat or hang_up"""
    to: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class SilenceSettings:
    """What happens when the caller says nothing."""

    after_s: float = 10.0
    prompts: int = 2
    goodbye: Sentence = field(default_factory=lambda: Sentence(Phrase.SILENT_GOODBYE))


@dataclass(frozen=True, slots=True)
class EmergencySettings:
    sentence: Sentence
    phrases: tuple[str, ...] = ()
    transfer_to: str | None = None


@dataclass(frozen=True, slots=True)
class ModerationSettings:
    """Words that are not to be heard, and whether somebody else is asked as well."""

    builtin_words: bool = False
    words: tuple[str, ...] = ()
    of_caller: bool = False
    asks: bool = False
    """every sentence goes to the operator's service"""


@dataclass(frozen=True, slots=True)
class LineSettings:
    """How the line that took the call behaves. Times in seconds."""

    languages: tuple[str, ...] = ("en-US",)
    """the agent's first, then the others that callers may speak"""
    tools: ToolSettings = field(default_factory=ToolSettings)
    keys: Mapping[str, Shortcut] = field(default_factory=dict)
    disclosure: Sentence | None = None
    protect_greeting: bool = False
    silence: SilenceSettings | None = None
    max_duration_s: float = 55 * 60.0
    emergency: EmergencySettings | None = None
    machines_to: str | None = None
    overflow_to: str | None = None
    """destination of callers whose agent can not go on"""
    moderation: ModerationSettings | None = None
    wordless_s: float | None = None
    """how long there may be sound without a word; None: for ever"""
    history_turns: int | None = None
    """so many turns of the caller stay in the model's memory of the call; None: all"""


@dataclass(frozen=True, slots=True)
class CallSettings:
    """Settings of one call; times in seconds."""

    phone_format: AudioFormat
    """asked for in the answer; what the stream says of itself wins"""
    model_input: AudioFormat
    model_output: AudioFormat
    """as the service's session.updated says, which may differ from what was asked"""
    phrases: Callable[[int, str], Mapping[Phrase, Int16Array]]
    """clips at a rate in Hz, in a language or the closest there is"""
    greeting: str | None = None
    far_end_delay_s: float = 0.15
    """between the phone network's buffer and the caller's ear; nothing acknowledges playing, so it is declared"""
    lead_in_s: float = 0.2
    """silence sent before the first audio: what a network loses at the start of a stream is then never a word"""
    max_lead_s: float = 0.2
    """how far ahead of real time audio is sent: what a barge-in has to take back"""
    last_word_tail_s: float = 0.7
    """the network still holds sound when our clock says that the last word was played"""
    resume_after_s: float = 1.2
    """an interruption without words is answered after this long, so that a cough does not end the answer for good"""
    reattach_s: float = 10.0
    """how long a lost media socket may take to come back, or the network to say that the call is over"""
    hang_up_s: float = 5.0
    """how long the network may take to confirm a hang-up"""
    patience: Patience = field(default_factory=Patience)
    interruptions: Interruptions = Interruptions.RESUME
    line: LineSettings = field(default_factory=LineSettings)
