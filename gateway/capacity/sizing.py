"""How much to buy for so many calls, and how many calls fit into what was bought.

The formulas are Microsoft's ("Determine PTU sizing for a workload"): tokens a minute times their weights, against the
tokens a minute that a unit carries, rounded up to what is sold. What a call takes is said by the operator, or measured.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from gateway.capacity.ptu import Sizes, TokenWeights

HOURS_A_MONTH = 730
"""As Azure's price pages count: 8,760 hours a year, by twelve."""


@dataclass(frozen=True, slots=True)
class CallProfile:
    """An average call."""

    turns_per_minute: float = 4.0
    """answers of the model"""
    prompt_tokens: float = 1500.0
    """of one answer: instructions, tools and history"""
    answer_tokens: float = 60.0
    cached: float = 0.6
    """share of the prompt that is read from the cache"""
    written: float = 0.0
    """share of the prompt that is written to the cache; counts only where a model weighs that"""
    minutes: float = 3.0
    """length"""

    def tokens_per_minute(self, weights: TokenWeights) -> float:
        """Normalised tokens of one call in a minute."""
        return normalised_per_minute(
            self.turns_per_minute, self.prompt_tokens, self.answer_tokens, weights, self.cached, self.written
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """What so many calls need."""

    calls: float
    tokens_per_call: float
    """normalised, in a minute"""
    tokens_per_minute: float
    """normalised, of all calls"""
    exact_units: float
    """at 100 %"""
    units: int
    """to buy: with the reserve, and rounded up to what is sold"""
    utilisation: float
    """of those units by these calls"""
    calls_a_minute: float
    """that begin: by Little's law the calls at once by their length"""
    resources: int
    """Voice Live resources, for their dials"""
    replicas: int


@dataclass(frozen=True, slots=True)
class Units:
    """What one unit carries, and how many are sold at once."""

    tpm_per_ptu: float
    weights: TokenWeights
    sizes: Sizes


@dataclass(frozen=True, slots=True)
class Limits:
    """What surrounds a deployment."""

    target: float = 0.8
    """share of the units that calls are admitted to"""
    dials_per_minute: int = 30
    calls_per_replica: int = 80


def normalised_per_minute(  # noqa: PLR0913 - the published formula's own terms
    requests_per_minute: float,
    prompt_tokens: float,
    answer_tokens: float,
    weights: TokenWeights,
    cached: float = 0.0,
    written: float = 0.0,
) -> float:
    """The published formula: input x (1 - cache rate) + ratio x output, with the weights of newer models."""
    fresh = 1.0 - cached - written
    prompt = prompt_tokens * (fresh + weights.cached_input * cached + weights.cache_write * written)
    return requests_per_minute * (prompt + weights.output * answer_tokens)


def plan(profile: CallProfile, calls: float, of: Units, limits: Limits) -> Plan:
    """What so many calls at once need."""
    each = profile.tokens_per_minute(of.weights)
    tokens, tpm_per_ptu = each * calls, of.tpm_per_ptu
    units = of.sizes.units_for(tokens / tpm_per_ptu / limits.target)
    begin = calls / profile.minutes
    return Plan(
        calls=calls,
        tokens_per_call=each,
        tokens_per_minute=tokens,
        exact_units=tokens / tpm_per_ptu,
        units=units,
        utilisation=tokens / (units * tpm_per_ptu),
        calls_a_minute=begin,
        resources=_of(begin, limits.dials_per_minute),
        replicas=_of(calls, limits.calls_per_replica),
    )


def calls_in(profile: CallProfile, units: int, of: Units, share: float) -> int:
    """How many calls at once fit into a share of so many units."""
    each = profile.tokens_per_minute(of.weights)
    return int(round(share * units * of.tpm_per_ptu / each, 9)) if each else 0


def _of(wanted: float, each: float) -> int:
    return max(1, math.ceil(round(wanted / each, 9)))
