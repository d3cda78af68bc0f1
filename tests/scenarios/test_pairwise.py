"""The four-turn call under every pair of what is unknown about the networks, judged at the caller's ear.

Nothing acknowledges playing, so the design must hold whatever the far side does. Each factor below is a switch of the
twin or a setting of ours; the rows cover every pair of values. All calls run at once on virtual time.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from gateway.audio.pcm import Int16Array
from gateway.simulator.clips import load_clip
from gateway.simulator.phone import CallPlan, PhoneSwitches
from gateway.simulator.phone.record import CallRecord
from gateway.simulator.voice_live import TwinOptions

DECLARED_DELAY_MS = 150
FORMATS = {
    "16k": ("pcm16_16k", "pcm16_16000", "pcm16_16000"),
    "24k": ("pcm16_24k", "pcm16_24000", "pcm16_24000"),
    "mixed rates": ("pcm16_16k", "pcm16_24000", "pcm16_24000"),
    "8k model": ("pcm16_16k", "pcm16_8000", "pcm16_8000"),
    "mu-law": ("pcm16_24k", "g711_ulaw", "g711_ulaw"),
    "a-law": ("pcm16_16k", "g711_alaw", "g711_alaw"),
}
FACTORS: dict[str, tuple[Any, ...]] = {
    "formats": tuple(FORMATS),
    "profile": ("byom-azure-openai-chat-completion", "byom-azure-openai-realtime"),
    "line": ("as asked", "8k"),
    "start": ("at once", "late", "early frames lost"),
    "far_end_delay_s": (0.05, 0.15, 0.4),
    "buffer": ("unbounded", "short, drops new", "short, drops old"),
    "stop_lag_s": (0.0, 0.04),
    "echo": (None, -25.0),
    "silent_frames": ("never", "zeros", "no_data"),
    "stamps": ("true", "missing", "coarse", "frozen", "jumping"),
    "impairment": (None, "scheduler_jitter", "bursts", "retransmits"),
    "callbacks": ("before the socket", "after the socket"),
    "caller_id": ("number", "asserted", "anonymous", "acs_user"),
    "event": ("eventgrid", "cloudevents", "batched", "twice"),
    "pongs": (True, False),
    "nuisance": (False, True),
    "service": ("as asked", "own format", "refuses prepared greeting", "odd bytes"),
    "stale_deltas": (0, 5),
}


def all_pairs(factors: dict[str, tuple[Any, ...]]) -> list[dict[str, Any]]:
    """Rows such that every pair of values of two factors stands in one: greedy, and the same every time."""
    names = list(factors)
    left = {(a, x, b, y) for a, b in itertools.combinations(names, 2) for x in factors[a] for y in factors[b]}
    random = np.random.default_rng(5)
    rows: list[dict[str, Any]] = []
    while left:
        best: dict[str, Any] = {}
        best_count = 0
        for _ in range(60):
            a, x, b, y = sorted(left, key=repr)[int(random.integers(len(left)))]
            row = {a: x, b: y}
            for name in random.permutation([name for name in names if name not in row]):
                counts = [
                    sum(1 for other, value in row.items() if _pair(names, str(name), option, other, value) in left)
                    for option in factors[str(name)]
                ]
                row[str(name)] = factors[str(name)][int(np.argmax(counts))]
            count = sum(1 for a, b in itertools.combinations(names, 2) if (a, row[a], b, row[b]) in left)
            if count > best_count:
                best, best_count = row, count
        rows.append(best)
        left -= {(a, best[a], b, best[b]) for a, b in itertools.combinations(names, 2)}
    return rows


def _pair(names: list[str], a: str, x: Any, b: str, y: Any) -> tuple[str, Any, str, Any]:
    return (a, x, b, y) if names.index(a) < names.index(b) else (b, y, a, x)


ROWS = all_pairs(FACTORS)


def switches_of(row: dict[str, Any]) -> PhoneSwitches:
    return PhoneSwitches(
        rate_hz=8000 if row["line"] == "8k" else None,
        start_offset_s=0.15 if row["start"] == "late" else 0.0,
        early_frames_lost=8 if row["start"] == "early frames lost" else 0,
        far_end_delay_s=row["far_end_delay_s"],
        buffer_depth_s=None if row["buffer"] == "unbounded" else 0.4,
        overflow="drop_old" if row["buffer"] == "short, drops old" else "drop_new",
        stop_lag_s=row["stop_lag_s"],
        leak_db=row["echo"],
        silent_frames=row["silent_frames"],
        stamps=row["stamps"],
        impairment=row["impairment"],
        socket_first=row["callbacks"] == "after the socket",
        participants_first=row["callbacks"] == "after the socket",
        caller_id=row["caller_id"],
        event_schema="cloudevents" if row["event"] == "cloudevents" else "eventgrid",
        batch=3 if row["event"] == "batched" else 1,
        duplicate_events=1 if row["event"] == "twice" else 0,
        pongs=row["pongs"],
        sprinkle=row["nuisance"],
    )


def twin_of(row: dict[str, Any]) -> TwinOptions:
    options = TwinOptions()
    service = row["service"]
    return replace(
        options,
        delivery=replace(
            options.delivery,
            stale_deltas=row["stale_deltas"],
            odd_bytes=service == "odd bytes",
            output_format="pcm16" if service == "own format" else None,
        ),
        faults=replace(
            options.faults,
            refuses_pre_generated=service == "refuses prepared greeting",
            unknown_events=row["nuisance"],
        ),
    )


# --- the judge: what was heard ----------------------------------------------------------------------------------------

HZ = CallRecord.TRACK_HZ


def found_at(track: Int16Array, piece: Int16Array, start: int = 0) -> tuple[float, float]:
    """Where `piece` is heard best after sample `start`: seconds from the track's start, and the likeness (0 to 1)."""
    where: npt.NDArray[np.float64] = track[start:].astype(np.float64)
    what = piece.astype(np.float64)
    size = 1 << (len(where) + len(what)).bit_length()
    spectrum = np.fft.rfft(where, size) * np.conj(np.fft.rfft(what, size))
    correlation = np.fft.irfft(spectrum, size)[: len(where) - len(what) + 1]
    energy = np.convolve(where**2, np.ones(1), "full")
    sums = np.concatenate([[0.0], np.cumsum(energy)])
    local = np.sqrt(np.maximum(sums[len(what) : len(where) + 1] - sums[: len(where) - len(what) + 1], 1.0))
    likeness = correlation / (local * np.sqrt(np.sum(what**2)))
    best = int(np.argmax(likeness))
    return (start + best) / HZ, float(likeness[best])


