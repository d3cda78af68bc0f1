"""Section `price` of a deployment."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from gateway.capacity.cost import TokenPrices, UnitPrice
from gateway.config.fields import Section

Amount = Annotated[float, Field(ge=0, le=1_000_000)]


class Price(Section):
    """What the model costs by your contract: tokens of a pay-as-you-go deployment, or units of a provisioned one."""

    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    """ISO 4217, such as EUR; a label of metrics."""
    unit_hour: Amount | None = None
    """One provisioned unit for an hour, after reservations and discounts."""
    input: Amount | None = None
    """A million text input tokens."""
    output: Amount | None = None
    """A million text output tokens, reasoning included."""
    cached_input: Amount | None = None
    """A million text input tokens read from the prompt cache; unset: like `input`."""
    cache_write: Amount | None = None
    """A million text input tokens written to the prompt cache; unset: like `input`."""
    audio_input: Amount | None = None
    """A million audio input tokens; needed with the realtime profile. In a cascade they are units of speech services,
    and cost nothing here unless you say so."""
    cached_audio: Amount | None = None
    """A million audio input tokens read from the cache; unset: like `audio_input`."""
    audio_output: Amount | None = None
    """A million audio output tokens, as `audio_input`."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        of_tokens = [name for name in type(self).model_fields if name not in ("currency", "unit_hour")]
        given = [name for name in of_tokens if getattr(self, name) is not None]
        if self.unit_hour is not None and given:
            raise ValueError("is of units or of tokens, not both: unit_hour, or input and output")
        if self.unit_hour is None and (self.input is None or self.output is None):
            raise ValueError("needs unit_hour (provisioned), or input and output (pay as you go)")
        return self

    @property
    def of_units(self) -> UnitPrice | None:
        return None if self.unit_hour is None else UnitPrice(self.currency, self.unit_hour)

    @property
    def of_tokens(self) -> TokenPrices | None:
        if self.input is None or self.output is None:
            return None
        audio_input = self.audio_input or 0.0
        return TokenPrices(
            self.currency,
            input=self.input,
            output=self.output,
            cached_input=self.input if self.cached_input is None else self.cached_input,
            cache_write=self.input if self.cache_write is None else self.cache_write,
            audio_input=audio_input,
            cached_audio=audio_input if self.cached_audio is None else self.cached_audio,
            audio_output=self.audio_output or 0.0,
        )
