"""The naive bridge does what it says it does, and no worse: whole calls on virtual time."""

from __future__ import annotations

import ast
import asyncio
import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from azure.communication.callautomation.aio import CallAutomationClient
from azure.core.credentials import AzureKeyCredential

from gateway.demo import naive
from gateway.demo.naive import HOST, NaiveBridge
from gateway.demo.story import ANSWER_S, naive_plan
from gateway.simulator.phone import PhoneNetwork
from gateway.simulator.phone.record import CallRecord
from gateway.simulator.ports import reserved_ports
from gateway.simulator.virtual_time import virtual_time_runner
from gateway.simulator.voice_live import SessionRecord, VoiceLiveTwin
from gateway.simulator.voice_live.options import BYOM_CHAT

KEY = base64.b64encode(b"a key of the twin, nobody's secret").decode()


@dataclass(frozen=True)
class Result:
    call: CallRecord
    session: SessionRecord


async def ring(*, silence_marked: bool) -> Result:
    clock = asyncio.get_running_loop().time
    with reserved_ports(1) as (port,):
        models = VoiceLiveTwin(clock=clock)
        phone = PhoneNetwork(f"http://{HOST}:{port}/events/incoming-call", access_key=KEY, clock=clock)
        await models.start()
        await phone.start()
        async with CallAutomationClient(phone.endpoint, AzureKeyCredential(KEY)) as acs:
            query = {"profile": BYOM_CHAT, "model": "m"}
            greeting = "Hello, you have reached Northwind Support. How can I help you?"
            bridge = NaiveBridge(acs, f"{models.url}/voice-live/realtime", query, greeting, port)
            runner = web.AppRunner(bridge.app(), access_log=None, handle_signals=False)
            await runner.setup()
            await web.TCPSite(runner, HOST, port).start()
            try:
                call = await phone.place_call(naive_plan([], silence_marked=silence_marked))
            finally:
                await runner.cleanup()
                await phone.stop()
                await models.stop()
    (session,) = models.sessions
    return Result(call, session)


@pytest.fixture(scope="module")
def unmarked() -> Result:
    with virtual_time_runner() as runner:
        return runner.run(ring(silence_marked=False))


@pytest.fixture(scope="module")
def marked() -> Result:
    with virtual_time_runner() as runner:
        return runner.run(ring(silence_marked=True))


def test_it_holds_a_conversation(unmarked: Result) -> None:
    assert unmarked.call.failure is None
    assert len(unmarked.session.turns) == 4
    assert unmarked.session.closed_at is not None


def test_what_comes_before_the_network_plays_is_lost(unmarked: Result) -> None:
    early = [piece for piece in unmarked.call.unheard if piece.received_at < unmarked.call.times["media_opened"] + 0.3]
    assert sum(len(piece.samples) for piece in early) / unmarked.call.unheard_hz > 0.3


def test_nothing_is_paced(unmarked: Result) -> None:
    """Audio is handed over seconds before it is due."""
    assert min(arrival.lateness_s for arrival in unmarked.call.arrivals) < -5.0


def test_an_interruption_stops_the_sound_and_leaves_the_models_memory_wrong(unmarked: Result) -> None:
    third = unmarked.call.spoken[2]
    stopped = [stop for stop in unmarked.call.stops if 0 < stop.received_at - third.onset_at < 0.5]
    assert len(stopped) == 1
    assert unmarked.session.truncations == []


def test_dropped_silence_leaves_the_caller_without_an_answer(marked: Result) -> None:
    assert marked.call.gave_up
    (said,) = marked.call.spoken
    assert all(segment.end_at < said.onset_at for segment in marked.call.heard), "nothing came after the greeting"
    assert marked.call.times["ended"] - said.end_at == pytest.approx(ANSWER_S, abs=0.5), "a fair wait, and no longer"
    assert marked.session.turns[0].stopped_at is None
    assert marked.session.appended_s < 10.0


def test_it_is_a_stranger_to_the_gateway() -> None:
    tree = ast.parse(Path(str(naive.__file__)).read_text(encoding="utf-8"))
    names: list[Any] = [
        node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert "aiohttp" in names
    assert not [name for name in names if name.partition(".")[0] == "gateway"]
