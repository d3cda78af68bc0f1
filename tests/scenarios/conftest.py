"""Whole calls: the real gateway between the twin's two far sides, over real sockets, on virtual time."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from gateway.config import parse
from gateway.server.gateway import Gateway
from gateway.simulator.configuration import KEY_FILE, RESOURCE, twin_sections
from gateway.simulator.phone import CallPlan, NetworkOptions, PhoneNetwork
from gateway.simulator.phone.keys import SigningKeys
from gateway.simulator.phone.record import CallRecord
from gateway.simulator.ports import reserved_ports
from gateway.simulator.virtual_time import virtual_time_runner
from gateway.simulator.voice_live import SessionRecord, TwinOptions, VoiceLiveTwin
from gateway.wire.ticket import TicketKeys

KEY = base64.b64encode(b"a key of the twin, nobody's secret").decode()
TICKET_KEY = b"t" * 32
GREETING = "Hello, you have reached Northwind Support. How can I help you?"
CASCADE = "byom-azure-openai-chat-completion"
REALTIME = "byom-azure-openai-realtime"


@dataclass(frozen=True)
class Setup:
    """What varies between runs."""

    plan: CallPlan = field(default_factory=CallPlan)
    twin: TwinOptions = field(default_factory=TwinOptions)
    profile: str = CASCADE
    phone_format: str = "pcm16_16k"
    model_input: str = "pcm16_16000"
    model_output: str = "pcm16_16000"
    agent: dict[str, Any] = field(default_factory=dict)
    line: dict[str, Any] = field(default_factory=dict)
    call: dict[str, Any] = field(default_factory=dict)
    acs: dict[str, Any] = field(default_factory=dict)
    server: dict[str, Any] = field(default_factory=dict)
    file: dict[str, Any] | None = None
    """what a configuration file holds: its agents and lines are taken as they are, its deployments are the twin's"""
    deployments: tuple[dict[str, Any], ...] = ()
    """what differs between several deployments, in the agent's order; their models have the same names"""
    per_model: dict[str, TwinOptions] = field(default_factory=dict)
    """of the twin, where its deployments differ"""
    sections: dict[str, Any] = field(default_factory=dict)
    """further sections of the configuration"""
    at: datetime | None = None
    """when the phone rings; None: now"""


@dataclass
class Result:
    """What came of one call, seen from all three sides."""

    call: CallRecord
    sessions: list[SessionRecord]
    trace: list[dict[str, Any]]
    gateway: Gateway

    def notes(self, name: str) -> list[dict[str, Any]]:
        return [note for note in self.trace if note["name"] == name]

    @property
    def outcome(self) -> str:
        return str(self.notes("call.ended")[-1]["reason"])

    @property
    def session(self) -> SessionRecord:
        return self.sessions[-1]

    @property
    def longest_silence_s(self) -> float:
        """The longest stretch between the first greeting and the end in which neither side was to be heard."""
        voices = sorted(
            [(segment.start_at, segment.end_at) for segment in self.call.heard]
            + [(spoken.onset_at, spoken.end_at) for spoken in self.call.spoken]
        )
        until, longest = voices[0][1], 0.0
        for start, end in voices[1:]:
            longest = max(longest, start - until)
            until = max(until, end)
        return longest

    def metric(self, name: str, **labels: str) -> float:
        value = self.gateway.registry.get_sample_value(name, labels)
        assert value is not None, f"no metric {name}{labels}"
        return value


@cache
def network_options() -> NetworkOptions:
    """Making keys takes a tenth of a second: all calls share them."""
    return NetworkOptions(keys=SigningKeys())


def options_at(wall: Callable[[], float]) -> NetworkOptions:
    """Of a network whose wall clock is this one."""
    return network_options() if wall is time.time else NetworkOptions(keys=SigningKeys(wall), wall=wall)


def wall_clock(at: datetime | None, clock: Callable[[], float]) -> Callable[[], float]:
    """Seconds since the epoch; from `at` on they are counted by `clock`."""
    if at is None:
        return time.time
    ahead_s = at.timestamp() - clock()
    return lambda: clock() + ahead_s


