"""A gateway process between the twin's two sides, in real time: the container's, the rollout's and the dashboard's."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from gateway.simulator.clips import load_clip
from gateway.simulator.configuration import KEY_FILE, RESOURCE, twin_sections
from gateway.simulator.phone import PhoneNetwork
from gateway.simulator.voice_live import TwinOptions, VoiceLiveTwin

HOST = "127.0.0.1"
READY_S = 30.0


@dataclass
class Twin:
    """Azure's half."""

    phone: PhoneNetwork
    models: VoiceLiveTwin
    key: str

    def configuration(self, port: int, metrics_port: int, **sections: Any) -> dict[str, Any]:
        """Of a gateway whose calls come to `port`; sections are replaced, `server` is merged."""
        found = twin_sections(port, self.phone.endpoint, self.models.url, metrics_port=metrics_port)
        found |= {
            "deployments": [
                {
                    "name": "main",
                    "resource": RESOURCE,
                    "profile": "byom-azure-openai-chat-completion",
                    "model": "twin-model",
                    "capacity": {"ptu_units": 50, "ptu_model": "gpt-4.1"},
                }
            ],
            "agents": [
                {
                    "name": "support",
                    "instructions": "You answer the phone of Northwind Support.",
                    "voice": {"type": "azure-standard", "name": "en-US-AvaNeural"},
                    "greeting": load_clip("agent.greeting").text,
                    "deployments": ["main"],
                }
            ],
            "lines": [{"name": "main", "numbers": "*", "agent": "support"}],
        }
        found["server"] |= sections.pop("server", {})
        return found | sections

    def write(self, folder: Path, configuration: dict[str, Any]) -> Path:
        """The configuration and the key, readable for every user."""
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
        (folder / KEY_FILE).write_text(self.key, encoding="ascii")
        file = folder / "gateway.yaml"
        file.write_text(yaml.safe_dump(configuration, sort_keys=False), encoding="utf-8")
        return file


@asynccontextmanager
async def twin_for(events_port: int, options: TwinOptions | None = None) -> AsyncIterator[Twin]:
    """Phone network and models; calls are announced to `events_port`."""
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    models = VoiceLiveTwin(options or TwinOptions())
    phone = PhoneNetwork(f"http://{HOST}:{events_port}/events/incoming-call", access_key=key)
    await models.start()
    try:
        await phone.start()
        try:
            yield Twin(phone, models, key)
        finally:
            await phone.stop()
    finally:
        await models.stop()


async def status(port: int, path: str) -> int:
    """0: nobody listens."""
    try:
        async with aiohttp.ClientSession() as http, http.get(f"http://{HOST}:{port}{path}") as answer:
            return int(answer.status)
    except aiohttp.ClientError:
        return 0


async def text(port: int, path: str) -> str:
    async with aiohttp.ClientSession() as http, http.get(f"http://{HOST}:{port}{path}") as answer:
        return await answer.text()


async def until(port: int, path: str, wanted: int, timeout_s: float = READY_S) -> None:
    """Wait until a page answers so.

    Raises:
        TimeoutError: it does not.
    """
    async with asyncio.timeout(timeout_s):
        while await status(port, path) != wanted:
            await asyncio.sleep(0.1)


@dataclass
class GatewayProcess:
    """`gateway serve` of this checkout, on loopback."""

    process: asyncio.subprocess.Process
    port: int
    metrics_port: int
    log_file: Path

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def wait(self, timeout_s: float) -> int:
        """Its exit code."""
        async with asyncio.timeout(timeout_s):
            return await self.process.wait()

    @property
    def events(self) -> list[dict[str, Any]]:
        """Its log, line by line."""
        return [json.loads(line) for line in self.log_file.read_text(encoding="utf-8").splitlines() if line[:1] == "{"]


@asynccontextmanager
async def gateway_process(file: Path, port: int, metrics_port: int) -> AsyncIterator[GatewayProcess]:
    """Ready; killed in the end if it still runs."""
    log = file.with_suffix(".log")
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", "serve", "--config", str(file), stdout=out, stderr=out
        )
    try:
        await until(metrics_port, "/readyz", 200)
        yield GatewayProcess(process, port, metrics_port, log)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
