"""What the demonstration leaves behind: files for every call, the comparison, and a table of what was measured."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from gateway.demo.comparison import draw_comparison
from gateway.demo.facts import DemoRecord
from gateway.demo.findings import find
from gateway.demo.page import write_page
from gateway.demo.picture import draw
from gateway.simulator.phone.record import CallRecord

COMPARISON = "before-after.png"
LOGS = "logs"
_GAPS_S = 0.04
"""Two frames: less is not heard."""
OF_A_CALL = ("call.wav", "call.json", "call.png", "call.html", "metrics.txt")


@dataclass(frozen=True, slots=True)
class Finished:
    """One call with everything known about it."""

    name: str
    """of its folder"""
    ours: bool
    """through the gateway, not through a naive bridge"""
    record: DemoRecord
    call: CallRecord
    metrics: str
    """the gateway's, after the calls"""
    logs: dict[str, str] = field(default_factory=dict)
    """of the processes, by name; the same for all calls"""


def make_folders(out: Path, names: list[str]) -> None:
    """Make the folders of the calls, and clear them of what an earlier run has left.

    Raises:
        OSError: that is not possible; better before the calls than after them.
    """
    for name in names:
        (out / name).mkdir(parents=True, exist_ok=True)
        for file in OF_A_CALL:
            (out / name / file).unlink(missing_ok=True)
    (out / COMPARISON).unlink(missing_ok=True)
    (out / LOGS).mkdir(exist_ok=True)


def write_results(out: Path, finished: list[Finished], console: Console) -> int:
    """Write everything and say where it is; the exit code."""
    for each in finished:
        with _step(console, f"writing {out / each.name}"):
            _write(each, out / each.name)
    for name, text in finished[0].logs.items():
        (out / LOGS / f"{name}.log").write_text(text, encoding="utf-8")
    ours = [each for each in finished if each.ours]
    naive = [each.record for each in finished if not each.ours]
    if naive:
        with _step(console, f"drawing {out / COMPARISON}"):
            draw_comparison([*naive, ours[0].record], out / COMPARISON)
    console.print(numbers(finished))
    for each in ours:
        _tell_gaps(each, console)
    failed = [each for each in ours if each.call.failure is not None]
    for each in failed:
        _say(console, f"The call {each.name} failed: {each.call.failure}. See {out / LOGS / 'gateway.log'}.", "red")
    _say(console, f"Results are in {out}. Open first:", "bold")
    for each in ours:
        _say(console, f"  {out / each.name / 'call.html'}")
    if naive:
        _say(console, f"  {out / COMPARISON}")
    return 1 if failed else 0


def _write(each: Finished, folder: Path) -> None:
    each.call.write_wav(folder / "call.wav")
    (folder / "call.json").write_text(json.dumps(each.record.to_json(), indent=1) + "\n", encoding="utf-8")
    if each.ours:
        (folder / "metrics.txt").write_text(each.metrics, encoding="utf-8")
    geometry = draw(each.record, folder / "call.png")
    write_page(each.record, geometry, folder / "call.png", folder / "call.html")


def _tell_gaps(each: Finished, console: Console) -> None:
    """Audio that came too late at the ear: the numbers above are then worse than the gateway's own."""
    lost_s = sum(gap.length_s for gap in each.call.gaps)
    if lost_s > _GAPS_S:
        what = f"{len(each.call.gaps)} gaps in the agent's voice, {lost_s * 1000:.0f} ms together"
        _say(console, f"{each.name}: {what}; this machine was busy with something else, or is too slow.", "yellow")


@contextmanager
def _step(console: Console, what: str) -> Iterator[None]:
    """Say what takes a moment, and how long it took."""
    console.print(f"{what} ... ", end="", highlight=False, markup=False, soft_wrap=True)
    began = time.monotonic()
    yield
    console.print(f"{time.monotonic() - began:.1f} s", highlight=False)


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(text, style=style, highlight=False, markup=False, soft_wrap=True)


# --- the table --------------------------------------------------------------------------------------------------------


_COLUMNS = {
    "greeting lost": 8,
    "turns answered": 8,
    "answers heard after": 14,
    "silent after barge-in": 8,
    "believed heard, but not": 8,
}
"""Headings, and the width of their longest word or number."""


def numbers(finished: list[Finished]) -> Table:
    """What was measured at the caller's ear; a row a call, in 80 columns."""
    title = "Measured at the caller's ear, in ms; the far-end delay is part of it"
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("call", no_wrap=True)
    for heading, width in _COLUMNS.items():
        table.add_column(heading, justify="right", width=width)
    wanted = max((len(each.record.turns) for each in finished), default=0)
    for each in finished:
        table.add_row(each.name, *_row(each.record, wanted))
    return table


def _row(record: DemoRecord, wanted: int) -> list[str]:
    """`wanted`: turns the caller had wanted to take; who gets no answer does not get that far."""
    findings = find(record)
    waits = [turn.wait_ms for turn in record.turns if turn.wait_ms is not None]
    stops = [str(stop.stop_ms) for stop in record.barge_ins if stop.stop_ms is not None]
    lost_ms = findings.greeting_lost_ms
    return [
        "all" if lost_ms is None else f"{lost_ms:,.0f}",
        f"{findings.caller_turns - len(findings.unanswered)} of {wanted}",
        "-" if not waits else f"{waits[0]:,}" if len(waits) == 1 else f"{min(waits):,} to {max(waits):,}",
        ", ".join(stops) or "-",
        f"{findings.believed_unheard_ms:,.0f}",
    ]
