"""Everything the demonstration runs, on free loopback ports.

The Voice Live twin, the gateway and the naive bridge are processes of their own. The phone network is in this one,
because the live view looks at what the caller says and hears.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from gateway.demo.sessions import read_sessions
from gateway.demo.story import CASCADE_NUMBER, REALTIME_NUMBER
from gateway.simulator.configuration import KEY_FILE, RESOURCE, twin_sections
from gateway.simulator.load.subject import Subject
from gateway.simulator.phone import NetworkOptions, PhoneNetwork
from gateway.simulator.ports import reserved_ports
from gateway.simulator.voice_live import SessionRecord

CASCADE = "byom-azure-openai-chat-completion"
REALTIME = "byom-azure-openai-realtime"
GREETING = "Hello, you have reached Northwind Support. How can I help you?"
NAIVE_MODEL = "naive"
"""Deployment the naive bridge asks for, so that its sessions can be told from the gateway's."""
PTU_UNITS = 15
"""The smallest number of units that can be bought: one call is then to be seen on the scale."""
_LAST_WORDS_S = 5.0
"""How long the gateway may take to write the end of a call that is over."""
_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Rates:
    """Rates of the gateway's legs in Hz."""

    phone_hz: int = 16_000
    model_hz: int = 16_000


@dataclass(frozen=True, slots=True)
class Stack:
    """What runs. The naive bridge has a phone network of its own, because a network calls one webhook."""

    folder: Path
    gateway: Subject
    models: Subject
    naive: Subject | None
    phone: PhoneNetwork
    naive_phone: PhoneNetwork | None

    @property
    def processes(self) -> list[Subject]:
        return [each for each in (self.models, self.gateway, self.naive) if each is not None]

    @property
    def traces(self) -> Path:
        return self.folder / "traces"

    @property
    def logs(self) -> list[Path]:
        return sorted(self.folder.glob("*.log"))

    def check(self) -> None:
        """Raises SubjectFailed if a process has ended; the text ends with what it said last."""
        for process in self.processes:
            if process.exit_code is not None:
                raise process.failure(f"ended with exit code {process.exit_code}")

    async def trace_of(self, line: str) -> list[dict[str, Any]]:
        """The trace of the call on a line, with its end; what there is of it if the end does not come."""
        deadline = asyncio.get_running_loop().time() + _LAST_WORDS_S
        while True:
            notes = _notes_of(self.traces, line)
            ended = any(note["name"] == "call.stats" for note in notes)
            if ended or asyncio.get_running_loop().time() >= deadline:
                return notes
            await asyncio.sleep(_POLL_S)

    async def scrape(self) -> str:
        """The gateway's metrics."""
        if self.gateway.metrics_url is None:
            return ""
        async with aiohttp.ClientSession() as http, http.get(self.gateway.metrics_url) as answer:
            return await answer.text()

    async def sessions(self) -> list[SessionRecord]:
        """Ends the Voice Live twin and returns what it recorded, the naive bridge's sessions included."""
        await self.models.stop()
        return read_sessions(_records(self.folder))


@asynccontextmanager
async def running(folder: Path, rates: Rates, *, naive: bool, scripted: bool) -> AsyncIterator[Stack]:
    """Start everything; stop everything at the end, whatever happened.

    Args:
        folder: for configuration, keys, logs, records and traces; made private.
        rates: of the gateway's legs.
        naive: run the naive bridge, too.
        scripted: the caller says what the story says, so its words are known.

    Raises:
        SubjectFailed: a process did not come up; the text ends with what it said last.
    """
    os.chmod(folder, 0o700)  # noqa: PTH101 - the folder holds keys
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    (folder / KEY_FILE).write_text(key, encoding="ascii")
    (folder / "tickets.key").write_text(secrets.token_hex(48), encoding="ascii")
    with reserved_ports(4) as (port, metrics_port, naive_port, models_port):
        models_url = f"ws://127.0.0.1:{models_port}"
        phone = PhoneNetwork(f"http://127.0.0.1:{port}/events/incoming-call", access_key=key, options=NetworkOptions())
        naive_phone = (
            PhoneNetwork(f"http://127.0.0.1:{naive_port}/events/incoming-call", access_key=key) if naive else None
        )
        networks = [each for each in (phone, naive_phone) if each is not None]
        processes: list[Subject] = []
        try:
            for network in networks:
                await network.start()
            stack = Stack(
                folder=folder,
                gateway=_gateway(folder, gateway_config(rates, port, metrics_port, phone.endpoint, models_url)),
                models=_models(folder, models_port, scripted=scripted),
                naive=None if naive_phone is None else _naive(folder, naive_port, naive_phone.endpoint, models_url),
                phone=phone,
                naive_phone=naive_phone,
            )
            processes += stack.processes
            await _start(processes)
            yield stack
        finally:
            await asyncio.gather(*(process.stop() for process in processes))
            for network in networks:
                await network.stop()


