"""Provisioned throughput: what a response costs, and how full a deployment is.

Azure throttles a provisioned deployment on *normalised* tokens: each category of tokens times a weight, against
units x tokens-per-minute-per-unit. Through Voice Live nobody tells the gateway the deployment's utilisation, so it is
estimated from the `usage` of every response. It stays an estimate: other clients may share the deployment, and
failed responses burn capacity without saying how much.

The formula is that of Microsoft Learn, "Determine PTU sizing for a workload"; the numbers by model are in ptu_table.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.profile import Profile
from gateway.session.events import Usage


@dataclass(frozen=True, slots=True)
class TokenWeights:
    """How many uncached text input tokens one token of a category counts for."""

    output: float
    cached_input: float = 0.0
    cache_write: float = 1.0
    audio_input: float = 1.0
    audio_output: float | None = None
    """None: like `output`. No weight of audio tokens is published."""
    long_context: LongContext | None = None

    def of_text(self, prompt_tokens: float) -> TextWeights:
        """Of the text of a response with such a prompt: all of it weighs as a long one, or none."""
        long = self.long_context
        if long is not None and prompt_tokens > long.above:
            return TextWeights(long.input, long.cached_input, long.cache_write, long.output)
        return TextWeights(1.0, self.cached_input, self.cache_write, self.output)


@dataclass(frozen=True, slots=True)
class TextWeights:
    """What text counts for. Each token belongs to one category: what was cached or written is no fresh input."""

    input: float
    cached_input: float
    cache_write: float
    output: float

    def normalised(self, fresh: float, cached: float, written: float, output: float) -> float:
        return self.input * fresh + self.cached_input * cached + self.cache_write * written + self.output * output


@dataclass(frozen=True, slots=True)
class LongContext:
    """What text tokens count for in a response with a long prompt."""

    above: int
    """text tokens of the prompt"""
    input: float
    cached_input: float
    cache_write: float
    output: float


@dataclass(frozen=True, slots=True)
class PtuBudget:
    """What a provisioned deployment may use."""

    units: int
    tpm_per_ptu: float
    weights: TokenWeights

    @property
    def tokens_per_minute(self) -> float:
        """Normalised tokens a minute at 100 %."""
        return self.units * self.tpm_per_ptu


def normalised_tokens(usage: Usage, weights: TokenWeights, profile: Profile) -> float:
    """What one response took from a provisioned deployment.

    In a cascade only text reaches the model: audio tokens there are the units of speech-to-text and text-to-speech.
    Cached and cache-written tokens are part of the input they were counted in and are weighed once. Reasoning tokens
    are output tokens; the service lists them beside the text tokens, so they are added (if they were contained
    in them, the estimate would be too high, which errs on the safe side).
    """
    cached_text, cached_audio = cached_tokens(usage, profile)
    written = min(usage.cache_write, usage.input_text - cached_text)
    fresh, output = usage.input_text - cached_text - written, usage.output_text + usage.output_reasoning
    tokens = weights.of_text(usage.input_text).normalised(fresh, cached_text, written, output)
    if profile.is_cascade:
        return tokens
    audio_output = weights.output if weights.audio_output is None else weights.audio_output
    return (
        tokens
        + usage.input_image
        + weights.audio_input * (usage.input_audio - cached_audio)
        + weights.cached_input * cached_audio
        + audio_output * usage.output_audio
    )


def cached_tokens(usage: Usage, profile: Profile) -> tuple[int, int]:
    """Cached text and audio tokens, never more than the input; the total counts where the split is missing."""
    text, audio = usage.cached_text, usage.cached_audio
    if text == 0 and audio == 0:
        text = min(usage.cached_total, usage.input_text)
        audio = 0 if profile.is_cascade else usage.cached_total - text
    return min(text, usage.input_text), min(audio, usage.input_audio)
