"""First chapter of a call: from the IncomingCall event to an answered phone, or to the reason why not.

The model is made ready while the phone rings, so an answered caller never waits for it, and a model that is down is
found out before anybody is charged. The 200 to the network follows the decision: a process that dies in between
never sent it, and the event comes again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from gateway.audio.pcm import Int16Array
from gateway.calls.briefing import call_settings
from gateway.calls.closed_lines import ClosedLines
from gateway.calls.conversation import CallParts, Conversation, MediaDeadlines
from gateway.calls.errands import ErrandParts, transfer_target
from gateway.calls.live import CallNames
from gateway.calls.models import ModelDesk, Seated
from gateway.calls.observer import OfferObserver
from gateway.calls.overflow import OverflowCall, OverflowParts
from gateway.calls.routing import route
from gateway.calls.supervisor import CallSupervisor
from gateway.calls.ticker import Ticker
from gateway.calls.variables import CallAgent, agent_for_call
from gateway.clients.call_automation import AnswerUrls, CallAutomation
from gateway.clients.hooks import Hooks
from gateway.config import GatewayConfig, Line
from gateway.config.handover import Destination
from gateway.errors import AcsError, CallGone, GatewayError, LostRace, ModelUnavailable, NoCapacity
from gateway.outcome import Outcome, Reason
from gateway.rate import Rate
from gateway.session.effects import Fields, Note
from gateway.session.session import CallSession
from gateway.session.settings import Phrase
from gateway.store.memory import Claim, MemoryClaims
from gateway.wire.event_grid import IncomingCall
from gateway.wire.ticket import Purpose, Subject, TicketKeys

log = structlog.get_logger()


class Undecided(GatewayError):  # noqa: N818 - named for what happened
    """The call could not be dealt with, but another try may: the network is asked to deliver the event again."""


@dataclass(frozen=True, slots=True)
class OfferParts:
    """What the offer works with."""

    config: GatewayConfig
    acs: Mapping[str, tuple[str, CallAutomation]]
    """by lower-cased topic: the name of the resource, and its client"""
    models: ModelDesk
    tickets: TicketKeys
    claims: MemoryClaims
    closed: ClosedLines
    supervisor: CallSupervisor
    ticker: Ticker
    observer: OfferObserver
    phrases: Callable[[int, str], Mapping[Phrase, Int16Array]]
    hooks: Hooks
    transfers: Rate
    """hand-overs wished by models and keys, of all calls together"""
    name_of: Callable[[str | None], str]
    """what logs may say of a phone number"""
    clock: Callable[[], float]
    wall_clock: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Offer:
    """One ringing call and where it is to go."""

    call: IncomingCall
    line: Line
    agent: CallAgent
    resource: str
    """name of the phone network's resource that told us"""
    acs: CallAutomation
    call_id: str


