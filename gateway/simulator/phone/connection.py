"""An answered call at the service's side: its events, its roster, its media streams, and the caller's ear."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp

from gateway.simulator.phone import shapes
from gateway.simulator.phone.callbacks import CallbackSender, CallEvents
from gateway.simulator.phone.ear import Ear
from gateway.simulator.phone.events import EventGridSender
from gateway.simulator.phone.plan import CallPlan
from gateway.simulator.phone.shapes import ApiError, CallIds, Json, bad_request
from gateway.simulator.phone.streaming import Faults, Streaming, StreamingOptions, StreamingParts
from gateway.simulator.phone.tasks import TaskOwner
from gateway.simulator.phone.uplink import StreamFormat

_RATE_WITHOUT_MEDIA_HZ = 16000
"""Of the ear, where an answer asks for no media: files that are played have it."""


@dataclass(frozen=True, slots=True)
class Services:
    """What all calls of a network share."""

    http: aiohttp.ClientSession
    events: EventGridSender
    callback_token: Callable[[], str]
    media_token: Callable[[], str]
    clock: Callable[[], float]
    wall: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Leg:
    """What an answer connects to: the call as it rang."""

    plan: CallPlan
    ids: CallIds
    callee: Json
    caller: Json


class Connection:
    """See the module.

    Args:
        leg: the call.
        body: of the answer.
        version: api-version of the answer.
        services: of the network.
        callbacks: posts the call's events.
        tasks: owns what goes on in the background.

    Raises:
        ApiError: the answer is not one the service takes.
    """

    def __init__(  # noqa: PLR0913 - an answer brings all of a call together
        self,
        leg: Leg,
        body: Json,
        version: str,
        services: Services,
        callbacks: CallbackSender,
        tasks: TaskOwner,
    ) -> None:
        options = _parse_answer(body, leg)
        switches = leg.plan.switches
        self.leg = leg
        self.state = "connecting"
        """then connected, transferring, disconnected: the names of callConnectionState"""
        self.on_hold = False
        self.digit_callbacks = False
        self.streams: list[Streaming] = []
        self.ear = Ear(options.rate_hz if options else _RATE_WITHOUT_MEDIA_HZ, services.clock(), switches)
        self.events = CallEvents(
            callbacks,
            leg.ids,
            url=body["callbackUri"],
            version=version,
            context=body.get("operationContext"),
            wall=services.wall,
            sprinkle=switches.sprinkle,
        )
        self._services = services
        self._tasks = tasks
        self._faults = Faults(switches.media_refused, switches.media_drop_s)
        self._roster_number = 0
        self._digit_number = 0
        if options is not None:
            self._add_stream(options)

    async def establish(self, connected: Callable[[], None]) -> None:
        """The answered call becomes a connected one; its events and its socket come in the order of the switches.

        Args:
            connected: told the moment.
        """
        switches = self.leg.plan.switches
        await asyncio.sleep(switches.connect_s)
        self.state = "connected"
        connected()
        if switches.socket_first:
            self._start_streams()
            await asyncio.sleep(switches.socket_s)
        self._tasks.spawn(self._announce())
        if not switches.socket_first:
            await asyncio.sleep(switches.socket_s)
            self._start_streams()

    def answer_again(self, body: Json) -> Json:
        """What a second answer of the same call gets; the switch says it.

        Raises:
            ApiError: a conflict, or an answer that is not one the service takes.
        """
        behaviour = self.leg.plan.switches.repeated_answer
        if behaviour == "conflict":
            raise ApiError(409, 8519, "The call has been answered already.")
        options = _parse_answer(body, self.leg) if behaviour == "second_socket" else None
        if options is not None:
            self._add_stream(options)
            if self.state == "connected" and options.start:
                self.streams[-1].start()
        return self.properties()

    @property
    def muted(self) -> bool:
        """The caller is not to be heard, though frames go on."""
        return self.state == "transferring" and self.leg.plan.switches.transfer_media == "silent"

    def offer_frame(self, message: str, due: float) -> None:
        """Twenty milliseconds of the caller's line, for every open media socket."""
        stopped = self.state == "transferring" and self.leg.plan.switches.transfer_media == "stops"
        if not self.on_hold and not stopped:
            for stream in self.streams:
                stream.offer_frame(message, due)

    def offer_digit(self, digit: str, due: float) -> None:
        """A key of the caller's telephone."""
        for stream in self.streams:
            stream.offer_digit(digit, due)
        if self.digit_callbacks:
            self._digit_number += 1
            data = {"sequenceId": self._digit_number, "tone": shapes.TONES[digit], "resultInformation": shapes.DONE}
            self._tasks.spawn(self.events.post("ContinuousDtmfRecognitionToneReceived", data))

    async def disconnect(self, message: str) -> None:
        """Close the sockets and say that it is over."""
        self.state = "disconnected"
        for stream in self.streams:
            await stream.shut()
        if self.leg.plan.switches.disconnected_callback:
            await self.events.post("CallDisconnected", {"resultInformation": shapes.result(200, 7000, message)})

    def participants(self) -> list[Json]:
        """The caller first."""
        return [
            shapes.participant(self.leg.caller, on_hold=self.on_hold),
            shapes.participant(shapes.acs_user(shapes.GATEWAY_USER)),
        ]

    async def post_participants(self) -> None:
        """ParticipantsUpdated with the next number; numbers may have gaps."""
        self._roster_number += 1
        roster = {
            "participants": self.participants(),
            "sequenceNumber": self._roster_number,
            "resultInformation": shapes.result(),
        }
        await self.events.post("ParticipantsUpdated", roster)

    def properties(self) -> Json:
        """CallConnectionProperties."""
        ids = self.leg.ids
        found: Json = {
            "callConnectionId": ids.connection_id,
            "serverCallId": ids.server_call_id,
            "targets": [self.leg.callee],
            "callConnectionState": self.state,
            "callbackUri": self.events.url,
            "source": self.leg.caller,
            "correlationId": ids.correlation_id,
            "answeredBy": {"id": shapes.GATEWAY_USER},
            "answeredFor": self.leg.callee["phoneNumber"],
        }
        if self.streams:
            found["mediaStreamingSubscription"] = self.streams[0].subscription
        return found

    @property
    def format(self) -> StreamFormat:
        """Of the first stream; of files that are played, where there is none."""
        if self.streams:
            return self.streams[0].format
        return StreamFormat(_RATE_WITHOUT_MEDIA_HZ, mixed=True, caller_raw_id="", subscription_id="")

    def _start_streams(self) -> None:
        for stream in self.streams:
            if stream.options.start:
                stream.start()

    async def _announce(self) -> None:
        steps = [self._post_connected, self.post_participants]
        if self.leg.plan.switches.participants_first:
            steps.reverse()
        for step in steps:
            await step()

    async def _post_connected(self) -> None:
        await self.events.post("CallConnected", {"resultInformation": shapes.result()})

    def _add_stream(self, options: StreamingOptions) -> None:
        stream = StreamFormat(options.rate_hz, options.mixed, self.leg.caller["rawId"], str(uuid.uuid4()))
        parts = StreamingParts(
            http=self._services.http,
            clock=self._services.clock,
            headers=self._handshake_headers,
            events=self.events,
            ear=self.ear,
            tasks=self._tasks,
            switches=self.leg.plan.switches,
            faults=self._faults,
        )
        self.streams.append(Streaming(options, stream, parts))

    def _handshake_headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self._services.media_token()}",
            "x-ms-call-connection-id": self.leg.ids.connection_id,
            "x-ms-call-correlation-id": self.leg.ids.correlation_id,
        }


def _parse_answer(body: Json, leg: Leg) -> StreamingOptions | None:
    if urlsplit(str(body.get("callbackUri") or "")).scheme not in ("http", "https"):
        raise bad_request("The field CallbackUri is invalid.")
    media = body.get("mediaStreamingOptions")
    return None if media is None else StreamingOptions.parse(media, leg.plan.switches)
