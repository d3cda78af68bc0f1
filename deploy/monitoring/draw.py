"""Draws the dashboard's first screen from a Prometheus, without Grafana: for documentation, and for people without one.

    python deploy/monitoring/draw.py --prometheus http://127.0.0.1:9090 --minutes 10 --out dashboard.png

The numbers are real answers of that Prometheus to the panels' own queries; the picture is not a screenshot of Grafana.
Needs matplotlib (the extra `demo`).
"""

from __future__ import annotations

import argparse
import json
import re
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

Points: TypeAlias = list[tuple[float, float]]
"""Moments, in seconds since the epoch, and values."""
FIRST = 12
"""Panels of the first screen."""
INTERVAL = "1m"
"""What `$__rate_interval` is taken as."""
COLOURS = ("#0072B2", "#E69F00", "#00805D", "#C44601", "#7A4EAB", "#555C63")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--prometheus", required=True, metavar="URL")
    parser.add_argument("--dashboard", type=Path, default=Path(__file__).with_name("dashboard.json"))
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    panels = [panel for panel in json.loads(args.dashboard.read_text())["panels"] if panel["type"] == "timeseries"]
    figure = Figure(figsize=(20, 11), dpi=75)
    FigureCanvasAgg(figure)
    until = time.time()
    for axes, panel in zip(figure.subplots(3, 4).flat, panels[:FIRST], strict=True):
        draw(axes, panel, args.prometheus, until - 60 * args.minutes, until)
    figure.suptitle("Drawn from a Prometheus that scraped a gateway under rehearsal; not a screenshot of Grafana")
    figure.tight_layout()
    figure.savefig(args.out)


def draw(axes: Any, panel: dict[str, Any], prometheus: str, start: float, end: float) -> None:
    defaults, right = panel["fieldConfig"]["defaults"], None
    unit = defaults["unit"]
    scale = 100.0 if unit == "percentunit" else 1.0
    lines: list[Any] = []
    for target in panel["targets"]:
        for labels, points in ask(prometheus, target["expr"], start, end):
            legend = name(target, labels)
            override = overridden(panel, legend)
            on, factor = axes, scale
            if override.get("custom.axisPlacement") == "right":
                on = right = right or axes.twinx()
                factor = 100.0 if override["unit"] == "percentunit" else 1.0
                legend += " (right, %)" if factor > 1 else " (right)"
            style = ":" if "custom.lineStyle" in override else "-"
            minutes, values = [(at - start) / 60 for at, _ in points], [factor * value for _, value in points]
            colour = COLOURS[len(lines) % len(COLOURS)]
            lines += on.plot(minutes, values, color=colour, linewidth=1.8, linestyle=style, label=legend)
    steps = defaults.get("thresholds", {}).get("steps", [])
    for step in steps[1:]:
        axes.axhline(scale * step["value"], color="#B3261E", linewidth=1.0, linestyle="--")
    axes.set_title(panel["title"], loc="left", fontsize=12, fontweight="bold")
    axes.set_ylabel({"percentunit": "%", "s": "s"}.get(unit, ""))
    axes.set_xlim(0, (end - start) / 60)
    axes.set_ylim(bottom=0)
    axes.grid(color="#DDE1E4", linewidth=0.6)
    if right is not None:
        right.set_ylim(bottom=0)
    if lines:
        axes.legend(handles=lines, frameon=False, fontsize=8, loc="best")
    else:
        axes.text(0.5, 0.5, "nothing of the kind happened", transform=axes.transAxes, ha="center", color="#555C63")


def ask(
    prometheus: str, expression: str, start: float, end: float
) -> Iterator[tuple[dict[str, str], list[tuple[float, float]]]]:
    query = urllib.parse.urlencode(
        {"query": expression.replace("$__rate_interval", INTERVAL), "start": start, "end": end, "step": 5}
    )
    with urllib.request.urlopen(f"{prometheus}/api/v1/query_range?{query}", timeout=30) as answer:  # noqa: S310 - the operator's own
        found = json.load(answer)
    for series in found["data"]["result"]:
        points = [(float(at), float(value)) for at, value in series["values"] if value not in ("NaN", "+Inf")]
        if points:
            yield series["metric"], points


def overridden(panel: dict[str, Any], legend: str) -> dict[str, Any]:
    """What the panel says of a line by its legend."""
    found: dict[str, Any] = {}
    for override in panel["fieldConfig"]["overrides"]:
        wanted = override["matcher"]["options"]
        matches = re.fullmatch(wanted.strip("/"), legend) if wanted.startswith("/") else wanted == legend
        if matches:
            found |= {each["id"]: each["value"] for each in override["properties"]}
    return found


def name(target: dict[str, Any], labels: dict[str, str]) -> str:
    text: str = target["legendFormat"]
    for label, value in labels.items():
        text = text.replace(f"{{{{{label}}}}}", value)
    return text


if __name__ == "__main__":
    main()
