"""A gateway with a model service and a phone network that ring only when a test says so, on virtual time."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import aiohttp
import pytest

from gateway.config import parse
from gateway.server.gateway import Gateway
from gateway.simulator.configuration import KEY_FILE, RESOURCE, twin_sections
from gateway.simulator.phone import NetworkOptions, PhoneNetwork
from gateway.simulator.phone.keys import CALLBACK_TOKEN_S, MEDIA_TOKEN_S, SigningKeys
from gateway.simulator.phone.network import EVENT_AUDIENCE, TENANT
from gateway.simulator.phone.shapes import TOPIC
from gateway.simulator.ports import reserved_ports
from gateway.simulator.virtual_time import virtual_time_runner
from gateway.simulator.voice_live import VoiceLiveTwin
from gateway.wire.ticket import Purpose, Subject, TicketKeys

KEY = base64.b64encode(b"a key of the twin, nobody's secret").decode()
TICKET_KEY = b"t" * 32
LONGEST_CONNECTION_S = 60.0
"""Far beyond every deadline of the listener; whoever is still connected then was forgotten."""


@dataclass
class Bench:
    """A gateway, its far sides, and somebody who sends it requests."""

    gateway: Gateway
    phone: PhoneNetwork
    http: aiohttp.ClientSession
    wall_now: float
    twin: VoiceLiveTwin
    document: dict[str, Any]
    """the configuration as its file would hold it; what a reload reads"""
    topic: str = TOPIC

    def ticket(self, purpose: Purpose, context: str = "context", age_s: float = 0.0) -> str:
        subject = Subject(context, self.wall_now - age_s, "twin", "main", "support", "main")
        return TicketKeys(TICKET_KEY).issue(purpose, subject)

    def bearer(self, purpose: Purpose | None = None) -> dict[str, str]:
        """Headers with a genuine token of the phone network, or, without a purpose, of Event Grid."""
        keys, network = signing_keys(), self.phone
        if purpose is None:
            token = keys.event_grid_token(TENANT, EVENT_AUDIENCE)
        else:
            lifetime_s = MEDIA_TOKEN_S if purpose is Purpose.MEDIA else CALLBACK_TOKEN_S
            token = keys.acs_token(network.issuer, network.audience, lifetime_s)
        return {"Authorization": f"Bearer {token}"}

    async def request(self, method: str, path: str, **options: Any) -> tuple[int, Any, str]:
        """Status, headers and body of an answer; asked with a genuine token and as JSON, unless headers say else."""
        purpose = {"calls": Purpose.CALLBACKS, "media": Purpose.MEDIA}.get(path.split("/")[1])
        headers = {"Content-Type": "application/json"} | self.bearer(purpose) | options.pop("headers", {})
        return await self.ask(method, path, headers=headers, **options)

    async def ask(self, method: str, path: str, **options: Any) -> tuple[int, Any, str]:
        """The same, with nothing added."""
        url = f"http://127.0.0.1:{self.gateway.public_port}{path}"
        async with self.http.request(method, url, **options) as response:
            return response.status, response.headers, await response.text("utf-8", "replace")

    def count(self, name: str, **labels: str) -> float:
        value = self.gateway.registry.get_sample_value(name, labels)
        assert value is not None, f"no metric {name}{labels}"
        return value

    async def wire(self, *pieces: bytes, pause_s: float = 0.0, port: int = 0) -> bytes:
        """Everything that comes back on a connection of its own, until it is closed; no client is in between.

        Args:
            pieces: what is sent; the other side may close before all of it is.
            pause_s: between two pieces.
            port: of the operator's listener, say; 0 for the public one.
        """
        reader, writer = await asyncio.open_connection("127.0.0.1", port or self.gateway.public_port)

        async def read_all() -> bytes:
            received = b""
            try:
                while more := await reader.read(65536):
                    received += more
            except ConnectionError:
                pass  # closed before it read all that was sent; what came before counts
            return received

        answer = asyncio.create_task(read_all())
        try:
            async with asyncio.timeout(LONGEST_CONNECTION_S):
                for piece in pieces:
                    if answer.done():
                        break
                    writer.write(piece)
                    await asyncio.sleep(pause_s)
                return await answer
        finally:
            answer.cancel()
            writer.close()


@cache
def signing_keys() -> SigningKeys:
    """Making keys takes a tenth of a second: all tests share them."""
    return SigningKeys()


def options() -> NetworkOptions:
    return NetworkOptions(keys=signing_keys())


def configuration(folder: Path, port: int, phone_url: str, model_url: str) -> dict[str, Any]:
    (folder / KEY_FILE).write_text(KEY)
    (folder / "ticket.key").write_bytes(TICKET_KEY)
    sections = twin_sections(port, phone_url, model_url)
    sections["server"]["ticket_key_file"] = "ticket.key"
    return sections | {
        "deployments": [
            {"name": "main", "resource": RESOURCE, "profile": "byom-azure-openai-chat-completion", "model": "m"}
        ],
        "agents": [
            {
                "name": "support",
                "instructions": "Help.",
                "voice": {"type": "azure-standard", "name": "en-US-AvaNeural"},
                "deployments": ["main"],
            }
        ],
        "lines": [{"name": "main", "numbers": ["+18005550126"], "agent": "support"}],
    }


class RunBench(Protocol):
    def __call__(
        self, test: Callable[[Any], Awaitable[None]], adapt: Callable[[dict[str, Any]], None] | None = None
    ) -> None: ...


@pytest.fixture
def run_bench(tmp_path: Path) -> RunBench:
    """Run a test with a started gateway; `adapt` may change its configuration, whose files are in `tmp_path`."""

    async def main(
        test: Callable[[Bench], Awaitable[None]], adapt: Callable[[dict[str, Any]], None] | None = None
    ) -> None:
        clock = asyncio.get_running_loop().time
        async with AsyncExitStack() as running:
            (port,) = running.enter_context(reserved_ports(1))
            twin = VoiceLiveTwin(clock=clock)
            phone = PhoneNetwork(
                f"http://127.0.0.1:{port}/events/incoming-call", access_key=KEY, clock=clock, options=options()
            )
            await twin.start()
            running.push_async_callback(twin.stop)
            await phone.start()
            running.push_async_callback(phone.stop)
            document = configuration(tmp_path, port, phone.endpoint, twin.url)
            if adapt is not None:
                adapt(document)
            config = parse(document, tmp_path)
            wall_now = phone.options.wall()
            gateway = Gateway(
                config, clock=clock, wall_clock=phone.options.wall, reread=lambda: parse(document, tmp_path)
            )
            await gateway.start()
            await gateway.wait_ready()
            running.push_async_callback(gateway.stop)
            http = await running.enter_async_context(aiohttp.ClientSession())
            await test(Bench(gateway, phone, http, wall_now, twin, document))

    def run(test: Callable[[Any], Awaitable[None]], adapt: Callable[[dict[str, Any]], None] | None = None) -> None:
        with virtual_time_runner() as runner:
            runner.run(main(test, adapt))

    return run
