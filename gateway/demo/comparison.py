"""before-after.png: the same caller through other bridges and through the gateway, on one time axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.demo import style
from gateway.demo.canvas import Box, Canvas, Label, TimeAxis
from gateway.demo.facts import BargeIn, DemoRecord
from gateway.demo.findings import ROW_COUNT, find, rows
from gateway.demo.lanes import draw_agent, draw_caller, draw_cut, draw_lane_name, draw_seconds

_LEFT, _RIGHT = 150.0, 1970.0
_TOP = 112.0
_HEAD, _CALLER, _AGENT = 40.0, 84.0, 104.0
_PANEL_GAP = 22.0
_NOTE_ROW = 27.0
_TABLE_ROW = 36.0
_TABLE_HEAD = 60.0
"""two lines"""
_NAMES = 560.0
_LONG_TALK_MS = 1000
"""An interrupted person stops within a few syllables."""
_LONG_WAIT_MS = 3000
"""Silence after which a caller begins to say "hello?"; worth a remark."""


@dataclass(frozen=True, slots=True)
class ComparisonGeometry:
    width: int
    height: int
    panels: tuple[Box, ...]
    labels: tuple[Label, ...]


@dataclass(frozen=True, slots=True)
class _Remark:
    """Something to say about a moment of a call."""

    at_s: float
    text: str
    bad: bool


def draw_comparison(calls: Sequence[DemoRecord], path: Path) -> ComparisonGeometry:
    """Draw several calls of the same caller, one below the other, and the measured difference.

    Args:
        calls: the gateway's own last; each is named by `meta.bridge`. At least two.
        path: of the PNG.

    Raises:
        OSError: the file can not be written.
    """
    axis = TimeAxis(_LEFT, _RIGHT, 0.0, math.ceil(max(call.duration_s for call in calls)))
    ruler = Canvas(style.WIDTH_PX, 100)
    said = [_place(ruler, axis, remarks(call)) for call in calls]
    panels = _panels([max((row for _, _, row in placed), default=0) + 1 for placed in said])
    seconds_y = panels[-1].y1 + 4
    table_top = seconds_y + 44
    height = round(table_top + _TABLE_HEAD + _TABLE_ROW * ROW_COUNT + 56)
    canvas = Canvas(style.WIDTH_PX, height)
    canvas.text(30, 48, "The same caller, before and after", size=style.TITLE_PX, bold=True)
    canvas.text(30, 84, _subtitle(calls), size=style.HEAD_PX, color=style.SOFT)
    for call, panel, placed in zip(calls, panels, said, strict=True):
        _draw_panel(canvas, axis, panel, call, is_ours=call is calls[-1])
        _draw_remarks(canvas, panel.y0 + _HEAD + _CALLER + 4 + _AGENT, placed)
    draw_seconds(canvas, axis, seconds_y)
    _draw_table(canvas, table_top, calls)
    _draw_footer(canvas, calls, height)
    canvas.save(path)
    return ComparisonGeometry(canvas.width, canvas.height, tuple(panels), tuple(canvas.labels))


def _subtitle(calls: Sequence[DemoRecord]) -> str:
    judged = "What each caller really heard: recorded at the ear, not taken from anybody's account of it."
    assumed = " On the right: what was assumed of the network where nothing is documented."
    return judged + (assumed if any(call.meta.network for call in calls) else "")


def _panels(rows_of_remarks: Sequence[int]) -> list[Box]:
    """One below the other, each as high as what there is to say about it."""
    panels, top = [], _TOP
    for count in rows_of_remarks:
        bottom = top + _HEAD + _CALLER + 4 + _AGENT + _NOTE_ROW * count + 14
        panels.append(Box(_LEFT, top, _RIGHT, bottom))
        top = bottom + _PANEL_GAP
    return panels


def _draw_panel(canvas: Canvas, axis: TimeAxis, panel: Box, call: DemoRecord, *, is_ours: bool) -> None:
    color = style.AGENT if is_ours else style.ALERT
    canvas.rect(Box(30, panel.y0 + 6, 36, panel.y1 - 10), color)
    canvas.text(48, panel.y0 + 27, _titled(call), size=style.HEAD_PX + 3, color=color, bold=True)
    if call.meta.network:
        canvas.text(_RIGHT, panel.y0 + 27, call.meta.network, size=style.SMALL_PX, color=style.SOFT, align="right")
    caller = Box(axis.x0, panel.y0 + _HEAD, axis.x1, panel.y0 + _HEAD + _CALLER)
    agent = Box(axis.x0, caller.y1 + 4, axis.x1, caller.y1 + 4 + _AGENT)
    draw_caller(canvas, axis, caller, call)
    draw_agent(canvas, axis, agent, call)
    for barge_in in call.barge_ins:
        _draw_overlap(canvas, axis, Box(axis.x0, caller.y0, axis.x1, agent.y1), agent, barge_in)
    end_x = axis.x(call.duration_s)
    canvas.rect(Box(end_x, caller.y0, axis.x1, agent.y1), style.PAPER, alpha=0.8)
    canvas.line([(end_x, caller.y0), (end_x, agent.y1)], style.SOFT, width=1.4)
    draw_lane_name(canvas, (caller.y0 + caller.y1) / 2, "Caller", style.CALLER, below="as spoken")
    draw_lane_name(canvas, (agent.y0 + agent.y1) / 2, "Agent", style.AGENT, below="as heard")


def _draw_overlap(canvas: Canvas, axis: TimeAxis, both: Box, agent: Box, barge_in: BargeIn) -> None:
    """From the caller's onset to the agent's silence, over both lanes."""
    left, right = axis.x(barge_in.onset_s), axis.x(barge_in.silence_s)
    canvas.rect(Box(left, both.y0, max(right, left + 2), both.y1), style.ALERT, alpha=0.16)
    for x in (left, right):
        canvas.line([(x, both.y0), (x, both.y1)], style.ALERT, width=1.4)
    if barge_in.words_unheard:
        draw_cut(canvas, axis, agent, barge_in)


def remarks(call: DemoRecord) -> list[_Remark]:
    """What there is to say about one call, in the order of time."""
    findings, said = find(call), []
    if findings.greeting_lost_ms:
        words = f": “{findings.greeting_lost_words}”" if findings.greeting_lost_words else ""
        said.append(_Remark(0.0, f"{findings.greeting_lost_ms:,.0f} ms of the greeting never heard{words}", bad=True))
    elif call.greeting is not None and call.greeting.first_heard_s is not None:
        said.append(_Remark(call.greeting.first_heard_s, "greeting heard whole", bad=False))
    said += [remark for barge_in in call.barge_ins for remark in _on_interruption(barge_in)]
    for turn in call.turns:
        if turn.decided_s is None:
            said.append(_Remark(turn.caller_end_s, "never answered: the end of the turn went unnoticed", bad=True))
        elif not turn.answered:
            said.append(_Remark(turn.caller_end_s, "never answered", bad=True))
        elif turn.wait_ms is not None and turn.wait_ms > _LONG_WAIT_MS:
            said.append(_Remark(turn.caller_end_s, f"waits {turn.wait_ms / 1000:.1f} s for an answer", bad=True))
    if call.failure is not None:
        said.append(_Remark(call.duration_s, call.failure, bad=True))
    return sorted(said, key=lambda remark: remark.at_s)


def _on_interruption(barge_in: BargeIn) -> list[_Remark]:
    at_s, over_ms, heard_ms = barge_in.onset_s, barge_in.talked_over_ms, barge_in.heard_by_then_ms
    if over_ms > _LONG_TALK_MS:
        over = _Remark(at_s, f"talks on for {over_ms / 1000:.1f} s after the caller has interrupted", bad=True)
    else:
        over = _Remark(at_s, f"silent {over_ms:,} ms after the caller's onset", bad=False)
    if barge_in.truncated_at_ms is None:
        believed = f"the model believes {barge_in.believed_ms:,.0f} ms were heard by then; it was {heard_ms:,.0f} ms"
        return [over, _Remark(at_s, believed, bad=True)]
    told = f"the model is told {barge_in.truncated_at_ms:,.0f} ms; {heard_ms:,.0f} ms were heard"
    return [over, _Remark(at_s, told, bad=False)]


def _place(ruler: Canvas, axis: TimeAxis, said: Sequence[_Remark]) -> list[tuple[_Remark, float, int]]:
    """Left end and row of every remark: the first row with room under its moment, moved left where the sheet ends."""
    placed: list[tuple[_Remark, float, int]] = []
    ends: list[float] = []
    for remark in said:
        width = ruler.text_width(remark.text, style.BODY_PX, bold=remark.bad)
        x = min(axis.x(remark.at_s), axis.x1 - width)
        row = next((number for number, end in enumerate(ends) if end + 18 <= x), len(ends))
        ends[row:] = [x + width] if row == len(ends) else [x + width, *ends[row + 1 :]]
        placed.append((remark, x, row))
    return placed


def _draw_remarks(canvas: Canvas, top: float, placed: Sequence[tuple[_Remark, float, int]]) -> None:
    for remark, x, row in placed:
        color = style.ALERT if remark.bad else style.AGENT
        canvas.text(x, top + 23 + _NOTE_ROW * row, remark.text, color=color, bold=remark.bad)


def _draw_table(canvas: Canvas, top: float, calls: Sequence[DemoRecord]) -> None:
    """What was measured; a column a call."""
    after = find(calls[-1])
    pairs = [rows(find(call), after) for call in calls[:-1]]
    columns = [[before for _, before, _ in pair] for pair in pairs] + [[ours for _, _, ours in pairs[0]]]
    names = [name for name, _, _ in pairs[0]]
    edges = [_LEFT + _NAMES + number * (_RIGHT - _LEFT - _NAMES) / len(columns) for number in range(len(columns))]
    for x, call in zip(edges, calls, strict=True):
        color = style.AGENT if call is calls[-1] else style.ALERT
        lines = _broken(canvas, _titled(call), (_RIGHT - edges[0]) / len(columns) - 30)
        for number, line in enumerate(reversed(lines)):
            y = top + _TABLE_HEAD - 12 - 25 * number
            canvas.text(x, y, line, size=style.HEAD_PX, color=color, bold=True)
    for number, name in enumerate(names):
        y = top + _TABLE_HEAD + _TABLE_ROW * number
        canvas.line([(_LEFT, y), (_RIGHT, y)], style.RULE, width=0.8)
        canvas.text(_LEFT, y + 25, name, size=style.HEAD_PX, color=style.INK)
        for x, column in zip(edges, columns, strict=True):
            same = column[number] == columns[-1][number]
            color = style.AGENT if x == edges[-1] else style.SOFT if same else style.ALERT
            canvas.text(x, y + 25, column[number], size=style.HEAD_PX, bold=True, color=color)


def _titled(call: DemoRecord) -> str:
    return call.meta.bridge[:1].upper() + call.meta.bridge[1:]


def _broken(canvas: Canvas, text: str, room: float) -> list[str]:
    """Break a heading into lines of at most `room` pixels; a longer word stays whole."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and canvas.text_width(longer, style.HEAD_PX, bold=True) <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _draw_footer(canvas: Canvas, calls: Sequence[DemoRecord], height: float) -> None:
    profiles = list(dict.fromkeys(call.profile for call in calls if call.profile))
    text = "   ·   ".join([*profiles, *_legs(calls), "offline twin: no cloud service took part"])
    size = canvas.fitting_size(text, style.BODY_PX, _RIGHT - 30)
    canvas.text(30, height - 18, text, size=size, color=style.SOFT)


def _legs(calls: Sequence[DemoRecord]) -> list[str]:
    """The formats, with a name where the calls differ."""
    formats: dict[str, str] = {}
    for call in calls:
        meta = call.meta
        formats.setdefault(f"phone leg {meta.phone_format}, model leg {meta.model_output}", meta.bridge)
    return [text if len(formats) == 1 else f"{bridge}: {text}" for text, bridge in formats.items()]
