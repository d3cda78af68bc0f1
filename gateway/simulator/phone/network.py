"""The phone network as one service: place calls, serve Call Automation, publish the keys of the tokens."""

from __future__ import annotations

import asyncio
import base64
import secrets
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

from gateway.simulator.phone.arrival import arrival_shape
from gateway.simulator.phone.call import PhoneCall
from gateway.simulator.phone.connection import Services
from gateway.simulator.phone.events import EventGridSender, RetryRules, Validation
from gateway.simulator.phone.keys import ACS_ISSUER, CALLBACK_TOKEN_S, MEDIA_TOKEN_S, SigningKeys
from gateway.simulator.phone.plan import CallPlan
from gateway.simulator.phone.record import CallRecord, make_record
from gateway.simulator.phone.rest import CallAutomation, RequestNote
from gateway.simulator.phone.shapes import CallIds
from gateway.simulator.phone.signature import decode_key
from gateway.simulator.phone.switches import EventSchema
from gateway.simulator.phone.tasks import TaskOwner

RESOURCE_ID = "00000000-0000-4000-8000-0000000000aa"
"""Immutable id of the communication resource: the audience of its tokens."""
TENANT = "00000000-0000-4000-8000-0000000000ee"
EVENT_AUDIENCE = "api://voice-gateway"
"""Audience of the Entra token on Event Grid's deliveries, as a subscription would name it."""
_SHUTDOWN_S = 0.2
_SERVER_CALL_URL = "https://conv.example.net/conv/{}?i=10-128-0-1&e=638000000000000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkOptions:
    """What a deployment chooses; the defaults fit most tests."""

    audience: str = RESOURCE_ID
    issuer: str = ACS_ISSUER
    tenant: str = TENANT
    event_audience: str | None = EVENT_AUDIENCE
    """audience of the Entra token on Event Grid's deliveries; None: deliveries carry none"""
    event_headers: Mapping[str, str] = field(default_factory=dict)
    """static delivery properties of the subscription"""
    rules: RetryRules = field(default_factory=RetryRules)
    wall: Callable[[], float] = time.time
    """seconds since the epoch, of event times and tokens"""
    keys: SigningKeys | None = None
    """None: keys of its own, made anew, which takes a tenth of a second"""


