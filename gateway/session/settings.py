"""What one call needs to know beforehand, as values: the core reads no configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.audio.pcm import AudioFormat, Int16Array
from gateway.session.watchdog import Patience


class Phrase(StrEnum):
    """Sentences the gateway says itself, from clips, when the model can not."""

    FILLER = "filler"
    ASK_AGAIN = "ask_again"
    NEUTRAL = "neutral"
    APOLOGY = "apology"


@dataclass(frozen=True, slots=True)
class CallSettings:
    """Settings of one call; times in seconds."""

    phone_format: AudioFormat
    """asked for in the answer; what the stream says of itself wins"""
    model_input: AudioFormat
    model_output: AudioFormat
    """as the service's session.updated says, which may differ from what was asked"""
    phrases: Callable[[int], Mapping[Phrase, Int16Array]]
    """clips at a rate in Hz"""
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
