"""Posts a call's events to the callback URL of its answer, each with a token of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import aiohttp

from gateway.simulator.phone import shapes
from gateway.simulator.phone.shapes import CallIds, Json

_RESPONSE_WAIT_S = 10.0
"""Not documented; a webhook is told to answer at once."""


@dataclass(frozen=True, slots=True)
class CallbackDelivery:
    """One POST and its outcome; events that were refused are not sent again, as no retry rule is documented."""

    kind: str
    event_id: str
    at: float
    status: int | None
    took_s: float


class CallbackSender:
    """Sends events of one call.

    Args:
        token: makes a fresh callback token.
        clock: monotonic seconds.
        duplicates: how often every event is sent again, with its id unchanged.
    """

    def __init__(
        self, http: aiohttp.ClientSession, token: Callable[[], str], clock: Callable[[], float], *, duplicates: int
    ) -> None:
        self._http = http
        self._token = token
        self._clock = clock
        self._duplicates = duplicates
        self.deliveries: list[CallbackDelivery] = []
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def post(self, url: str, event: Json) -> None:
        """Send one event, as an array of one; an outcome of any kind is only recorded."""
        self._under_way += 1
        self._idle.clear()
        try:
            for _ in range(1 + self._duplicates):
                await self._post_once(url, event)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    async def drain(self, timeout_s: float) -> None:
        """Wait until no event is on its way, but no longer than this."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            return  # a webhook that hangs does not keep a call alive

    async def _post_once(self, url: str, event: Json) -> None:
        began = self._clock()
        status: int | None = None
        headers = {"Authorization": f"Bearer {self._token()}"}
        try:
            async with (
                asyncio.timeout(_RESPONSE_WAIT_S),
                self._http.post(url, json=[event], headers=headers, allow_redirects=False) as response,
            ):
                status = response.status
        except (aiohttp.ClientError, TimeoutError):
            pass  # a webhook that is away is an outcome, and part of what is tested
        kind = event["type"].rpartition(".")[2]
        self.deliveries.append(CallbackDelivery(kind, event["id"], began, status, self._clock() - began))


class CallEvents:
    """The events of one call: knows whose they are and where they go.

    Args:
        url: callbackUri of the answer.
        version: api-version of the answer; events have its shape.
        context: operationContext of the answer.
        wall: seconds since the epoch.
        sprinkle: an event of unknown type before every known one.
    """

    def __init__(  # noqa: PLR0913 - what an answer says about its callbacks
        self,
        sender: CallbackSender,
        ids: CallIds,
        *,
        url: str,
        version: str,
        context: str | None,
        wall: Callable[[], float],
        sprinkle: bool,
    ) -> None:
        self._sender = sender
        self._ids = ids
        self.url = url
        self._version = version
        self._context = context
        self._wall = wall
        self._sprinkle = sprinkle

    async def post(self, kind: str, data: Json, *, context: str | None = None, url: str | None = None) -> None:
        """Send one event.

        Args:
            kind: without its namespace.
            data: what is particular to this kind.
            context: operationContext of the operation that caused the event; None: the answer's.
            url: operationCallbackUri of that operation; None: the answer's callbackUri.
        """
        if self._sprinkle:
            await self._send("RoomTemperatureUpdated", {"degrees": 21, "resultInformation": None}, None, url)
        await self._send(kind, data, context or self._context, url)

    async def post_outcome(self, kind: str, data: Json, request: Json) -> None:
        """Send how an operation ended, to where the body of its request wanted it."""
        context, url = request.get("operationContext"), request.get("operationCallbackUri")
        await self.post(kind, data, context=context, url=url)

    async def _send(self, kind: str, data: Json, context: str | None, url: str | None) -> None:
        # Recordings have no operationContext in the events that nobody asked for.
        named = {} if context is None or kind == "ParticipantsUpdated" else {"operationContext": context}
        at = datetime.fromtimestamp(self._wall(), UTC)
        await self._sender.post(url or self.url, shapes.callback(kind, self._ids, {**data, **named}, at, self._version))
