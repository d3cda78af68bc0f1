"""`gateway simulate phone`: calls a gateway that runs somewhere else, and tells how the calls went."""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import sys
from pathlib import Path

from gateway.audio.wav import WavError, read_wav
from gateway.simulator.phone.network import LiveCall, PhoneNetwork
from gateway.simulator.phone.plan import Action, CallPlan, HangUp, Press, Say, Speech, default_story
from gateway.simulator.phone.record import CallRecord
from gateway.simulator.phone.switches import PhoneSwitches, parse_switches, switch_defaults

DEVELOPMENT_KEY = base64.b64encode(b"The offline twin takes this key; it is not a secret.").decode()
"""What `--key` is unless given: not a secret, as it opens nothing but this simulator."""

AFTER_KEYS_S = 3.0
"""Silence after which a caller who pressed keys hangs up: a sentence may be followed by music, and that by a person."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Serves Call Automation like Azure Communication Services and places calls at a gateway: Event Grid event, "
        "answer, callbacks, media socket. Point the gateway's communication resource at the printed endpoint."
    )
    parser.add_argument(
        "--events-url",
        default="http://127.0.0.1:8080/events/incoming-call",
        metavar="URL",
        help="the gateway's webhook for IncomingCall (default: %(default)s)",
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to serve Call Automation on (default: %(default)s)"
    )
    parser.add_argument("--port", type=int, default=8090, help="and its port; 0: any free one (default: %(default)s)")
    parser.add_argument(
        "--key",
        default=DEVELOPMENT_KEY,
        metavar="BASE64",
        help="access key the gateway signs with (default: %(default)s)",
    )
    parser.add_argument("--calls", type=int, default=1, metavar="N", help="how many calls (default: %(default)s)")
    parser.add_argument(
        "--every", type=float, metavar="SECONDS", help="start a call so often; without it one follows the other"
    )
    parser.add_argument(
        "--say",
        action="append",
        default=[],
        type=Path,
        metavar="FILE.wav",
        help="what the caller says, once for every turn, in any rate; without it a story of four turns",
    )
    parser.add_argument(
        "--press",
        metavar="KEYS",
        help="keys the caller presses when the agent has spoken, after the last --say",
    )
    parser.add_argument("--number", default=CallPlan().number, help="called number (default: %(default)s)")
    parser.add_argument("--caller", default=CallPlan().caller, help="calling number (default: %(default)s)")
    parser.add_argument("--max-seconds", type=float, default=120.0, help="patience of a caller (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of noise and impairments; counts up with the calls")
    parser.add_argument(
        "--switch",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a property of the phone network; `--switch help` lists them",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="write call-N.wav (left caller, right ear) and call-N.json"
    )


def run(args: argparse.Namespace) -> int:
    """Serve the network and place the calls; the exit status."""
    return asyncio.run(place_calls(args))


async def place_calls(args: argparse.Namespace) -> int:
    """Place the calls; returns the exit code, 1 if a call failed and 2 if the arguments are wrong."""
    if "help" in args.switch:
        for name, default in switch_defaults():
            _print(f"  {name}={_shown(default)}")
        return 0
    try:
        switches = _switches(args.switch)
        behaviour = _behaviour(args.say, args.press)
        if args.out is not None:
            args.out.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    clock = asyncio.get_running_loop().time
    try:
        network = PhoneNetwork(args.events_url, access_key=args.key, clock=clock, host=args.host, port=args.port)
        await network.start()
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    try:
        _print(f"Call Automation: {network.endpoint}   keys: {network.keys_url}   audience: {network.audience}")
        _print(f"Event Grid: tenant {network.options.tenant}   audience: {network.options.event_audience}")
        return await _place_calls(network, args, behaviour, switches)
    finally:
        await network.stop()


async def _place_calls(
    network: PhoneNetwork, args: argparse.Namespace, behaviour: tuple[Action, ...], switches: PhoneSwitches
) -> int:
    _print(f"{'call':>4}  {'ended by':<12}{'length':>8}  {'greeted':>8}  {'replies':>8}  {'gaps':>5}  outcome")
    live: list[LiveCall] = []
    failures: list[str] = []
    for number in range(1, args.calls + 1):
        plan = CallPlan(
            number=args.number,
            caller=args.caller,
            behaviour=behaviour,
            switches=switches,
            seed=args.seed + number,
            max_s=args.max_seconds,
        )
        live.append(await network.start_call(plan))
        if args.every is None:
            failures += await _report(number, live.pop(), args.out)
        elif number < args.calls:
            await asyncio.sleep(args.every)
    for number, call in enumerate(live, start=1):
        failures += await _report(number, call, args.out)
    return 1 if failures else 0


async def _report(number: int, call: LiveCall, out: Path | None) -> list[str]:
    """Wait for the end of a call and tell it; returns its failure, if any."""
    record = await call.wait()
    _print(summary_line(number, record))
    if out is not None:
        _write(out, number, record)
    return [] if record.failure is None else [record.failure]


def summary_line(number: int, record: CallRecord) -> str:
    """One row of the table."""
    greeted = record.times.get("first_heard")
    waits = [f"{wait_s:.1f}" for wait_s in reply_waits_s(record)]
    return (
        f"{number:>4}  {record.ending:<12}{record.duration_s:>7.1f}s  "
        f"{'-' if greeted is None else f'{greeted - record.origin:.2f}s':>8}  "
        f"{'/'.join(waits) or '-':>8}  {len(record.gaps):>5}  {record.failure or 'ok'}"
    )


def reply_waits_s(record: CallRecord) -> list[float]:
    """From the end of each utterance to the agent's next word at the ear; an utterance without a reply has none."""
    waits = []
    for index, spoken in enumerate(record.spoken):
        later = record.spoken[index + 1].onset_at if index + 1 < len(record.spoken) else float("inf")
        replies = [voice.start_at for voice in record.heard if spoken.end_at <= voice.start_at < later]
        waits += [replies[0] - spoken.end_at] if replies else []
    return waits


def _write(directory: Path, number: int, record: CallRecord) -> None:
    record.write_wav(directory / f"call-{number}.wav")
    (directory / f"call-{number}.json").write_text(json.dumps(record.as_json(), indent=2) + "\n")


def _switches(arguments: list[str]) -> PhoneSwitches:
    pairs = {}
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if not equals:
            raise ValueError(f"a switch is given as NAME=VALUE, not {argument!r}")
        pairs[name] = value
    return parse_switches(pairs)


def _behaviour(files: list[Path], keys: str | None) -> tuple[Action, ...]:
    if not files and not keys:
        return default_story()
    spoken = tuple(Say(_speech(file)) for file in files)
    return (*spoken, Press(keys), HangUp(AFTER_KEYS_S)) if keys else (*spoken, HangUp(1.0))


def _speech(file: Path) -> Speech:
    try:
        wav = read_wav(file.read_bytes())
    except WavError as error:
        raise ValueError(f"{file}: {error}") from error
    return Speech(wav.mono, wav.rate_hz)


def _shown(default: object) -> str:
    if isinstance(default, tuple):
        return ",".join(default)
    return str(default).lower() if isinstance(default, bool | None) else str(default)


def _print(line: str) -> None:
    print(line, flush=True)
