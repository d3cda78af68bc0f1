"""What `gateway capacity` says: every number with what it is and how it came about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from gateway.capacity.cost import HOURS_A_MONTH, TokenPrices, UnitPrice, break_even
from gateway.capacity.ptu_table import Kind
from gateway.capacity.sizing import CallProfile, Limits, Plan, Units, calls_in
from gateway.telemetry.profile import Measured


@dataclass(frozen=True, slots=True)
class Subject:
    """What is sized."""

    name: str
    kind: Kind
    units: Units
    source: str
    """of its numbers"""
    deployment: str | None = None
    """of a configuration; None: a model in itself"""
    bought: int | None = None
    """units that a configuration has"""
    target: float | None = None
    """that a configuration has"""
    price: UnitPrice | None = None
    """that a configuration has"""


@dataclass(frozen=True, slots=True)
class Prices:
    unit: UnitPrice | None
    tokens: TokenPrices | None


@dataclass(frozen=True, slots=True)
class Answer:
    subject: Subject
    profile: CallProfile
    measured: Measured | None
    limits: Limits
    plan: Plan
    units_given: int | None
    """None: calls were given"""
    prices: Prices

    @property
    def units(self) -> int:
        """That are, or would be, paid for."""
        return self.plan.units if self.units_given is None else self.units_given

    @property
    def monthly_price(self) -> float | None:
        return None if self.prices.unit is None else self.prices.unit.of(self.units, HOURS_A_MONTH)

    @property
    def price_per_call_minute(self) -> float | None:
        """Where tokens are paid for."""
        return None if self.prices.tokens is None else self.profile.price_per_minute(self.prices.tokens)

    @property
    def break_even_call_minutes(self) -> float | None:
        """In a month."""
        monthly, minute = self.monthly_price, self.price_per_call_minute
        return None if monthly is None or minute is None else break_even(monthly, minute)

    @property
    def most_call_minutes(self) -> float:
        """That the units carry in a month, if they were full all the time."""
        return calls_in(self.profile, self.units, self.subject.units, 1.0) * HOURS_A_MONTH * 60.0

    @property
    def utilisation(self) -> float:
        """Of these units by these calls."""
        return self.plan.tokens_per_minute / (self.units * self.subject.units.tpm_per_ptu)

    def as_json(self) -> dict[str, Any]:
        of = self.subject.units
        measured = self.measured
        return {
            "subject": {
                "name": self.subject.name,
                "kind": self.subject.kind.value,
                "source": self.subject.source,
                "tpm_per_ptu": of.tpm_per_ptu,
                "sizes": asdict(of.sizes),
                "weights": asdict(of.weights),
            },
            "call": {
                **asdict(self.profile),
                "mean_prompt_tokens": self.profile.mean_prompt_tokens,
                "measured_from_responses": None if measured is None else measured.responses,
            },
            "limits": asdict(self.limits),
            "units_given": self.units_given,
            "plan": asdict(self.plan),
            "calls_at_target": calls_in(self.profile, self.units, of, self.limits.target),
            "calls_at_100_percent": calls_in(self.profile, self.units, of, 1.0),
            "monthly_price": self.monthly_price,
            "price_per_call_minute": self.price_per_call_minute,
            "break_even_call_minutes": self.break_even_call_minutes,
            "most_call_minutes": self.most_call_minutes,
        }

    # --- for people -----------------------------------------------------------------------------------------------

    def lines(self) -> Iterator[str]:
        """A table; at most 120 columns."""
        of, subject = self.subject.units, self.subject
        unit = f"a unit carries {of.tpm_per_ptu:,.0f} input tokens a minute;"
        yield f"{subject.name}, {subject.kind} ({subject.source}): {unit}"
        yield f"an output token counts for {of.weights.output:g}, a cached one for {of.weights.cached_input:g}"
        yield f"average call, {self._where_from()}"
        yield ""
        rows = [*self._tokens(), *self._units(), *self._around(), *self._money()]
        width, number = max(len(name) for name, _, _ in rows), max(len(value) for _, value, _ in rows)
        for name, value, why in rows:
            yield f"  {name:<{width}}  {value:>{number}}  {why}"
        yield ""
        if self.measured is not None and self.measured.share_of_calls < 1:
            share = f"{self.measured.share_of_calls:.0%}"
            yield f"Its share of all calls, {share}, is an estimate: by sessions that became ready on each deployment."
        yield "Estimates of averages: measure your own calls (--from-metrics), and leave room for the worse minutes."

    def _where_from(self) -> str:
        call, measured = self.profile, self.measured
        growth = f"{call.prompt_tokens:,.0f} tokens at first, {call.growth_tokens:,.0f} more with every turn"
        if call.history_turns is not None:
            growth += f", {call.history_turns} turns kept"
        origin = "assumed"
        if measured is not None:
            origin = f"measured of {measured.responses:,.0f} responses of {measured.deployment}"
        return f"{origin}; prompts of {growth}" if call.growth_tokens else origin

    def _tokens(self) -> Iterator[tuple[str, str, str]]:
        call, weights = self.profile, self.subject.units.weights
        shares = f"{call.cached:.0%} cached" + (f", {call.written:.0%} written" if call.written else "")
        prompt = f"{call.mean_prompt_tokens:,.0f} in, {shares}"
        answer = f"{weights.output:g} x {call.answer_tokens:,.0f} out"
        yield (
            "tokens of a call a minute",
            f"{self.plan.tokens_per_call:,.0f}",
            f"normalised: {call.turns_per_minute:.3g} answers x ({prompt}, + {answer})",
        )
        asked = "that is what was asked"
        fits = f"the most that fit into {self.units_given} units at {self.limits.target:.0%}"
        yield "calls at once", f"{self.plan.calls:,.0f}", asked if self.units_given is None else fits
        yield "tokens of all a minute", f"{self.plan.tokens_per_minute:,.0f}", "tokens of a call x calls"

    def _units(self) -> Iterator[tuple[str, str, str]]:
        of, target = self.subject.units, f"{self.limits.target:.0%}"
        yield (
            "units, exactly",
            f"{self.plan.exact_units:,.2f}",
            f"tokens / {of.tpm_per_ptu:,.0f}: no reserve, not rounded",
        )
        if self.units_given is None:
            yield (
                "units to buy",
                f"{self.units:,}",
                f"units / {target}, then the next that is sold: {of.sizes}",
            )
        use = f"{self.utilisation:.0%}"
        yield "their utilisation", use, "by these calls, on average (estimate); over 100 % the service refuses"
        for share in dict.fromkeys((self.limits.target, 1.0)):
            most = calls_in(self.profile, self.units, of, share)
            how = f"{share:g} x {self.units:,} units x {of.tpm_per_ptu:,.0f} / tokens of a call"
            yield f"calls that fit, {share:.0%}", f"{most:,}", how

    def _around(self) -> Iterator[tuple[str, str, str]]:
        plan, limits = self.plan, self.limits
        minutes = f"calls / {self.profile.minutes:.3g} minutes (Little's law): a mean, they come in bunches"
        yield "calls that begin a minute", f"{plan.calls_a_minute:,.1f}", minutes
        yield "Voice Live resources", f"{plan.resources}", f"for {limits.dials_per_minute} new sessions a minute each"
        yield (
            "replicas of the gateway",
            f"{plan.replicas}",
            f"of {limits.calls_per_replica} calls; one more for failures",
        )

    def _money(self) -> Iterator[tuple[str, str, str]]:
        unit, tokens = self.prices.unit, self.prices.tokens
        if unit is not None:
            how = f"{self.units:,} units x {unit.amount:g} x {HOURS_A_MONTH} hours"
            yield f"{unit.currency} a month".strip(), f"{self.monthly_price:,.0f}", how
        if tokens is not None:
            how = (
                f"pay as you go: {tokens.input:g} in, {tokens.cached_input:g} cached, {tokens.output:g} out, a million"
            )
            yield f"{tokens.currency} a call-minute".strip(), f"{self.price_per_call_minute:,.4f}", how
        minutes = self.break_even_call_minutes
        if minutes is not None:
            how = "in a month: with more of them units are cheaper, with fewer pay as you go is"
            if minutes > self.most_call_minutes:
                how = f"in a month, and these units carry {self.most_call_minutes:,.0f}: pay as you go is cheaper"
            yield "call-minutes to break even", f"{minutes:,.0f}", how
