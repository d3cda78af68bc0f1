"""Callers against a provisioned deployment of the twin, in real time: what the gateway believes, and what is true.

The gateway is a process of its own, as in production. The twin keeps the real bucket, so both can be written down
beside each other once a second.
"""

from __future__ import annotations

import asyncio
import base64
import random
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from gateway.simulator.clips import load_clip
from gateway.simulator.configuration import KEY_FILE, RESOURCE, twin_sections
from gateway.simulator.load.subject import Subject
from gateway.simulator.phone import AfterAgent, CallPlan, HangUp, LiveCall, PhoneNetwork, Say
from gateway.simulator.phone.record import CallRecord
from gateway.simulator.ports import reserved_ports
from gateway.simulator.voice_live import TwinOptions, VoiceLiveTwin
from gateway.simulator.voice_live.options import PtuPlan
from gateway.simulator.voice_live.script import Script, ScriptTurn

MODEL = "rehearsal"
EVENTS = "/events/incoming-call"
TPM_PER_PTU = 3000
OUTPUT_RATIO = 4
TARGET = 0.8
PROFILE = "byom-azure-openai-chat-completion"
TURNS = 4
"""Different sentences of the caller; then they begin again."""
TURN_S = 12.0
"""What a turn takes on average, the agent's answer included."""
LONGEST_CALL_S = 600.0
HANG_UP_S = 20.0
"""How long the end of the last calls may take."""
DECISION_S = 5.0
"""Whoever still rings when the time is up is given this long to be answered or turned away."""
DECISION_POLL_S = 0.05
INSTRUCTIONS = "You answer the phone of Northwind Support. Be short and kind. " * 60
"""Some thousand tokens: what instructions of a support line come to."""
_SAMPLE = re.compile(r"^(gateway_[a-z_]+)(?:\{(.*)\})? ([0-9.eE+-]+|NaN)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class RehearsalPlan:
    """What is rehearsed."""

    calls: float = 20.0
    """callers who want to be served at once, on average"""
    minutes: float = 10.0
    call_minutes: float = 2.0
    """mean length of a call"""
    units: int = 15
    others: float = 0.0
    """share of the units that another client takes"""
    others_from_s: float = 0.0
    seed: int = 0
    metrics_port: int = 0
    """of the gateway, for a Prometheus of yours; 0 takes a free one"""

    @property
    def capacity(self) -> float:
        return float(self.units * TPM_PER_PTU)


@dataclass(frozen=True, slots=True)
class Sample:
    """One second."""

    at_s: float
    true: float
    """utilisation of the last 60 s, other clients included"""
    believed: float
    """the gateway's `gateway_ptu_utilisation_ratio`"""
    forecast: float
    """its forecast for the next minute, as a share of the units"""
    level: float
    """of the twin's bucket; over 1 it refuses"""
    calls: int
    refused: int
    """callers turned away so far"""


@dataclass
class Rehearsal:
    """What came of it."""

    plan: RehearsalPlan
    samples: list[Sample] = field(default_factory=list)
    records: list[CallRecord] = field(default_factory=list)
    reasons: dict[str, float] = field(default_factory=dict)
    """calls by how the gateway says they ended"""
    statuses: dict[str, float] = field(default_factory=dict)
    """answers to Event Grid, by status"""
    throttled: int = 0
    responses: int = 0

    @property
    def settled(self) -> list[Sample]:
        """After the first three minutes: the deployment has filled."""
        return [sample for sample in self.samples if sample.at_s >= min(180.0, self.plan.minutes * 60 / 3)]

    @property
    def error_p95(self) -> float:
        """Of the believed utilisation, as a share of the units."""
        errors = sorted(abs(sample.true - sample.believed) for sample in self.settled)
        return errors[int(0.95 * (len(errors) - 1))] if errors else float("nan")

    @property
    def goodput(self) -> float:
        """What was used, against the share of the units that calls are admitted to."""
        used = [sample.true for sample in self.settled]
        return sum(used) / len(used) / TARGET if used else float("nan")

    @property
    def decisions_s(self) -> list[float]:
        """From the event to the answer, or to the busy line, of every caller."""
        found = []
        for record in self.records:
            decided = record.times.get("answer_requested", record.times["ended"])
            found.append(decided - record.times["event_posted"])
        return sorted(found)


async def rehearse(plan: RehearsalPlan, folder: Path, progress: Callable[[Sample], None]) -> Rehearsal:
    """Run it, in a folder that is there; takes the plan's minutes, and a little more until the last call is over.

    Raises:
        SubjectFailed: the gateway did not come up, or went away.
    """
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    (folder / KEY_FILE).write_text(key, encoding="ascii")
    ptu = PtuPlan(
        units=plan.units,
        tpm_per_ptu=TPM_PER_PTU,
        output_ratio=OUTPUT_RATIO,
        others_tokens_per_minute=plan.others * plan.capacity,
        others_from_s=plan.others_from_s,
    )
    twin = VoiceLiveTwin(per_model={MODEL: TwinOptions(ptu=ptu, script=_script())}, clock=time.monotonic)
    with reserved_ports(2) as (port, free_port):
        metrics_port = plan.metrics_port or free_port
        phone = PhoneNetwork(f"http://127.0.0.1:{port}/events/incoming-call", access_key=key)
        await twin.start()
        await phone.start()
        gateway = _gateway(plan, folder, port, metrics_port, phone.endpoint, twin.url)
        try:
            await gateway.start(None)
            return await _run(plan, twin, phone, gateway, progress)
        finally:
            await gateway.stop()
            await phone.stop()
            await twin.stop()


async def _run(
    plan: RehearsalPlan, twin: VoiceLiveTwin, phone: PhoneNetwork, gateway: Subject, progress: Callable[[Sample], None]
) -> Rehearsal:
    result, chance, began = Rehearsal(plan), random.Random(plan.seed), time.monotonic()  # noqa: S311 - a simulation
    callers: set[asyncio.Task[None]] = set()
    live: dict[int, LiveCall] = {}

    async def call(number: int) -> None:
        live[number] = await phone.start_call(_call(chance, plan, number))
        result.records.append(await live[number].wait())
        del live[number]

    async def arrivals() -> None:
        number = 0
        while time.monotonic() - began < plan.minutes * 60:
            await asyncio.sleep(chance.expovariate(plan.calls / (plan.call_minutes * 60)))
            number += 1
            callers.add(asyncio.create_task(call(number)))

    arriving = asyncio.create_task(arrivals())
    async with aiohttp.ClientSession() as http:
        while not arriving.done():
            await asyncio.sleep(1.0)
            if gateway.exit_code is not None:
                raise gateway.failure("went away")
            sample = await _sample(http, twin, gateway, began, result)
            result.samples.append(sample)
            progress(sample)
        await arriving
        await asyncio.gather(*(_end(each) for each in list(live.values())))
        await asyncio.wait(callers, timeout=HANG_UP_S)
        metrics = _metrics(await _text(http, gateway))
    bucket = twin.bucket(MODEL)
    result.throttled = 0 if bucket is None else bucket.throttled
    result.responses = 0 if bucket is None else bucket.admitted
    for name, labels, value in metrics:
        if name == "gateway_calls_total" and value:
            result.reasons[labels["reason"]] = value
        elif name == "gateway_http_requests_total" and labels["route"] == EVENTS and value:
            result.statuses[labels["status"]] = value
    return result


async def _end(call: LiveCall) -> None:
    """The caller puts the phone down, but not before the gateway's decision: else nobody would know what it was."""
    for _ in range(int(DECISION_S / DECISION_POLL_S)):
        if call.done or call.call.answers:
            break
        await asyncio.sleep(DECISION_POLL_S)
    call.hang_up()


async def _sample(
    http: aiohttp.ClientSession, twin: VoiceLiveTwin, gateway: Subject, began: float, result: Rehearsal
) -> Sample:
    found = {
        name: value
        for name, labels, value in _metrics(await _text(http, gateway))
        if labels.get("deployment") == MODEL or not labels
    }
    bucket, now = twin.bucket(MODEL), time.monotonic()
    capacity = result.plan.capacity
    return Sample(
        at_s=now - began,
        true=0.0 if bucket is None else bucket.tokens_last_minute(now) / capacity,
        believed=found.get("gateway_ptu_utilisation_ratio", 0.0),
        forecast=found.get("gateway_ptu_forecast_tokens", 0.0) / capacity,
        level=0.0 if bucket is None else bucket.utilisation(now),
        calls=int(found.get("gateway_calls_active", 0.0)),
        refused=sum(record.ending == "rejected" for record in result.records),
    )


async def _text(http: aiohttp.ClientSession, gateway: Subject) -> str:
    async with http.get(gateway.metrics_url or "") as answer:
        return await answer.text()


def _metrics(text: str) -> list[tuple[str, dict[str, str], float]]:
    """Samples of a scrape; by hand, because a parser of the whole would hold up sixty calls."""
    return [
        (name, dict(re.findall(r'(\w+)="([^"]*)"', labels or "")), float(value))
        for name, labels, value in _SAMPLE.findall(text)
    ]


def _script() -> Script:
    turns = tuple(
        ScriptTurn(load_clip(f"caller.turn{number}").text, load_clip(f"agent.reply{number}").text)
        for number in range(1, TURNS + 1)
    )
    return Script("rehearsal", load_clip("agent.greeting").text, turns, cycles=True)


def _call(chance: random.Random, plan: RehearsalPlan, number: int) -> CallPlan:
    """A caller who says so many sentences, hears the answers out, and hangs up."""
    mean = max(1.0, plan.call_minutes * 60 / TURN_S)
    turns = min(int(LONGEST_CALL_S / TURN_S), 1 + int(chance.expovariate(1 / mean)))
    says = [Say(f"caller.turn{turn % TURNS + 1}", AfterAgent(chance.uniform(0.8, 2.0))) for turn in range(turns)]
    return CallPlan(behaviour=(*says, HangUp()), seed=number, max_s=LONGEST_CALL_S + 60)


def _gateway(  # noqa: PLR0913 - where everything is
    plan: RehearsalPlan, folder: Path, port: int, metrics_port: int, phone_url: str, models_url: str
) -> Subject:
    sections: dict[str, Any] = twin_sections(port, phone_url, models_url, metrics_port=metrics_port)
    for resource in sections["resources"]:
        resource["dials_per_minute"] = 1000
    config = sections | {
        "admission": {"calls": max(50, int(3 * plan.calls)), "loop_lag_ms": 60_000},
        "deployments": [
            {
                "name": MODEL,
                "resource": RESOURCE,
                "profile": PROFILE,
                "model": MODEL,
                "capacity": {
                    "ptu_units": plan.units,
                    "weights": {"tpm_per_ptu": TPM_PER_PTU, "output": OUTPUT_RATIO},
                    "target": TARGET,
                },
            }
        ],
        "agents": [
            {
                "name": "support",
                "instructions": INSTRUCTIONS,
                "voice": {"type": "azure-standard", "name": "en-US-AvaNeural"},
                "greeting": load_clip("agent.greeting").text,
                "max_response_output_tokens": 200,
                "deployments": [MODEL],
            }
        ],
        "lines": [{"name": "main", "numbers": "*", "agent": "support", "disclosure": {"enabled": False}}],
    }
    file = folder / "gateway.yaml"
    file.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    return Subject(
        name="gateway",
        arguments=["-m", "gateway", "serve", "--config", str(file)],
        directory=folder,
        environment={},
        events_url=f"http://127.0.0.1:{port}/events/incoming-call",
        ready_url=f"http://127.0.0.1:{metrics_port}/readyz",
        metrics_url=f"http://127.0.0.1:{metrics_port}/metrics",
    )
