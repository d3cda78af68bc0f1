"""call.png: one call on one time axis, from the ring to the hang-up."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from pathlib import Path

from gateway.demo import style
from gateway.demo.canvas import Box, Canvas, Label, TimeAxis
from gateway.demo.facts import DemoRecord
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
    caller_words, agent_words = height_of(callers), height_of(agents)
    lanes_top = _LENS_TOP + _LENS_HEIGHT + _RAYS
    caller = Box(_LEFT, lanes_top, _RIGHT, lanes_top + 104)
    response = Box(_LEFT, caller.y1, _RIGHT, caller.y1 + 76)
    agent = Box(_LEFT, response.y1, _RIGHT, response.y1 + 124)
    words_top = agent.y1 + 32
    lead_top = words_top + caller_words + agent_words + 18
    lead = Box(_LEFT, lead_top, _RIGHT, lead_top + 62)
    ptu = Box(_LEFT, lead.y1 + 14, _RIGHT, lead.y1 + 76)
    height = round(ptu.y1 + 88)

    canvas = Canvas(style.WIDTH_PX, height)
    _draw_header(canvas, record)
    views = _draw_lenses(canvas, axis, record, lanes_top)
    draw_caller(canvas, axis, caller, record)
    draw_agent(canvas, axis, agent, record)
    draw_ghost_names(canvas, axis, agent.y1 + 22, record)
    for barge_in in record.barge_ins:
        if barge_in.words_unheard:
            draw_cut(canvas, axis, agent, barge_in)
    draw_responses(canvas, axis, response, record)
    words = draw_blocks(canvas, words_top, callers, style.CALLER)
    words += draw_blocks(canvas, words_top + caller_words + 6, agents, style.AGENT)
    draw_lead(canvas, axis, lead, record.lead)
    draw_seconds(canvas, axis, ptu.y1 + 8, (response,))
    draw_ptu(canvas, axis, ptu, record.ptu, record.meta.ptu_units)
    _draw_names(canvas, caller, response, agent, words_top, caller_words, lead, ptu)
    _draw_footer(canvas, record, height)
    canvas.save(path)
    whole = View(axis, lanes_top, ptu.y1 + 8)
    return Geometry(canvas.width, canvas.height, (whole, *views), tuple(words), tuple(canvas.labels))


def _draw_header(canvas: Canvas, record: DemoRecord) -> None:
    canvas.text(30, 48, "What the caller said, and what the caller heard", size=style.TITLE_PX, bold=True)
    text = "   ·   ".join(headline(record))
    size = min(style.HEAD_PX, style.HEAD_PX * (_RIGHT - 30) / canvas.text_width(text, style.HEAD_PX))
    canvas.text(30, 84, text, size=size, color=style.SOFT)
    draw_legend(canvas, _RIGHT, 46)


def headline(record: DemoRecord) -> list[str]:
    """The call in a few numbers, all at the ear."""
    facts = [f"{record.duration_s:.0f} s, {len(record.turns)} turns"]
    if record.set_up.greeting_heard_s is not None:
        facts.append(f"greeting {record.set_up.greeting_heard_s * 1000:,.0f} ms after the ring")
    waits = [turn.wait_ms for turn in record.turns if turn.wait_ms is not None]
    if waits:
        facts.append(f"answers {statistics.median(waits):,.0f} ms after the caller's last sound")
    for barge_in in record.barge_ins[:1]:
        if barge_in.stop_ms is not None:
            facts.append(f"silent {barge_in.stop_ms:,} ms after speech_started")
        if barge_in.truncated_at_ms is not None:
            off_ms = abs(barge_in.truncated_at_ms - barge_in.heard_ms)
            facts.append(f"truncated within {off_ms:.0f} ms of what was heard")
    return facts


def _draw_lenses(canvas: Canvas, axis: TimeAxis, record: DemoRecord, foot: float) -> list[View]:
    bottom = _LENS_TOP + _LENS_HEIGHT
    set_up = Box(30, _LENS_TOP, 30 + _SET_UP_WIDTH, bottom)
    draw_frame(canvas, set_up, "Ring, answer and greeting", axis, set_up_span(record), foot)
    views = [View(draw_set_up(canvas, set_up, record), _LENS_TOP + 42, _LENS_TOP + 76)]
    for barge_in in record.barge_ins[:1]:
        box = Box(set_up.x1 + _LENS_GAP, _LENS_TOP, _RIGHT, bottom)
        title = f"The interruption in turn {barge_in.turn}"
        draw_frame(canvas, box, title, axis, barge_in_span(barge_in), foot)
        views.append(View(draw_barge_in(canvas, box, record, barge_in), bottom - 140, bottom - 36))
    return views


def _draw_names(  # noqa: PLR0913 - one place for every row
    canvas: Canvas, caller: Box, response: Box, agent: Box, words_top: float, caller_words: float, lead: Box, ptu: Box
) -> None:
    draw_lane_name(canvas, (caller.y0 + caller.y1) / 2, "Caller", style.CALLER, below="as spoken")
    draw_lane_name(canvas, (response.y0 + response.y1) / 2 - 2, "Wait", style.INK, below="ms")
    draw_lane_name(canvas, (agent.y0 + agent.y1) / 2, "Agent", style.AGENT, below="as heard")
    draw_lane_name(canvas, words_top + 20, "Caller", style.CALLER)
    draw_lane_name(canvas, words_top + caller_words + 26, "Agent", style.AGENT)
    for box, name, unit in ((lead, "Lead", "ms"), (ptu, "PTU", "%")):
        canvas.text(88, (box.y0 + box.y1) / 2, name, size=style.HEAD_PX, bold=True, align="right")
        canvas.text(88, (box.y0 + box.y1) / 2 + 21, unit, size=style.SMALL_PX, color=style.SOFT, align="right")


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
