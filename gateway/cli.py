"""The `gateway` command.

A command's module is imported when the command is used, so that help is quick, and so that the gateway itself runs
without the packages that only the demonstration needs.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway import __version__


class CommandModule(Protocol):
    """What the module of a command offers."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, args: argparse.Namespace) -> int:
        """Returns the exit code."""


@dataclass(frozen=True, slots=True)
class Command:
    name: str
    module: str
    summary: str
    text: str
    examples: str


COMMANDS = (
    Command(
        "demo",
        "gateway.demo.command",
        "hear and see a call, on this machine alone",
        "Starts the offline twin and the gateway, places a call of less than a minute, shows it live, and leaves the "
        "recording, a picture and a page behind. Needs no cloud account.",
        """\
  gateway demo                                 a cascade: speech to text, model, text to speech
  gateway demo --profile realtime              a model that listens and speaks itself
  gateway demo --say question.wav answer.wav   your own recordings as the caller""",
    ),
    Command(
        "serve",
        "gateway.server.run",
        "answer calls",
        "Runs the gateway until SIGTERM. The configuration is checked first, as `gateway check` does.",
        """\
  gateway serve --config gateway.yaml
  curl http://127.0.0.1:9464/readyz            is it ready?
  curl http://127.0.0.1:9464/metrics           what is it doing?""",
    ),
    Command(
        "check",
        "gateway.check.command",
        "check a configuration and say what it means",
        "Says everything that is wrong with a configuration at once, or summarises it: which number is answered by "
        "whom, with which models. Reads the key files; calls nobody, unless --online is given: then it asks Azure with "
        "the gateway's own identity, says what to do about every finding, and exits with 1 if a call would fail. Exit "
        "code 78 if the configuration can not be used.",
        """\
  gateway check --config gateway.yaml
  gateway check --config gateway.yaml --without-keys    on a machine that has no keys, such as CI
  gateway check --config gateway.yaml --route +15555550100    which line takes such a call, and why
  gateway check --config gateway.yaml --online          is everything there that calls need?
  gateway check --config gateway.yaml --call            measure the phone network: dial, on loudspeaker
  gateway check --schema > gateway.schema.json          for your editor""",
    ),
    Command(
        "rehearse",
        "gateway.simulator.rehearsal.command",
        "callers against a provisioned deployment of the twin: estimate and truth",
        "Runs the gateway against the offline twin in real time while callers come, as many as you say, and writes "
        "down once a second what the gateway believes of the deployment and what is true. Leaves a report and a "
        "picture.",
        """\
  gateway rehearse --calls 10 --units 15 --minutes 3       a first impression
  gateway rehearse --calls 60 --units 15                   far too many callers
  gateway rehearse --calls 20 --units 30 --others 30 --others-from 180    another client comes""",
    ),
    Command(
        "capacity",
        "gateway.size",
        "how many provisioned units so many calls need, and back",
        "From calls at once to provisioned throughput units (PTU), dials, replicas and a price, by the published "
        "formula; or from units to calls. An average call is described by options, or measured from metrics. Prices "
        "are yours: none are built in. docs/CAPACITY.md explains every number.",
        """\
  gateway capacity --model gpt-4.1 --kind regional --calls 40
  gateway capacity --model gpt-4.1 --kind regional --units 50      how many calls fit
  gateway capacity --model gpt-5-mini --calls 200 --turns 5 --prompt 2200 --answer 45 --cached 70
  gateway capacity --config gateway.yaml --deployment support-ptu  what the units of a configuration carry
  gateway capacity --model gpt-4.1 --calls 40 --from-metrics http://127.0.0.1:9464/metrics --plot capacity.png
  gateway capacity --model gpt-4.1 --calls 40 --prompt 900 --growth 120 --history-turns 8 --minutes 6
  gateway capacity --model gpt-4.1 --calls 40 --unit-hour 1.2 --token-prices 2 0.5 8 --currency EUR""",
    ),
    Command(
        "operate",
        "gateway.operate",
        "command a gateway that runs: calls, lines, hang-up, reload",
        "Lists live calls and lines, closes a line for new calls and opens it again, hangs up one call, or lets the "
        "gateway read its configuration again for new calls. Talks to the operator's listener, with the secret of "
        "server.operator_key_file. Exit code 0 if it was done, 78 for a configuration that can not be used, else 1.",
        """\
  gateway operate calls --key-file operator.key             who is being talked to, by which agent
  gateway operate close support --key-file operator.key     no new calls on this line; live ones go on
  gateway operate open support --key-file operator.key
  gateway operate hang-up CALL_ID --key-file operator.key
  gateway operate reload --key-file operator.key            as SIGHUP does, and says what is wrong
  kubectl port-forward pod/gateway-0 9464                   before it, where the gateway is elsewhere""",
    ),
    Command(
        "simulate phone",
        "gateway.simulator.phone.command",
        "the phone network: events, calls, media, callbacks",
        "The phone network's half of the offline twin: it rings at a gateway, speaks, listens and records what a "
        "caller would have heard.",
        "  gateway simulate phone --help",
    ),
    Command(
        "simulate voice-live",
        "gateway.simulator.voice_live.command",
        "the Voice Live service with models of all profiles",
        "The model's half of the offline twin: turn detection on real audio, replies, usage, throttling, faults.",
        "  gateway simulate voice-live --help",
    ),
    Command(
        "load",
        "gateway.simulator.load.command",
        "many calls at once, and what they cost",
        "Drives concurrent real-time calls against a gateway process and prints what they cost: CPU, added delay, "
        "lateness, memory.",
        "  gateway load --help",
    ),
)

