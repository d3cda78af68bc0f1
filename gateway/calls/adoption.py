"""A call that another process answered, and whose media came to us.

That process has been told to leave, and whoever routes sent the media stream to its successor. The ticket says which
line, agent and deployment the call was answered for, and its connection id comes with the stream: enough to hold it
from its first word on. The other process sees that the call has its media elsewhere, and lets go of it.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import structlog

from gateway.calls.conversation import Conversation
from gateway.calls.models import Seated
from gateway.calls.reception import OfferParts, Reception, TakenCall
from gateway.calls.variables import CallAgent, agent_for_call
from gateway.clients.call_automation import CallAutomation
from gateway.errors import GatewayError, ModelUnavailable, NoCapacity
from gateway.session.settings import Phrase
from gateway.wire.ticket import Purpose, Ticket

log = structlog.get_logger()

LOOK_UP_S = 2.0
"""How long the network may take to say who calls; a call is taken without knowing."""


class Adoption:
    """Of one configuration."""

    def __init__(self, parts: OfferParts, reception: Reception) -> None:
        self._parts = parts
        self._reception = reception

    async def adopt(self, ticket: Ticket, connection_id: str) -> Conversation | None:
        """Hold a call from now on; None: it can not be held here, or somebody else is about to.

        Args:
            ticket: of its media, verified.
            connection_id: as the media stream said it, whose token was verified.
        """
        parts = self._parts
        structlog.contextvars.bind_contextvars(call_id=ticket.call_id)
        acs = next((client for name, client in parts.acs.values() if name == ticket.resource), None)
        agent = self._agent(ticket)
        if acs is None or agent is None or parts.drain.begun:
            return None
        claim, ours = parts.claims.claim((f"adopted:{ticket.call_id}",))
        if not ours:
            return None
        conversation = None
        try:
            conversation = await self._take(ticket, connection_id, acs, agent)
        except (NoCapacity, ModelUnavailable):
            log.warning("call.not_adopted")
        finally:
            if conversation is None:
                parts.claims.release(claim)
            else:
                parts.claims.settle(claim)
        return conversation

    async def _take(
        self, ticket: Ticket, connection_id: str, acs: CallAutomation, agent: CallAgent
    ) -> Conversation | None:
        parts = self._parts
        looking_up = asyncio.create_task(self._caller(acs, connection_id), name=f"caller {ticket.call_id}")
        try:
            seated: Seated = await parts.models.dial(agent, ticket.call_id, waits=True)
        except BaseException:
            looking_up.cancel()
            await asyncio.gather(looking_up, return_exceptions=True)
            raise
        number = await looking_up
        caller = None if number is None else parts.name_of(number)
        parts.callers.began(ticket.call_id, agent.line, caller)
        conversation = self._reception.hold(
            TakenCall(ticket.call_id, agent, acs, number, caller, lambda phrase: self._clip_url(ticket, phrase)), seated
        )
        conversation.answered(connection_id)
        log.info("call.adopted", line=agent.line.name)
        return conversation

    def _agent(self, ticket: Ticket) -> CallAgent | None:
        """Whoever the call was answered for, if there still is such a line and such an agent."""
        config = self._parts.config
        line = next((line for line in config.lines if line.name == ticket.line), None)
        agent = next((agent for agent in config.agents if agent.name == ticket.agent), None)
        if line is None or agent is None:
            return None
        return agent_for_call(agent, line, datetime.fromtimestamp(ticket.issued_at, UTC), {})

    async def _caller(self, acs: CallAutomation, connection_id: str) -> str | None:
        """The caller's number, where the network says it in time."""
        try:
            async with asyncio.timeout(LOOK_UP_S):
                return await acs.caller_of(connection_id)
        except (GatewayError, TimeoutError):
            return None

    def _clip_url(self, ticket: Ticket, phrase: Phrase) -> str:
        issued = self._parts.tickets.reissue(Purpose.CLIPS, ticket)
        return f"{self._parts.config.server.public_url}/calls/{issued}/clips/{phrase.value}.wav"
