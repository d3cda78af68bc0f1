"""The process that is measured: the real gateway, or the bare relay that shows what the sockets alone would cost."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import secrets
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from gateway.audio.pcm import PCM16_16K, AudioFormat
from gateway.simulator.configuration import KEY_FILE, RESOURCE, twin_sections
from gateway.simulator.load.plan import LoadPlan

START_S = 30.0
STOP_S = 15.0
POLL_S = 0.05
HTTP_OK = 200
GREETING = "Hello, this is the load tool."


class SubjectFailed(Exception):  # noqa: N818 - named for what happened
    """The process did not come up, or went away; the text ends with what it said last."""


@dataclass(frozen=True, slots=True)
class FarSides:
    """Where the far sides are."""

    call_automation: str
    voice_live: str
    trusted_certificate: Path | None


@dataclass(slots=True)
class Subject:
    """A running process under load."""

    name: str
    arguments: list[str]
    directory: Path
    environment: Mapping[str, str]
    events_url: str
    ready_url: str
    metrics_url: str | None
    _process: asyncio.subprocess.Process | None = field(default=None, init=False)

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError("start() comes first")
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return None if self._process is None else self._process.returncode

    async def start(self, cores: frozenset[int] | None) -> None:
        """Start it and wait until it takes calls.

        Raises:
            SubjectFailed: it did not come up.
        """
        with self._log_file.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *self.arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=asyncio.subprocess.STDOUT,
                env={**os.environ, **self.environment},
            )
        if cores is not None:
            os.sched_setaffinity(self._process.pid, cores)
        try:
            async with asyncio.timeout(START_S), aiohttp.ClientSession() as http:
                while not await self._is_ready(http):
                    if self.exit_code is not None:
                        raise self.failure("ended before it was ready")
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            await self.stop()
            raise self.failure("was not ready in time") from None

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL for one that does not listen."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    def failure(self, what: str) -> SubjectFailed:
        lines = self._log_file.read_text(encoding="utf-8", errors="replace").splitlines()
        said = "\n".join(f"  {line}" for line in lines[-15:]) or "  (it said nothing)"
        return SubjectFailed(f"the {self.name} {what}; its last words:\n{said}")

    @property
    def _log_file(self) -> Path:
        return self.directory / f"{self.name}.log"

    async def _is_ready(self, http: aiohttp.ClientSession) -> bool:
        try:
            async with http.get(self.ready_url) as response:
                return response.status == HTTP_OK
        except aiohttp.ClientError:
            return False


def gateway_subject(
    plan: LoadPlan, far: FarSides, directory: Path, extra: Mapping[str, Any], ports: tuple[int, int]
) -> Subject:
    """The real gateway, with a configuration made for this run.

    Args:
        plan: formats come from it.
        far: where the far sides are.
        directory: for configuration, keys and log.
        extra: sections to merge over that configuration.
        ports: for calls and for metrics.
    """
    port, metrics_port = ports
    (directory / KEY_FILE).write_text(base64.b64encode(secrets.token_bytes(32)).decode(), encoding="ascii")
    config = merged(gateway_config(plan, far, port, metrics_port), extra)
    config_file = directory / "gateway.yaml"
    config_file.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    operator = f"http://127.0.0.1:{metrics_port}"
    return Subject(
        name="gateway",
        arguments=["-m", "gateway", "serve", "--config", str(config_file)],
        directory=directory,
        environment=_environment(far),
        events_url=f"http://127.0.0.1:{port}/events/incoming-call",
        ready_url=f"{operator}/readyz",
        metrics_url=f"{operator}/metrics",
    )


def floor_subject(plan: LoadPlan, far: FarSides, directory: Path, port: int) -> Subject:
    """The bare relay."""
    settings = {
        "port": port,
        "call_automation": far.call_automation,
        "voice_live": far.voice_live,
        "phone_rate_hz": plan.phone.rate_hz,
        "model_rate_hz": plan.model.rate_hz,
        "greeting": GREETING,
    }
    return Subject(
        name="floor",
        arguments=["-m", "gateway.simulator.load.floor", json.dumps(settings)],
        directory=directory,
        environment=_environment(far),
        events_url=f"http://127.0.0.1:{port}/events/incoming-call",
        ready_url=f"http://127.0.0.1:{port}/readyz",
        metrics_url=None,
    )


def gateway_config(plan: LoadPlan, far: FarSides, port: int, metrics_port: int) -> dict[str, Any]:
    """Product defaults, but for addresses, formats and quotas."""
    sections = twin_sections(port, far.call_automation, far.voice_live, metrics_port=metrics_port)
    sections["acs"]["audio_format"] = "pcm16_16k" if plan.phone == PCM16_16K else "pcm16_24k"
    for resource in sections["resources"]:
        resource["dials_per_minute"] = 100_000
    return sections | {
        # Nobody is turned away: what so many calls do to one process is what is measured.
        "admission": {"calls": 10_000, "memory": 1.0, "loop_lag_ms": 60_000},
        "deployments": [
            {
                "name": "load",
                "resource": RESOURCE,
                "profile": "byom-azure-openai-chat-completion",
                "model": "load",
                "input_format": _model_format(plan.model),
                "output_format": _model_format(plan.model),
                # The ledger works, and units for every call there can be never refuse one.
                "capacity": {"ptu_units": 100_000, "ptu_model": "gpt-4.1"},
            }
        ],
        "agents": [
            {
                "name": "load",
                "instructions": "Answer calls of the load tool.",
                "voice": {"type": "azure-standard", "name": "en-US-AvaNeural"},
                "greeting": GREETING,
                "deployments": ["load"],
            }
        ],
        # No manners: their clips are no answers of the twin, and would count as sound nobody had sent.
        "lines": [
            {
                "name": "load",
                "numbers": "*",
                "agent": "load",
                "disclosure": {"enabled": False},
                "silence": None,
            }
        ],
    }


def merged(base: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the values of `extra`; mappings are merged, everything else is replaced."""
    result = dict(base)
    for name, value in extra.items():
        ours = result.get(name)
        result[name] = merged(ours, value) if isinstance(ours, dict) and isinstance(value, dict) else value
    return result


def _model_format(fmt: AudioFormat) -> str:
    return f"pcm16_{fmt.rate_hz}"


def _environment(far: FarSides) -> dict[str, str]:
    return {} if far.trusted_certificate is None else {"SSL_CERT_FILE": str(far.trusted_certificate)}
