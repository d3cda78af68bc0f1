"""Media streaming of one answered call: opens the socket, opens it again when it breaks, tells the callbacks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import aiohttp

from gateway.simulator.phone import shapes
from gateway.simulator.phone.callbacks import CallEvents
from gateway.simulator.phone.ear import Ear
from gateway.simulator.phone.media import MediaLeg, MediaRefused
from gateway.simulator.phone.shapes import Json, bad_request
from gateway.simulator.phone.switches import PhoneSwitches
from gateway.simulator.phone.tasks import TaskOwner
from gateway.simulator.phone.uplink import StreamFormat, dtmf_message

_FORMATS_HZ = {"pcm16KMono": 16000, "pcm24KMono": 24000}
_REFUSED = shapes.result(
    400, 8581, "Action failed, Transport url is not valid or web socket server is not operational."
)


@dataclass(frozen=True, slots=True)
class StreamingOptions:
    """mediaStreamingOptions of an answer, with the defaults of the service."""

    url: str
    start: bool
    bidirectional: bool
    dtmf: bool
    mixed: bool
    rate_hz: int

    @classmethod
    def parse(cls, body: Json, switches: PhoneSwitches) -> StreamingOptions:
        """Check as the service does.

        Raises:
            ApiError: a value that is not one of the API's.
        """
        for name, allowed in (
            ("transportType", ("websocket",)),
            ("contentType", ("audio",)),
            ("audioChannelType", ("mixed", "unmixed")),
        ):
            if body.get(name) not in allowed:
                raise bad_request(f"{name} must be one of {', '.join(allowed)}")
        url = body.get("transportUrl") or ""
        if urlsplit(url).scheme not in ("ws", "wss"):
            raise bad_request("transportUrl must be a WebSocket URL")
        audio_format = body.get("audioFormat") or "pcm16KMono"
        if audio_format not in _FORMATS_HZ:
            raise bad_request(f"audioFormat must be one of {', '.join(_FORMATS_HZ)}")
        return cls(
            url=url,
            start=body.get("startMediaStreaming") is True,
            bidirectional=body.get("enableBidirectional") is True,
            dtmf=body.get("enableDtmfTones") is True,
            mixed=body["audioChannelType"] == "mixed",
            rate_hz=switches.rate_hz or _FORMATS_HZ[audio_format],
        )


@dataclass(slots=True)
class Faults:
    """What is still to happen to a call's media sockets; shared by all its streams."""

    refuse: int
    drop_s: float | None


@dataclass(frozen=True, slots=True)
class StreamingParts:
    """What a stream works with."""

    http: aiohttp.ClientSession
    clock: Callable[[], float]
    headers: Callable[[], Mapping[str, str]]
    """of a handshake, with a fresh token"""
    events: CallEvents
    ear: Ear
    tasks: TaskOwner
    switches: PhoneSwitches
    faults: Faults


