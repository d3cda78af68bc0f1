"""One call from the first ring to its end, at the phone network's side."""

from __future__ import annotations

import asyncio

from gateway.simulator.phone import shapes
from gateway.simulator.phone.callbacks import CallbackSender
from gateway.simulator.phone.caller import Caller, load_utterances, patience_of
from gateway.simulator.phone.connection import Connection, Leg, Services
from gateway.simulator.phone.ear import Ear
from gateway.simulator.phone.events import Delivery, Event
from gateway.simulator.phone.operations import Operations
from gateway.simulator.phone.plan import CallPlan
from gateway.simulator.phone.shapes import CallIds, Json, call_over
from gateway.simulator.phone.streaming import Streaming
from gateway.simulator.phone.talk import Talk
from gateway.simulator.phone.targets import Target
from gateway.simulator.phone.tasks import TaskOwner
from gateway.simulator.phone.tones import SentTones
from gateway.simulator.phone.transfer import TransferRequest

_LAST_CALLBACKS_S = 5.0
"""How long callbacks that are on their way may take after the call."""
_ENDED_BY_API = "Call was ended by Azure Communication Service Call Automation API or a server bot. DiagCode: 0#7000.@"
_ENDED_BY_CALLER = "The conversation has ended. DiagCode: 0#7000.@"


class PhoneCall:
    """See the module. `run` is the story; the methods below are what the REST interface does to it.

    Live view: `state`, `ending`, `times`, `ear`, `talk`, `streams`, `callbacks`, `delivery`.
    """

    def __init__(self, plan: CallPlan, ids: CallIds, services: Services) -> None:
        self.plan = plan
        self.ids = ids
        self.ending: str | None = None
        """caller, gateway, transferred, rejected, redirected or unanswered"""
        self.redirected_to: Target | None = None
        self.times: dict[str, float] = {}
        """milestones, monotonic seconds"""
        self.answers: list[tuple[float, int]] = []
        """time and status of every answer request"""
        self.tasks = TaskOwner()
        self.talk: Talk | None = None
        self.delivery: Delivery | None = None
        self.callbacks = CallbackSender(
            services.http, services.callback_token, services.clock, duplicates=plan.switches.duplicate_callbacks
        )
        self._services = services
        self._leg = Leg(
            plan,
            ids,
            callee=shapes.phone_number(plan.number),
            caller=shapes.caller_identifier(plan.caller, plan.switches.caller_id),
        )
        self._utterances = load_utterances(plan.behaviour)
        self._connection: Connection | None = None
        self._operations: Operations | None = None
        self._decided = asyncio.Event()
        self._over = asyncio.Event()

    def __repr__(self) -> str:
        return f"<PhoneCall {self.ids.correlation_id[:8]} {self.state} ending={self.ending}>"

    # --- the story ------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Ring, talk, end. Never raises for what the gateway does; `ending` says how it went."""
        try:
            self._ring()
            await self._wait_for_decision()
            if self._connection is not None:
                await self._talk(self._connection)
                await self._tear_down(self._connection)
        finally:
            self.end("network")
            await self.tasks.close()

    def hang_up(self) -> None:
        """The caller puts the phone down, now."""
        self.end("caller")

    def end(self, ending: str) -> None:
        """End the call for a reason; the first one counts."""
        if self.ending is None:
            self.ending = ending
            self.times["ended"] = self.now()
        self._decided.set()
        self._over.set()

    def now(self) -> float:
        return self._services.clock()

    def _ring(self) -> None:
        plan, switches, leg = self.plan, self.plan.switches, self._leg
        data = shapes.incoming_call_data(
            self.ids, leg.callee, leg.caller, display_name=plan.display_name, sip_headers=dict(plan.sip_headers)
        )
        subject = f"/caller/{leg.caller['rawId']}/recipient/{leg.callee['rawId']}"
        sender = self._services.events
        self.delivery = sender.publish(
            Event(shapes.INCOMING_CALL, subject, data),
            schema=switches.event_schema,
            batch=switches.batch,
            age_s=switches.event_age_s,
        )
        self.times["event_posted"] = self.now()
        sender.deliver(self.delivery, duplicates=switches.duplicate_events)

    async def _wait_for_decision(self) -> None:
        try:
            async with asyncio.timeout(self.plan.ring_s):
                await self._decided.wait()
        except TimeoutError:
            self.end("unanswered")

    async def _talk(self, connection: Connection) -> None:
        caller = Caller(self.plan.behaviour, self._utterances, connection.ear.origin, patience_of(self.plan))
        clocks = self._services.clock, self._services.wall
        self.talk = Talk(self.plan, caller, connection.ear, connection.format, clocks)
        establishing = asyncio.get_running_loop().create_task(connection.establish(self._note_connected))
        await self.talk.run(connection, self.hang_up, self._over)
        establishing.cancel()
        (outcome,) = await asyncio.gather(establishing, return_exceptions=True)
        if isinstance(outcome, Exception):
            self.tasks.errors.append(outcome)

    def _note_connected(self) -> None:
        self.times["connected"] = self.now()

    async def _tear_down(self, connection: Connection) -> None:
        """The network lets go of the call; what it had played is still on its way to the ear."""
        connection.ear.hang_up(self.times["ended"])
        await connection.disconnect(_ENDED_BY_CALLER if self.ending == "caller" else _ENDED_BY_API)
        await self.callbacks.drain(_LAST_CALLBACKS_S)

    # --- what the REST interface does -------------------------------------------------------------------------------

    def answer(self, body: Json, version: str) -> Json:
        """Pick up; returns the call's properties.

        Raises:
            ApiError: the call is over, was answered before, or the request is not one the service takes.
        """
        if self.ending is not None:
            raise call_over()
        if self._connection is not None:
            return self._connection.answer_again(body)
        self._connection = Connection(self._leg, body, version, self._services, self.callbacks, self.tasks)
        self._operations = Operations(self._connection, self.end, self._services, self.tasks)
        self.times["answered"] = self._connection.ear.origin
        self._decided.set()
        return self._connection.properties()

    def reject(self) -> None:
        """Refuse to pick up.

        Raises:
            ApiError: there is nothing left to refuse.
        """
        self._refuse("rejected")

    def redirect(self, target: Target) -> None:
        """Let it ring elsewhere; where that is, is the last this call knows.

        Raises:
            ApiError: there is nothing left to redirect.
        """
        self._refuse("redirected")
        self.redirected_to = target

    def _refuse(self, ending: str) -> None:
        if self._connection is not None or self.ending is not None:
            raise call_over()
        self.end(ending)

    @property
    def connection(self) -> Connection:
        """Of an answered call that is not over.

        Raises:
            ApiError: there is none.
        """
        if self._connection is None or self.ending is not None:
            raise call_over()
        return self._connection

    @property
    def operations(self) -> Operations:
        """Of an answered call that is not over.

        Raises:
            ApiError: there is none.
        """
        if self._operations is None or self.ending is not None:
            raise call_over()
        return self._operations

    @property
    def transfers(self) -> list[TransferRequest]:
        return [] if self._operations is None else self._operations.transfers.requests

    @property
    def sent_tones(self) -> list[SentTones]:
        return [] if self._operations is None else self._operations.tones.sent

    @property
    def state(self) -> str:
        """ringing, or one of the names of callConnectionState."""
        if self.ending is not None:
            return "disconnected"
        return "ringing" if self._connection is None else self._connection.state

    @property
    def ear(self) -> Ear | None:
        return None if self._connection is None else self._connection.ear

    @property
    def streams(self) -> list[Streaming]:
        return [] if self._connection is None else self._connection.streams
