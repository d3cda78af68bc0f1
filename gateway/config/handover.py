"""Where a line's callers can be handed over to: people, by name."""

from __future__ import annotations

from typing import Annotated, Self, TypeAlias

from pydantic import Field, StringConstraints, model_validator

from gateway.config.fields import ConfigPath, HttpUrl, PhoneNumber, Section, Text

TeamsId: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$", to_lower=True)
]
AcsUser: TypeAlias = Annotated[str, StringConstraints(pattern=r"^8:[A-Za-z0-9:_.-]{8,200}$")]
ToolName: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]


class Destination(Section):
    """Somebody a caller can be handed over to. The model chooses by name alone and never says a number."""

    name: ToolName
    """What the agent and other settings call it: lower-case letters, digits, dash and underscore."""
    description: Text | None = None
    """What the model is told about it, such as "questions about an invoice"."""
    phone_number: PhoneNumber | None = None
    """A telephone, in E.164. Short codes such as 112 have no such form and can never be a destination."""
    acs_user: AcsUser | None = None
    """A user of Azure Communication Services: 8:acs:..."""
    teams_user: TeamsId | None = None
    """A Teams user: the object id in Entra."""

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        given = [value for value in (self.phone_number, self.acs_user, self.teams_user) if value is not None]
        if len(given) != 1:
            raise ValueError("needs exactly one of phone_number, acs_user and teams_user")
        return self


class HandoverReport(Section):
    """Where the person who takes over finds what was said: a POST of JSON before the phone rings there."""

    url: HttpUrl
    """Receives the call's reference, its line, the destination's name and the agent's summary. Never a number."""
    secret_file: ConfigPath | None = None
    """File with a secret that is sent as a bearer token."""
    timeout_s: Annotated[float, Field(gt=0, le=5)] = 2.0
    """The hand-over waits no longer for it, and does not depend on it."""
