"""The tokens of a response, and the object the service reports them in."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.simulator.voice_live.conversation import Prompt
from gateway.simulator.voice_live.options import PtuPlan, UsageForm
from gateway.simulator.voice_live.record import Json


@dataclass(frozen=True, slots=True)
class Tokens:
    """One response.

    In a cascade the model reads and writes text only, and audio tokens are the units of speech-to-text (this turn's)
    and text-to-speech; a realtime model reads and writes both.
    """

    input_text: int = 0
    input_audio: int = 0
    cached_text: int = 0
    cached_audio: int = 0
    output_text: int = 0
    output_audio: int = 0

    def to_json(self) -> Json:
        cached = {"text_tokens": self.cached_text, "audio_tokens": self.cached_audio, "image_tokens": 0}
        return {
            "total_tokens": self.input_text + self.input_audio + self.output_text + self.output_audio,
            "input_tokens": self.input_text + self.input_audio,
            "output_tokens": self.output_text + self.output_audio,
            "input_token_details": {
                "cached_tokens": self.cached_text + self.cached_audio,
                "cache_write_tokens": 0,
                "text_tokens": self.input_text,
                "audio_tokens": self.input_audio,
                "image_tokens": 0,
                "cached_tokens_details": cached,
            },
            "output_token_details": {
                "text_tokens": self.output_text,
                "audio_tokens": self.output_audio,
                "reasoning_tokens": 0,
            },
        }

    def normalised(self, plan: PtuPlan, *, realtime: bool) -> float:
        """What the response takes from a provisioned deployment (Microsoft Learn, PTU sizing)."""
        text = self.input_text - self.cached_text + plan.cached_weight * self.cached_text
        tokens = text + plan.output_ratio * self.output_text
        if not realtime:
            return tokens
        output_weight = plan.output_ratio if plan.audio_output_weight is None else plan.audio_output_weight
        heard = self.input_audio - self.cached_audio
        return (
            tokens
            + plan.audio_input_weight * heard
            + plan.cached_weight * self.cached_audio
            + output_weight * self.output_audio
        )


def estimate(prompt: Prompt, plan: PtuPlan, max_output_tokens: int | None) -> float:
    """What admission takes a request for, before it has run: prompt less cache, and all the tokens it may write."""
    expected = plan.guessed_output_tokens if max_output_tokens is None else max_output_tokens
    return prompt.text + prompt.audio - prompt.cached_text - prompt.cached_audio + plan.output_ratio * expected


def reported(usage: Json, form: UsageForm) -> Json | None:
    """The usage as the client is told."""
    match form:
        case UsageForm.FULL:
            return usage
        case UsageForm.NULL:
            return None
        case UsageForm.PARTIAL:
            return {
                "total_tokens": usage["total_tokens"],
                "input_token_details": {"text_tokens": usage["input_token_details"]["text_tokens"]},
                "output_token_details": None,
            }
