"""Provisioned throughput: what a response costs, and how full a deployment is.

Azure throttles a provisioned deployment on *normalised* tokens: each category of tokens times a weight, against
units x tokens-per-minute-per-unit. Through Voice Live nobody tells the gateway the deployment's utilisation, so it is
estimated from the `usage` of every response. It stays an estimate: other clients may share the deployment, and
failed responses burn capacity without saying how much.

Formula and numbers: Microsoft Learn, "Determine PTU sizing for a workload" (see ptu_models.yaml for the date).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml

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
class Sizes:
    """Which numbers of units are sold: `minimum`, then more by `step`."""

    minimum: int
    step: int

    def units_for(self, units: float) -> int:
        """The smallest size on sale that has at least this many units."""
        steps = math.ceil(round((units - self.minimum) / self.step, 9))
        return self.minimum + max(0, steps) * self.step


@dataclass(frozen=True, slots=True)
class PtuModel:
    """One row of the table."""

    name: str
    tpm_per_ptu: float
    output: float | None
    """None: the source gives no ratio, so a deployment has to"""
    cached_input: float
    cache_write: float
    long_context: Mapping[str, float] | None
    """weights of LongContext; from which length on is not published"""
    sizes: tuple[Sizes, ...]


@dataclass(frozen=True, slots=True)
class PtuTable:
    source: str
    date: str
    models: dict[str, PtuModel]


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


@cache
def ptu_table() -> PtuTable:
    """The table that ships with the package."""
    text = resources.files(__package__).joinpath("ptu_models.yaml").read_text(encoding="utf-8")
    raw = yaml.safe_load(text)
    models = {name: _model(name, row) for name, row in raw["models"].items()}
    return PtuTable(source=raw["source"], date=str(raw["date"]), models=models)


def _model(name: str, row: dict[str, Any]) -> PtuModel:
    return PtuModel(
        name=name,
        tpm_per_ptu=row["tpm_per_ptu"],
        output=row.get("output"),
        cached_input=row.get("cached_input", 0.0),
        cache_write=row.get("cache_write", 1.0),
        long_context=row.get("long_context"),
        sizes=tuple(Sizes(*row[kind]) for kind in ("global", "regional") if kind in row),
    )


def normalised_tokens(usage: Usage, weights: TokenWeights, profile: Profile) -> float:
    """What one response took from a provisioned deployment.

    In a cascade only text reaches the model: audio tokens there are the units of speech-to-text and text-to-speech.
    Cached and cache-written tokens are part of the input they were counted in and are weighed once. Reasoning tokens
    are output tokens; the service lists them beside the text tokens, so they are added (if they were contained
    in them, the estimate would be too high, which errs on the safe side).
    """
    cached_text, cached_audio = _cached(usage, profile)
    written = min(usage.cache_write, usage.input_text - cached_text)
    fresh, output = usage.input_text - cached_text - written, usage.output_text + usage.output_reasoning
    text: TokenWeights | LongContext = weights
    factor = 1.0
    if weights.long_context is not None and usage.input_text > weights.long_context.above:
        text, factor = weights.long_context, weights.long_context.input
    tokens = factor * fresh + text.cached_input * cached_text + text.cache_write * written + text.output * output
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


def _cached(usage: Usage, profile: Profile) -> tuple[int, int]:
    """Cached text and audio tokens, never more than the input; the total counts where the split is missing."""
    text, audio = usage.cached_text, usage.cached_audio
    if text == 0 and audio == 0:
        text = min(usage.cached_total, usage.input_text)
        audio = 0 if profile.is_cascade else usage.cached_total - text
    return min(text, usage.input_text), min(audio, usage.input_audio)
