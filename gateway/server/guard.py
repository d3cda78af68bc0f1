"""Every way in and what proves the right to it; the answers to those who have no right tell them nothing.

The outside learns that it was refused, not why. The inside counts why, and logs a line now and then: a flood of
strangers must not become a flood of lines.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn

import structlog
from aiohttp import web

from gateway.auth.errors import Refused, Undecided
from gateway.auth.verifier import SecretVerifier, TokenVerifier
from gateway.errors import BadMessage
from gateway.server.doorkeeper import Doorkeeper
from gateway.server.problems import problem
from gateway.server.sources import Sources
from gateway.telemetry.labels import Door
from gateway.telemetry.observer import Telemetry
from gateway.wire.ticket import Purpose, Ticket, TicketKeys

AUTHENTICATE = {"WWW-Authenticate": "Bearer"}
RETRY_AFTER_S = 5
LOG_EVERY_S = 1.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Proofs:
    """What the guard checks with."""

    tickets: TicketKeys
    event_token: TokenVerifier | None
    event_secret: SecretVerifier | None
    callback_tokens: Mapping[str, TokenVerifier]
    """by name of the phone network's resource"""
    media_tokens: Mapping[str, TokenVerifier]
    enforce_media_token: bool
    wall_clock: Callable[[], float]


class RefusalLog:
    """A line now and then, which says how many more there would have been."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._next = 0.0
        self._left_out = 0

    def __call__(self, event: str, door: Door, cause: str) -> None:
        now = self._clock()
        if now < self._next:
            self._left_out += 1
            return
        log.warning(event, door=door.value, cause=cause, more_since_last=self._left_out)
        self._next, self._left_out = now + LOG_EVERY_S, 0


class Guard:
    """Lets requests in. Its methods raise the answer for those that may not."""

    def __init__(
        self,
        proofs: Proofs,
        telemetry: Telemetry,
        doorkeeper: Doorkeeper,
        sources: Sources,
        clock: Callable[[], float],
    ) -> None:
        self._proofs = proofs
        self._telemetry = telemetry
        self._doorkeeper = doorkeeper
        self._sources = sources
        self._log = RefusalLog(clock)

    # --- doors ----------------------------------------------------------------------------------------------------

    async def event_delivery(self, request: web.Request) -> None:
        """Event Grid, by its secret or its Entra token.

        Raises:
            web.HTTPException: 401 for anybody else; 500 where that can not be told now, so that the event comes again
                (Event Grid never repeats what was answered with 401).
        """
        self._turn_away_source(request)
        secret, token = self._proofs.event_secret, self._proofs.event_token
        try:
            if secret is not None and (token is None or secret.header in request.headers):
                secret.verify(request.headers.getall(secret.header, []))
            elif token is not None:
                await token.verify(request.headers.getall("Authorization", []))
        except Refused as error:
            self._refuse(request, Door.EVENTS, error.fault.value)
            raise problem(web.HTTPUnauthorized, headers=AUTHENTICATE) from None
        except Undecided as error:
            self._undecided(Door.EVENTS, error)
            raise problem(web.HTTPInternalServerError) from None
        self._doorkeeper.welcome(request.protocol)

    def ticket(self, request: web.Request, purpose: Purpose) -> Ticket:
        """The ticket in the path.

        Raises:
            web.HTTPException: 404 for every other, whatever is wrong with it.
        """
        self._turn_away_source(request)
        try:
            return self._proofs.tickets.verify(request.match_info["ticket"], purpose, self._proofs.wall_clock())
        except BadMessage as error:
            self.refuse_ticket(request, Door(purpose.value), error.kind)

    async def callback_token(self, request: web.Request, ticket: Ticket) -> None:
        """The phone network's token on a callback.

        Raises:
            web.HTTPException: 401 for anything else; 503 where that can not be told now.
        """
        await self._network_token(request, Door.CALLBACKS, self._proofs.callback_tokens, ticket)

    async def media_token(self, request: web.Request, ticket: Ticket) -> bytes:
        """The phone network's token on a media socket; its hash.

        Raises:
            web.HTTPException: 401 for anything else; 503 where that can not be told now. Neither where tokens are only
                logged: there the ticket is proof enough.
        """
        try:
            await self._network_token(request, Door.MEDIA, self._proofs.media_tokens, ticket)
        except (web.HTTPUnauthorized, web.HTTPServiceUnavailable):
            if self._proofs.enforce_media_token:
                raise
            self._doorkeeper.welcome(request.protocol)
        return hashlib.sha256(request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")).digest()

    async def _network_token(
        self, request: web.Request, door: Door, verifiers: Mapping[str, TokenVerifier], ticket: Ticket
    ) -> None:
        verifier = verifiers.get(ticket.resource)
        if verifier is None:
            self.refuse_ticket(request, door, "unknown_resource")  # it has been taken out of the configuration
        try:
            await verifier.verify(request.headers.getall("Authorization", []))
        except Refused as error:
            # Where tokens are only logged, whoever brings a wrong one is let in.
            enforced = door is not Door.MEDIA or self._proofs.enforce_media_token
            self._refuse(request, door, error.fault.value, held_against=enforced)
            raise problem(web.HTTPUnauthorized, headers=AUTHENTICATE) from None
        except Undecided as error:
            self._undecided(door, error)
            raise problem(web.HTTPServiceUnavailable, headers={"Retry-After": str(RETRY_AFTER_S)}) from None
        self._doorkeeper.welcome(request.protocol)

    # --- refusals -------------------------------------------------------------------------------------------------

    def refuse_ticket(self, request: web.Request, door: Door, fault: str) -> NoReturn:
        """As if there were nothing here."""
        self._refuse(request, door, f"ticket_{fault}")
        raise problem(web.HTTPNotFound) from None

    def refuse_binding(self, request: web.Request, door: Door) -> NoReturn:
        """A genuine message that is not about the call of its ticket."""
        self._refuse(request, door, "binding")
        raise problem(web.HTTPForbidden, "binding", "This is not about the call of this address.")

    def refuse_origin(self, request: web.Request, door: Door) -> NoReturn:
        """A browser: the phone network is none."""
        self._refuse(request, door, "origin")
        raise problem(web.HTTPForbidden, "origin", "Browsers are not served here.")

    def _turn_away_source(self, request: web.Request) -> None:
        retry_after_s = self._sources.turned_away(request)
        if retry_after_s is not None:
            raise problem(web.HTTPTooManyRequests, headers={"Retry-After": str(retry_after_s)})

    def _refuse(self, request: web.Request, door: Door, fault: str, *, held_against: bool = True) -> None:
        self._telemetry.refused(door, fault)
        if held_against:
            self._sources.failed(request)
        self._log("auth.refused", door, fault)

    def _undecided(self, door: Door, error: Undecided) -> None:
        self._telemetry.refused(door, "undecided")
        self._log("auth.undecided", door, str(error))