class LiveCall:
    """A call under way; `call` has the live view."""

    def __init__(self, call: PhoneCall) -> None:
        self.call = call
        self._task = asyncio.get_running_loop().create_task(call.run())

    def __repr__(self) -> str:
        return repr(self.call)

    @property
    def done(self) -> bool:
        return self._task.done()

    def hang_up(self) -> None:
        """The caller puts the phone down, now."""
        self.call.hang_up()

    async def wait(self) -> CallRecord:
        """The record, when the call is over."""
        await asyncio.shield(self._task)
        return make_record(self.call)

    async def cancel(self) -> None:
        """Drop the call without ceremony."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


class PhoneNetwork:
    """See the module.

    Args:
        gateway_events_url: the gateway's webhook for IncomingCall, with its query.
        access_key: base64, as the portal shows it; what the gateway signs its requests with.
        clock: monotonic seconds; on a virtual-time loop its `time`.
        host: to listen on.
        port: to listen on; 0 for any free one.
        options: the rest.
    """

    def __init__(  # noqa: PLR0913 - where to call, as whom, where to listen, and by which clock
        self,
        gateway_events_url: str,
        *,
        access_key: str,
        clock: Callable[[], float] = time.monotonic,
        host: str = "127.0.0.1",
        port: int = 0,
        options: NetworkOptions | None = None,
    ) -> None:
        self.options = options or NetworkOptions()
        self.keys = self.options.keys or SigningKeys(self.options.wall)
        self.live: dict[str, LiveCall] = {}
        """calls under way by their incomingCallContext"""
        self._connections: dict[str, PhoneCall] = {}
        self._clock = clock
        self._url = gateway_events_url
        self._host = host
        self._port = port
        self._tasks = TaskOwner()
        self._rest = CallAutomation(
            decode_key(access_key), self._by_context, self._connections.get, clock, time.time
        )  # a client signs with its own wall clock, whatever the clock of this network shows
        self._runner: web.AppRunner | None = None
        self._http: aiohttp.ClientSession | None = None
        self._sender: EventGridSender | None = None

    async def start(self) -> None:
        """Listen. Only afterwards `endpoint` and `keys_url` are known."""
        app = web.Application(client_max_size=1024 * 1024)
        app.router.add_get("/calling/keys", self._serve_keys)
        app.router.add_get("/calling/.well-known/acsopenidconfiguration", self._serve_configuration)
        app.router.add_route("*", "/calling/{path:.*}", self._rest.handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_S)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        self._http = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=None), connector=aiohttp.TCPConnector(limit=0)
        )
        options = self.options
        token = None
        if options.event_audience is not None:
            audience = options.event_audience

            def token() -> str:
                return self.keys.event_grid_token(options.tenant, audience)

        self._sender = EventGridSender(
            self._url,
            self._http,
            self._tasks,
            rules=options.rules,
            headers=options.event_headers,
            token=token,
            clock=self._clock,
            wall=options.wall,
        )

    async def stop(self) -> None:
        """Drop what is under way and close everything that was opened."""
        for live in list(self.live.values()):
            await live.cancel()
        await self._tasks.close()
        self._rest.close()
        if self._http is not None:
            await self._http.close()
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def endpoint(self) -> str:
        """Of the communication resource; no trailing slash, as the signed host would contain it."""
        if self._runner is None or not self._runner.addresses:
            raise RuntimeError("start() comes first")
        return f"http://{self._host}:{self._runner.addresses[0][1]}"

    @property
    def keys_url(self) -> str:
        """The JWKS document, for tokens of the service and of Event Grid alike."""
        return f"{self.endpoint}/calling/keys"

    @property
    def issuer(self) -> str:
        return self.options.issuer

    @property
    def audience(self) -> str:
        return self.options.audience

    @property
    def event_issuer(self) -> str:
        """Issuer of the Entra token on Event Grid's deliveries."""
        return f"https://sts.windows.net/{self.options.tenant}/"

    @property
    def requests(self) -> list[RequestNote]:
        """Every REST request so far."""
        return self._rest.requests

    async def place_call(self, plan: CallPlan) -> CallRecord:
        """A whole call, from the event to its end."""
        return await (await self.start_call(plan)).wait()

    async def start_call(self, plan: CallPlan) -> LiveCall:
        """Let the phone ring; the call goes on in the background.

        Raises:
            KeyError: the plan names a clip that does not exist.
            ValueError: the plan names an impairment that does not exist.
        """
        if self._http is None or self._sender is None:
            raise RuntimeError("start() comes first")
        arrival_shape(plan.switches.impairment, plan.seed)
        services = Services(
            http=self._http,
            events=self._sender,
            callback_token=lambda: self.keys.acs_token(self.issuer, self.audience, CALLBACK_TOKEN_S),
            media_token=lambda: self.keys.acs_token(self.issuer, self.audience, MEDIA_TOKEN_S),
            clock=self._clock,
            wall=self.options.wall,
        )
        call = PhoneCall(plan, _new_ids(plan.switches.context_bytes), services)
        live = LiveCall(call)
        self.live[call.ids.context] = live
        self._connections[call.ids.connection_id] = call
        self._tasks.spawn(self._forget(live))
        return live

    async def validate_subscription(self, schema: EventSchema = "eventgrid") -> Validation:
        """The handshake Event Grid makes before it delivers anything."""
        if self._sender is None:
            raise RuntimeError("start() comes first")
        return await self._sender.validate(schema)

    async def _forget(self, live: LiveCall) -> None:
        """What is asked about a call that is over gets the same 404 as a call that never was."""
        try:
            await live.wait()
        finally:
            self.live.pop(live.call.ids.context, None)
            self._connections.pop(live.call.ids.connection_id, None)

    def _by_context(self, context: str) -> PhoneCall | None:
        live = self.live.get(context)
        return None if live is None else live.call

    async def _serve_keys(self, _request: web.Request) -> web.Response:
        return web.json_response(self.keys.jwks())

    async def _serve_configuration(self, _request: web.Request) -> web.Response:
        document = {
            "issuer": self.issuer,
            "jwks_uri": self.keys_url,
            "id_token_signing_alg_values_supported": ["RS256"],
        }
        return web.json_response(document)


def _new_ids(context_bytes: int) -> CallIds:
    """Never the same twice, whatever the seed: a gateway rightly takes a known context for a duplicate."""
    conversation = secrets.token_urlsafe(16)
    return CallIds(
        connection_id=str(uuid.uuid4()),
        server_call_id=base64.b64encode(_SERVER_CALL_URL.format(conversation).encode()).decode(),
        correlation_id=str(uuid.uuid4()),
        context=secrets.token_urlsafe(context_bytes)[: max(16, context_bytes)],
    )