_GROUP_SUMMARY = "one half of the offline twin: phone, voice-live"
_EPILOG = """\
start here:
  gateway demo                                 a call you can hear and see, no account needed
  gateway check --config gateway.yaml          is this configuration right?
  gateway serve --config gateway.yaml          answer calls

Every command has its own --help with examples."""
_DEMO_MODULES = frozenset({"matplotlib", "rich"})
"""What the extra `demo` installs."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code (78, EX_CONFIG, for a configuration that can not be used)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    command = _chosen(arguments)
    try:
        module = None if command is None else _load(command)
        args = _parser(command, module).parse_args(arguments)
        if module is None:
            _parser(None, None).print_help()
            return 0
        code = _run(module, args)
        sys.stdout.flush()
    except ModuleNotFoundError as error:
        if command is None or error.name is None or error.name.partition(".")[0] not in _DEMO_MODULES:
            raise
        return _say(
            f"gateway {command.name} needs {error.name.partition('.')[0]}: pip install 'voice-gateway[demo]'", 1
        )
    except KeyboardInterrupt:
        return 130  # what shells make of an interrupt
    except BrokenPipeError:
        # Whoever read our output, such as `head`, has gone; Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def _run(module: CommandModule, args: argparse.Namespace) -> int:
    from gateway.config.problem import ConfigError  # noqa: PLC0415 - only a command that runs needs it

    try:
        return module.run(args)
    except ConfigError as error:
        source = getattr(args, "config", None)
        before = f"{source}: " if source is not None else ""
        return _say("\n".join(f"{before}{problem}" for problem in error.problems), os.EX_CONFIG)


def _say(text: str, code: int) -> int:
    sys.stderr.write(text + "\n")
    return code


def _chosen(arguments: Sequence[str]) -> Command | None:
    """The command these arguments begin with; options before it are the parser's to judge."""
    words = [argument for argument in arguments if not argument.startswith("-")]
    for length in (2, 1):
        name = " ".join(words[:length])
        for command in COMMANDS:
            if command.name == name:
                return command
    return None


def _load(command: Command) -> CommandModule:
    module: CommandModule = importlib.import_module(command.module)
    return module


def _parser(chosen: Command | None, module: CommandModule | None) -> argparse.ArgumentParser:
    """The parser of all commands; only the chosen one has its arguments."""
    parser = argparse.ArgumentParser(
        "gateway",
        description="A telephony gateway: phone calls answered by your own model.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"voice-gateway {__version__}")
    commands = parser.add_subparsers(metavar="command")
    groups: dict[str, argparse._SubParsersAction[argparse.ArgumentParser]] = {}
    for command in COMMANDS:
        group, _, name = command.name.rpartition(" ")
        if group and group not in groups:
            group_parser = commands.add_parser(group, help=_GROUP_SUMMARY, description=_GROUP_SUMMARY.capitalize())
            groups[group] = group_parser.add_subparsers(metavar="half", required=True)
        sub = (groups[group] if group else commands).add_parser(
            name,
            help=command.summary,
            description=textwrap.fill(command.text, 100),
            epilog=f"examples:\n{command.examples}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if command is chosen and module is not None:
            module.add_arguments(sub)
    return parser
