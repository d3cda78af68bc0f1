"""Writes the rules and the dashboard; what they say is decided here, once.

    python deploy/monitoring/make.py

Three promises to callers are watched over five windows each, by burn rates (Site Reliability Workbook, chapter 5). That
is fifteen recorded shares and nine conditions, which differ in a number or two: they are written by this program into
rules/service-levels.yaml. Everything else in rules/ is written by hand. `dashboard.json` is made by `dashboard.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import dashboard
import yaml

HERE = Path(__file__).parent
WINDOWS = ("5m", "30m", "1h", "6h", "3d")


@dataclass(frozen=True, slots=True)
class Promise:
    """Something that callers are promised, as a share of something that is counted."""

    name: str
    alert: str
    budget: float
    """share that may fail"""
    bad: str
    all: str
    """`bad` and good ones"""
    what: str
    """for people, in the plural"""


PROMISES = (
    Promise(
        "answer_errors",
        "GatewayCallsNotAnswered",
        0.005,
        'gateway_offers_total{result=~"failed|busy|undecided"}',
        'gateway_offers_total{result=~"answered|failed|busy|undecided"}',
        "calls that an agent should have answered were not",
    ),
    Promise(
        "silence_errors",
        "GatewayCallersInSilence",
        0.001,
        'gateway_turns_total{silence="long"}',
        "gateway_turns_total",
        "turns were followed by more than 4 s of silence",
    ),
    Promise(
        "ending_errors",
        "GatewayCallsBroken",
        0.005,
        'gateway_calls_total{result="failed"}',
        'gateway_calls_total{result=~"completed|failed"}',
        "calls ended for a reason of ours or of Azure",
    ),
)


@dataclass(frozen=True, slots=True)
class Burn:
    """A budget of thirty days that is used up so many times too fast."""

    times: float
    long: str
    short: str
    """must show it too, so that the alert ends soon after the fault"""
    least: int
    """events in the long window: among a few, one is a high share"""
    severity: str


BURNS = (
    Burn(14.4, "1h", "5m", 50, "page"),
    Burn(6, "6h", "30m", 150, "page"),
    Burn(1, "3d", "6h", 500, "ticket"),
)

HEAD = """\
# Made by deploy/monitoring/make.py: what callers are promised, and how fast the budget for breaking it is used up.
# Over all replicas. A window without traffic has no sample, instead of a NaN that compares with nothing.
"""


def service_levels() -> str:
    """rules/service-levels.yaml."""
    records = [
        {
            "record": f"gateway:{promise.name}:ratio_{window}",
            "expr": f"sum(increase({promise.bad}[{window}]))\n  / (sum(increase({promise.all}[{window}])) > 0)\n",
        }
        for promise in PROMISES
        for window in WINDOWS
    ]
    alerts = [_alert(promise, burn) for promise in PROMISES for burn in BURNS]
    # One group: its rules are evaluated in their order, so an alert never looks at a share of a minute ago.
    groups = [{"name": "gateway-service-levels", "rules": [*records, *alerts]}]
    return HEAD + yaml.dump({"groups": groups}, Dumper=_Readable, sort_keys=False, width=118)


def _alert(promise: Promise, burn: Burn) -> dict[str, object]:
    most = promise.budget * burn.times
    return {
        "alert": promise.alert,
        "expr": (
            f"gateway:{promise.name}:ratio_{burn.long} > {most:g}\n"
            f"  and gateway:{promise.name}:ratio_{burn.short} > {most:g}\n"
            f"  and sum(increase({promise.all}[{burn.long}])) >= {burn.least}\n"
        ),
        "labels": {"severity": burn.severity, "window": burn.long},
        "annotations": {
            "summary": f"{{{{ $value | humanizePercentage }}}} of {promise.what} (last {burn.long})",
            "description": (
                f"Promised is at most {promise.budget:.1%}. At this rate the budget of thirty days is used up in "
                f"{30 / burn.times:.0f} days."
            ),
            "runbook_url": f"docs/RUNBOOK.md#{promise.alert.lower()}",
        },
    }


class _Readable(yaml.SafeDumper):
    """Text of several lines as a block."""


_Readable.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None),
)


def main() -> None:
    (HERE / "rules" / "service-levels.yaml").write_text(service_levels(), encoding="utf-8")
    (HERE / "dashboard.json").write_text(dashboard.as_json(), encoding="utf-8")


if __name__ == "__main__":
    main()