@dataclass(frozen=True)
class Judgement:
    row: int
    complaint: str


def judge(number: int, result: Any) -> list[Judgement]:
    """Everything that a caller would complain about."""
    complaints: list[str] = []
    call: CallRecord = result.call
    if call.failure is not None or result.outcome != "caller_hangup":
        return [Judgement(number, f"call failed: {call.failure} {result.outcome} {call.errors}")]
    ear = call.ear_track
    greeting = load_clip("agent.greeting").samples
    for name, piece in (("first", greeting[: HZ // 2]), ("last", greeting[-HZ // 2 :])):
        likeness = found_at(ear, piece)[1]
        if likeness < 0.6:
            complaints.append(f"the greeting's {name} half second was not heard ({likeness:.2f})")
    for reply in (1, 3, 4):
        clip = load_clip(f"agent.reply{reply}").samples
        likeness = found_at(ear, clip[-round(0.6 * HZ) :])[1]
        if likeness < 0.6:
            complaints.append(f"the last word of reply {reply} was not heard whole ({likeness:.2f})")
    barge_ins = len(result.notes("barge_in"))
    if barge_ins != 1:
        complaints.append(f"{barge_ins} interruptions instead of the caller's one")
    complaints += _truncation(result, ear)
    broken = result.metric("gateway_bug_total")
    if broken:
        complaints.append("an error that should be impossible")
    return [Judgement(number, complaint) for complaint in complaints]


def _truncation(result: Any, ear: Int16Array) -> list[str]:
    """What the model was told against what was heard of the interrupted answer."""
    truncations = [cut for cut in result.session.truncations if cut.audio_end_ms > 0]  # at 0: of what nobody heard
    if len(truncations) != 1 or not result.call.stops:
        return [f"{len(truncations)} truncations, {len(result.call.stops)} stops"]
    began_s, likeness = found_at(ear, load_clip("agent.reply2").samples[:HZ])
    silence_s = result.call.stops[0].silence_at - result.call.origin
    heard_ms = (silence_s - began_s) * 1000
    off_ms = truncations[0].audio_end_ms - heard_ms
    allowed_ms = 20 + DECLARED_DELAY_MS
    if likeness < 0.6 or abs(off_ms) > allowed_ms:
        return [f"truncated at {truncations[0].audio_end_ms} ms, heard {heard_ms:.0f} ms (likeness {likeness:.2f})"]
    return []


# --- the runs ---------------------------------------------------------------------------------------------------------


def test_the_rows_cover_every_pair() -> None:
    names = list(FACTORS)
    for a, b in itertools.combinations(names, 2):
        assert {(row[a], row[b]) for row in ROWS} == set(itertools.product(FACTORS[a], FACTORS[b]))
    assert len(ROWS) <= 45


@pytest.mark.timeout(300)
@pytest.mark.parametrize("part", range(4))
def test_no_caller_complains(
    tmp_path: Path, started: Any, setup_type: Any, on_virtual_time: Callable[..., Any], part: int
) -> None:
    rows = list(enumerate(ROWS))[part::4]

    async def one(number: int, row: dict[str, Any]) -> list[Judgement]:
        phone_format, model_input, model_output = FORMATS[row["formats"]]
        folder = tmp_path / str(number)
        folder.mkdir()
        setup = setup_type(
            plan=CallPlan(switches=switches_of(row), seed=number),
            twin=twin_of(row),
            profile=row["profile"],
            phone_format=phone_format,
            model_input=model_input,
            model_output=model_output,
        )
        async with started(setup, folder) as stack:
            return judge(number, await stack.run(setup.plan))

    async def main() -> list[list[Judgement]]:
        return await asyncio.gather(*(one(number, row) for number, row in rows))

    judgements = [judgement for found in on_virtual_time(main()) for judgement in found]
    told = "\n".join(f"row {j.row}: {j.complaint}\n    {ROWS[j.row]}" for j in judgements)
    assert not judgements, told