class Offers:
    """Deals with incoming calls; many at once."""

    def __init__(self, parts: OfferParts) -> None:
        self._parts = parts
        self._deadlines = parts.config.deadlines

    async def consider(self, call: IncomingCall) -> Outcome | None:
        """Answer a call, or say why not.

        Returns:
            How the attempt ended, if it never became a call; None for a call that lives on, or that has ended and
            counted its ending itself.

        Raises:
            Undecided: nothing was decided and the event should come again.
        """
        claim, ours = self._parts.claims.claim((f"event:{call.event_id}", f"call:{call.context_hash}"))
        if not ours:
            return await self._wait_for_other(claim)
        try:
            async with asyncio.timeout(self._deadlines.offer_total_s):
                outcome = await self._deal_with(call)
        except BaseException as error:
            self._parts.claims.release(claim)
            if isinstance(error, TimeoutError):
                raise Undecided("the offer took too long") from error
            raise
        self._parts.claims.settle(claim)
        return outcome

    async def _deal_with(self, call: IncomingCall) -> Outcome | None:
        parts = self._parts
        known = parts.acs.get(call.resource.lower())
        if known is None:
            return Outcome(Reason.NO_LINE)  # another resource's event: not ours to touch
        resource, acs = known
        age_s = parts.wall_clock() - call.event_time
        if age_s > self._deadlines.event_stale_s:
            return Outcome(Reason.STALE_EVENT)  # a phone rings 30 s: there would be nobody to talk to
        at = datetime.fromtimestamp(call.event_time, UTC)
        found = route(parts.config.lines, call.called.phone_number, call.caller.phone_number, at, parts.closed)
        line = found.line
        if line is None or found.refusal is Reason.REJECTED_CALLER:
            return await self._reject(acs, call, Outcome(found.refusal or Reason.NO_LINE))
        agent = agent_for_call(parts.config.agent(line.agent), line, at, call.headers)
        offer = Offer(call, line, agent, resource, acs, parts.tickets.call_id(call.context))
        structlog.contextvars.bind_contextvars(call_id=offer.call_id)
        if found.refusal is not None:
            return await self._divert(offer, Outcome(found.refusal))
        started = parts.clock()
        try:
            seated = await parts.models.dial(offer.agent, offer.call_id)
        except (NoCapacity, ModelUnavailable) as error:
            return await self._divert(offer, error.outcome)
        if await self._answer(offer, seated):
            parts.observer.setup("event_to_answered", parts.clock() - started)
        return None

    async def _answer(self, offer: Offer, seated: Seated) -> bool:
        """Answer while the greeting is being made; whoever else answered has the call."""
        acs_config = self._parts.config.acs
        conversation = self._begin(offer, seated)
        try:
            connection_id = await offer.acs.answer(
                offer.call.context,
                self._urls(offer, seated.seat.deployment),
                acs_config.audio_format.audio,
                mixed=acs_config.channel_type == "mixed",
            )
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

    def _begin(self, offer: Offer, seated: Seated) -> Conversation:
        """Bring the call to life: from here on the greeting is made while the phone rings."""
        parts, config, ready = self._parts, self._parts.config, seated.ready
        deployment = config.deployment(ready.target.deployment)
        observer = parts.observer.call(offer.call_id, deployment)
        now = parts.clock()
        offered: Fields = {
            "call_id": offer.call_id,
            "line": offer.line.name,
            "agent": offer.agent.config.name,
            "deployment": deployment.name,
            "profile": deployment.profile.value,
            "caller": parts.name_of(offer.call.caller.phone_number),
        }
        observer.note(Note("call.offered", offered), now)
        observer.note(Note("call.model_ready", {"dial_s": round(ready.dial_s, 3)}), now)
        for path in ready.differences:
            observer.note(Note("session.difference", {"path": path}), now)
        media = MediaDeadlines(
            self._deadlines.media_prompt_s, self._deadlines.media_restart_s, self._deadlines.media_give_up_s
        )
        settings = call_settings(config, offer.agent, deployment, ready.confirmed, parts.phrases)
        conversation = Conversation(
            CallParts(
                call_id=offer.call_id,
                names=CallNames(offer.line.name, offer.agent.config.name, deployment.name),
                session=CallSession(settings),
                model=ready.leg,
                acs=offer.acs,
                observer=observer,
                ticker=parts.ticker,
                clock=parts.clock,
                media=media,
                seat=seated.seat,
                errands=ErrandParts(
                    call_id=offer.call_id,
                    line=offer.line,
                    caller=offer.call.caller.phone_number,
                    acs=offer.acs,
                    hooks=parts.hooks,
                    transfers=parts.transfers,
                    on_bug=parts.observer.bug,
                ),
                prompt_url=self._clip_url(offer, deployment.name, Phrase.FILLER),
            )
        )
        parts.supervisor.start(conversation)
        seated.seat.went_live()
        return conversation

    # --- no agent can answer --------------------------------------------------------------------------------------

    async def _divert(self, offer: Offer, why: Outcome) -> Outcome | None:
        """To the line's overflow; without one the caller hears a busy line."""
        if offer.line.overflow is None:
            return await self._reject(offer.acs, offer.call, why)
        destination = offer.line.destination(offer.line.overflow)
        log.info("call.diverted", line=offer.line.name, reason=why.reason.value, destination=destination.name)
        if destination.phone_number is not None:
            return await self._answer_for_overflow(offer, destination, why)
        try:
            await offer.acs.redirect(offer.call.context, transfer_target(offer.line, destination))
        except (CallGone, LostRace) as error:
            return error.outcome
        except AcsError:
            return await self._reject(offer.acs, offer.call, why)
        return Outcome(Reason.REDIRECTED)

    async def _answer_for_overflow(self, offer: Offer, destination: Destination, why: Outcome) -> Outcome | None:
        """A telephone: answer without an agent, and transfer."""
        deployment = offer.agent.config.deployments[0]
        urls = AnswerUrls(self._urls(offer, deployment).callbacks, None)
        parts = OverflowParts(
            call_id=offer.call_id,
            names=CallNames(offer.line.name, offer.agent.config.name, ""),
            began_at=self._parts.clock(),
            line=offer.line,
            destination=destination,
            why=why,
            acs=offer.acs,
            clip_url=lambda phrase: self._clip_url(offer, deployment, phrase),
            counted=self._parts.observer.attempt_ended,
        )
        overflow = OverflowCall(parts)
        self._parts.supervisor.start(overflow)
        try:
            await offer.acs.answer(offer.call.context, urls, self._parts.config.acs.audio_format.audio, mixed=False)
        except GatewayError as error:
            overflow.end(error.outcome)
        return None

    # --- addresses ------------------------------------------------------------------------------------------------

    def _urls(self, offer: Offer, deployment: str) -> AnswerUrls:
        """Addresses of this call; each carries its own ticket, made from the event alone."""
        server = self._parts.config.server
        issue, subject = self._parts.tickets.issue, self._subject(offer, deployment)
        return AnswerUrls(
            callbacks=f"{server.public_url}/calls/{issue(Purpose.CALLBACKS, subject)}/events",
            media=f"{server.media_url}/media/{issue(Purpose.MEDIA, subject)}",
        )

    def _clip_url(self, offer: Offer, deployment: str, phrase: Phrase) -> str:
        ticket = self._parts.tickets.issue(Purpose.CLIPS, self._subject(offer, deployment))
        return f"{self._parts.config.server.public_url}/calls/{ticket}/clips/{phrase.value}.wav"

    def _subject(self, offer: Offer, deployment: str) -> Subject:
        """What the tickets of a call are made from: nothing that another replica would not know."""
        call = offer.call
        return Subject(
            call.context, call.event_time, offer.resource, offer.line.name, offer.agent.config.name, deployment
        )

    async def _reject(self, acs: CallAutomation, call: IncomingCall, outcome: Outcome) -> Outcome:
        """Let the caller hear a busy line instead of ringing on."""
        try:
            await acs.reject(call.context)
        except (CallGone, LostRace) as error:
            return error.outcome
        except AcsError:
            log.warning("offer.reject_failed", reason=outcome.reason.value)
        return outcome

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
