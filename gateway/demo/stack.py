"""Everything the demonstration runs: the twin in this process, the bridges as processes of their own, on loopback."""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gateway.demo.story import CASCADE_NUMBER, REALTIME_NUMBER
from gateway.simulator.load.subject import Subject, free_ports
from gateway.simulator.phone import NetworkOptions, PhoneNetwork
from gateway.simulator.phone.network import RESOURCE_ID
from gateway.simulator.phone.shapes import TOPIC
from gateway.simulator.voice_live import TwinOptions, VoiceLiveTwin
from gateway.simulator.voice_live.script import NO_SCRIPT

CASCADE = "byom-azure-openai-chat-completion"
REALTIME = "byom-azure-openai-realtime"
GREETING = "Hello, you have reached Northwind Support. How can I help you?"
PTU_UNITS = 15
"""The smallest number of units that can be bought: one call is then to be seen on the scale."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Rates of the legs in Hz."""

    phone_hz: int = 16_000
    model_hz: int = 16_000


@dataclass(frozen=True, slots=True)
class Stack:
    """What runs. The naive bridge has a phone network of its own, because a network calls one webhook."""

    gateway: Subject
    phone: PhoneNetwork
    models: VoiceLiveTwin
    traces: Path
    naive_phone: PhoneNetwork | None

    def trace(self, call_id: str) -> list[dict[str, Any]]:
        path = self.traces / f"{call_id}.jsonl"
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []

    def trace_of(self, number_of_line: str) -> list[dict[str, Any]]:
        """The trace of the call on a line."""
        for path in self.traces.glob("*.jsonl"):
            notes = self.trace(path.stem)
            if notes and notes[0].get("line") == number_of_line:
                return notes
        return []


@asynccontextmanager
async def running(folder: Path, rates: Rates, *, naive: bool, scripted: bool) -> AsyncIterator[Stack]:
    """Start everything; stop everything at the end, whatever happened.

    Args:
        folder: for configuration, keys, logs and traces; made private.
        rates: of the legs.
        naive: run the naive bridge, too.
        scripted: the caller says what the story says, so its words are known.

    Raises:
        SubjectFailed: a process did not come up; the text ends with what it said last.
    """
    os.chmod(folder, 0o700)  # noqa: PTH101 - the folder holds keys
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    (folder / "twin.key").write_text(key, encoding="ascii")
    port, metrics_port, naive_port = free_ports(3)
    models = VoiceLiveTwin(TwinOptions(script=None if scripted else NO_SCRIPT))
    phone = PhoneNetwork(f"http://127.0.0.1:{port}/events/incoming-call", access_key=key, options=NetworkOptions())
    naive_phone = PhoneNetwork(f"http://127.0.0.1:{naive_port}/events/incoming-call", access_key=key) if naive else None
    subjects: list[Subject] = []
    try:
        await models.start()
        await phone.start()
        config = gateway_config(rates, port, metrics_port, phone.endpoint, models.url)
        gateway = _gateway(folder, config)
        subjects.append(gateway)
        await gateway.start(None)
        if naive_phone is not None:
            await naive_phone.start()
            bridge = _naive(folder, naive_port, naive_phone.endpoint, models.url)
            subjects.append(bridge)
            await bridge.start(None)
        yield Stack(gateway, phone, models, folder / "traces", naive_phone)
    finally:
        for subject in subjects:
            await subject.stop()
        for network in (naive_phone, phone):
            if network is not None:
                await network.stop()
        await models.stop()


def _gateway(folder: Path, config: dict[str, Any]) -> Subject:
    (folder / "tickets.key").write_bytes(secrets.token_bytes(48).hex().encode())
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


def _naive(folder: Path, port: int, phone_url: str, models_url: str) -> Subject:
    arguments = ["-m", "gateway.demo.naive", "--port", str(port), "--acs-endpoint", phone_url]
    arguments += ["--acs-key-file", str(folder / "twin.key"), "--voice-live", models_url]
    return Subject(
        name="naive bridge",
        arguments=[*arguments, "--profile", CASCADE, "--model", "naive"],
        directory=folder,
        environment={},
        events_url=f"http://127.0.0.1:{port}/events/incoming-call",
        ready_url=f"http://127.0.0.1:{port}/readyz",
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
                "resource": "twin",
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
    return {
        "version": 1,
        "server": {
            "public_url": f"http://127.0.0.1:{port}",
            "host": "127.0.0.1",
            "port": port,
            "metrics_host": "127.0.0.1",
            "metrics_port": metrics_port,
            "ticket_key_file": "tickets.key",
            "trace": {"directory": "traces", "include_transcripts": True},
        },
        "acs": {
            "audio_format": "pcm16_16k" if rates.phone_hz == 16_000 else "pcm16_24k",  # noqa: PLR2004 - Hz
            "keys_url": f"{phone_url}/calling/keys",
            "resources": [
                {"name": "twin", "topic": TOPIC, "endpoint": phone_url, "key_file": "twin.key", "audience": RESOURCE_ID}
            ],
        },
        "resources": [{"name": "twin", "endpoint": models_url, "key_file": "twin.key"}],
        "deployments": sections,
        "agents": [agent | {"name": section["name"], "deployments": [section["name"]]} for section in sections],
        "lines": [
            {"name": "cascade", "numbers": [CASCADE_NUMBER], "agent": "cascade"},
            {"name": "realtime", "numbers": [REALTIME_NUMBER], "agent": "realtime"},
        ],
    }
