"""`gateway demo`: a phone call on this machine alone, to be watched, heard and measured."""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import numpy as np
from rich.console import Console
from rich.live import Live
from rich.table import Table

from gateway.audio.level import rms, rms_to_dbfs
from gateway.clips import clip_texts, load_clips
from gateway.demo.comparison import draw_comparison
from gateway.demo.facts import CallMeta, DemoRecord
from gateway.demo.live import CallView, TraceTail, render
from gateway.demo.page import write_page
from gateway.demo.picture import draw
from gateway.demo.record import build_record
from gateway.demo.stack import CASCADE, PTU_UNITS, REALTIME, Rates, Stack, running
from gateway.demo.story import CASCADE_NUMBER, REALTIME_NUMBER, BadRecording, Recording, plan_of, read_recordings
from gateway.simulator.load.subject import SubjectFailed
from gateway.simulator.phone.network import LiveCall
from gateway.simulator.phone.record import CallRecord
from gateway.simulator.voice_live import SessionRecord

FRAME_S = 0.1
PROFILES = {"cascade": (CASCADE, CASCADE_NUMBER), "realtime": (REALTIME, REALTIME_NUMBER)}
STAGGER_S = 1.0
"""Between naive calls, so that each one's model session can be told by when it was dialled."""
NAIVE = {"naive": False, "naive-silence-marked": True}
"""The naive bridge meets two networks: one whose frames always carry sound, one that marks silence."""
FAR_END_DELAY_MS = 150
BAD_ARGUMENTS = 2
SPEECH_DBFS, QUIET_DBFS = -20.0, -60.0

console = Console()


@dataclass(frozen=True, slots=True)
class Finished:
    """One call with everything known about it."""

    name: str
    record: DemoRecord
    call: CallRecord
    metrics: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Starts an offline twin of the phone network and of Voice Live, the real gateway and a naive bridge as "
        "processes of their own, lets a caller ring all of them, and leaves pictures, sound and numbers in a folder."
    )
    parser.add_argument(
        "--profile",
        choices=[*PROFILES, "both"],
        default="both",
        help="cascade: speech to text, your chat model, text to speech; realtime: your speech model (default: both)",
    )
    parser.add_argument(
        "--say",
        nargs="+",
        type=Path,
        default=[],
        metavar="FILE.wav",
        help="your own recordings instead of the story, a turn each: any rate, mono or stereo, PCM, A-law or mu-law",
    )
    parser.add_argument("--out", type=Path, default=Path("demo-output"), help="folder for the results (demo-output)")
    parser.add_argument("--no-naive", action="store_true", help="leave the comparison with a naive bridge out")
    parser.add_argument("--rate", type=int, choices=[16000, 24000], default=16000, help="phone leg, Hz (16000)")
    parser.add_argument(
        "--model-rate", type=int, choices=[8000, 16000, 24000], default=16000, help="model leg, Hz (16000)"
    )
    parser.epilog = "Open call.html in the folder first, then before-after.png."


def run(args: argparse.Namespace) -> int:
    """Run the demonstration; 0 if every call of the gateway went well, 1 if not, 2 for files that can not be used."""
    try:
        recordings = read_recordings(args.say)
    except BadRecording as error:
        console.print(f"[red]{error}[/red]")
        return BAD_ARGUMENTS
    try:
        finished = asyncio.run(_calls(args, recordings))
    except SubjectFailed as error:
        console.print(f"[red]{error}[/red]")
        return 1
    return _results(args.out, finished)


# --- the calls --------------------------------------------------------------------------------------------------------


async def _calls(args: argparse.Namespace, recordings: list[Recording]) -> list[Finished]:
    names = list(PROFILES) if args.profile == "both" else [args.profile]
    rates = Rates(args.rate, args.model_rate)
    with tempfile.TemporaryDirectory(prefix="gateway-demo-") as folder:
        console.print("Starting the twin, the gateway and the naive bridge on loopback ...")
        async with running(Path(folder), rates, naive=not args.no_naive, scripted=not recordings) as stack:
            calls = {name: await stack.phone.start_call(plan_of(PROFILES[name][1], recordings)) for name in names}
            if stack.naive_phone is not None:
                for name, marked in NAIVE.items():
                    await asyncio.sleep(STAGGER_S)
                    plan = plan_of(CASCADE_NUMBER, recordings, silence_marked=marked)
                    calls[name] = await stack.naive_phone.start_call(plan)
            await _watch(stack, calls)
            records = {name: await call.wait() for name, call in calls.items()}
            metrics = await _scrape(stack)
            return [_finished(name, record, stack, rates, metrics) for name, record in records.items()]


async def _watch(stack: Stack, calls: dict[str, LiveCall]) -> None:
    """Show the calls until all are over."""
    views = {name: CallView(name) for name in calls}
    tail = TraceTail(stack.traces, views)
    began = time.monotonic()
    with Live(console=console, auto_refresh=False, transient=False) as live:
        while not all(call.done for call in calls.values()):
            await asyncio.sleep(FRAME_S)
            tail.poll()
            for name, call in calls.items():
                views[name].levels(_caller_level(call), _agent_level(call))
            if console.is_terminal:
                live.update(render(list(views.values()), time.monotonic() - began), refresh=True)
            else:
                _print_news(views)
    await asyncio.sleep(FRAME_S)
    tail.poll()
    if not console.is_terminal:
        _print_news(views)


def _caller_level(call: LiveCall) -> float:
    talk = call.call.talk
    return SPEECH_DBFS if talk is not None and talk.caller.speaking and not call.done else QUIET_DBFS


def _agent_level(call: LiveCall) -> float:
    ear = call.call.ear
    return ear.level_dbfs if ear is not None and not call.done else QUIET_DBFS


