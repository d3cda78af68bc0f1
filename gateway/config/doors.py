"""Who may come in: section `event_grid`, and how the tokens of the phone network are taken."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from gateway.config.fields import ConfigPath, HttpUrl, Section, Text

EVENT_GRID_APPLICATION = "4962773b-9cdb-44cf-a8bf-237846a00ab7"
Guid = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$")]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$")]


class EntraDelivery(Section):
    """Event Grid proves itself with an Entra token: a delivery with "AAD authentication", recommended."""

    tenant_id: Guid
    """Directory in which the application is registered that the subscription names."""
    audience: Text
    """`aud` of the token: the client id of that application, or its Application ID URI, as the subscription has it."""
    application_id: Guid = EVENT_GRID_APPLICATION
    """Who the token was issued to: Event Grid itself, which has another id in national clouds."""
    role: Text | None = None
    """Application role that the token must carry, such as AzureEventGridSecureWebhookSubscriber; none: not looked
    at."""
    issuers: tuple[Text, ...] = ()
    """`iss` of the token; empty: both issuers of the tenant in the public cloud."""
    keys_url: HttpUrl | None = None
    """Where the keys of the tenant are published; none: the public cloud's address."""

    @property
    def all_issuers(self) -> frozenset[str]:
        ours = (
            f"https://sts.windows.net/{self.tenant_id}/",
            f"https://login.microsoftonline.com/{self.tenant_id}/v2.0",
        )
        return frozenset(self.issuers or ours)

    @property
    def keys(self) -> str:
        return self.keys_url or f"https://login.microsoftonline.com/{self.tenant_id}/discovery/v2.0/keys"


class SecretDelivery(Section):
    """Event Grid proves itself with a secret that its subscription sends in a header of every delivery."""

    header: HeaderName = "X-Gateway-Key"
    """Name of the delivery header; mark its value as secret in the subscription."""
    key_files: Annotated[tuple[ConfigPath, ...], Field(min_length=1, max_length=2)]
    """Files with the secret, at least 32 characters each; two while it is being changed. Read again when they
    change."""


class EventGridConfig(Section):
    """How deliveries of Event Grid prove where they come from; at least one way. Nothing else may ring a phone."""

    entra: EntraDelivery | None = None
    """By a token of Entra ID."""
    secret: SecretDelivery | None = None
    """By a shared secret. With both, a delivery that has the header is judged by it."""

    @model_validator(mode="after")
    def _at_least_one(self) -> Self:
        if self.entra is None and self.secret is None:
            raise ValueError("needs entra or secret: without proof anybody could let the gateway answer calls")
        return self
