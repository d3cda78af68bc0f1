"""The live view: a row for every call and what is said in it, drawn on a terminal; elsewhere plain lines."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from gateway.demo.live import AGENT_SPEAKS, FLOOR_DBFS, CallView, take_news

_METER = 10
_HOLD_S = 0.5
"""A trace tells a little late; lines wait so long for older ones."""
_FULL_LEAD_MS = 200.0
"""The most the gateway ever runs ahead, unless told otherwise."""
_WIDE = 130
"""Columns from which two panels fit side by side."""
_FRAME_ROWS = 3
"""Of a panel: its border and the row of strips."""
_LEAST_WORDS, _MOST_WORDS = 3, 18
"""Rows of what is said; the story takes no more on any terminal."""
_LONG_WAIT_S = 2.0
"""Longer than any answer here should take."""
_NAME = 8
"""Letters in front of what is said."""
_STYLES = {"caller": "cyan", "agent": "yellow", "gateway": "magenta"}


class Show:
    """Shows calls on a console for as long as they last.

    Args:
        console: a terminal is drawn on; anything else gets a line for every event.
        views: of the calls; somebody else feeds them.
        began: when the first one rings, monotonic seconds.
    """

    def __init__(self, console: Console, views: list[CallView], began: float) -> None:
        self._console = console
        self._views = views
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        self._began = began

    @contextmanager
    def running(self) -> Iterator[None]:
        """What is left to be told is told at the end, whatever happens."""
        if self._live is None:
            try:
                yield
            finally:
                self._print(float("inf"))
            return
        with self._live:
            yield

    def update(self) -> None:
        """Show what the views know now."""
        now = max(view.phone.now for view in self._views)
        if self._live is None:
            self._print(now - _HOLD_S)
            return
        size = self._console.size
        picture = render(self._views, now - self._began, size.width, size.height)
        self._live.update(picture, refresh=True)

    def _print(self, until: float) -> None:
        for line in take_news(self._views, since=self._began, until=until):
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)


def render(views: list[CallView], seconds: float, width: int, height: int) -> RenderableType:
    """All calls, in no more room than there is.

    Args:
        views: the calls; those with a trace get a panel as long as there is room.
        seconds: since the first one began to ring.
        width: of the terminal, in columns.
        height: in rows.
    """
    noun = "call" if len(views) == 1 else "calls"
    title = Text(f"{len(views)} {noun} through real sockets, {seconds:.0f} s", style="dim")
    panels = [view for view in views if view.traced]
    rows_left = height - len(views) - 3
    beside = width >= _WIDE and len(panels) > 1
    while len(panels) > 1 and not beside and rows_left // len(panels) < _FRAME_ROWS + _LEAST_WORDS:
        panels.pop()
    rows = (rows_left if beside else rows_left // max(1, len(panels))) - _FRAME_ROWS
    rows = min(max(_LEAST_WORDS, rows), _MOST_WORDS)
    room = width // len(panels) if beside else width
    drawn = [_panel(view, room, rows) for view in panels]
    if not beside:
        return Group(title, _calls(views), *drawn)
    grid = Table.grid(expand=True)
    for _ in drawn:
        grid.add_column(ratio=1)
    grid.add_row(*drawn)
    return Group(title, _calls(views), grid)


def _calls(views: list[CallView]) -> Table:
    table = Table.grid(padding=(0, 1), expand=True)
    for _ in range(3):
        table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, ratio=1)
    for view in views:
        table.add_row(
            Text(view.name, style="bold"),
            Text("caller ") + _meter(view.phone.caller_dbfs, _STYLES["caller"]),
            Text("agent ") + _meter(view.phone.agent_dbfs, _STYLES["agent"]),
            _state(view),
        )
    return table


def _state(view: CallView) -> Text:
    waits = view.waiting_s is not None and view.waiting_s > _LONG_WAIT_S
    style = "bold white on red" if view.flashing else "red" if waits else ""
    speaks = view.state == AGENT_SPEAKS and view.answers_ms
    return Text.assemble((view.state, style), (f" after {view.answers_ms[-1] / 1000:.1f} s" if speaks else "", "dim"))


def _panel(view: CallView, width: int, rows: int) -> Panel:
    lead = round(min(1.0, max(0.0, view.lead_ms / _FULL_LEAD_MS)) * _METER)
    strips = Text("playout lead ") + Text("█" * lead + "·" * (_METER - lead), style="green")
    strips += Text(f" {view.lead_ms:3.0f} ms")
    if view.utilisation is not None:
        strips += Text(f"   PTU {view.utilisation * 100:.2f} %")
    if view.answers_ms:
        strips += Text(f"   answers {' '.join(f'{each / 1000:.1f}' for each in view.answers_ms)} s")
    words = _words(view, width - _NAME - 4, rows)
    style = "red" if view.flashing else "dim"
    title = f"{view.name}: interrupted" if view.flashing else view.name
    return Panel(Group(strips, words), title=title, title_align="left", border_style=style, width=width)


def _words(view: CallView, width: int, rows: int) -> Table:
    """The last so many rows of what was said; always as many, so that the picture does not jump."""
    said: list[tuple[str, str, str]] = []
    for line in view.lines:
        for number, part in enumerate(textwrap.wrap(line.text, max(20, width))):
            said.append((line.who if number == 0 else "", part, _STYLES[line.who]))
    said = said[-rows:]
    table = Table.grid(padding=(0, 1))
    table.add_column(width=_NAME - 1, justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    for who, part, style in said:
        table.add_row(Text(who, style=style), Text(part))
    for _ in range(rows - len(said)):
        table.add_row("", "")
    return table


def _meter(dbfs: float, colour: str) -> Text:
    length = round(min(1.0, max(0.0, 1 - dbfs / FLOOR_DBFS)) * _METER)
    return Text("█" * length + "·" * (_METER - length), style=colour)
