"""`gateway capacity`: from calls to units, and back."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gateway.capacity.ptu import PtuModel, PtuTable, Sizes, TokenWeights, ptu_table
from gateway.capacity.sizing import HOURS_A_MONTH, CallProfile, Limits, Plan, Units, calls_in, plan
from gateway.config import Deployment, PtuCapacity, load
from gateway.config.problem import ConfigError
from gateway.config.suggest import did_you_mean
from gateway.telemetry.profile import measured_profile

KINDS = ("global", "regional")
USAGE_ERROR = 2
CONFIG_ERROR = 78


class NotPossible(Exception):  # noqa: N818 - named for what happened
    """Nothing can be said; the text says why, and what to do."""

    def __init__(self, text: str, code: int = USAGE_ERROR) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class Subject:
    """What is sized."""

    name: str
    kind: str
    units: Units


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_argument_group("what is bought")
    what.add_argument("--model", metavar="NAME", help="a model of the PTU table")
    what.add_argument(
        "--kind", choices=KINDS, default="global", help="global stands for data zone, too (default: %(default)s)"
    )
    what.add_argument("--config", type=Path, metavar="FILE", help="take model, weights and units from a configuration")
    what.add_argument(
        "--deployment", metavar="NAME", help="which of its deployments; needed where several are provisioned"
    )
    goal = parser.add_argument_group("from calls to units, or back").add_mutually_exclusive_group()
    goal.add_argument("--calls", type=_positive, metavar="N", help="calls at once")
    goal.add_argument("--units", type=_whole, metavar="N", help="units bought")
    calls = parser.add_argument_group("an average call")
    default = CallProfile()
    calls.add_argument(
        "--turns", type=_positive, metavar="N", help=f"answers a minute (default: {default.turns_per_minute:g})"
    )
    calls.add_argument(
        "--prompt",
        type=_positive,
        metavar="TOKENS",
        help=f"text tokens of a prompt (default: {default.prompt_tokens:g})",
    )
    calls.add_argument(
        "--answer",
        type=_positive,
        metavar="TOKENS",
        help=f"text tokens of an answer (default: {default.answer_tokens:g})",
    )
    calls.add_argument(
        "--cached",
        type=_percent,
        metavar="PERCENT",
        help=f"of a prompt, read from the cache (default: {default.cached:.0%})",
    )
    calls.add_argument("--minutes", type=_positive, metavar="N", help=f"its length (default: {default.minutes:g})")
    calls.add_argument(
        "--from-metrics",
        type=Path,
        metavar="FILE",
        help="measure the call instead: the text of a gateway's /metrics; with --deployment, if it has several",
    )
    limits, known = parser.add_argument_group("limits and prices"), Limits()
    limits.add_argument(
        "--target", type=_percent, metavar="PERCENT", default=known.target, help="calls are admitted to (default: 80)"
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
    out = parser.add_argument_group("output")
    out.add_argument("--json", action="store_true", help="for programs")
    out.add_argument("--plot", type=Path, metavar="FILE", help="draw calls against units (.png or .svg)")


def run(args: argparse.Namespace) -> int:
    try:
        _size(args, ptu_table())
    except NotPossible as error:
        print(f"gateway capacity: {error}", file=sys.stderr)
        return error.code
    return 0


def _size(args: argparse.Namespace, table: PtuTable) -> None:
    subject, bought = _subject(args, table)
    profile, limits = _profile(args), Limits(args.target, args.dials, args.per_replica)
    units = bought if args.units is None and args.calls is None else args.units
    if units is None and args.calls is None:
        raise NotPossible("say how many: --calls N, or --units N")
    calls = args.calls if units is None else calls_in(profile, units, subject.units, limits.target)
    if not calls:
        raise NotPossible(f"{units} units do not carry one call at {limits.target:.0%}")
    wanted = plan(profile, calls, subject.units, limits)
    if args.json:
        print(json.dumps(_as_json(subject, profile, wanted, units, args.unit_hour, table), indent=2))
    else:
        for line in _lines(subject, profile, wanted, units, limits, args.unit_hour, table):
            print(line)
    if args.plot is not None:
        _plot(args.plot, subject, profile, limits, calls)


# --- what is asked --------------------------------------------------------------------------------------------------


def _subject(args: argparse.Namespace, table: PtuTable) -> tuple[Subject, int | None]:
    """What is sized, and the units that a configuration has for it."""
    if args.config is not None:
        return _configured(args, table)
    if args.model is None:
        raise NotPossible("say what: --model NAME, or --config FILE")
    row = table.models.get(args.model)
    if row is None:
        hint = did_you_mean(args.model, table.models) or f"there are: {', '.join(table.models)}"
        raise NotPossible(f"{args.model} is not in the PTU table of {table.date}; {hint}")
    if row.output is None:
        raise NotPossible(
            f"no ratio of output to input tokens is published for {row.name}; give it as weights.output of a "
            "deployment and use --config"
        )
    weights = TokenWeights(row.output, row.cached_input, row.cache_write)
    return Subject(row.name, args.kind, Units(row.tpm_per_ptu, weights, _sizes(row, args.kind))), None


def _configured(args: argparse.Namespace, table: PtuTable) -> tuple[Subject, int]:
    try:
        config = load(args.config)
    except ConfigError as error:
        raise NotPossible("\n  ".join(map(str, error.problems)), CONFIG_ERROR) from None
    provisioned = [each for each in config.deployments if each.budget is not None]
    found = [each for each in provisioned if args.deployment in (None, each.name)]
    if len(found) != 1:
        names = ", ".join(each.name for each in provisioned) or "none"
        raise NotPossible(f"say which: --deployment NAME; provisioned in {args.config} are: {names}")
    return _of_deployment(found[0], args.kind, table)


def _of_deployment(deployment: Deployment, kind: str, table: PtuTable) -> tuple[Subject, int]:
    capacity, budget = deployment.capacity, deployment.budget
    assert isinstance(capacity, PtuCapacity)  # noqa: S101 - it has a budget
    assert budget is not None  # noqa: S101 - the same
    row = None if capacity.ptu_model is None else table.models[capacity.ptu_model]
    sizes = Sizes(1, 1) if row is None else _sizes(row, kind)
    name = f"{deployment.name} ({capacity.ptu_model or 'weights of its own'})"
    return Subject(name, kind, Units(budget.tpm_per_ptu, budget.weights, sizes)), budget.units


def _sizes(row: PtuModel, kind: str) -> Sizes:
    if len(row.sizes) <= KINDS.index(kind):
        raise NotPossible(f"{row.name} is not sold as {kind}")
    return row.sizes[KINDS.index(kind)]


def _profile(args: argparse.Namespace) -> CallProfile:
    profile = CallProfile()
    if args.from_metrics is not None:
        try:
            text = args.from_metrics.read_text()
        except OSError as error:
            raise NotPossible(f"{args.from_metrics} can not be read: {error.strerror}") from None
        try:
            profile = measured_profile(text, args.deployment)
        except ValueError as error:
            raise NotPossible(f"{args.from_metrics}: {error}") from None
    given = {
        "turns_per_minute": args.turns,
        "prompt_tokens": args.prompt,
        "answer_tokens": args.answer,
        "cached": args.cached,
        "minutes": args.minutes,
    }
    return CallProfile(**asdict(profile) | {name: value for name, value in given.items() if value is not None})


# --- what is said ---------------------------------------------------------------------------------------------------


def _lines(  # noqa: PLR0913 - everything that stands in the table
    subject: Subject,
    profile: CallProfile,
    wanted: Plan,
    units: int | None,
    limits: Limits,
    unit_hour: float | None,
    table: PtuTable,
) -> Iterator[str]:
    of = subject.units
    yield f"{subject.name}, {subject.kind}: a unit carries {of.tpm_per_ptu:,.0f} input tokens a minute; an output token"
    yield f"counts for {of.weights.output:g}, a cached one for {of.weights.cached_input:g} (table of {table.date})"
    yield ""
    prompt = f"{profile.prompt_tokens:,.0f} in, {profile.cached:.0%} cached"
    answer = f"{of.weights.output:g} x {profile.answer_tokens:,.0f} out"
    rows = [
        (
            "tokens of a call a minute",
            f"{wanted.tokens_per_call:,.0f}",
            f"normalised: {profile.turns_per_minute:g} answers x ({prompt}, + {answer})",
        ),
        (
            "calls at once",
            f"{wanted.calls:,.0f}",
            "that is what was asked" if units is None else f"in {units} units at {limits.target:.0%}",
        ),
        ("tokens of all a minute", f"{wanted.tokens_per_minute:,.0f}", "tokens of a call x calls"),
        ("units, exactly", f"{wanted.exact_units:,.2f}", f"tokens / {of.tpm_per_ptu:,.0f}"),
        (
            "units to buy",
            f"{wanted.units:,}",
            f"at {limits.target:.0%}, {of.sizes.minimum} and steps of {of.sizes.step}",
        ),
        (
            "their utilisation",
            f"{wanted.utilisation:.0%}",
            "by these calls, on average; over 100 % the service refuses",
        ),
        ("calls that begin a minute", f"{wanted.calls_a_minute:,.1f}", f"calls / {profile.minutes:g} minutes"),
        ("Voice Live resources", f"{wanted.resources}", f"for {limits.dials_per_minute} new sessions a minute each"),
        ("replicas of the gateway", f"{wanted.replicas}", f"of {limits.calls_per_replica} calls"),
    ]
    if unit_hour is not None:
        price = _monthly(wanted.units, unit_hour)
        rows.append(("price of a month", f"{price:,.0f}", f"units x {unit_hour:g} x {HOURS_A_MONTH} hours"))
    width, number = max(len(name) for name, _, _ in rows), max(len(value) for _, value, _ in rows)
    for name, value, why in rows:
        yield f"  {name:<{width}}  {value:>{number}}  {why}"
    yield ""
    yield "Estimates of averages: measure your own calls (--from-metrics), and leave room for the worse minutes."


def _as_json(  # noqa: PLR0913 - everything that stands in it
    subject: Subject,
    profile: CallProfile,
    wanted: Plan,
    units: int | None,
    unit_hour: float | None,
    table: PtuTable,
) -> dict[str, Any]:
    monthly = None if unit_hour is None else _monthly(wanted.units, unit_hour)
    return {
        "subject": {"name": subject.name, "kind": subject.kind, "tpm_per_ptu": subject.units.tpm_per_ptu},
        "table": table.date,
        "call": asdict(profile),
        "units_given": units,
        "plan": asdict(wanted),
        "monthly_price": monthly,
    }


def _monthly(units: int, unit_hour: float) -> float:
    return units * unit_hour * HOURS_A_MONTH


def _plot(path: Path, subject: Subject, profile: CallProfile, limits: Limits, calls: float) -> None:
    try:
        from gateway.size_plot import draw  # noqa: PLC0415 - needs what only the demonstration needs
    except ModuleNotFoundError as error:
        raise NotPossible(f"--plot needs {error.name}: pip install 'voice-gateway[demo]'") from None
    if path.suffix not in (".png", ".svg"):
        raise NotPossible("--plot draws .png and .svg")
    draw(path, subject.name, profile, subject.units, limits, calls)


# --- values ---------------------------------------------------------------------------------------------------------


def _positive(text: str) -> float:
    value = float(text)
    if not math.isfinite(value) or value <= 0:
        raise argparse.ArgumentTypeError("must be above 0")
    return value


def _whole(text: str) -> int:
    value = int(text)
    if value <= 0:
        raise argparse.ArgumentTypeError("must be above 0")
    return value


def _percent(text: str) -> float:
    value = float(text.removesuffix("%")) / 100
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError("must be from 0 to 100")
    return value
