"""`gateway load`: many real-time calls at once, and a table of what they cost."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import uvloop
import yaml

from gateway.audio.pcm import PCM16_8K, PCM16_16K, PCM16_24K
from gateway.simulator.load.bench import Run
from gateway.simulator.load.certificate import make_authority
from gateway.simulator.load.machine import describe_machine
from gateway.simulator.load.plan import MAX_CALLS, LoadPlan, Talk
from gateway.simulator.load.proc import PROC, Cores, share_cores
from gateway.simulator.load.report import as_json, table
from gateway.simulator.load.result import Result
from gateway.simulator.load.subject import SubjectFailed, floor_subject, gateway_subject
from gateway.simulator.ports import reserved_ports

FORMATS = {fmt.rate_hz: fmt for fmt in (PCM16_8K, PCM16_16K, PCM16_24K)}
RAMP_CALLS_PER_S = 15
LEAST_RAMP_S = 2.0

_TEXT = """\
Starts the gateway as a process of its own, pinned to one core, lets phones ring and a model service answer from the
other cores, and measures for a while with all calls up: CPU per call-second, added delay, frame lateness, barge-in,
memory, failures. Then does the same with a bare relay (the floor) and shows the ratio of the two.

Phones and model service are lean twins: real sockets and true messages, 50 frames a second each way, but no sound
processing. Every frame carries a mark, so each is recognised at the far end, even after a change of sample rate.

A latency is only worth believing if nobody had to wait for a core; the table says so when somebody did.
"""
_EPILOG = """\
examples:
  gateway load                                         20 calls for 20 s, about a minute
  gateway load --calls 100 --seconds 30                the published table
  gateway load --phone-rate 16000 --model-rate 24000   with a resampler in both directions
  gateway load --talk turns --no-floor --json run.json
  gateway load --knocks 500 --idle-sockets 256         what strangers at the doors cost the calls (no floor)

exit code: 0; 1 if a call failed or a process did not live to the end; 2 for wrong arguments"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = _TEXT, _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--calls", type=int, default=20, metavar="N", help=f"at the same time, up to {MAX_CALLS - 1} (%(default)s)")
    add("--seconds", type=float, default=20.0, metavar="S", help="to measure, with all calls up (%(default)s)")
    add("--ramp", type=float, metavar="S", help=f"calls begin within this time ({RAMP_CALLS_PER_S} calls a second)")
    add("--phone-rate", type=int, choices=(16000, 24000), default=16000, help="Hz (%(default)s)")
    add("--model-rate", type=int, choices=tuple(FORMATS), default=16000, help="Hz (%(default)s)")
    tls = argparse.BooleanOptionalAction
    add("--tls", action=tls, default=True, help="to the model, as in life, with a certificate made for the run")
    talk = "always: the worst case; turns: as people do (%(default)s)"
    add("--talk", type=Talk, choices=tuple(Talk), default=Talk.ALWAYS, metavar="{always,turns}", help=talk)
    add("--floor", action=argparse.BooleanOptionalAction, default=True, help="measure the bare relay, too")
    add("--pin", action=argparse.BooleanOptionalAction, default=True, help="give the gateway a core of its own")
    add("--knocks", type=float, default=0.0, metavar="N", help="strangers' requests a second, in a second window")
    add("--idle-sockets", type=int, default=0, metavar="N", help="strangers' silent connections, in the same window")
    add("--config", type=Path, metavar="FILE", help="YAML to merge over the configuration made for the run")
    add("--json", type=Path, metavar="FILE", help="write everything that was measured")


def run(args: argparse.Namespace) -> int:
    """Measure and print; returns the exit code."""
    try:
        extra = _checked(args)
    except (ValueError, OSError, yaml.YAMLError) as error:
        sys.stderr.write(f"gateway load: {error}\n")
        return 2
    plan = plan_of(args)
    available = os.sched_getaffinity(0)
    cores = share_cores(available, pinned=args.pin)
    sys.stdout.write(f"{plan}\n")
    try:
        if cores.generator is not None:
            os.sched_setaffinity(0, cores.generator)
        results = measure(plan, cores, extra, with_floor=args.floor and not plan.strangers)
    except SubjectFailed as error:
        sys.stderr.write(f"gateway load: {error}\n")
        return 1
    finally:
        os.sched_setaffinity(0, available)
    machine = describe_machine()
    sys.stdout.write(f"\n{table(plan, results, machine, str(cores))}\n")
    if args.json is not None:
        document = as_json(plan, results, machine, str(cores))
        args.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 1 if any(result.failed_calls for result in results) else 0


def plan_of(args: argparse.Namespace) -> LoadPlan:
    return LoadPlan(
        calls=args.calls,
        seconds=args.seconds,
        ramp_s=max(LEAST_RAMP_S, args.calls / RAMP_CALLS_PER_S) if args.ramp is None else args.ramp,
        phone=FORMATS[args.phone_rate],
        model=FORMATS[args.model_rate],
        tls=args.tls,
        talk=args.talk,
        knocks_per_s=args.knocks,
        idle_sockets=args.idle_sockets,
    )


def measure(plan: LoadPlan, cores: Cores, extra: Mapping[str, Any], *, with_floor: bool) -> list[Result]:
    """The gateway's result, and the floor's if it is wanted.

    Raises:
        SubjectFailed: one of them did not come up, or did not live to the end.
    """
    with (
        tempfile.TemporaryDirectory(prefix="gateway-load-") as folder,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        reserved_ports(3) as (port, metrics_port, floor_port),
    ):
        directory = Path(folder)
        authority = make_authority(directory) if plan.tls else None
        gc.collect()
        gc.freeze()  # a full collection in the middle would make the generator late
        bench = Run(plan, authority, cores, _say)
        results = runner.run(
            bench.measure(lambda far: gateway_subject(plan, far, directory, extra, (port, metrics_port)))
        )
        if with_floor:
            results += runner.run(bench.measure(lambda far: floor_subject(plan, far, directory, floor_port)))
        gc.unfreeze()
    return results


def _checked(args: argparse.Namespace) -> dict[str, Any]:
    """What `--config` holds; raises ValueError, OSError or YAMLError for what can not be used."""
    if not PROC.is_dir():
        raise ValueError("needs Linux: it reads what a process used from /proc")
    if not 0 < args.calls < MAX_CALLS:
        raise ValueError(f"--calls must be between 1 and {MAX_CALLS - 1}")
    if not args.seconds > 0 or (args.ramp is not None and not args.ramp >= 0):
        raise ValueError("--seconds must be more than 0, and --ramp not less")
    if args.json is not None and not args.json.parent.is_dir():
        raise ValueError(f"--json: there is no folder {args.json.parent}")  # better said now than after the run
    extra = {} if args.config is None else yaml.safe_load(args.config.read_text(encoding="utf-8"))
    if not isinstance(extra, dict):
        raise ValueError(f"{args.config} should be a mapping of sections")  # noqa: TRY004 - a user's file, not a type
    return extra


def _say(text: str) -> None:
    """Progress: a line that replaces itself on a terminal, and stays quiet about the seconds in a log file."""
    if sys.stdout.isatty():
        sys.stdout.write(f"\r\033[K{text}")
        sys.stdout.flush()
    elif "to go" not in text:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
