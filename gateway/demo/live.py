"""The call while it happens: who speaks, what is said, how long it takes, how far playout is ahead.

`CallView` is a plain model that is fed with trace notes and levels; drawing it is another matter, and happens here
with rich, or line by line where standard output is no terminal.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

LINES = 8
METER = 24
FLOOR_DBFS = -60.0
FULL_LEAD_MS = 200.0


@dataclass(slots=True)
class CallView:
    """What can be seen of one call."""

    name: str
    state: str = "ringing"
    caller_dbfs: float = FLOOR_DBFS
    agent_dbfs: float = FLOOR_DBFS
    lead_ms: float = 0.0
    utilisation: float | None = None
    latency_ms: int | None = None
    barge_ins: int = 0
    lines: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=LINES))
    """(speaker, words)"""
    news: list[str] = field(default_factory=list)
    """lines that a plain log has not shown yet"""

    def note(self, note: dict[str, Any]) -> None:  # noqa: C901 - a table of notes, a line or two each
        """Take one note of the gateway's trace."""
        match note["name"]:
            case "call.answered":
                self._tell("answered")
            case "turn.transcript":
                self._say("caller", note.get("text", ""))
            case "item.transcript":
                self._say("agent", note.get("text", ""))
            case "turn.latency" if not note["filler"]:
                self.latency_ms = note["speech_end_to_first_heard_ms"]
                self._tell(f"heard {self.latency_ms} ms after the caller's last word")
            case "barge_in":
                self.barge_ins += 1
                self._tell("interrupted: StopAudio sent, queue dropped")
            case "item.truncated":
                self._say("agent", f"[cut at {note['audio_end_ms']} ms] ... {note.get('text_heard', '')[-40:]}")
            case "playout.lead":
                self.lead_ms = note["lead_ms"]
            case "ptu.charged":
                self.utilisation = note["ptu_utilisation"]
            case "clip.started":
                self._say("gateway", f"[{note['clip']}]")
            case "call.ended":
                self.state = f"ended: {note['reason']}"
                self.news.append(f"{self.name:>9}  {self.state}")
            case _:
                pass

    def levels(self, caller_dbfs: float, agent_dbfs: float) -> None:
        self.caller_dbfs, self.agent_dbfs = caller_dbfs, agent_dbfs

    def _tell(self, what: str) -> None:
        self.state = what
        self.news.append(f"{self.name:>9}  {what}")

    def _say(self, who: str, words: str) -> None:
        if words:
            self.lines.append((who, words))
            self.news.append(f"{self.name:>9}  {who}: {words}")


class TraceTail:
    """Follows the traces of a folder; a trace belongs to the view of its line."""

    def __init__(self, folder: Path, views: dict[str, CallView]) -> None:
        self._folder = folder
        self._views = views
        self._read: dict[Path, int] = {}
        self._view_of: dict[Path, CallView] = {}

    def poll(self) -> None:
        """Take what has been written since the last time."""
        for path in self._folder.glob("*.jsonl"):
            with path.open("rb") as file:
                file.seek(self._read.get(path, 0))
                for line in file:
                    if not line.endswith(b"\n"):
                        break  # half a line; the rest comes with the next look
                    self._read[path] = self._read.get(path, 0) + len(line)
                    self._take(path, orjson.loads(line))

    def _take(self, path: Path, note: dict[str, Any]) -> None:
        if note["name"] == "call.offered" and note["line"] in self._views:
            self._view_of[path] = self._views[note["line"]]
        view = self._view_of.get(path)
        if view is not None:
            view.note(note)


def render(views: list[CallView], seconds: float) -> RenderableType:
    """All calls, one panel each."""
    return Group(
        Text(
            f"three calls at once, {seconds:4.0f} s" if len(views) > 1 else f"one call, {seconds:4.0f} s", style="dim"
        ),
        *(_panel(view) for view in views),
    )


def _panel(view: CallView) -> Panel:
    meters = Table.grid(padding=(0, 2))
    meters.add_row("caller", _meter(view.caller_dbfs, "cyan"), "agent at the ear", _meter(view.agent_dbfs, "yellow"))
    lead = round(min(1.0, max(0.0, view.lead_ms / FULL_LEAD_MS)) * METER)
    latency = "-" if view.latency_ms is None else f"{view.latency_ms} ms"
    meters.add_row(
        "lead", Text("█" * lead + "·" * (METER - lead) + f" {view.lead_ms:3.0f} ms", style="green"), "answer", latency
    )
    if view.utilisation is not None:
        meters.add_row("PTU use", f"{view.utilisation * 100:.2f} %", "interruptions", str(view.barge_ins))
    words = Table.grid(padding=(0, 1))
    for who, said in view.lines:
        words.add_row(Text(f"{who:>7}", style="cyan" if who == "caller" else "yellow"), Text(said, overflow="fold"))
    return Panel(Group(meters, Text(view.state, style="bold"), words), title=view.name, title_align="left")


def _meter(dbfs: float, colour: str) -> Text:
    length = round(min(1.0, max(0.0, 1 - dbfs / FLOOR_DBFS)) * METER)
    return Text("█" * length + "·" * (METER - length), style=colour)
