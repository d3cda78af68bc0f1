"""`gateway capacity`: from calls to units, and back."""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import os
import sys
from collections.abc import Callable
from pathlib import Path

from gateway.capacity.cost import TokenPrices, UnitPrice
from gateway.capacity.ptu import TokenWeights
from gateway.capacity.ptu_table import Kind, PtuModel, PtuTable, Sizes, ptu_table
from gateway.capacity.sizing import CallProfile, Limits, Units, calls_in, plan
from gateway.config import Deployment, GatewayConfig, PtuCapacity, load
from gateway.config.problem import ConfigError
from gateway.config.suggest import did_you_mean
from gateway.size_answer import Answer, Prices, Subject
from gateway.size_metrics import MetricsUnreadable, read_metrics
from gateway.telemetry.profile import Measured, measured_profile

USAGE_ERROR = 2
ANY_SIZE = Sizes(1, 1)


class NotPossible(Exception):  # noqa: N818 - named for what happened
    """Nothing can be said; the text says why, and what to do."""

    def __init__(self, text: str, code: int = USAGE_ERROR) -> None:
        super().__init__(text)
        self.code = code


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_argument_group("what is bought")
    what.add_argument("--model", metavar="NAME", help="a model of the PTU table")
    what.add_argument(
        "--kind",
        choices=("global", "datazone", "regional"),
        default="global",
        help="data zones are sold like global deployments (default: %(default)s)",
    )
    what.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="take model, weights, units, prices and target from a configuration; with --model only its ptu_table_file",
    )
    what.add_argument(
        "--deployment", metavar="NAME", help="which of its deployments; needed where several are provisioned"
    )
    goal = parser.add_argument_group("from calls to units, or back").add_mutually_exclusive_group()
    goal.add_argument("--calls", type=_positive, metavar="N", help="calls at once")
    goal.add_argument("--units", type=_whole, metavar="N", help="units bought")
    _add_call(parser)
    _add_limits(parser)
    out = parser.add_argument_group("output")
    out.add_argument("--json", action="store_true", help="for programs")
    out.add_argument("--plot", type=Path, metavar="FILE", help="draw calls against units (.png or .svg)")


def _add_call(parser: argparse.ArgumentParser) -> None:
    calls, default = parser.add_argument_group("an average call"), CallProfile()
    calls.add_argument(
        "--turns", type=_positive, metavar="N", help=f"answers a minute (default: {default.turns_per_minute:g})"
    )
    calls.add_argument(
        "--prompt",
        type=_positive,
        metavar="TOKENS",
        help=f"text tokens of a prompt (default: {default.prompt_tokens:g}); of the first one, with --growth",
    )
    calls.add_argument(
        "--growth",
        type=_not_negative,
        metavar="TOKENS",
        help="that every turn adds to the prompts after it (default: 0)",
    )
    calls.add_argument(
        "--history-turns", type=_whole, metavar="N", help="turns that stay in the prompt, as the agent's history_turns"
    )
    calls.add_argument(
        "--answer",
        type=_positive,
        metavar="TOKENS",
        help=f"text tokens of an answer, reasoning included (default: {default.answer_tokens:g})",
    )
    calls.add_argument(
        "--cached",
        "--cache",
        type=_percent,
        metavar="PERCENT",
        help=f"of a prompt, read from the cache (default: {100 * default.cached:g})",
    )
    calls.add_argument(
        "--written", type=_percent, metavar="PERCENT", help="of a prompt, written to the cache (default: 0)"
    )
    calls.add_argument("--minutes", type=_positive, metavar="N", help=f"its length (default: {default.minutes:g})")
    calls.add_argument(
        "--from-metrics",
        action="append",
        metavar="URL|FILE",
        help="measure the call instead, from /metrics of a gateway; once for each replica, and with --deployment",
    )


