"""What responses and units cost, by the operator's own prices.

No price is built in: contracts, regions and reservations differ, and a wrong number would be worse than none. An amount
is of the model alone. Speech, telephony and the gateway itself are billed elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.capacity.ptu import cached_tokens
from gateway.profile import Profile
from gateway.session.events import Usage

PER = 1_000_000
"""Tokens that a price is for."""
HOURS_A_MONTH = 730
"""As Azure's price pages count: 8,760 hours a year, by twelve."""


@dataclass(frozen=True, slots=True)
class TokenPrices:
    """Of a million tokens of a kind."""

    currency: str
    input: float
    output: float
    cached_input: float
    cache_write: float
    audio_input: float = 0.0
    cached_audio: float = 0.0
    audio_output: float = 0.0

    def of(self, usage: Usage, profile: Profile) -> float:
        """Of one response. Each token is paid for once, in the category it belongs to; reasoning is output.

        Audio tokens of a cascade are units of speech services; they cost something only where they have a price.
        """
        cached_text, cached_audio = cached_tokens(usage, profile)
        written = min(usage.cache_write, usage.input_text - cached_text)
        text = self.of_text(
            usage.input_text - cached_text - written + usage.input_image,
            cached_text,
            written,
            usage.output_text + usage.output_reasoning,
        )
        audio = (
            self.audio_input * (usage.input_audio - cached_audio)
            + self.cached_audio * cached_audio
            + self.audio_output * usage.output_audio
        )
        return text + audio / PER

    def of_text(self, fresh: float, cached: float, written: float, output: float) -> float:
        """Of so many text tokens."""
        return (
            self.input * fresh + self.cached_input * cached + self.cache_write * written + self.output * output
        ) / PER


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """Of one provisioned unit for an hour; paid whether it is used or not."""

    currency: str
    amount: float

    def of(self, units: int, hours: float) -> float:
        """Of so many units over such a time. Parts of an hour are paid in part."""
        return units * self.amount * hours


def break_even(unit_price: float, price_per_call_minute: float) -> float | None:
    """How many minutes of calls cost as much by tokens as the units do; None where tokens are free."""
    return unit_price / price_per_call_minute if price_per_call_minute > 0 else None