def configuration(setup: Setup, folder: Path, port: int, phone_url: str, model_url: str) -> dict[str, Any]:
    (folder / KEY_FILE).write_text(KEY)
    (folder / "ticket.key").write_bytes(TICKET_KEY)
    agent = {
        "name": "support",
        "instructions": "You answer the phone of Northwind Support.",
        "voice": {"type": "azure-standard", "name": "en-US-AvaNeural"},
        "greeting": GREETING,
        "deployments": ["main"],
    }
    deployment = {
        "name": "main",
        "resource": RESOURCE,
        "profile": setup.profile,
        "model": "twin-model",
        "input_format": setup.model_input,
        "output_format": setup.model_output,
        "capacity": {"ptu_units": 50, "ptu_model": "gpt-4.1"},
    }
    sections = twin_sections(port, phone_url, model_url)
    sections["server"] |= {
        "ticket_key_file": "ticket.key",
        "trace": {"directory": "traces", "include_transcripts": True},
        **setup.server,
    }
    sections["acs"] |= {"audio_format": setup.phone_format, **setup.acs}
    if setup.file is not None:
        names = dict.fromkeys(name for agent in setup.file["agents"] for name in agent["deployments"])
        return sections | {
            "deployments": [deployment | {"name": name} for name in names],
            "agents": setup.file["agents"],
            "lines": setup.file["lines"],
            "call": setup.call,
        }
    for resource in sections["resources"]:
        resource.update(setup.sections.get("resource", {}))
    if setup.deployments:
        agent["deployments"] = [each["name"] for each in setup.deployments]
    deployments = [deployment | {"model": each["name"]} | each for each in setup.deployments] or [deployment]
    return (sections | {name: more for name, more in setup.sections.items() if name != "resource"}) | {
        "deployments": deployments,
        "agents": [agent | setup.agent],
        "lines": [{"name": "main", "numbers": "*", "agent": "support"} | setup.line],
        "call": setup.call,
    }


@dataclass
class Stack:
    """A gateway between its two far sides."""

    gateway: Gateway
    phone: PhoneNetwork
    twin: VoiceLiveTwin
    folder: Path
    tickets: TicketKeys

    async def run(self, plan: CallPlan) -> Result:
        record = await self.phone.place_call(plan)
        await self.gateway.supervisor.wait_empty(30.0)
        return Result(record, list(self.twin.sessions), self.trace(), self.gateway)

    def trace(self) -> list[dict[str, Any]]:
        files = sorted((self.folder / "traces").glob("*.jsonl"), key=lambda path: path.stat().st_mtime)
        return [json.loads(line) for line in files[-1].read_text().splitlines()] if files else []


@asynccontextmanager
async def started(setup: Setup, folder: Path) -> AsyncIterator[Stack]:
    clock = asyncio.get_running_loop().time
    wall = wall_clock(setup.at, clock)
    async with AsyncExitStack() as running:
        (port,) = running.enter_context(reserved_ports(1))
        twin = VoiceLiveTwin(setup.twin, per_model=setup.per_model, clock=clock)
        phone = PhoneNetwork(
            f"http://127.0.0.1:{port}/events/incoming-call", access_key=KEY, clock=clock, options=options_at(wall)
        )
        await twin.start()
        running.push_async_callback(twin.stop)
        await phone.start()
        running.push_async_callback(phone.stop)
        config = parse(configuration(setup, folder, port, phone.endpoint, twin.url), folder)
        gateway = Gateway(config, clock=clock, wall_clock=wall)
        await gateway.start()
        await gateway.wait_ready()
        running.push_async_callback(gateway.stop)
        yield Stack(gateway, phone, twin, folder, TicketKeys(TICKET_KEY))


def on_virtual_time(main: Coroutine[Any, Any, Any]) -> Any:
    with virtual_time_runner() as runner:
        return runner.run(main)


@pytest.fixture
def run_call(tmp_path: Path) -> Callable[[Setup], Result]:
    """Run one whole call and look at it from all sides."""

    async def main(setup: Setup) -> Result:
        async with started(setup, tmp_path) as stack:
            return await stack.run(setup.plan)

    def run(setup: Setup) -> Result:
        result: Result = on_virtual_time(main(setup))
        return result

    return run


@pytest.fixture(name="started")
def started_fixture() -> Any:
    return started


@pytest.fixture(name="setup_type")
def setup_type_fixture() -> type[Setup]:
    return Setup


@pytest.fixture(name="on_virtual_time")
def on_virtual_time_fixture() -> Any:
    return on_virtual_time


@pytest.fixture(scope="session")
def scenario_runner() -> Callable[[str, Path], Result]:
    """Run the story on a profile, for fixtures that live longer than a test."""

    async def main(profile: str, folder: Path) -> Result:
        setup = Setup(profile=profile)
        async with started(setup, folder) as stack:
            return await stack.run(setup.plan)

    def run(profile: str, folder: Path) -> Result:
        result: Result = on_virtual_time(main(profile, folder))
        return result

    return run