def _add_limits(parser: argparse.ArgumentParser) -> None:
    limits, known = parser.add_argument_group("limits and prices"), Limits()
    limits.add_argument(
        "--target",
        type=_share,
        metavar="PERCENT",
        help=f"of the units, that calls are admitted to (default: {100 * known.target:g})",
    )
    limits.add_argument(
        "--dials",
        type=_whole,
        metavar="N",
        default=known.dials_per_minute,
        help="new sessions a minute of one Voice Live resource (default: %(default)s)",
    )
    limits.add_argument(
        "--per-replica",
        type=_whole,
        metavar="N",
        default=known.calls_per_replica,
        help="calls of one gateway process (default: %(default)s)",
    )
    limits.add_argument(
        "--unit-hour", type=_positive, metavar="PRICE", help="of one unit for an hour, by your contract"
    )
    limits.add_argument(
        "--token-prices",
        type=_not_negative,
        nargs=3,
        metavar=("IN", "CACHED", "OUT"),
        help="of a million tokens, by your contract: what the same calls cost as pay as you go",
    )
    limits.add_argument("--currency", metavar="CODE", help="of these prices")
    limits.add_argument(
        "--against", metavar="NAME", help="a pay-as-you-go deployment of the configuration, for its token prices"
    )


def run(args: argparse.Namespace) -> int:
    """Answer one question; returns the exit code."""
    try:
        answer = _answer(args)
        draw = None if args.plot is None else _drawing(args.plot)
    except NotPossible as error:
        print(f"gateway capacity: {error}", file=sys.stderr)
        return error.code
    print(json.dumps(answer.as_json(), indent=2) if args.json else "\n".join(answer.lines()))
    if draw is not None:
        try:
            draw(args.plot, answer)
        except OSError as error:
            print(f"gateway capacity: {args.plot} can not be written: {error.strerror}", file=sys.stderr)
            return 1
    return 0


def _answer(args: argparse.Namespace) -> Answer:
    config = None if args.config is None else _config(args.config)
    subject = _subject(args, config)
    profile, measured = _profile(args, subject.deployment)
    target = args.target or subject.target
    limits = Limits(dials_per_minute=args.dials, calls_per_replica=args.per_replica)
    if target is not None:
        limits = dataclasses.replace(limits, target=target)
    units = subject.bought if args.units is None and args.calls is None else args.units
    if units is None and args.calls is None:
        raise NotPossible("say how many: --calls N, or --units N")
    calls = args.calls if units is None else calls_in(profile, units, subject.units, limits.target)
    if not calls:
        raise NotPossible(
            f"{units} units do not carry one call at {limits.target:.0%}; more --units, or a smaller --prompt"
        )
    return Answer(
        subject=subject,
        profile=profile,
        measured=measured,
        limits=limits,
        plan=plan(profile, calls, subject.units, limits),
        units_given=units,
        prices=_prices(args, config, subject),
    )


# --- what is asked --------------------------------------------------------------------------------------------------


def _config(path: Path) -> GatewayConfig:
    try:
        return load(path)
    except ConfigError as error:
        text = "\n".join(f"{path}: {problem}" for problem in error.problems)
        raise NotPossible(f"the configuration can not be used:\n{text}", os.EX_CONFIG) from None


def _subject(args: argparse.Namespace, config: GatewayConfig | None) -> Subject:
    kind = Kind.REGIONAL if args.kind == "regional" else Kind.GLOBAL
    if args.model is not None:
        return _of_model(args.model, kind, ptu_table() if config is None else config.ptu_table)
    if config is None:
        raise NotPossible("say what: --model NAME, or --config FILE")
    provisioned = [each for each in config.deployments if each.budget is not None]
    found = [each for each in provisioned if args.deployment in (None, each.name)]
    if len(found) != 1:
        names = ", ".join(each.name for each in provisioned) or "none"
        raise NotPossible(f"say which: --deployment NAME; provisioned in {args.config} are: {names}")
    return _of_deployment(found[0], kind)


def _of_model(name: str, kind: Kind, table: PtuTable) -> Subject:
    row = table.models.get(name)
    if row is None:
        hint = did_you_mean(name, table.models) or "a table of your own can add it (ptu_table_file)"
        raise NotPossible(
            f"{name} is not in the PTU table of {table.date}; {hint}\nthere are: {', '.join(table.models)}"
        )
    if row.output is None:
        raise NotPossible(
            f"no ratio of output to input tokens is published for {row.name}; give it as weights.output of a "
            "deployment and use --config"
        )
    weights = TokenWeights(row.output, row.cached_input, row.cache_write)
    return Subject(row.name, kind, Units(row.tpm_per_ptu, weights, _sizes(row, kind)), f"table of {row.date}")


