"""`gateway simulate voice-live`: the twin on a port, until a signal."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np

from gateway.audio.wav import write_wav
from gateway.simulator.voice_live.options import (
    BYOM_CHAT,
    BYOM_MESSAGES,
    BYOM_REALTIME,
    Access,
    Timing,
    TwinOptions,
)
from gateway.simulator.voice_live.record import Json, SessionRecord
from gateway.simulator.voice_live.script import JSON_FORM, NO_SCRIPT, Script, script_from_json, story
from gateway.simulator.voice_live.server import VoiceLiveTwin

ANY_PROFILE = "any"
_PROFILES = (ANY_PROFILE, BYOM_CHAT, BYOM_REALTIME, BYOM_MESSAGES)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = f"{parser.epilog or ''}\n\nform of a story of your own:\n{JSON_FORM}"
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8091, help="and its port; 0: any free one (default: %(default)s)")
    parser.add_argument("--profile", choices=_PROFILES, default=ANY_PROFILE, help="BYOM profiles that are accepted")
    parser.add_argument("--model", action="append", help="a deployment that exists, repeatable; default: every name")
    parser.add_argument("--story", default="default", help="'default', 'none', or a JSON file (form: below)")
    parser.add_argument("--record", type=Path, metavar="DIR", help="write each session's record and sound here")
    parser.add_argument("--llm-first-text-ms", type=int, default=300, help="thinking time (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of ids and delta sizes (default: %(default)s)")


def options_from(arguments: argparse.Namespace) -> TwinOptions:
    """The options a command line asks for.

    Raises:
        OSError: the story can not be read.
        ValueError: the story is not one.
    """
    access = Access()
    profiles = access.profiles if arguments.profile == ANY_PROFILE else frozenset({arguments.profile})
    models = frozenset(arguments.model) if arguments.model else None
    return TwinOptions(
        access=Access(profiles=profiles, models=models),
        timing=Timing(llm_first_text_s=arguments.llm_first_text_ms / 1000),
        script=_script(arguments.story),
        seed=arguments.seed,
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve the twin; the exit status."""
    return asyncio.run(serve(arguments))


async def serve(arguments: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT; the exit status."""
    try:
        options = options_from(arguments)
        if arguments.record is not None:
            arguments.record.mkdir(parents=True, exist_ok=True)  # once, before anything is served
    except (OSError, ValueError) as error:
        print(f"voice-live twin: {error}", file=sys.stderr)
        return 2
    twin = VoiceLiveTwin(options, host=arguments.host, port=arguments.port, on_closed=_writer(arguments.record))
    try:
        await twin.start()
    except OSError as error:
        print(f"voice-live twin: {error}", file=sys.stderr)
        return 1
    try:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)
        print(f"listening on {twin.url}", flush=True)
        await stopped.wait()
    finally:
        await twin.stop()
    return 0


def write_record(record: SessionRecord, directory: Path) -> None:
    """`<session id>.json`, and `<session id>.wav` with what was delivered, item after item."""
    (directory / f"{record.id}.json").write_text(json.dumps(record_to_json(record), indent=1), encoding="utf-8")
    if record.items:
        rate_hz = record.items[0].rate_hz
        sound = np.concatenate([item.samples for item in record.items if item.rate_hz == rate_hz])
        (directory / f"{record.id}.wav").write_bytes(write_wav(sound, rate_hz))


def record_to_json(record: SessionRecord) -> Json:
    """A record without its sound."""
    items = [
        {
            "item_id": item.item_id,
            "response_id": item.response_id,
            "text": item.text,
            "words": [[word.text, word.start_s, word.end_s] for word in item.words],
            "rate_hz": item.rate_hz,
            "delivered_ms": round(item.delivered_ms, 1),
            "first_sent_at": item.first_sent_at,
        }
        for item in record.items
    ]
    return {
        "id": record.id,
        "query": record.query,
        "opened_at": record.opened_at,
        "closed_at": record.closed_at,
        "close_code": record.close_code,
        "session": record.session,
        "appended_s": round(record.appended_s, 3),
        "turns": [asdict(turn) for turn in record.turns],
        "items": items,
        "truncations": [asdict(truncation) for truncation in record.truncations],
        "tool_calls": [asdict(call) for call in record.tool_calls],
        "tool_outputs": [asdict(output) for output in record.tool_outputs],
        "messages": [asdict(message) for message in record.messages],
        "changes": [asdict(change) for change in record.changes],
        "deletions": [asdict(deletion) for deletion in record.deletions],
        "cancels": [asdict(cancel) for cancel in record.cancels],
        "responses": [asdict(response) for response in record.responses],
        "log": [asdict(entry) for entry in record.log],
    }


def _writer(directory: Path | None) -> Callable[[SessionRecord], None] | None:
    return None if directory is None else partial(write_record, directory=directory)


def _script(name: str) -> Script:
    if name == "default":
        return story()
    if name == "none":
        return NO_SCRIPT
    raw = json.loads(Path(name).read_text(encoding="utf-8"))
    if not isinstance(raw, dict):
        raise ValueError("a story is a JSON object with `greeting` and `turns`")  # noqa: TRY004 - bad input of a user, like the rest
    return script_from_json(raw)
