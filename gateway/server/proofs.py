"""From the configuration to what the guard checks with."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import aiohttp
import structlog

from gateway.auth.keys import KeySet, KeySetObserver
from gateway.auth.secret_files import SecretFiles
from gateway.auth.tokens import TokenRules
from gateway.auth.verifier import SecretVerifier, TokenVerifier
from gateway.bounds import CALLBACK_TOKEN_S, EVENT_GRID_TOKEN_S, MEDIA_TOKEN_S
from gateway.clients.key_documents import fetch_keys
from gateway.config import GatewayConfig
from gateway.config.doors import EntraDelivery
from gateway.config.secrets import read_ticket_key
from gateway.server.guard import Proofs
from gateway.wire.ticket import TicketKeys

TICKET_KEY_BYTES = 32

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class KeySets:
    """Public keys by authority; their owner runs them."""

    acs: KeySet
    entra: KeySet | None

    @property
    def all(self) -> tuple[KeySet, ...]:
        return (self.acs,) if self.entra is None else (self.acs, self.entra)


def make_key_sets(
    config: GatewayConfig, http: aiohttp.ClientSession, clock: Callable[[], float], observer: KeySetObserver
) -> KeySets:
    entra, revoked = config.event_grid.entra, frozenset(config.acs.revoked_keys)

    def keys(name: str, url: str, without: frozenset[str]) -> KeySet:
        return KeySet(name, partial(fetch_keys, http, url), clock, observer, without)

    return KeySets(
        keys("acs", config.acs.keys_url, revoked), None if entra is None else keys("entra", entra.keys, frozenset())
    )


def make_proofs(
    config: GatewayConfig,
    key_sets: KeySets,
    tickets: TicketKeys,
    clock: Callable[[], float],
    wall_clock: Callable[[], float],
) -> Proofs:
    """Raises ValueError for a secret that can not be read."""
    acs, entra, secret = config.acs, config.event_grid.entra, config.event_grid.secret

    def network_tokens(lifetime_s: float) -> dict[str, TokenVerifier]:
        return {
            resource.name: TokenVerifier(
                key_sets.acs, TokenRules(frozenset({acs.issuer}), resource.audience, lifetime_s), wall_clock
            )
            for resource in acs.resources
        }

    enforce = acs.media_token == "enforce"  # noqa: S105 - a mode
    if not enforce:
        log.warning("media.token_not_enforced", hint="acs.media_token is log_only: the ticket alone lets a socket in")
    return Proofs(
        tickets=tickets,
        event_token=None
        if entra is None or key_sets.entra is None
        else TokenVerifier(key_sets.entra, _entra_rules(entra), wall_clock),
        event_secret=None if secret is None else SecretVerifier(secret.header, SecretFiles(secret.key_files, clock)),
        callback_tokens=network_tokens(CALLBACK_TOKEN_S),
        media_tokens=network_tokens(MEDIA_TOKEN_S),
        enforce_media_token=enforce,
        wall_clock=wall_clock,
    )


def make_operator_secret(config: GatewayConfig, clock: Callable[[], float]) -> SecretVerifier | None:
    """None where no commands are taken. Raises ValueError for a secret that can not be read."""
    files = config.server.operator_key_files
    return SecretVerifier("Authorization", SecretFiles(files, clock)) if files else None


def own_key(config: GatewayConfig) -> bytes:
    """What this gateway signs tickets with, and what other keys of its own are made from.

    Raises:
        ValueError: its file can not be read.
    """
    key_file = config.server.ticket_key_file
    if key_file is not None:
        return read_ticket_key(key_file)
    log.warning("tickets.key_random", hint="set server.ticket_key_file: calls in progress end with this process")
    return secrets.token_bytes(TICKET_KEY_BYTES)


def make_ticket_keys(config: GatewayConfig, current: bytes) -> TicketKeys:
    """Raises ValueError for a previous key that can not be read."""
    previous_file = config.server.previous_ticket_key_file
    return TicketKeys(current, None if previous_file is None else read_ticket_key(previous_file))


def _entra_rules(entra: EntraDelivery) -> TokenRules:
    return TokenRules(
        entra.all_issuers,
        entra.audience,
        EVENT_GRID_TOKEN_S,
        claims=((("tid",), entra.tenant_id), (("appid", "azp"), entra.application_id)),
        role=entra.role,
    )