def _of_deployment(deployment: Deployment, kind: Kind) -> Subject:
    capacity, budget = deployment.capacity, deployment.budget
    assert isinstance(capacity, PtuCapacity)  # noqa: S101 - it has a budget
    assert budget is not None  # noqa: S101 - the same
    if not deployment.profile.is_cascade:
        raise NotPossible(
            f"{deployment.name} is a realtime model: most of its tokens are audio, for which no weight is published"
        )
    row = capacity.row
    return Subject(
        name=f"{deployment.name} ({capacity.ptu_model or 'weights of its own'})",
        kind=kind,
        units=Units(budget.tpm_per_ptu, budget.weights, ANY_SIZE if row is None else _sizes(row, kind)),
        source="weights of the configuration" if row is None else f"table of {row.date}",
        deployment=deployment.name,
        bought=budget.units,
        target=capacity.target,
        price=None if deployment.price is None else deployment.price.of_units,
    )


def _sizes(row: PtuModel, kind: Kind) -> Sizes:
    if kind not in row.sizes:
        raise NotPossible(f"{row.name} is not sold as {kind}; --kind {' or '.join(row.sizes)}")
    return row.sizes[kind]


def _profile(args: argparse.Namespace, deployment: str | None) -> tuple[CallProfile, Measured | None]:
    profile, measured = CallProfile(), None
    if args.from_metrics:
        try:
            measured = measured_profile(map(read_metrics, args.from_metrics), args.deployment or deployment)
        except (MetricsUnreadable, ValueError) as error:
            raise NotPossible(f"{' + '.join(args.from_metrics)}: {error}") from None
        profile = measured.profile
    given = {
        "turns_per_minute": args.turns,
        "prompt_tokens": args.prompt,
        "answer_tokens": args.answer,
        "cached": args.cached,
        "written": args.written,
        "minutes": args.minutes,
        "growth_tokens": args.growth,
        "history_turns": args.history_turns,
    }
    profile = dataclasses.replace(profile, **{name: value for name, value in given.items() if value is not None})
    if profile.cached + profile.written > 1:
        raise NotPossible("--cached and --written are shares of one prompt: together at most 100")
    return profile, measured


def _prices(args: argparse.Namespace, config: GatewayConfig | None, subject: Subject) -> Prices:
    """What was given on the command line, else what the configuration says."""
    named = args.currency or ""
    unit = subject.price if args.unit_hour is None else UnitPrice(named, args.unit_hour)
    tokens = None
    if args.token_prices is not None:
        fresh, cached, output = args.token_prices
        tokens = TokenPrices(named, input=fresh, output=output, cached_input=cached, cache_write=fresh)
    elif args.against is not None:
        deployments = () if config is None else config.deployments
        priced = {each.name: each.price.of_tokens for each in deployments if each.price is not None}
        tokens = priced.get(args.against)
        if tokens is None:
            names = ", ".join(name for name, prices in priced.items() if prices is not None) or "none"
            raise NotPossible(f"--against {args.against}: with prices for tokens in the configuration are: {names}")
    if unit is not None and tokens is not None and unit.currency != tokens.currency:
        raise NotPossible(f"prices are in {unit.currency or 'no currency'} and {tokens.currency or 'no currency'}")
    return Prices(unit, tokens)


# --- the picture ----------------------------------------------------------------------------------------------------


def _drawing(path: Path) -> Callable[[Path, Answer], None]:
    """Looked for before anything is said, so that what is missing is said first."""
    if path.suffix not in (".png", ".svg"):
        raise NotPossible("--plot draws .png and .svg")
    try:
        from gateway.size_plot import draw  # noqa: PLC0415 - needs what only the demonstration needs
    except ModuleNotFoundError as error:
        raise NotPossible(f"--plot needs {error.name}: pip install 'voice-gateway[demo]'") from None
    return draw


# --- values ---------------------------------------------------------------------------------------------------------


def _positive(text: str) -> float:
    value = _number(text)
    if value <= 0:
        raise argparse.ArgumentTypeError("must be above 0")
    return value


def _not_negative(text: str) -> float:
    value = _number(text)
    if value < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return value


def _whole(text: str) -> int:
    value = _positive(text)
    if value != int(value):
        raise argparse.ArgumentTypeError("must be a whole number")
    return int(value)


def _percent(text: str) -> float:
    value = _number(text.removesuffix("%")) / 100
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError("must be from 0 to 100")
    return value


def _share(text: str) -> float:
    value = _percent(text)
    if value == 0:
        raise argparse.ArgumentTypeError("must be above 0")
    return value


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is no number") from None
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text} is no number")
    return value
