"""`gateway demo`: phone calls on this machine alone, to be watched, heard and measured."""

from __future__ import annotations

import argparse
import asyncio
import signal
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from gateway.clips import clip_texts, load_clips
from gateway.demo.facts import CallMeta
from gateway.demo.live import CallView, TraceTail, look_at
from gateway.demo.record import build_record
from gateway.demo.results import Finished, make_folders, write_results
from gateway.demo.screen import Show
from gateway.demo.stack import CASCADE, NAIVE_MODEL, PTU_UNITS, REALTIME, Rates, Stack, running
from gateway.demo.story import (
    CASCADE_NUMBER,
    REALTIME_NUMBER,
    BadRecording,
    Recording,
    assumed_network,
    naive_plan,
    plan_of,
    read_recordings,
)
from gateway.simulator.load.subject import SubjectFailed
from gateway.simulator.phone.network import LiveCall
from gateway.simulator.phone.record import CallRecord
from gateway.simulator.phone.switches import PhoneSwitches
from gateway.simulator.voice_live import SessionRecord

FRAME_S = 0.1
LAST_FLUSH_S = 0.2
"""A trace is flushed ten times a second."""
PROFILES = {"cascade": (CASCADE, CASCADE_NUMBER), "realtime": (REALTIME, REALTIME_NUMBER)}
STAGGER_S = 1.0
"""Between naive calls, so that each one's model session can be told by when it was dialled."""


@dataclass(frozen=True, slots=True)
class NaiveCall:
    """A call through the naive bridge."""

    bridge: str
    """as it is to be named in pictures"""
    silence_marked: bool


NAIVE = {
    "naive": NaiveCall("a naive bridge", silence_marked=False),
    "naive-silence-marked": NaiveCall("a naive bridge, silence marked", silence_marked=True),
}
"""The naive bridge meets two networks: one whose frames always carry sound, and one that marks silent frames, as the
gateway's does here. In the second it does not get beyond the first turn, so the rest can only be seen in the first."""
BAD_ARGUMENTS = 2
TERMINATED = 143
"""What shells make of SIGTERM."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = """\
Rings the real gateway, and a deliberately naive bridge beside it, with the same caller: four turns, one of them an
interruption. Everything runs here, on loopback sockets and in real time: an offline twin of the phone network and
of Voice Live stands for the cloud services, and the gateway, the naive bridge and the Voice Live twin are processes
of their own. While it runs you see who speaks, what is said and how long it takes. About a minute."""
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
        help="your own recordings instead of the story, a turn each: any rate, mono or stereo, PCM, A-law or mu-law; "
        "the twin does not understand them and says so",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("demo-output"), metavar="DIR", help="where results go (default: demo-output)"
    )
    parser.add_argument("--no-naive", action="store_true", help="leave the comparison with the naive bridge out")
    parser.add_argument(
        "--rate",
        type=int,
        choices=[16000, 24000],
        default=16000,
        help="rate of the phone leg in Hz; Azure offers these two (default: 16000)",
    )
    parser.add_argument(
        "--model-rate",
        type=int,
        choices=[8000, 16000, 24000],
        default=16000,
        help="rate of the model leg in Hz; if it differs the gateway resamples (default: 16000)",
    )
    parser.epilog = """\
examples:
  gateway demo                                 both profiles and the comparison
  gateway demo --profile realtime --no-naive   one call
  gateway demo --say question.wav answer.wav   your own recordings as the caller
  gateway demo --rate 24000 --model-rate 8000  listen to what resampling does

what is left in DIR, for every call in a folder of its own:
  call.html     the picture with the sound and a moving cursor; open this first
  call.png      the picture: both voices, what was never heard, every latency
  call.wav      left: what the caller said; right: what the caller heard
  call.json     everything measured
  metrics.txt   the gateway's Prometheus metrics after the calls
and before-after.png, the naive bridge and the gateway below each other."""


def run(args: argparse.Namespace) -> int:
    """Run the demonstration.

    Returns:
        0 if every call of the gateway went well; 1 if one did not, or something did not start; 2 for files that can
        not be used.
    """
    console = Console()
    try:
        recordings = read_recordings(args.say)
        make_folders(args.out, _names(args))
    except (BadRecording, OSError) as error:
        return _fail(console, str(error), BAD_ARGUMENTS)
    try:
        finished = asyncio.run(_place_calls(args, recordings, console))
    except SubjectFailed as error:
        return _fail(console, str(error), 1)
    except asyncio.CancelledError:
        return _fail(console, "stopped before the calls were over", TERMINATED)
    return write_results(args.out, finished, console)


def _fail(console: Console, why: str, code: int) -> int:
    console.print(f"gateway demo: {why}", style="red", highlight=False, markup=False, soft_wrap=True)
    return code


def _names(args: argparse.Namespace) -> list[str]:
    """Of the calls, the gateway's first."""
    ours = list(PROFILES) if args.profile == "both" else [args.profile]
    return ours if args.no_naive else [*ours, *NAIVE]