async def _start(processes: list[Subject]) -> None:
    """All at once. A failure is raised when the start of all is over, so that all can be stopped."""
    outcomes = await asyncio.gather(*(process.start(None) for process in processes), return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome


def _notes_of(traces: Path, line: str) -> list[dict[str, Any]]:
    """The last line of a trace may be half written; it is left out."""
    for path in traces.glob("*.jsonl"):
        whole = path.read_text(encoding="utf-8").rpartition("\n")[0]
        notes = [json.loads(text) for text in whole.splitlines()]
        if any(note["name"] == "call.offered" and note["line"] == line for note in notes):
            return notes
    return []


def _records(folder: Path) -> Path:
    return folder / "sessions"


# --- the processes ----------------------------------------------------------------------------------------------------


class _Listening(Subject):
    """A process that is ready when it answers a request, whatever it answers: the real service has no probe either."""

    async def _is_ready(self, http: aiohttp.ClientSession) -> bool:
        try:
            async with http.get(self.ready_url):
                return True
        except aiohttp.ClientError:
            return False


def _gateway(folder: Path, config: dict[str, Any]) -> Subject:
    file = folder / "gateway.yaml"
    file.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    server = config["server"]
    operator = f"http://127.0.0.1:{server['metrics_port']}"
    return Subject(
        name="gateway",
        arguments=["-m", "gateway", "serve", "--config", str(file)],
        directory=folder,
        environment={},
        events_url=f"{server['public_url']}/events/incoming-call",
        ready_url=f"{operator}/readyz",
        metrics_url=f"{operator}/metrics",
    )


def _models(folder: Path, port: int, *, scripted: bool) -> Subject:
    story = "default" if scripted else "none"
    arguments = ["-m", "gateway", "simulate", "voice-live", "--port", str(port), "--story", story]
    return _Listening(
        name="voice-live twin",
        arguments=[*arguments, "--record", str(_records(folder))],
        directory=folder,
        environment={},
        events_url="",
        ready_url=f"http://127.0.0.1:{port}/",
        metrics_url=None,
    )


def _naive(folder: Path, port: int, phone_url: str, models_url: str) -> Subject:
    arguments = ["-m", "gateway.demo.naive", "--port", str(port), "--acs-endpoint", phone_url]
    arguments += ["--acs-key-file", str(folder / KEY_FILE), "--voice-live", models_url]
    return _Listening(
        name="naive bridge",
        arguments=[*arguments, "--profile", CASCADE, "--model", NAIVE_MODEL],
        directory=folder,
        environment={},
        events_url=f"http://127.0.0.1:{port}/events/incoming-call",
        ready_url=f"http://127.0.0.1:{port}/",
        metrics_url=None,
    )


def gateway_config(rates: Rates, port: int, metrics_port: int, phone_url: str, models_url: str) -> dict[str, Any]:
    """A configuration for one machine: a cascade behind one number, a realtime model behind another."""
    sections: list[dict[str, Any]] = []
    for name, profile in (("cascade", CASCADE), ("realtime", REALTIME)):
        model_format = f"pcm16_{rates.model_hz}"
        sections.append(
            {
                "name": name,
                "resource": RESOURCE,
                "profile": profile,
                "model": name,
                "input_format": model_format,
                "output_format": model_format,
                "capacity": {"ptu_units": PTU_UNITS, "ptu_model": "gpt-4.1"},
            }
        )
    agent = {
        "instructions": "You answer the phone of Northwind Support, a broadband provider. Be brief.",
        "voice": {"type": "azure-standard", "name": "en-US-AvaNeural"},
        "greeting": GREETING,
    }
    config = twin_sections(port, phone_url, models_url, metrics_port=metrics_port)
    config["server"] |= {
        "ticket_key_file": "tickets.key",
        "trace": {"directory": "traces", "include_transcripts": True},
    }
    config["acs"]["audio_format"] = f"pcm16_{rates.phone_hz // 1000}k"
    return config | {
        "deployments": sections,
        "agents": [agent | {"name": section["name"], "deployments": [section["name"]]} for section in sections],
        "lines": [
            {"name": "cascade", "numbers": [CASCADE_NUMBER], "agent": "cascade"},
            {"name": "realtime", "numbers": [REALTIME_NUMBER], "agent": "realtime"},
        ],
    }
