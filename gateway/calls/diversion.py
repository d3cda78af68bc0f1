"""Callers whom no agent can answer now: to a person, into the queue, or a busy line.

Never after answering into silence: whoever is answered hears a sentence or music at once.
"""

from __future__ import annotations

import structlog

from gateway.calls.conversation import Conversation
from gateway.calls.errands import transfer_target
from gateway.calls.live import CallNames
from gateway.calls.overflow import OverflowCall, OverflowParts
from gateway.calls.reception import Offer, OfferParts, Reception
from gateway.calls.waiting import WaitingCall, WaitingParts
from gateway.capacity.callers import CallerRefusal
from gateway.capacity.waiting import WaitingLine
from gateway.clients.call_automation import AnswerUrls, CallAutomation
from gateway.config import Line
from gateway.config.admission import QueueConfig
from gateway.config.handover import Destination
from gateway.errors import AcsError, CallGone, GatewayError, LostRace, ModelUnavailable, NoCapacity
from gateway.outcome import Outcome, Reason
from gateway.session.settings import Phrase
from gateway.session.waiting_room import WaitingRoom
from gateway.wire.event_grid import IncomingCall

log = structlog.get_logger()


class Diversion:
    """Of one configuration."""

    def __init__(self, parts: OfferParts, reception: Reception) -> None:
        self._parts = parts
        self._reception = reception

    async def divert(self, offer: Offer, why: Outcome, *, may_wait: bool = False) -> Outcome | None:
        """Find something better than a busy line.

        Args:
            offer: the call.
            why: no agent answers.
            may_wait: capacity is what is missing, and there will be some again.

        Returns:
            How the call ended; None: it lives on without an agent, and counts its ending itself.
        """
        line = offer.line
        queue = line.queue if may_wait else None
        if queue is not None and (queue.before_overflow or line.overflow is None) and await self._enqueue(offer, queue):
            return None
        if line.overflow is None:
            return await self.reject(offer.acs, offer.call, why)
        destination = line.destination(line.overflow)
        log.info("call.diverted", line=line.name, reason=why.reason.value, destination=destination.name)
        if destination.phone_number is not None:
            await self._answer_for_person(offer, destination, why)
            return None
        ended = await self._redirect(offer, destination)
        if ended is not None:
            return ended
        if queue is not None and await self._enqueue(offer, queue):
            return None
        return await self.reject(offer.acs, offer.call, why)

    async def reject(self, acs: CallAutomation, call: IncomingCall, outcome: Outcome) -> Outcome:
        """Let the caller hear a busy line instead of ringing on."""
        try:
            await acs.reject(call.context)
        except (CallGone, LostRace) as error:
            return error.outcome
        except AcsError:
            log.warning("offer.reject_failed", reason=outcome.reason.value)
        return outcome

    # --- to a person ----------------------------------------------------------------------------------------------

    async def _redirect(self, offer: Offer, destination: Destination) -> Outcome | None:
        """Let somebody else's phone ring instead of ours; None: the network could not."""
        try:
            await offer.acs.redirect(offer.call.context, transfer_target(offer.line, destination))
        except (CallGone, LostRace) as error:
            return error.outcome
        except AcsError:
            return None
        return Outcome(Reason.REDIRECTED)

    async def _answer_for_person(self, offer: Offer, destination: Destination, why: Outcome) -> None:
        """A telephone: answer without an agent, and transfer."""
        overflow = self._to_person(offer, destination, why)
        deployment = offer.agent.config.deployments[0]
        urls = AnswerUrls(self._reception.urls(offer, deployment).callbacks, None)
        try:
            await offer.acs.answer(offer.call.context, urls, self._parts.config.acs.audio_format.audio, mixed=False)
        except GatewayError as error:
            overflow.end(error.outcome)

    def _to_person(self, offer: Offer, destination: Destination, why: Outcome) -> OverflowCall:
        """An answered call on its way to a person, without an agent."""
        deployment = offer.agent.config.deployments[0]
        parts = OverflowParts(
            call_id=offer.call_id,
            names=CallNames(offer.line.name, offer.agent.config.name, ""),
            began_at=self._parts.clock(),
            line=offer.line,
            destination=destination,
            why=why,
            acs=offer.acs,
            clip_url=lambda phrase: self._reception.clip_url(offer, deployment, phrase),
            counted=self._parts.observer.attempt_ended,
        )
        overflow = OverflowCall(parts)
        self._parts.supervisor.start(overflow)
        return overflow

    # --- into the queue -------------------------------------------------------------------------------------------

    async def _enqueue(self, offer: Offer, wanted: QueueConfig) -> bool:
        """Answer, and let the caller wait. Returns whether there is a place in the queue."""
        queues = self._parts.queues
        queue = queues.join(offer.line.name, offer.call_id, wanted.places, wanted.announce_every_s)
        if queue is None:
            return False
        log.info("call.queued", line=offer.line.name, position=queue.position(offer.call_id))
        waiting = self._waiting(offer, wanted, queue)
        self._parts.supervisor.start(waiting)
        try:
            connection_id = await self._reception.answer(offer, offer.agent.config.deployments[0])
        except GatewayError as error:
            waiting.end(error.outcome)
        else:
            waiting.answered(connection_id)
        return True

    def _waiting(self, offer: Offer, wanted: QueueConfig, queue: WaitingLine) -> WaitingCall:
        parts, language = self._parts, offer.agent.config.language
        room = WaitingRoom(
            lambda rate_hz: parts.phrases(rate_hz, language),
            music=wanted.music,
            lead_in_s=parts.config.call.start_lead_in_ms / 1000,
        )
        return WaitingCall(
            WaitingParts(
                call_id=offer.call_id,
                names=CallNames(offer.line.name, offer.agent.config.name, ""),
                queues=parts.queues,
                queue=queue,
                room=room,
                acs=offer.acs,
                ticker=parts.ticker,
                clock=parts.clock,
                media=self._reception.media_deadlines,
                prompt_url=self._reception.clip_url(offer, offer.agent.config.deployments[0], Phrase.QUEUE_BUSY),
                max_wait_s=wanted.max_wait_s,
                freed=parts.models.freed,
                keys=_keys(offer.line),
                expired_to=offer.line.overflow,
                serve=lambda: self._serve(offer),
                to_person=lambda name: self._to_person(offer, offer.line.destination(name), Outcome(Reason.CAPACITY)),
                observer=parts.observer,
            )
        )

    async def _serve(self, offer: Offer) -> Conversation | None:
        """A place for somebody who has waited, and the conversation on it."""
        callers = self._parts.callers
        if callers.refusal(offer.line, offer.caller, counted=False) is CallerRefusal.LINE_CALLS:
            return None
        try:
            seated = await self._parts.models.dial(offer.agent, offer.call_id, waits=True)
        except (NoCapacity, ModelUnavailable):
            return None
        callers.began(offer.call_id, offer.line, offer.caller)
        return self._reception.begin(offer, seated)


def _keys(line: Line) -> dict[str, str | None]:
    """Keys that mean something without an agent: to a person, or the end."""
    return {
        key: shortcut.to if shortcut.do == "transfer" else None
        for key, shortcut in line.keys.items()
        if shortcut.do in ("transfer", "hang_up")
    }
