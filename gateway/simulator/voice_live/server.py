"""The twin as a server on a loopback port."""

from __future__ import annotations

import asyncio
import random
import string
import time
from collections.abc import Callable, Iterable, Mapping

from aiohttp import web

from gateway.simulator.voice_live.access import CREDENTIALS, Door
from gateway.simulator.voice_live.connection import Connection
from gateway.simulator.voice_live.listening import MAX_APPEND_BYTES
from gateway.simulator.voice_live.options import TwinOptions
from gateway.simulator.voice_live.ptu_bucket import PtuBucket
from gateway.simulator.voice_live.record import SessionRecord
from gateway.simulator.voice_live.session import Deployment, TwinSession
from gateway.simulator.voice_live.speech import Speech, Voice
from gateway.simulator.voice_live.traits import traits_of

PATH = "/voice-live/realtime"

_MAX_MESSAGE_BYTES = MAX_APPEND_BYTES * 4 // 3 + 64 * 1024
_STOP_S = 1.0


class VoiceLiveTwin:
    """A Voice Live resource with any number of deployments.

    Args:
        options: of every deployment not named in `per_model`.
        per_model: options by deployment name (the `model` of the URL).
        clock: seconds; with a loop on virtual time its `loop.time`.
        wall_clock: seconds since the epoch, for `expires_at`.
        host: where to listen.
        port: 0 takes a free one.
        known: sentences with their sound, besides the committed clips.
        on_closed: called with the record of every session that ended.
    """

    def __init__(  # noqa: PLR0913 - a composition root; all but the first have defaults
        self,
        options: TwinOptions | None = None,
        *,
        per_model: Mapping[str, TwinOptions] | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
        host: str = "127.0.0.1",
        port: int = 0,
        known: Iterable[Speech] = (),
        on_closed: Callable[[SessionRecord], None] | None = None,
    ) -> None:
        self.sessions: list[SessionRecord] = []
        self.refusals: list[tuple[float, int]] = []
        """time and status of every refused upgrade"""
        self._options = options if options is not None else TwinOptions()
        self._per_model = dict(per_model or {})
        self._clock = clock
        self._wall_clock = wall_clock
        self._host = host
        self._port = port
        self._on_closed = on_closed
        self._voice = Voice(known)
        self._doors: dict[str, Door] = {}
        self._buckets: dict[str, PtuBucket] = {}
        self._opened: dict[str, int] = {}
        self._connections: set[Connection] = set()
        self._runner: web.AppRunner | None = None

    def __repr__(self) -> str:
        return f"<VoiceLiveTwin port={self._port} open={len(self._connections)} sessions={len(self.sessions)}>"

    @property
    def url(self) -> str:
        """ws:// and the port that is listened on; `http_url` is the same for clients that ask for an endpoint."""
        return f"ws://{self._host}:{self._port}"

    @property
    def http_url(self) -> str:
        return f"http://{self._host}:{self._port}"

    @property
    def open_sessions(self) -> int:
        return len(self._connections)

    def ptu(self, model: str) -> PtuBucket:
        """The true state of a deployment's provisioned throughput.

        Raises:
            KeyError: the deployment has none.
        """
        bucket = self._bucket(model, self._options_of(model))
        if bucket is None:
            raise KeyError(model)
        return bucket

    def bucket(self, model: str) -> PtuBucket | None:
        """Of a provisioned deployment that has been asked for something."""
        return self._buckets.get(model)

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the port is taken.
        """
        app = web.Application()
        app.router.add_get(PATH, self._handle)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=_STOP_S)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Close every session with 1001 and stop listening; nothing is left running."""
        goodbyes = [asyncio.ensure_future(each.close(1001, "the twin stops")) for each in self._connections]
        if goodbyes:
            await asyncio.wait(goodbyes, timeout=_STOP_S)
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        for goodbye in goodbyes:  # to clients that do not read
            goodbye.cancel()
        await asyncio.gather(*goodbyes, return_exceptions=True)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        model = request.query.get("model", "")
        options = self._options_of(model)
        if options.timing.upgrade_s:
            await asyncio.sleep(options.timing.upgrade_s)
        door = self._doors.setdefault(model, Door(options.access))
        refusal = door.look(request.query, request.headers, self._clock())
        if refusal is not None:
            self.refusals.append((self._clock(), refusal.status))
            return web.Response(
                status=refusal.status, text=refusal.body, content_type="application/json", headers=refusal.headers
            )
        socket = web.WebSocketResponse(max_msg_size=_MAX_MESSAGE_BYTES, compress=False, timeout=_STOP_S)
        await socket.prepare(request)
        await self._run(request, socket, model, options)
        return socket

    async def _run(self, request: web.Request, socket: web.WebSocketResponse, model: str, options: TwinOptions) -> None:
        query = {name: value for name, value in request.query.items() if name not in CREDENTIALS}
        profile = query.get("profile")
        opened_at = self._clock()
        record = SessionRecord(self._session_id(options), query, model, profile or "", opened_at)
        self.sessions.append(record)
        self._opened[model] = self._opened.get(model, 0) + 1
        deployment = Deployment(
            options,
            traits_of(profile, model, query["api-version"]),
            self._voice,
            self._bucket(model, options),
            self._opened[model],
            int(self._wall_clock() + options.session_s),
        )
        session = TwinSession(deployment, record)
        connection = Connection(request.transport, socket, session, voice=self._voice, clock=self._clock)
        self._connections.add(connection)
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)
            if self._on_closed is not None:
                self._on_closed(record)

    def _options_of(self, model: str) -> TwinOptions:
        return self._per_model.get(model, self._options)

    def _bucket(self, model: str, options: TwinOptions) -> PtuBucket | None:
        if options.ptu is None:
            return None
        return self._buckets.setdefault(model, PtuBucket(options.ptu))

    def _session_id(self, options: TwinOptions) -> str:
        rng = random.Random(f"{options.seed}/{len(self.sessions)}")  # noqa: S311 - repeatable on purpose
        return "sess_" + "".join(rng.choices(string.ascii_letters + string.digits, k=22))