async def _place_calls(args: argparse.Namespace, recordings: list[Recording], console: Console) -> list[Finished]:
    task = asyncio.current_task()
    if task is not None:  # a process that is told to end takes the ones it started with it
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    names, rates = _names(args), Rates(args.rate, args.model_rate)
    with tempfile.TemporaryDirectory(prefix="gateway-demo-") as folder:
        console.print(f"Starting {_cast(names)} on loopback ...", highlight=False, soft_wrap=True)
        async with running(Path(folder), rates, naive=not args.no_naive, scripted=not recordings) as stack:
            calls = await _watch(stack, names, recordings, console)
            records = {name: await call.wait() for name, call in calls.items()}
            traces = {name: await stack.trace_of(name) for name in names if name in PROFILES}
            metrics = await stack.scrape()
            sessions = await stack.sessions()
        logs = {path.stem: path.read_text(encoding="utf-8", errors="replace") for path in stack.logs}
    finished = []
    for name, call in records.items():
        meta = _meta(name, rates)
        record = build_record(call, traces.get(name, []), _session_of(name, call, sessions), meta)
        finished.append(Finished(name, name in PROFILES, record, call, metrics, logs))
    return finished


def _cast(names: list[str]) -> str:
    naive = ", the naive bridge" if any(name in NAIVE for name in names) else ""
    return f"the gateway{naive} and the twin of the phone network and Voice Live"


async def _watch(stack: Stack, names: list[str], recordings: list[Recording], console: Console) -> dict[str, LiveCall]:
    """Ring, and show the calls until all are over.

    Raises:
        SubjectFailed: a process of the stack has ended meanwhile.
    """
    views = {name: CallView(name, traced=name in PROFILES) for name in names}
    loop = asyncio.get_running_loop()
    began = loop.time()
    show = Show(console, list(views.values()), began)
    tail = TraceTail(stack.traces, views)
    calls: dict[str, LiveCall] = {}
    with show.running():
        while len(calls) < len(names) or not all(call.done for call in calls.values()):
            for name, rings_s in _ringing(names).items():
                if name not in calls and loop.time() >= began + rings_s:
                    calls[name] = await _ring(stack, name, recordings)
            await asyncio.sleep(FRAME_S)
            stack.check()
            tail.poll()
            for name, call in calls.items():
                views[name].look(look_at(call))
            show.update()
        await asyncio.sleep(LAST_FLUSH_S)
        tail.poll()
    return calls


def _ringing(names: list[str]) -> dict[str, float]:
    """When each call rings, in seconds: the gateway's at once, the naive ones one after the other."""
    naive = [name for name in names if name in NAIVE]
    return {name: (naive.index(name) + 1) * STAGGER_S if name in NAIVE else 0.0 for name in names}


async def _ring(stack: Stack, name: str, recordings: list[Recording]) -> LiveCall:
    if name in PROFILES:
        return await stack.phone.start_call(plan_of(PROFILES[name][1], recordings))
    if stack.naive_phone is None:
        raise ValueError(f"there is no naive bridge to ring for {name}")
    return await stack.naive_phone.start_call(naive_plan(recordings, silence_marked=NAIVE[name].silence_marked))


def _session_of(name: str, call: CallRecord, sessions: list[SessionRecord]) -> SessionRecord | None:
    """The model session of a call: the gateway's by its deployment, a naive one by when it was dialled."""
    model = NAIVE_MODEL if name in NAIVE else name
    about = call.times.get("media_opened", call.times["ended"])
    own = [session for session in sessions if session.model == model]
    return min(own, key=lambda session: abs(session.opened_at - about), default=None)


def _meta(name: str, rates: Rates) -> CallMeta:
    """What the artefacts of a call do not say themselves."""
    far_end_delay_ms = PhoneSwitches().far_end_delay_s * 1000
    if name in NAIVE:
        both = "pcm16 24 kHz"
        return CallMeta(
            bridge=NAIVE[name].bridge,
            profile=CASCADE,
            phone_format=both,
            model_input=both,
            model_output=both,
            far_end_delay_ms=far_end_delay_ms,
            network=assumed_network(silence_marked=NAIVE[name].silence_marked),
        )
    texts = clip_texts("en-US")
    sounds = {clip: (texts[clip], samples) for clip, samples in load_clips("en-US", CallRecord.TRACK_HZ).items()}
    model_format = f"pcm16 {rates.model_hz // 1000} kHz"
    return CallMeta(
        bridge="this gateway",
        profile=PROFILES[name][0],
        phone_format=f"pcm16 {rates.phone_hz // 1000} kHz",
        model_input=model_format,
        model_output=model_format,
        far_end_delay_ms=far_end_delay_ms,
        network=assumed_network(silence_marked=True),
        ptu_units=PTU_UNITS,
        clip_sounds=sounds,
    )
