"""How much to buy for so many calls, and how many calls fit into what was bought.

The formulas are Microsoft's ("Determine PTU sizing for a workload"): tokens a minute times their weights, against the
tokens a minute that a unit carries, rounded up to what is sold. What a call takes is said by the operator, or measured.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from gateway.capacity.cost import TokenPrices
from gateway.capacity.ptu import TokenWeights
from gateway.capacity.ptu_table import Sizes


@dataclass(frozen=True, slots=True)
class CallProfile:
    """An average call."""

    turns_per_minute: float = 4.0
    """answers of the model"""
    prompt_tokens: float = 1500.0
    """of one answer: instructions, tools and history; of the first one, if prompts grow"""
    answer_tokens: float = 60.0
    cached: float = 0.6
    """share of the prompt that is read from the cache"""
    written: float = 0.0
    """share of the prompt that is written to the cache; counts only where a model weighs that"""
    minutes: float = 3.0
    """length"""
    growth_tokens: float = 0.0
    """what every turn adds to the prompts after it: what was said, and the answer"""
    history_turns: int | None = None
    """so many turns stay in the prompt, the present one included; None: all"""

    @property
    def mean_prompt_tokens(self) -> float:
        """Over the turns of a call: the n-th carries n - 1 earlier ones, or as many as are kept.

        For calls of one length at all stages at once. Where lengths differ long calls weigh more, and the mean is too
        low: measure it then.
        """
        turns = max(1, round(self.turns_per_minute * self.minutes))
        most = turns - 1 if self.history_turns is None else min(turns, self.history_turns) - 1
        carried = most * (most + 1) / 2 + most * (turns - 1 - most)
        return self.prompt_tokens + self.growth_tokens * carried / turns

    def tokens_per_minute(self, weights: TokenWeights) -> float:
        """Normalised tokens of one call in a minute."""
        return normalised_per_minute(
            self.turns_per_minute, self.mean_prompt_tokens, self.answer_tokens, weights, self.cached, self.written
        )

    def price_per_minute(self, prices: TokenPrices) -> float:
        """Of one call, where tokens are paid for."""
        prompt = self.mean_prompt_tokens
        cached, written = prompt * self.cached, prompt * self.written
        return self.turns_per_minute * prices.of_text(prompt - cached - written, cached, written, self.answer_tokens)


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
    read, kept = prompt_tokens * cached, prompt_tokens * written
    text = weights.of_text(prompt_tokens)
    return requests_per_minute * text.normalised(prompt_tokens - read - kept, read, kept, answer_tokens)


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
