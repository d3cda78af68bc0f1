"""`gateway check`: what a configuration means, or everything that is wrong with it."""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from gateway import __version__
from gateway.calls.judges import check_judges
from gateway.calls.routing import Route, route
from gateway.capacity.ptu_table import PtuModel
from gateway.check.findings import Level
from gateway.check.lines import line_notes, line_summary, tools_of
from gateway.config import Agent, Deployment, GatewayConfig, PtuCapacity, json_schema, load
from gateway.config.doors import EventGridConfig
from gateway.config.price import Price
from gateway.config.secrets import check_key_files
from gateway.outcome import Reason
from gateway.telemetry.logs import configure_logs

WHO_CAN = "Call Automation takes no customers who are new since October 2026, and is to end in September 2028"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--config", type=Path, metavar="FILE", help="the configuration to check (YAML)")
    what.add_argument("--schema", action="store_true", help="print the JSON Schema of configurations")
    parser.add_argument("--route", metavar="NUMBER", help="say which line takes a call to this number, and why")
    parser.add_argument("--caller", metavar="NUMBER", help="with --route: who calls; nobody named: withheld")
    parser.add_argument("--at", type=_moment, metavar="TIME", help="with --route: when, such as 2026-12-24T17:30+01:00")
    parser.add_argument("--without-keys", action="store_true", help="do not read the key files")
    parser.add_argument(
        "--online",
        action="store_true",
        help="ask Azure, as this gateway would: addresses, keys, Call Automation, a session of every deployment",
    )
    parser.add_argument(
        "--call",
        type=float,
        nargs="?",
        const=120.0,
        metavar="SECONDS",
        help="in the place of the gateway, wait so long for one call, and measure what only the phone network knows",
    )


def run(args: argparse.Namespace) -> int:
    """Print what was asked for.

    Raises:
        ConfigError: with everything that is wrong.
    """
    if args.schema:
        sys.stdout.write(json.dumps(json_schema(), indent=2) + "\n")
        return 0
    config = load(args.config)
    if not args.without_keys:
        check_key_files(config)
    check_judges(config)
    if args.online:
        return _ask_azure(config)
    if args.call is not None:
        return _measure(config, args.call)
    if args.route is not None:
        found = route(config.lines, args.route, args.caller, args.at or datetime.now(UTC))
        sys.stdout.write(f"a call to {args.route} {_fate(found)}: {found.why}\n")
        return 0
    sys.stdout.write("\n".join([*summary(config), f"{args.config}: good"]) + "\n")
    return 0


def _ask_azure(config: GatewayConfig) -> int:
    """Say what is found as it is found; 1 if something would fail a call."""
    from gateway.check.online import findings  # noqa: PLC0415 - the clients of Azure take a second to import

    print(f"voice-gateway {__version__}, Python {platform.python_version()}, configuration {config.checksum}")
    print(f"at {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC; nothing below is secret")
    counts = dict.fromkeys(Level, 0)

    async def ask() -> None:
        async for finding in findings(config):
            counts[finding.level] += 1
            print(finding, flush=True)

    asyncio.run(ask())
    print(", ".join(f"{number} {level}" for level, number in counts.items() if number))
    return 1 if counts[Level.FAIL] else 0


def _measure(config: GatewayConfig, patience_s: float) -> int:
    """Answer one call and say what was measured; 1 if there was none."""
    from gateway.check.call import measure_call  # noqa: PLC0415 - needs the whole gateway
    from gateway.check.probe import settings  # noqa: PLC0415 - as above

    configure_logs(config.server.log.model_copy(update={"level": "warning", "format": "console"}))
    measured = asyncio.run(measure_call(config, patience_s, print, time.monotonic))
    if measured is None:
        print("no call was measured: nobody called, or hung up within ten seconds")
        return 1
    print("\n".join(settings(measured)))
    return 0


def _fate(found: Route) -> str:
    if found.refusal is None:
        return "is answered"
    if found.line is not None and found.line.overflow is not None and found.refusal is not Reason.REJECTED_CALLER:
        return f"goes to {found.line.overflow} ({found.refusal.value})"
    return f"is refused ({found.refusal.value})"


