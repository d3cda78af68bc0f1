"""`gateway operate`: operators' commands to a gateway that runs, over its operator's listener."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

import aiohttp
import msgspec
from pydantic import TypeAdapter, ValidationError

from gateway.bounds import MAX_ANSWER_BYTES
from gateway.clients.http import make_session
from gateway.config.fields import HttpUrl
from gateway.config.secrets import read_shared_secret
from gateway.server.operator_messages import Calls, HangingUp, LineEntry, Lines, Refusal, Reloaded

URL = "http://127.0.0.1:9464"
DEADLINE_S = 15.0
"""Of a whole command; a reload of the largest configuration takes a few seconds."""
FIRST_REFUSAL = 400


@dataclass(frozen=True, slots=True)
class Request:
    """One command as HTTP, and how its answer is said."""

    method: str
    path: str
    say: Callable[[bytes], Iterator[str]]
    """lines for people; raises msgspec.DecodeError for what no gateway answers"""


class CommandFailed(Exception):  # noqa: N818 - named for what happened
    """Nothing was done; the text says why, and what to do."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code


def add_arguments(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(metavar="what", required=True)

    def command(name: str, summary: str, request: Callable[[argparse.Namespace], Request]) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
        sub.add_argument(
            "--url", type=_url, default=URL, help="the operator's listener (default: %(default)s); https elsewhere"
        )
        sub.add_argument(
            "--key-file", type=Path, required=True, metavar="FILE", help="holds the secret of server.operator_key_file"
        )
        sub.add_argument("--json", action="store_true", help="print the answer as JSON, for programs")
        sub.set_defaults(request=request)
        return sub

    command("calls", "list the live calls", lambda _: Request("GET", "/operate/calls", _say_calls))
    command("lines", "list the lines, and which are closed", lambda _: Request("GET", "/operate/lines", _say_lines))
    for name, summary in (
        ("close", "take no new calls on a line; live ones go on, and a restart opens it again"),
        ("open", "take calls on a line again"),
    ):
        command(name, summary, _line_request(name)).add_argument("line", help="its name in the configuration")
    hang_up = command("hang-up", "end one call", _hang_up_request)
    hang_up.add_argument("call_id", help="as `gateway operate calls` and every log line of the call have it")
    hang_up.add_argument(
        "--goodbye",
        action="store_true",
        help="with a sentence, where one can be heard; a line that has a person to fall back on hands over instead",
    )
    command(
        "reload",
        "read the configuration again, for new calls",
        lambda _: Request("POST", "/operate/reload", _say_reload),
    )


def run(args: argparse.Namespace) -> int:
    """Send one command and print what came of it; returns the exit code."""
    request: Request = args.request(args)
    try:
        body = asyncio.run(_sent(request, args.url, args.key_file))
        try:
            lines = list(request.say(body))
        except msgspec.DecodeError:
            raise CommandFailed(f"what answers at {args.url} is no gateway of this version") from None
    except CommandFailed as failed:
        sys.stderr.write(f"gateway operate: {failed}\n")
        return failed.code
    text = msgspec.json.format(body).decode() if args.json else "\n".join(lines)
    sys.stdout.write(text + "\n")
    return 0


# --- asking -----------------------------------------------------------------------------------------------------------


async def _sent(request: Request, url: str, key_file: Path) -> bytes:
    """The body of a good answer.

    Raises:
        CommandFailed: there was none.
    """
    try:
        key = read_shared_secret(key_file).decode("ascii")
    except ValueError as error:
        raise CommandFailed(str(error)) from None
    try:
        async with (
            asyncio.timeout(DEADLINE_S),
            make_session() as http,
            http.request(request.method, url + request.path, headers={"Authorization": f"Bearer {key}"}) as response,
        ):
            body = b""
            while more := await response.content.read(MAX_ANSWER_BYTES + 1 - len(body)):
                body += more
                if len(body) > MAX_ANSWER_BYTES:
                    raise CommandFailed(f"{url} answers more than a gateway has to say")
            if response.status >= FIRST_REFUSAL:
                raise _refused(response.status, body, url, key_file)
            return body
    except TimeoutError:
        raise CommandFailed(f"{url} did not answer within {DEADLINE_S:.0f} s") from None
    except aiohttp.ClientConnectorError as error:
        hint = "is the gateway running, and is this its server.metrics_port?"
        raise CommandFailed(f"nothing can be reached at {url} ({error.strerror}); {hint}") from None
    except aiohttp.ClientError as error:
        raise CommandFailed(f"{url} gave no answer: {type(error).__name__}") from None


def _refused(status: int, body: bytes, url: str, key_file: Path) -> CommandFailed:
    if status == HTTPStatus.UNAUTHORIZED:
        return CommandFailed(f"{url} does not know the key in {key_file}; it knows that of server.operator_key_file")
    try:
        refusal = msgspec.json.decode(body, type=Refusal)
    except msgspec.DecodeError:
        return CommandFailed(f"what answers at {url} is no gateway (status {status})")
    wrong = status == HTTPStatus.UNPROCESSABLE_ENTITY
    return CommandFailed("\n  ".join([refusal.title, *refusal.errors]), os.EX_CONFIG if wrong else 1)


def _line_request(command: str) -> Callable[[argparse.Namespace], Request]:
    return lambda args: Request("POST", f"/operate/lines/{quote(args.line, safe='')}/{command}", _say_line)


def _hang_up_request(args: argparse.Namespace) -> Request:
    goodbye = "?goodbye=true" if args.goodbye else ""
    return Request("POST", f"/operate/calls/{quote(args.call_id, safe='')}/hang-up{goodbye}", _say_hang_up)


def _url(text: str) -> str:
    """The same rule as for addresses in the configuration: no secret travels in the clear beyond this machine."""
    try:
        return str(TypeAdapter(HttpUrl).validate_python(text))
    except ValidationError as error:
        raise argparse.ArgumentTypeError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None


# --- saying -----------------------------------------------------------------------------------------------------------


def _say_calls(body: bytes) -> Iterator[str]:
    calls = msgspec.json.decode(body, type=Calls).calls
    if not calls:
        yield "no calls"
        return
    rows = [(call.call_id, call.line, call.agent, call.deployment, call.state, f"{call.age_s:.0f} s") for call in calls]
    yield from _table(("CALL", "LINE", "AGENT", "DEPLOYMENT", "STATE", "AGE"), rows)


def _say_lines(body: bytes) -> Iterator[str]:
    lines = msgspec.json.decode(body, type=Lines).lines
    rows = [(line.name, line.state, str(line.live_calls), _closed(line)) for line in lines]
    yield from _table(("LINE", "STATE", "CALLS", "CLOSED"), rows)


def _closed(line: LineEntry) -> str:
    if line.closed_at is None:
        return "-"
    return f"since {line.closed_at:%Y-%m-%d %H:%M:%S}Z by key {line.closed_by}"


def _say_line(body: bytes) -> Iterator[str]:
    line = msgspec.json.decode(body, type=LineEntry)
    if line.closed_at is None:
        yield f"{line.name} is open"
    else:
        yield f"{line.name} is closed {_closed(line)}; live calls on it: {line.live_calls}"


def _say_hang_up(body: bytes) -> Iterator[str]:
    ending = msgspec.json.decode(body, type=HangingUp)
    yield f"{ending.call_id} is being ended{' with a sentence' if ending.goodbye else ''}"


def _say_reload(body: bytes) -> Iterator[str]:
    reloaded = msgspec.json.decode(body, type=Reloaded)
    if reloaded.result == "taken":
        yield f"new calls begin with configuration {reloaded.checksum}"
    else:
        yield f"the configuration has not changed: {reloaded.checksum}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns as wide as their widest cell."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