def _print_news(views: dict[str, CallView]) -> None:
    for view in views.values():
        for line in view.news:
            console.print(line, highlight=False, markup=False)
        view.news.clear()


async def _scrape(stack: Stack) -> str:
    if stack.gateway.metrics_url is None:
        return ""
    async with aiohttp.ClientSession() as http, http.get(stack.gateway.metrics_url) as answer:
        return await answer.text()


_BRIDGES = {"naive": "a naive bridge", "naive-silence-marked": "a naive bridge, silence marked"}
"""The second one's network marks silent frames, as the gateway's does."""


def _session_of(name: str, call: CallRecord, stack: Stack) -> SessionRecord | None:
    """The model session of a call: the gateway's by its deployment, a naive one by when it was dialled."""
    if name not in NAIVE:
        return next((session for session in stack.models.sessions if session.model == name), None)
    opened = call.times.get("media_opened", call.times["ended"])
    naive = [session for session in stack.models.sessions if session.model == "naive"]
    return min(naive, key=lambda session: abs(session.opened_at - opened), default=None)


def _finished(name: str, call: CallRecord, stack: Stack, rates: Rates, metrics: str) -> Finished:
    """Put together what the three sides know."""
    naive = name in NAIVE
    session = _session_of(name, call, stack)
    profile = CASCADE if naive else PROFILES[name][0]
    texts = clip_texts("en-US")
    sounds = {clip: (texts[clip], samples) for clip, samples in load_clips("en-US", CallRecord.TRACK_HZ).items()}
    meta = CallMeta(
        bridge=_BRIDGES.get(name, "this gateway"),
        profile=profile,
        phone_format="pcm16 24 kHz" if naive else f"pcm16 {rates.phone_hz // 1000} kHz",
        model_input="pcm16 24 kHz" if naive else f"pcm16 {rates.model_hz // 1000} kHz",
        model_output="pcm16 24 kHz" if naive else f"pcm16 {rates.model_hz // 1000} kHz",
        far_end_delay_ms=FAR_END_DELAY_MS,
        ptu_units=None if naive else PTU_UNITS,
        clip_sounds={} if naive else sounds,
    )
    trace = [] if naive else stack.trace_of(name)
    return Finished(name, build_record(call, trace, session, meta), call, "" if naive else metrics)


# --- the results ------------------------------------------------------------------------------------------------------


def _results(out: Path, finished: list[Finished]) -> int:
    for each in finished:
        folder = out / each.name
        folder.mkdir(parents=True, exist_ok=True)
        _step(f"writing {folder}", lambda each=each, folder=folder: _write(each, folder))  # type: ignore[misc]  # mypy does not infer defaults of a lambda
    by_name = {each.name: each for each in finished}
    ours = by_name.get("cascade") or by_name.get("realtime")
    before = [by_name[name].record for name in NAIVE if name in by_name]
    if before and ours is not None:
        _step("drawing before and after", lambda: draw_comparison([*before, ours.record], _before(out)))
    _print_numbers(finished)
    failed = [each for each in finished if each.name not in NAIVE and each.call.failure is not None]
    for each in failed:
        console.print(f"[red]{each.name}: {each.call.failure}[/red]")
    console.print(f"\nResults are in [bold]{out}[/bold]. Open first:")
    for each in finished:
        if each.name not in NAIVE:
            console.print(f"  {out / each.name / 'call.html'}", highlight=False)
    if before:
        console.print(f"  {_before(out)}", highlight=False)
    return 1 if failed else 0


def _before(out: Path) -> Path:
    return out / "before-after.png"


def _step(what: str, work: Callable[[], object]) -> None:
    began = time.monotonic()
    work()
    console.print(f"{what}: {time.monotonic() - began:.1f} s", highlight=False)


def _write(each: Finished, folder: Path) -> None:
    each.call.write_wav(folder / "call.wav")
    document = json.dumps(each.record.to_json(), indent=1, default=_plain)
    (folder / "call.json").write_text(document, encoding="utf-8")
    if each.metrics:
        (folder / "metrics.txt").write_text(each.metrics, encoding="utf-8")
    geometry = draw(each.record, folder / "call.png")
    write_page(each.record, geometry, folder / "call.png", folder / "call.html")


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else str(value)


def _print_numbers(finished: list[Finished]) -> None:
    table = Table(title="measured at the caller's ear", title_justify="left")
    table.add_column("")
    for each in finished:
        table.add_column(each.name, justify="right")
    rows: dict[str, Callable[[Finished], str]] = {
        "turns answered": _answered,
        "answer heard after, ms": _waits,
        "interruption to silence, ms": _stops,
        "loudest agent sound, dBFS": lambda each: f"{rms_to_dbfs(_loudest(each.record)):.0f}",
    }
    for name, value in rows.items():
        table.add_row(name, *(value(each) for each in finished))
    console.print(table)


def _answered(each: Finished) -> str:
    return f"{sum(turn.answered for turn in each.record.turns)} of {len(each.record.turns)}"


def _waits(each: Finished) -> str:
    waits = [turn.wait_ms for turn in each.record.turns if turn.wait_ms is not None]
    return " / ".join(f"{wait:.0f}" for wait in waits) or "-"


def _stops(each: Finished) -> str:
    return " / ".join("-" if stop.stop_ms is None else f"{stop.stop_ms:.0f}" for stop in each.record.barge_ins) or "-"


def _loudest(record: DemoRecord) -> float:
    second = CallRecord.TRACK_HZ
    track = record.ear_track
    return max((rms(track[start : start + second]) for start in range(0, len(track), second)), default=0.0)
