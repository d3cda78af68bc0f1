"""What the keys of the caller's telephone do."""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from gateway.config.fields import ConfigPath, HttpUrl, Section, Text
from gateway.config.handover import ToolName

Key: TypeAlias = Literal["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "#"]


class KeyShortcut(Section):
    """What one key does, at any moment but while digits are collected."""

    do: Literal["transfer", "tell_agent", "repeat", "hang_up"]
    """`transfer`: to a person, without the model, so that it works even when the model is silent. `tell_agent`: the
    agent is told `text` and answers. `repeat`: the agent says its last answer again. `hang_up`: goodbye."""
    to: ToolName | None = None
    """Destination of `transfer`."""
    text: Text | None = None
    """What the agent is told, such as "The caller chose billing."."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.to is not None) != (self.do == "transfer"):
            raise ValueError("`to` names the destination of `transfer`, which needs one")
        if (self.text is not None) != (self.do == "tell_agent"):
            raise ValueError("`text` is what `tell_agent` says, which needs one")
        return self


class DigitsHook(Section):
    """A service of yours that judges the digits a caller has typed, so that nobody else needs to see them."""

    url: HttpUrl
    """Receives a POST of JSON: `call_id`, `line`, `purpose`, `digits`. Its answer `{"result": "..."}`, at most 200
    characters, is all that the agent is told."""
    secret_file: ConfigPath | None = None
    """File with a secret that is sent as a bearer token."""
    timeout_s: Annotated[float, Field(gt=0, le=5)] = 3.0
    """After it the agent is told that there was no answer."""


class Digits(Section):
    """How digits are collected for the agent (its tool `collect_digits`), and who gets to see them."""

    to_agent: bool = False
    """The agent is told the digits. Otherwise it is told how many there were, and what `hook` said."""
    secure: bool = False
    """While digits are collected neither they nor the caller's voice reach the model, a log or a recording."""
    hook: DigitsHook | None = None
    """Judges them, such as a check of a PIN."""
    first_s: Annotated[float, Field(ge=1, le=60)] = 10.0
    """How long the caller may take for the first digit."""
    between_s: Annotated[float, Field(ge=1, le=30)] = 4.0
    """A pause this long ends the input."""
    type_ahead_s: Annotated[float, Field(ge=0, le=10)] = 3.0
    """Keys pressed at most this long before they were asked for count."""

    @model_validator(mode="after")
    def _secret_stays_secret(self) -> Self:
        if self.secure and self.to_agent:
            raise ValueError("secure digits never reach the agent: to_agent must be false, and hook may judge them")
        return self