@dataclass(slots=True)
class Streaming:
    """One subscription; a second answer may bring a second one."""

    options: StreamingOptions
    format: StreamFormat
    parts: StreamingParts
    legs: list[MediaLeg] = field(default_factory=list)
    _wanted: bool = False
    _running: bool = False
    _redial: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def active(self) -> bool:
        return bool(self.legs) and self.legs[-1].is_open

    @property
    def subscription(self) -> Json:
        state = "active" if self.active else "inactive"
        return {"id": self.format.subscription_id, "state": state, "subscribedContentTypes": ["audio"]}

    def start(self, *, context: str | None = None, url: str | None = None) -> None:
        """Open the socket, or try again at once where it is broken; in the background."""
        self._wanted = True
        self._redial.set()
        if not self._running:
            self._running = True
            self.parts.tasks.spawn(self._run(context, url))

    async def stop(self, *, context: str | None = None, url: str | None = None) -> None:
        """Close the socket and say so."""
        await self.shut()
        update = shapes.streaming_update("mediaStreamingStopped", "subscriptionStopped", shapes.DONE)
        await self.parts.events.post("MediaStreamingStopped", update, context=context, url=url)

    async def shut(self) -> None:
        """Close the socket: the call is over, or streaming is not wanted any more."""
        self._wanted = False
        self._redial.set()
        if self.active:
            await self.legs[-1].close()

    def offer_frame(self, message: str, due: float) -> None:
        if self.active:
            self.legs[-1].offer(message, due, audio=True)

    def offer_digit(self, digit: str, due: float) -> None:
        if self.active and self.options.dtmf:
            raw_id = None if self.format.mixed else self.format.caller_raw_id
            self.legs[-1].offer(dtmf_message(digit, raw_id), due, audio=False)

    async def _run(self, context: str | None, url: str | None) -> None:
        """From the first dial until the stream is stopped or given up."""
        tries = 0
        while self._wanted:
            leg = self._new_leg()
            try:
                await self._dial(leg)
            except MediaRefused:
                tries += 1
                reason = "streamConnectionUnsuccessful" if self.legs else "initialWebSocketConnectionFailed"
                if not self.legs or tries >= self.parts.switches.media_reconnect_tries:
                    self._give_up(reason, context, url)
                    break
            else:
                tries = 0
                self.parts.tasks.spawn(self._announce(leg, again=len(self.legs) > 1, context=context, url=url))
                await self._serve(leg)
                if leg.close_code == aiohttp.WSCloseCode.OK and leg.closed_by == "gateway":
                    break  # an orderly goodbye is not a broken connection
            if not await self._may_redial(context, url):
                break
        self._running = False

    def _new_leg(self) -> MediaLeg:
        parts = self.parts
        stream = parts.ear.open_stream() if self.options.bidirectional else None
        switches = parts.switches
        return MediaLeg(
            self.options.url, parts.headers(), stream, parts.clock, pongs=switches.pongs, sprinkle=switches.sprinkle
        )

    async def _dial(self, leg: MediaLeg) -> None:
        if self.parts.faults.refuse:
            self.parts.faults.refuse -= 1
            raise MediaRefused("switched off")
        await leg.connect(self.parts.http, self.format.metadata())
        self.legs.append(leg)
        if not self._wanted:  # the call ended meanwhile
            await leg.close()

    async def _serve(self, leg: MediaLeg) -> None:
        if self.parts.faults.drop_s is not None:
            self.parts.tasks.spawn(self._drop(leg, self.parts.faults.drop_s))
            self.parts.faults.drop_s = None
        await leg.run()

    async def _drop(self, leg: MediaLeg, after_s: float) -> None:
        await asyncio.sleep(after_s)
        if leg.is_open and self.parts.switches.media_drop_how == "abort":
            leg.abort()
        elif leg.is_open:
            await leg.close(self.parts.switches.media_drop_code)

    async def _may_redial(self, context: str | None, url: str | None) -> bool:
        """Wait before the next dial; False when there will be none."""
        if not self._wanted:
            return False
        wait_s = self.parts.switches.media_reconnect_s
        if wait_s is None:
            self._give_up("streamConnectionInterrupted", context, url)
            return False
        self._redial.clear()
        try:
            async with asyncio.timeout(wait_s):
                await self._redial.wait()
        except TimeoutError:
            pass  # nobody was in a hurry
        return self._wanted

    async def _announce(self, leg: MediaLeg, *, again: bool, context: str | None, url: str | None) -> None:
        await asyncio.sleep(self.parts.switches.streaming_started_s)
        if leg.is_open:
            details = "streamConnectionReestablished" if again else "subscriptionStarted"
            update = shapes.streaming_update("mediaStreamingStarted", details, shapes.DONE)
            await self.parts.events.post("MediaStreamingStarted", update, context=context, url=url)

    def _give_up(self, details: str, context: str | None, url: str | None) -> None:
        """Say so in the background: whoever hears of it may start the stream anew at once."""
        update = shapes.streaming_update("mediaStreamingFailed", details, _REFUSED)
        self.parts.tasks.spawn(self.parts.events.post("MediaStreamingFailed", update, context=context, url=url))
