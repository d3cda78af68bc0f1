"""First chapter of a call: from the IncomingCall event to an answered phone, or to the reason why not.

The model is made ready while the phone rings, so an answered caller never waits for it, and a model that is down is
found out before anybody is charged. The 200 to the network follows the decision: a process that dies in between
never sent it, and the event comes again.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import NamedTuple

import structlog

from gateway.calls.adoption import Adoption
from gateway.calls.diversion import Diversion
from gateway.calls.live import LiveCall
from gateway.calls.models import Seated
from gateway.calls.reception import MINUTE_S, Offer, OfferParts, Reception
from gateway.calls.routing import route
from gateway.calls.variables import agent_for_call
from gateway.capacity.callers import CallerRefusal
from gateway.clients.call_automation import CallAutomation
from gateway.errors import AcsError, CallGone, GatewayError, LostRace, ModelUnavailable, NoCapacity
from gateway.outcome import Outcome, Reason, Result
from gateway.store.memory import Claim
from gateway.wire.event_grid import IncomingCall
from gateway.wire.ticket import Ticket

log = structlog.get_logger()


class Undecided(GatewayError):  # noqa: N818 - named for what happened
    """The call could not be dealt with, but another try may: the network is asked to deliver the event again."""


class Decided(NamedTuple):
    """What became of an incoming call."""

    outcome: Outcome | None
    """None: it lives on, or has counted its ending itself"""
    result: str
    """for the count of incoming calls"""


class Offers:
    """Deals with incoming calls; many at once."""

    def __init__(self, parts: OfferParts) -> None:
        self._parts = parts
        self._deadlines = parts.config.deadlines
        self._reception = Reception(parts)
        self._diversion = Diversion(parts, self._reception)
        self._adoption = Adoption(parts, self._reception)

    async def consider(self, call: IncomingCall) -> Outcome | None:
        """Answer a call, or say why not.

        Returns:
            How the attempt ended, if it never became a call; None for a call that lives on, or that has ended and
            counted its ending itself.

        Raises:
            Undecided: nothing was decided and the event should come again.
        """
        try:
            decided = await self._decide(call)
        except Undecided:
            self._parts.observer.offered("undecided")
            raise
        self._parts.observer.offered(decided.result)
        return decided.outcome

    async def adopt(self, ticket: Ticket, connection_id: str) -> LiveCall | None:
        """Hold a call that another process answered; None: it can not be held here."""
        return await self._adoption.adopt(ticket, connection_id)

    async def _decide(self, call: IncomingCall) -> Decided:
        claim, ours = self._parts.claims.claim((f"event:{call.event_id}", f"call:{call.context_hash}"))
        if not ours:
            return _ended(await self._wait_for_other(claim))
        try:
            async with asyncio.timeout(self._deadlines.offer_total_s):
                decided = await self._deal_with(call)
        except BaseException as error:
            self._forget(call)
            self._parts.claims.release(claim)
            if isinstance(error, TimeoutError):
                raise Undecided("the offer took too long") from error
            raise
        self._forget(call)
        self._parts.claims.settle(claim)
        return decided

    def _forget(self, call: IncomingCall) -> None:
        """A call that never came about counts against nobody's limits."""
        call_id = self._parts.tickets.call_id(call.context)
        if self._parts.supervisor.get(call_id) is None:
            self._parts.callers.ended(call_id, talked=False)

    async def _deal_with(self, call: IncomingCall) -> Decided:
        parts = self._parts
        known = parts.acs.get(call.resource.lower())
        if known is None:
            return _ended(Outcome(Reason.NO_LINE))  # another resource's event: not ours to touch
        resource, acs = known
        age_s = parts.wall_clock() - call.event_time
        if age_s > self._deadlines.event_stale_s:
            return _ended(Outcome(Reason.STALE_EVENT))  # a phone rings 30 s: there would be nobody to talk to
        at = datetime.fromtimestamp(call.event_time, UTC)
        found = route(parts.config.lines, call.called.phone_number, call.caller.phone_number, at, parts.closed)
        line = found.line
        if not parts.drain.takes(MINUTE_S * (1.0 if line is None else line.max_minutes), parts.clock()):
            raise Undecided("this process is leaving: another one should take the call")
        if line is None or found.refusal is Reason.REJECTED_CALLER:
            return _ended(await self._diversion.reject(acs, call, Outcome(found.refusal or Reason.NO_LINE)))
        agent = agent_for_call(parts.config.agent(line.agent), line, at, call.headers)
        number = call.caller.phone_number
        caller = None if number is None else parts.name_of(number)
        offer = Offer(call, line, agent, resource, acs, parts.tickets.call_id(call.context), caller)
        structlog.contextvars.bind_contextvars(call_id=offer.call_id)
        if found.refusal is not None:
            return _diverted(await self._diversion.divert(offer, Outcome(found.refusal)))
        return await self._within_limits(offer)

    async def _within_limits(self, offer: Offer) -> Decided:
        """Take the call, if its line and its caller may have one more."""
        callers = self._parts.callers
        refusal = callers.refusal(offer.line, offer.caller)
        if refusal is CallerRefusal.LINE_CALLS:
            return _diverted(await self._diversion.divert(offer, Outcome(Reason.CAPACITY), may_wait=True))
        if refusal is not None:
            return _ended(await self._diversion.reject(offer.acs, offer.call, Outcome(Reason.REJECTED_CALLER)))
        callers.began(offer.call_id, offer.line, offer.caller)
        return await self._take(offer)

    async def _take(self, offer: Offer) -> Decided:
        """Answer with an agent, if one has room."""
        parts = self._parts
        if parts.queues.waiting(offer.line.name):
            full = Outcome(Reason.CAPACITY)
            return _diverted(await self._diversion.divert(offer, full, may_wait=True))  # nobody is overtaken
        started = parts.clock()
        try:
            seated = await parts.models.dial(offer.agent, offer.call_id)
        except NoCapacity as error:
            return _diverted(await self._diversion.divert(offer, error.outcome, may_wait=not error.process))
        except ModelUnavailable as error:
            return _diverted(await self._diversion.divert(offer, error.outcome, may_wait=True))
        if not await self._answer(offer, seated):
            return Decided(None, "ignored")
        parts.observer.setup("event_to_answered", parts.clock() - started)
        return Decided(None, "answered")

    async def _answer(self, offer: Offer, seated: Seated) -> bool:
        """Answer while the greeting is being made; whoever else answered has the call."""
        conversation = self._reception.begin(offer, seated)
        try:
            connection_id = await self._reception.answer(offer, seated.seat.deployment)
        except (CallGone, LostRace, AcsError) as error:
            if conversation.connected:
                return True  # the reply to our answer was lost, not the call: the network has brought it to us
            conversation.abandon(error.outcome)
            if isinstance(error, AcsError):
                raise Undecided("the call could not be answered") from error
            return False
        except BaseException:
            conversation.abandon(Outcome(Reason.ACS_ERROR))
            raise
        if conversation.over:
            await self._hang_up(offer.acs, connection_id)
            return False
        conversation.answered(connection_id)
        return True

    async def _hang_up(self, acs: CallAutomation, connection_id: str) -> None:
        """A conversation that ended before the answer arrived could not do it: there was no call to end yet."""
        try:
            await acs.hang_up(connection_id)
        except GatewayError:
            log.warning("offer.hang_up_failed")

    async def _wait_for_other(self, claim: Claim) -> Outcome:
        """A copy of an event is acknowledged when the call has been dealt with, not before."""
        try:
            async with asyncio.timeout(self._deadlines.offer_total_s):
                await claim.settled.wait()
        except TimeoutError as error:
            raise Undecided("the other delivery of this event is still undecided") from error
        if claim.settled_at is None:
            raise Undecided("the other delivery of this event failed")
        return Outcome(Reason.DUPLICATE)


def _ended(outcome: Outcome) -> Decided:
    """Nobody answered."""
    if outcome.reason in (Reason.CAPACITY, Reason.MODEL_RATE_LIMITED):
        return Decided(outcome, "busy")
    if outcome.reason is Reason.REDIRECTED:
        return Decided(outcome, "diverted")
    return Decided(outcome, _RESULT[outcome.result])


def _diverted(outcome: Outcome | None) -> Decided:
    """A person or the queue, if somebody has the call."""
    return Decided(None, "diverted") if outcome is None else _ended(outcome)


_RESULT = {Result.REFUSED: "refused", Result.IGNORED: "ignored", Result.FAILED: "failed", Result.COMPLETED: "ignored"}
