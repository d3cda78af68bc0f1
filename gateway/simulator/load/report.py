"""A table for people and JSON for machines."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from gateway.simulator.load.plan import LoadPlan
from gateway.simulator.load.proc import MIB
from gateway.simulator.load.result import Result
from gateway.simulator.load.samples import Spread

MS = 1000
TARGET_RATIO = 1.6
NOTHING = "-"


class Row(NamedTuple):
    name: str
    values: tuple[str, ...]
    ratio: str
    target: str


def table(plan: LoadPlan, results: list[Result], machine: str, cores: str) -> str:
    """Everything that was measured.

    Args:
        plan: what was asked for.
        results: the gateway's, and after it the floor's where it was measured.
        machine: what it was measured on.
        cores: who ran where.
    """
    rows = [
        Row("", tuple(result.subject for result in results), "ratio" if len(results) > 1 else "", "target"),
        *_rows(results),
    ]
    widths = [max(len(row.values[column]) for row in rows) for column in range(len(results))]
    name_width, ratio_width = (max(len(getattr(row, field)) for row in rows) for field in ("name", "ratio"))
    lines = [str(plan), machine, cores, ""]
    for row in rows:
        values = "  ".join(value.rjust(width) for value, width in zip(row.values, widths, strict=True))
        lines.append(f"{row.name:<{name_width}}  {values}  {row.ratio:>{ratio_width}}  {row.target}".rstrip())
    lines += ["", *_remarks(results)]
    return "\n".join(lines)


def as_json(plan: LoadPlan, results: list[Result], machine: str, cores: str) -> dict[str, Any]:
    return {
        "plan": {**dataclasses.asdict(plan), "phone": str(plan.phone), "model": str(plan.model)},
        "machine": machine,
        "cores": cores,
        "results": [_finite({**dataclasses.asdict(result), "doubts": result.doubts}) for result in results],
    }


def _rows(results: list[Result]) -> Iterator[Row]:
    yield _row("CPU per call-second, ms", [r.cpu_per_call_s * MS for r in results], ".2f", "<= 3.5, ratio <= 1.6")
    yield _row("CPU of its core, %", [r.process.cpu_share * 100 for r in results], ".0f", "", ratio=False)
    yield _spread_row("uplink added, ms", [r.uplink for r in results], "< 1 / 5 / 10")
    yield _spread_row("downlink first frame, ms", [r.downlink for r in results], "")
    yield _spread_row("downlink frame lateness, ms", [r.lateness for r in results], "p99 < 5")
    yield _row("frames too late to play, %", [r.gap_share * 100 for r in results], ".3f", "", ratio=False)
    yield _spread_row("barge-in to StopAudio, ms", [r.barge_in for r in results], "")
    memory = [r.memory_per_call_bytes / MIB for r in results]
    yield _row("memory per call, MiB", memory, ".2f", "0.3 + queued audio", ratio=False)
    yield _row("memory without calls, MiB", [r.idle_rss_bytes / MIB for r in results], ".0f", "", ratio=False)
    yield _row("failed calls", [r.failed_calls for r in results], "d", "0", ratio=False)
    lags = [r.loop_lag_p99_s for r in results], [r.loop_lag_longest_s for r in results]
    yield Row("loop lag p99 / longest, ms", tuple(map(_at_most, *lags)), "", "longest < 10")
    rates = [(r.frames_up_per_call_s, r.frames_down_per_call_s, r.deltas_per_call_s) for r in results]
    yield Row("up / down / deltas per call-s", tuple(" / ".join(f"{x:.1f}" for x in rate) for rate in rates), "", "")
    yield _row("waited for its core, %", [r.process.waited_share * 100 for r in results], ".1f", "< 3", ratio=False)
    yield _row("generator CPU, %", [r.generator.cpu_share * 100 for r in results], ".0f", "", ratio=False)
    waited = [r.generator.waited_share * 100 for r in results]
    yield _row("generator waited, %", waited, ".1f", "< 3", ratio=False)
    yield _spread_row("generator late, ms", [r.generator_late for r in results], "p99 < 2.5")


def _row(name: str, values: list[float], form: str, target: str, *, ratio: bool = True) -> Row:
    share = f"{values[0] / values[1]:.2f}" if ratio and len(values) > 1 and values[1] else ""
    return Row(name, tuple(f"{value:{form}}" for value in values), share, target)


def _spread_row(name: str, spreads: list[Spread], target: str) -> Row:
    texts = (
        " / ".join(f"{value * MS:.1f}" for value in (spread.p50, spread.p99, spread.p999)) if spread.count else NOTHING
        for spread in spreads
    )
    return Row(name, tuple(texts), "", target)


def _at_most(p99_s: float, longest_s: float) -> str:
    return NOTHING if math.isnan(p99_s) else f"<= {p99_s * MS:g} / {longest_s * MS:g}"


def _remarks(results: list[Result]) -> Iterator[str]:
    yield "Three numbers in a row are p50 / p99 / p99.9."
    for result in results:
        for problem, count in result.failures.items():
            yield f"{result.subject}: {count} calls with {problem}"
        if result.unknown_appends:
            yield f"{result.subject}: {result.unknown_appends} appends were not frames of their caller"
        if result.strangers:
            answers = ", ".join(f"{count} {status}" for status, count in sorted(result.strangers.items()))
            yield f"{result.subject}: strangers were answered {answers}"
        for doubt in result.doubts:
            yield f"{result.subject}: latencies are NOT TO BE TRUSTED: {doubt}"


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity: null."""
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
