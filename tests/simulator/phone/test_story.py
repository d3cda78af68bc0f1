"""The story of the package, told to an agent that has a clip for every turn."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gateway.audio.wav import read_wav
from gateway.simulator.clips import load_clip
from gateway.simulator.phone import CallPlan, CallRecord
from gateway.simulator.phone.command import reply_waits_s, summary_line

REPLY_AFTER_S = 0.7


@pytest.fixture
def record(gateway: Any, run_bench: Any) -> CallRecord:
    """An agent that replies when the caller has been quiet, and falls silent when interrupted."""

    async def converse(mini: Any, ws: Any) -> None:
        await mini.until_heard()
        agent = ("agent.greeting", "agent.reply1", "agent.reply2", "agent.reply3", "agent.reply4")
        for turn, name in enumerate(agent):
            await ws.send_str(mini.audio_message(load_clip(name).samples))
            await until_spoken(mini, turn, ws if name == "agent.reply2" else None)
            await asyncio.sleep(REPLY_AFTER_S)

    async def until_spoken(mini: Any, turn: int, interrupted: Any) -> None:
        caller = lives[0].call.talk.caller
        while len(caller.spoken) <= turn:  # noqa: ASYNC110 - a caller is pure: it tells nobody when it speaks
            await asyncio.sleep(0.02)
        if interrupted is not None:
            await interrupted.send_str(mini.STOP)
        while caller.speaking:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.02)

    lives: list[Any] = []
    records: list[CallRecord] = []
    gateway.media = converse

    async def scenario(bench: Any) -> None:
        lives.append(await bench.network.start_call(CallPlan()))
        records.append(await lives[0].wait())

    run_bench(scenario)
    return records[0]


def test_story_runs_to_its_end(record: CallRecord, tmp_path: Path) -> None:
    assert record.failure is None
    assert record.hung_up_by == "caller"
    assert [spoken.name for spoken in record.spoken] == [f"caller.turn{n}" for n in (1, 2, 3, 4)]
    first_reply2 = next(voice.start_at for voice in record.heard if voice.start_at > record.spoken[1].end_at)
    assert record.spoken[2].start_at - first_reply2 == pytest.approx(3.5, abs=0.05)
    (stop,) = record.stops
    assert stop.discarded_s == pytest.approx(11.75 - 3.5, abs=0.5)
    assert record.times["ended"] - record.heard[-1].end_at == pytest.approx(1.0, abs=0.05)
    assert reply_waits_s(record) == pytest.approx([REPLY_AFTER_S + 0.15] * 4, abs=0.15)
    assert summary_line(1, record).endswith("ok")
    record.write_wav(tmp_path / "call.wav", line="alaw")
    recording = read_wav((tmp_path / "call.wav").read_bytes())
    assert recording.duration_s == pytest.approx(record.duration_s + 0.15, abs=0.05)
