"""call.png: one call on one time axis, from the ring to the hang-up."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from pathlib import Path

from gateway.demo import style
from gateway.demo.canvas import Box, Canvas, Label, TimeAxis
from gateway.demo.facts import BargeIn, DemoRecord
from gateway.demo.findings import find
from gateway.demo.lanes import draw_agent, draw_caller, draw_cut, draw_ghost_names, draw_lane_name, draw_seconds
from gateway.demo.lenses import barge_in_span, draw_barge_in, draw_frame, draw_set_up, set_up_span
from gateway.demo.strips import draw_lead, draw_ptu
from gateway.demo.timing import draw_legend, draw_responses
from gateway.demo.transcript import WordBox, agent_blocks, caller_blocks, draw_blocks, height_of, place_blocks

_LEFT, _RIGHT = 150.0, 1970.0
_LENS_TOP, _LENS_HEIGHT = 108.0, 288.0
_RAYS = 40.0
_SET_UP_WIDTH = 610.0
_LENS_GAP = 30.0


@dataclass(frozen=True, slots=True)
class View:
    """A part of the picture with a time axis."""

    axis: TimeAxis
    top: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Geometry:
    """Where things are in the finished picture, in its pixels."""

    width: int
    height: int
    views: tuple[View, ...]
    """the whole call first, then the enlarged moments"""
    words: tuple[WordBox, ...]
    labels: tuple[Label, ...]


@dataclass(frozen=True, slots=True)
class _Rows:
    """The picture from top to bottom, under the lenses."""

    caller: Box
    response: Box
    agent: Box
    caller_words: Box
    agent_words: Box
    lead: Box
    ptu: Box
    end_y: float
    """of the ruler"""


def draw(record: DemoRecord, path: Path) -> Geometry:
    """Draw the picture of a call as a PNG.

    Raises:
        OSError: the file can not be written.
    """
    end_s = max(record.duration_s, *(word.end_s for item in record.items for word in item.words), 1.0)
    axis = TimeAxis(_LEFT, _RIGHT, 0.0, math.ceil(min(end_s, record.duration_s + 3.0)))
    ruler = Canvas(style.WIDTH_PX, 100)
    callers = place_blocks(ruler, axis, caller_blocks(record))
    agents = place_blocks(ruler, axis, agent_blocks(record))
    rows = _rows(height_of(callers), height_of(agents), strips=bool(record.lead or record.ptu))
    height = round(rows.end_y + 80)

    canvas = Canvas(style.WIDTH_PX, height)
    _draw_header(canvas, record)
    views = _draw_lenses(canvas, axis, record, rows.caller.y0)
    draw_caller(canvas, axis, rows.caller, record)
    draw_agent(canvas, axis, rows.agent, record)
    draw_ghost_names(canvas, axis, rows.agent.y1 + 22, record)
    for barge_in in record.barge_ins:
        if barge_in.words_unheard:
            draw_cut(canvas, axis, rows.agent, barge_in)
    draw_responses(canvas, axis, rows.response, record)
    words = draw_blocks(canvas, rows.caller_words.y0, callers, style.CALLER)
    words += draw_blocks(canvas, rows.agent_words.y0, agents, style.AGENT)
    if record.lead or record.ptu:
        draw_lead(canvas, axis, rows.lead, record.lead)
        draw_ptu(canvas, axis, rows.ptu, record.ptu)
    draw_seconds(canvas, axis, rows.end_y)
    _draw_names(canvas, rows)
    if record.lead or record.ptu:
        _draw_strip_names(canvas, rows, record.meta.ptu_units)
    _draw_footer(canvas, record, height)
    canvas.save(path)
    whole = View(axis, rows.caller.y0, rows.end_y)
    return Geometry(canvas.width, canvas.height, (whole, *views), tuple(words), tuple(canvas.labels))


def _rows(caller_words: float, agent_words: float, *, strips: bool) -> _Rows:
    """`strips`: the two at the bottom have something to show; a bridge without notes has neither."""
    caller = _below(_LENS_TOP + _LENS_HEIGHT + _RAYS, 104)
    response = _below(caller.y1, 76)
    agent = _below(response.y1, 124)
    first_words = _below(agent.y1 + 32, caller_words)
    more_words = _below(first_words.y1 + 6, agent_words)
    lead = _below(more_words.y1 + 18, 62)
    ptu = _below(lead.y1 + 14, 62)
    end_y = (ptu.y1 if strips else more_words.y1) + 8
    return _Rows(caller, response, agent, first_words, more_words, lead, ptu, end_y)


def _below(top: float, height: float) -> Box:
    return Box(_LEFT, top, _RIGHT, top + height)


def _draw_header(canvas: Canvas, record: DemoRecord) -> None:
    canvas.text(30, 48, "What the caller said, and what the caller heard", size=style.TITLE_PX, bold=True)
    text = "   ·   ".join(headline(record))
    size = canvas.fitting_size(text, style.HEAD_PX, _RIGHT - 30)
    canvas.text(30, 84, text, size=size, color=style.SOFT)
    draw_legend(canvas, _RIGHT, 46)


def headline(record: DemoRecord) -> list[str]:
    """Who carried the call, and the call in a few numbers, all at the ear; answers by their median."""
    bridge, findings = record.meta.bridge, find(record)
    facts = [f"{bridge[:1].upper()}{bridge[1:]}: {record.duration_s:.0f} s, {_counted(len(record.turns))}"]
    if findings.greeting_lost_ms:
        facts.append(f"{findings.greeting_lost_ms:,.0f} ms of the greeting never heard")
    elif record.set_up.first_words_heard_s is not None:
        facts.append(f"first words {record.set_up.first_words_heard_s * 1000:,.0f} ms after the ring")
    waits = [turn.wait_ms for turn in record.turns if turn.wait_ms is not None]
    if waits:
        facts.append(f"answers {statistics.median(waits):,.0f} ms after the caller's last sound")
    if findings.unanswered:
        facts.append(f"{_counted(len(findings.unanswered))} never answered")
    for barge_in in record.barge_ins[:1]:
        facts += _on_interruption(barge_in)
    return facts


def _on_interruption(barge_in: BargeIn) -> list[str]:
    facts = []
    if not barge_in.words_unheard:
        facts.append(f"talks on for {barge_in.talked_over_ms / 1000:.1f} s when interrupted")
    elif barge_in.stop_ms is not None:
        facts.append(f"silent {barge_in.stop_ms:,} ms after speech_started")
    if barge_in.truncated_at_ms is None:
        facts.append("never truncated")
    else:
        off_ms = abs(barge_in.truncated_at_ms - barge_in.heard_ms)
        facts.append(f"truncated within {off_ms:.0f} ms of what was heard")
    return facts


def _counted(turns: int) -> str:
    return f"{turns} turn{'' if turns == 1 else 's'}"


def _draw_lenses(canvas: Canvas, axis: TimeAxis, record: DemoRecord, foot: float) -> list[View]:
    bottom = _LENS_TOP + _LENS_HEIGHT
    set_up = Box(30, _LENS_TOP, 30 + _SET_UP_WIDTH, bottom)
    draw_frame(
        canvas, set_up, "Ring, answer and first words", _enlarged(axis, set_up_span(canvas, record, set_up.width), foot)
    )
    views = [View(draw_set_up(canvas, set_up, record), _LENS_TOP + 42, _LENS_TOP + 76)]
    for barge_in in record.barge_ins[:1]:
        box = Box(set_up.x1 + _LENS_GAP, _LENS_TOP, _RIGHT, bottom)
        title = f"The interruption in turn {barge_in.turn}"
        draw_frame(canvas, box, title, _enlarged(axis, barge_in_span(barge_in), foot))
        views.append(View(draw_barge_in(canvas, box, record, barge_in), bottom - 140, bottom - 36))
    return views


def _enlarged(axis: TimeAxis, span: tuple[float, float], foot: float) -> Box:
    """What a lens shows, as a place at the top of the lanes."""
    return Box(axis.x(max(0.0, span[0])), foot, axis.x(min(axis.t1, span[1])), foot)


def _draw_names(canvas: Canvas, rows: _Rows) -> None:
    draw_lane_name(canvas, _middle(rows.caller), "Caller", style.CALLER, below="as spoken")
    draw_lane_name(canvas, _middle(rows.response) - 2, "Wait", style.INK, below="ms")
    draw_lane_name(canvas, _middle(rows.agent), "Agent", style.AGENT, below="as heard")
    draw_lane_name(canvas, rows.caller_words.y0 + 20, "Caller", style.CALLER)
    draw_lane_name(canvas, rows.agent_words.y0 + 20, "Agent", style.AGENT)


def _draw_strip_names(canvas: Canvas, rows: _Rows, ptu_units: int | None) -> None:
    share = "%" if ptu_units is None else f"% of {ptu_units:,}"
    for row, name, unit in ((rows.lead, "Lead", "ms"), (rows.ptu, "PTU", share)):
        canvas.text(88, _middle(row), name, size=style.HEAD_PX, bold=True, align="right")
        canvas.text(88, _middle(row) + 21, unit, size=style.SMALL_PX, color=style.SOFT, align="right")


def _middle(row: Box) -> float:
    return (row.y0 + row.y1) / 2


def _draw_footer(canvas: Canvas, record: DemoRecord, height: float) -> None:
    meta = record.meta
    parts = [
        record.profile,
        f"phone leg {meta.phone_format}",
        f"model leg in {meta.model_input}, out {meta.model_output}",
        *([] if meta.far_end_delay_ms is None else [f"far-end delay {meta.far_end_delay_ms:.0f} ms"]),
        "offline twin: no cloud service took part",
    ]
    canvas.text(30, height - 18, "   ·   ".join(parts), size=style.BODY_PX, color=style.SOFT)
