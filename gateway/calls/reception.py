"""What every way of taking a call needs: who called for what, the call's addresses, and a conversation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from gateway.audio.pcm import Int16Array
from gateway.calls.briefing import call_settings
from gateway.calls.caller_limits import CallerDesk
from gateway.calls.closed_lines import ClosedLines
from gateway.calls.conversation import CallParts, Conversation, MediaDeadlines
from gateway.calls.errands import ErrandParts
from gateway.calls.live import CallNames
from gateway.calls.models import ModelDesk, Seated
from gateway.calls.observer import OfferObserver
from gateway.calls.supervisor import CallSupervisor
from gateway.calls.ticker import Ticker
from gateway.calls.variables import CallAgent
from gateway.calls.waiting import Queues
from gateway.capacity.drain import Drain
from gateway.clients.call_automation import AnswerUrls, CallAutomation
from gateway.clients.hooks import Hooks
from gateway.config import GatewayConfig, Line
from gateway.rate import Rate
from gateway.session.effects import Fields, Note
from gateway.session.session import CallSession
from gateway.session.settings import Phrase
from gateway.store.memory import MemoryClaims
from gateway.wire.event_grid import IncomingCall
from gateway.wire.ticket import Purpose, Subject, TicketKeys

MINUTE_S = 60.0
SHORTEST_MINUTES = 0.5
"""Of a call that is taken: less is no conversation."""


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
    drain: Drain
    queues: Queues
    callers: CallerDesk
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
    caller: str | None
    """a name for the caller that tells nothing; None: the number is withheld"""


@dataclass(frozen=True, slots=True)
class TakenCall:
    """What a conversation is begun with, however we came by the call."""

    call_id: str
    agent: CallAgent
    acs: CallAutomation
    number: str | None
    """E.164; None: withheld, or not known"""
    caller: str | None
    """a name for the caller that tells nothing"""
    clip_url: Callable[[Phrase], str]


class Reception:
    """Of one configuration."""

    def __init__(self, parts: OfferParts) -> None:
        self._parts = parts
        deadlines = parts.config.deadlines
        self.media_deadlines = MediaDeadlines(
            deadlines.media_prompt_s, deadlines.media_restart_s, deadlines.media_give_up_s
        )

    async def answer(self, offer: Offer, deployment: str) -> str:
        """Take the call, with a media stream. Returns the connection id.

        Raises:
            GatewayError: as CallAutomation.answer.
        """
        acs = self._parts.config.acs
        return await offer.acs.answer(
            offer.call.context, self.urls(offer, deployment), acs.audio_format.audio, mixed=acs.channel_type == "mixed"
        )

    def begin(self, offer: Offer, seated: Seated) -> Conversation:
        """Bring the call to life: from here on the greeting is made while the phone rings."""
        number, deployment = offer.call.caller.phone_number, seated.seat.deployment
        return self.hold(
            TakenCall(
                offer.call_id,
                offer.agent,
                offer.acs,
                number,
                offer.caller,
                lambda phrase: self.clip_url(offer, deployment, phrase),
            ),
            seated,
        )

    def hold(self, call: TakenCall, seated: Seated) -> Conversation:
        """A conversation about a call that rings, or that is answered already."""
        parts, config, ready, line = self._parts, self._parts.config, seated.ready, call.agent.line
        deployment = config.deployment(ready.target.deployment)
        observer = parts.observer.call(call.call_id, deployment)
        now = parts.clock()
        offered: Fields = {
            "call_id": call.call_id,
            "line": line.name,
            "agent": call.agent.config.name,
            "deployment": deployment.name,
            "profile": deployment.profile.value,
            "caller": parts.name_of(call.number),
        }
        observer.note(Note("call.offered", offered), now)
        observer.note(Note("call.model_ready", {"dial_s": round(ready.dial_s, 3)}), now)
        for path in ready.differences:
            observer.note(Note("session.difference", {"path": path}), now)
        settings = call_settings(config, self._bounded(call), deployment, ready.confirmed, parts.phrases)
        conversation = Conversation(
            CallParts(
                call_id=call.call_id,
                names=CallNames(line.name, call.agent.config.name, deployment.name),
                session=CallSession(settings),
                model=ready.leg,
                acs=call.acs,
                observer=observer,
                ticker=parts.ticker,
                clock=parts.clock,
                media=self.media_deadlines,
                seat=seated.seat,
                errands=ErrandParts(
                    call_id=call.call_id,
                    line=line,
                    caller=call.number,
                    acs=call.acs,
                    hooks=parts.hooks,
                    transfers=parts.transfers,
                    on_bug=parts.observer.bug,
                ),
                prompt_url=call.clip_url(Phrase.FILLER),
            )
        )
        parts.supervisor.start(conversation)
        seated.seat.went_live()
        return conversation

    def _bounded(self, call: TakenCall) -> CallAgent:
        """The call lasts no longer than its caller may still talk today, nor than this process does."""
        parts = self._parts
        left_s = parts.drain.left_s(parts.clock())
        today_s = parts.callers.seconds_left(call.agent.line, call.caller)
        if today_s is not None:
            left_s = min(left_s, today_s)
        if left_s / MINUTE_S >= call.agent.line.max_minutes:
            return call.agent
        line = call.agent.line.model_copy(update={"max_minutes": max(left_s / MINUTE_S, SHORTEST_MINUTES)})
        return replace(call.agent, line=line)

    # --- addresses ------------------------------------------------------------------------------------------------

    def urls(self, offer: Offer, deployment: str) -> AnswerUrls:
        """Addresses of this call; each carries its own ticket, made from the event alone."""
        server = self._parts.config.server
        issue, subject = self._parts.tickets.issue, self._subject(offer, deployment)
        return AnswerUrls(
            callbacks=f"{server.public_url}/calls/{issue(Purpose.CALLBACKS, subject)}/events",
            media=f"{server.media_url}/media/{issue(Purpose.MEDIA, subject)}",
        )

    def clip_url(self, offer: Offer, deployment: str, phrase: Phrase) -> str:
        ticket = self._parts.tickets.issue(Purpose.CLIPS, self._subject(offer, deployment))
        return f"{self._parts.config.server.public_url}/calls/{ticket}/clips/{phrase.value}.wav"

    def _subject(self, offer: Offer, deployment: str) -> Subject:
        """What the tickets of a call are made from: nothing that another replica would not know."""
        call = offer.call
        return Subject(
            call.context, call.event_time, offer.resource, offer.line.name, offer.agent.config.name, deployment
        )
