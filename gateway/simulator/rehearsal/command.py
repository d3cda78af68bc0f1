"""`gateway rehearse`: capacity under load, before callers do it."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gateway.simulator.load.subject import SubjectFailed
from gateway.simulator.rehearsal.run import Rehearsal, RehearsalPlan, Sample, rehearse

SAY_EVERY_S = 30


def add_arguments(parser: argparse.ArgumentParser) -> None:
    known = RehearsalPlan()
    parser.add_argument(
        "--calls", type=float, default=known.calls, help="callers who want to be served at once (default: %(default)g)"
    )
    parser.add_argument(
        "--minutes", type=float, default=known.minutes, help="how long callers come (default: %(default)g)"
    )
    parser.add_argument(
        "--call-minutes", type=float, default=known.call_minutes, help="mean length of a call (default: %(default)g)"
    )
    parser.add_argument(
        "--units",
        type=int,
        default=known.units,
        help="provisioned units of 3,000 tokens a minute (default: %(default)s)",
    )
    parser.add_argument(
        "--others", type=float, default=0.0, metavar="PERCENT", help="of the units that another client takes"
    )
    parser.add_argument("--others-from", type=float, default=0.0, metavar="SECONDS", help="when that client begins")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--metrics-port", type=int, default=0, metavar="PORT", help="where the gateway is scraped (default: any)"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("rehearsal"), metavar="DIR", help="for report.json, picture.png and the log"
    )


def run(args: argparse.Namespace) -> int:
    plan = RehearsalPlan(
        args.calls,
        args.minutes,
        args.call_minutes,
        args.units,
        args.others / 100,
        args.others_from,
        args.seed,
        args.metrics_port,
    )
    args.out.mkdir(parents=True, exist_ok=True)
    try:
        result = asyncio.run(rehearse(plan, args.out, _say))
    except SubjectFailed as error:
        print(f"gateway rehearse: {error}", file=sys.stderr)
        return 1
    report = report_of(result)
    (args.out / "report.json").write_text(
        json.dumps(report | {"samples": [asdict(s) for s in result.samples]}, indent=1)
    )
    _draw(args.out / "picture.png", result)
    print(json.dumps(report, indent=2))
    return 0


def report_of(result: Rehearsal) -> dict[str, Any]:
    """The numbers, for people and programs."""
    decisions = result.decisions_s
    return {
        "plan": asdict(result.plan),
        "callers": len(result.records),
        "served": sum(bool(record.answers) for record in result.records),
        "turned_away": sum(record.ending == "rejected" for record in result.records),
        "estimate_error_p95": round(result.error_p95, 4),
        "goodput_of_target": round(result.goodput, 4),
        "responses": result.responses,
        "throttled": result.throttled,
        "decision_s": {
            "p50": round(decisions[len(decisions) // 2], 3) if decisions else None,
            "longest": round(decisions[-1], 3) if decisions else None,
        },
        "event_grid_answers": result.statuses,
        "gateway_reasons": result.reasons,
    }


def _say(sample: Sample) -> None:
    if int(sample.at_s) % SAY_EVERY_S == 0:
        print(
            f"{sample.at_s / 60:5.1f} min  {sample.calls:3d} calls  true {sample.true:6.1%}  "
            f"estimate {sample.believed:6.1%}  forecast {sample.forecast:6.1%}  turned away {sample.refused}",
            flush=True,
        )


def _draw(path: Path, result: Rehearsal) -> None:
    try:
        from gateway.simulator.rehearsal.picture import draw  # noqa: PLC0415 - needs what only the demonstration needs
    except ModuleNotFoundError as error:
        print(f"no picture without {error.name}: pip install 'voice-gateway[demo]'", file=sys.stderr)
        return
    draw(path, result)