def _moment(text: str) -> datetime:
    """A time with a zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("should be written as 2026-12-24T17:30+01:00") from None
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError("needs a time zone, such as +01:00")
    return moment


def summary(config: GatewayConfig) -> Iterator[str]:
    """What the configuration means, line by line."""
    server = config.server
    yield f"reached at  {server.public_url}, listens on {server.host}:{server.port}"
    yield f"operators   {server.metrics_host}:{server.metrics_port}"
    yield f"checksum    {config.checksum}"
    yield f"events      {' or '.join(_proofs(config.event_grid))}"
    yield from _phones(config)
    for line in config.lines:
        numbers = "every other number" if line.numbers == "*" else ", ".join(line.numbers)
        yield f"line        {line.name}: {numbers}, answered by {line.agent}"
        yield from (f"            {text}" for text in line_summary(line))
        if line.residency is not None:
            yield f"            {line.residency}, as declared; hooks of yours and traces on disk are not looked at"
        yield from (f"note        line {line.name}: {note}" for note in line_notes(line, config.agent(line.agent)))
    for agent in config.agents:
        greeting = "greets" if agent.greeting else "waits for the caller"
        order = ", then ".join(agent.deployments)
        yield f"agent       {agent.name}: {agent.voice.name}, {agent.language}, {greeting}; uses {order}"
        yield f"            {_may(config, agent)}"
    for deployment in config.deployments:
        resource = config.resource(deployment.resource)
        where = f"{deployment.model} at {resource.endpoint} ({_credential(resource.key_file)})"
        yield f"deployment  {deployment.name}: {where}, {deployment.profile}"
        yield f"            {_capacity(deployment)}"
        yield from _notes(deployment)
    if config.acs.media_token == "log_only":  # noqa: S105 - a mode
        yield "note        acs.media_token is log_only: a media socket is let in by its ticket alone"
    yield from _drain(config)
    if server.ticket_key_file is None:
        yield "note        no ticket_key_file: calls in progress can not come back after a restart"
    if server.operator_key_file is None:
        yield "note        no operator_key_file: gateway operate can do nothing here"
    if server.trace is not None and server.trace.include_transcripts:
        yield f"note        words that are spoken are written to {server.trace.directory}"


def _phones(config: GatewayConfig) -> Iterator[str]:
    for acs in config.acs.resources:
        yield f"phone       {acs.name}: {acs.endpoint}, {_credential(acs.key_file)}, {config.acs.audio_format}"
    if any(acs.endpoint.startswith("https:") for acs in config.acs.resources):
        yield f"note        {WHO_CAN}"


def _drain(config: GatewayConfig) -> Iterator[str]:
    """Whether calls can run to their natural end when the process leaves."""
    plan = config.drain.plan(config.longest_call_s)
    yield f"drain       {plan.grace_s:.0f} s from SIGTERM to the end"
    room_s = plan.grace_s - plan.hand_over_s
    for line in config.lines:
        if line.max_minutes * 60 > room_s:
            yield (
                f"note        line {line.name}: a call may last {line.max_minutes:g} min, a drain waits "
                f"{room_s / 60:.1f}: longer ones are cut short by an update; raise drain.grace_s, or lower max_minutes"
            )


def _may(config: GatewayConfig, agent: Agent) -> str:
    """What an agent may do with calls, on all lines together."""
    lines = [line for line in config.lines if line.agent == agent.name]
    if not lines:
        return "answers no line"
    tools = dict.fromkeys(tool for line in lines for tool in tools_of(line))
    return f"answers {', '.join(line.name for line in lines)}; may {', '.join(tools) or 'do nothing with the call'}"


def _proofs(event_grid: EventGridConfig) -> Iterator[str]:
    if event_grid.secret is not None:
        yield f"proved by the header {event_grid.secret.header}"
    if event_grid.entra is not None:
        yield f"proved by a token of tenant {event_grid.entra.tenant_id} for {event_grid.entra.audience}"


def _credential(key_file: Path | None) -> str:
    return "Entra identity" if key_file is None else f"key from {key_file}"


def _capacity(deployment: Deployment) -> str:
    budget = deployment.budget
    if budget is None:
        return f"pay as you go{_price(deployment.price)}"
    return f"{budget.units} PTU: {budget.tokens_per_minute:,.0f} normalised tokens a minute{_price(deployment.price)}"


def _price(price: Price | None) -> str:
    if price is None:
        return ""
    if price.unit_hour is not None:
        return f", {price.currency} {price.unit_hour:g} a unit-hour"
    return f", {price.currency} {price.input:g} in and {price.output:g} out a million tokens"


def _notes(deployment: Deployment) -> Iterator[str]:
    """Sizes that are not for sale are most likely typing errors; the table may also be behind."""
    capacity = deployment.capacity
    if not isinstance(capacity, PtuCapacity):
        return
    row = capacity.row
    if row is not None and not _is_sold(capacity.ptu_units, row):
        sizes = " or ".join(map(str, row.sizes.values()))
        yield f"note        {row.name} is sold in {sizes} PTU (table of {row.date})"


def _is_sold(units: int, row: PtuModel) -> bool:
    return any(size.units_for(units) == units for size in row.sizes.values())
