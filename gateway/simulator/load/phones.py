"""The lean phone network: rings, serves Call Automation, connects media sockets and reports callbacks."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from gateway.simulator.load.calls import Bench, CallBook, LoadCall
from gateway.simulator.load.phone_leg import PhoneLeg
from gateway.simulator.phone import shapes
from gateway.simulator.phone.keys import ACS_ISSUER, CALLBACK_TOKEN_S, SigningKeys
from gateway.simulator.phone.network import EVENT_AUDIENCE, RESOURCE_ID, TENANT

API_VERSION = "2025-06-15"
"""Of the shape of callbacks."""
CALLS = "/calling/callConnections"
MAX_BODY_BYTES = 1 << 20
RING_S = 30.0
SHUTDOWN_S = 1.0
_ACCEPTED = {"startMediaStreaming": 202, "stopMediaStreaming": 202, "play": 202, "terminate": 204}


class Phones:
    """Places calls at a gateway. Requests are not checked for their signature: that is the full twin's part."""

    def __init__(self, bench: Bench, book: CallBook) -> None:
        self._bench = bench
        self._book = book
        self._keys = SigningKeys()
        self._legs: dict[int, PhoneLeg] = {}
        self._callbacks: dict[int, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._runner: web.AppRunner | None = None
        self._http: aiohttp.ClientSession | None = None
        self._token = ""
        self._token_until = 0.0
        self.endpoint = ""

    async def start(self) -> None:
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_get("/calling/keys", self._serve_keys)
        app.router.add_route("*", CALLS + "{rest:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.endpoint = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))

    async def stop(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._http is not None:
            await self._http.close()
        if self._runner is not None:
            await self._runner.cleanup()

    # --- calls ----------------------------------------------------------------------------------------------------

    async def ring(self, call: LoadCall, events_url: str) -> None:
        """Tell the gateway of a call; returns when it has taken notice. What fails is written into the call."""
        caller, called = shapes.phone_number(call.caller), shapes.phone_number(call.called)
        data = shapes.incoming_call_data(call.ids, called, caller, display_name="", sip_headers={})
        subject = f"/caller/{caller['rawId']}/recipient/{called['rawId']}"
        event = shapes.event_grid_event(shapes.INCOMING_CALL, subject, data, datetime.now(UTC))
        headers = {"Authorization": f"Bearer {self._event_token()}"}
        try:
            async with (
                asyncio.timeout(RING_S),
                self._client.post(events_url, json=[event], headers=headers) as response,
            ):
                if response.status != 200:  # noqa: PLR2004 - Event Grid's receipt
                    call.failed(f"event_answered_{response.status}")
        except (aiohttp.ClientError, TimeoutError) as error:
            call.failed(f"event_{type(error).__name__}")

    async def hang_up(self, call: LoadCall) -> None:
        """The caller puts the phone down: the socket closes, and a callback says so."""
        call.over = True
        leg = self._legs.pop(call.number, None)
        if leg is not None:
            await leg.close()
        await self._callback(call, "CallDisconnected")

    # --- Call Automation ------------------------------------------------------------------------------------------

    async def _serve_keys(self, _request: web.Request) -> web.Response:
        return web.json_response(self._keys.jwks())

    async def _serve(self, request: web.Request) -> web.Response:
        path, _, action = request.path.removeprefix(CALLS).partition(":")
        body = orjson.loads(await request.read() or b"{}")
        call = (
            self._book.with_connection(path.strip("/"))
            if path
            else self._book.with_context(body.get("incomingCallContext", ""))
        )
        if call is None:
            return web.json_response({"error": {"code": "8522", "message": "Call not found."}}, status=404)
        if not path:
            return self._answer(call, body) if action == "answer" else self._refuse(call, action)
        if request.method == "GET":
            return web.json_response(_properties(call, {}))
        if action in ("terminate", ""):
            call.failed("hung_up_by_gateway")
            self._spawn(self.hang_up(call))
        elif action == "play":
            call.failed("prompt_by_rest")
        return web.Response(status=_ACCEPTED.get(action, 202 if action else 204))

    def _refuse(self, call: LoadCall, action: str) -> web.Response:
        call.failed(f"{action}ed_by_gateway")
        return web.Response(status=204)

    def _answer(self, call: LoadCall, body: Mapping[str, Any]) -> web.Response:
        if call.number in self._callbacks:
            return web.json_response({"error": {"code": "8501", "message": "Answered before."}}, status=409)
        self._callbacks[call.number] = body["callbackUri"]
        self._spawn(self._connect(call, body["mediaStreamingOptions"]["transportUrl"]))
        return web.json_response(_properties(call, body))

    async def _connect(self, call: LoadCall, url: str) -> None:
        """The answered call is connected: its callback and its socket come."""
        self._spawn(self._callback(call, "CallConnected"))
        leg = PhoneLeg(call, self._bench)
        self._legs[call.number] = leg
        headers = {
            "Authorization": self._authorization(),
            "x-ms-call-connection-id": call.ids.connection_id,
            "x-ms-call-correlation-id": call.ids.correlation_id,
        }
        try:
            await leg.run(self._client, url, headers)
        except aiohttp.ClientError as error:
            call.failed(f"media_{type(error).__name__}")

    async def _callback(self, call: LoadCall, kind: str) -> None:
        url = self._callbacks.get(call.number)
        if url is None:
            return
        data = {"resultInformation": shapes.result()} if kind == "CallDisconnected" else {}
        event = shapes.callback(kind, call.ids, data, datetime.now(UTC), API_VERSION)
        headers = {"Authorization": self._authorization()}
        try:
            async with self._client.post(url, json=[event], headers=headers) as response:
                if response.status >= 400:  # noqa: PLR2004 - the gateway refused what it asked for
                    call.failed(f"callback_answered_{response.status}")
        except aiohttp.ClientError as error:
            call.failed(f"callback_{type(error).__name__}")

    def _event_token(self) -> str:
        return self._keys.event_grid_token(TENANT, EVENT_AUDIENCE)

    def _authorization(self) -> str:
        """A token of the service; shared for a while, because signing one takes a millisecond of all calls' time."""
        now = self._bench.clock()
        if now >= self._token_until:
            self._token = self._keys.acs_token(ACS_ISSUER, RESOURCE_ID, CALLBACK_TOKEN_S)
            self._token_until = now + CALLBACK_TOKEN_S / 2
        return f"Bearer {self._token}"

    @property
    def _client(self) -> aiohttp.ClientSession:
        if self._http is None:
            raise RuntimeError("start() comes first")
        return self._http

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _properties(call: LoadCall, answer: Mapping[str, Any]) -> dict[str, Any]:
    """The call as Call Automation describes it."""
    return {
        "callConnectionId": call.ids.connection_id,
        "serverCallId": call.ids.server_call_id,
        "targets": [shapes.phone_number(call.called)],
        "callConnectionState": "connected" if call.connected else "connecting",
        "callbackUri": answer.get("callbackUri", ""),
        "source": shapes.phone_number(call.caller),
        "answeredBy": {"id": shapes.GATEWAY_USER},
        "correlationId": call.ids.correlation_id,
        "mediaStreamingSubscription": {
            "id": call.ids.connection_id,
            "state": "active" if call.connected else "inactive",
            "subscribedContentTypes": ["audio"],
        },
    }
